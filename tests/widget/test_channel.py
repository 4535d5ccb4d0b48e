"""The channel loses nothing: numbers, repeats, bounds, rates, text instead of buffers, threads."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.widgets.channel import BURST, MESSAGES_PER_SECOND, Channel
from vibevoice_nb.widgets.protocol import fault_to_page

Sent = tuple[dict[str, Any], list[bytes]]


class Wire:
    """Messages sent by the kernel, with a clock that is moved explicitly."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[Sent] = []
        self.calls: list[tuple[int, str, dict[str, Any], list[bytes]]] = []
        self.now = 0.0
        self.channel = Channel(self._take, self._call, clock=lambda: self.now, **options)

    def _take(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        assert fault_to_page(content) == ""
        self.sent.append((content, buffers))

    def _call(self, call_id: int, method: str, params: dict[str, Any], buffers: list[memoryview]) -> None:
        self.calls.append((call_id, method, params, [bytes(buffer) for buffer in buffers]))

    def say(self, kind: str, **fields: Any) -> None:
        """A message from the page."""
        self.channel.receive({"v": 1, "n": 1, "kind": kind, **fields})

    def wait(self, seconds: float = 10.0) -> None:
        """Let time pass, and what waits go out."""
        for _ in range(200):
            self.now += seconds / 200
            self.channel._flush_late()

    def audio(self, stream: str, start: int, samples: int = 100) -> None:
        pcm = b"".join((start + i).to_bytes(4, "little")[:2] for i in range(samples))
        self.channel.send("audio", [pcm], stream=stream, start=start)

    def take(self) -> list[Sent]:
        sent, self.sent = self.sent, []
        return sent


def notice(wire: Wire, text: str) -> None:
    wire.channel.send("notice", severity="info", text=text)


def numbers(sent: list[Sent]) -> list[int]:
    return [content["n"] for content, _ in sent]


def test_messages_are_numbered_from_one() -> None:
    wire = Wire()
    for text in "abc":
        notice(wire, text)
    assert numbers(wire.sent) == [1, 2, 3]


def test_a_fault_of_our_own_is_raised() -> None:
    wire = Wire()
    with pytest.raises(ValueError, match="notice lacks text"):
        wire.channel.send("notice", severity="info")
    with pytest.raises(ValueError, match="one buffer"):
        wire.channel.send("audio", stream="s", start=0)
    assert wire.sent == []


def test_a_new_page_is_welcomed_and_gets_everything_after_it_answered_the_probe() -> None:
    wire = Wire()
    notice(wire, "before")
    wire.take()
    wire.say("hello", received=0, instance="")
    (welcome, _), (probe, [buffer]) = wire.take()
    assert (welcome["n"], welcome["next"], welcome["instance"]) == (0, 2, wire.channel.instance)
    assert probe["sum"] == sum(buffer)
    wire.say("probe_result", ok=True, received=0)
    [(repeat, _)] = wire.take()
    assert (repeat["n"], repeat["after"], repeat["text"]) == (1, 0, "before")
    notice(wire, "after")
    assert "after" not in wire.sent[0][0]


def test_every_channel_is_another_instance() -> None:
    assert Wire().channel.instance != Wire().channel.instance


def test_a_hole_is_filled_from_where_it_begins() -> None:
    wire = Wire()
    for text in "abcd":
        notice(wire, text)
    wire.take()
    wire.say("resend", **{"from": 3})
    assert [(content["n"], content["after"]) for content, _ in wire.sent] == [(3, 2), (4, 3)]


def test_repeats_join_the_audio_of_a_stream_and_leave_old_progress_out() -> None:
    wire = Wire()
    progress = dict.fromkeys(("turns_done", "turns_total"), 1) | dict.fromkeys(
        ("turn_seconds", "turn_estimated", "seconds", "estimated", "elapsed", "remaining", "rtf"), 0.5
    )
    for k in range(5):
        wire.audio("s", 100 * k)
        wire.channel.send("progress", job="j", turn="t", **progress)
        wire.now += 1
    live = wire.take()
    wire.say("probe_result", ok=True, received=2)
    (audio, [pcm]), (last, _) = wire.take()
    assert (audio["start"], audio["after"], audio["n"]) == (100, 2, 9)
    assert pcm == b"".join(buffers[0] for content, buffers in live[2:] if content["kind"] == "audio")
    assert (last["kind"], last["n"], last["after"]) == ("progress", 10, 9)


def test_the_queue_is_bounded_and_answers_go_first() -> None:
    wire = Wire(kept_bytes=10_000, kept_messages=10)
    for k in range(6):
        notice(wire, str(k))
        wire.channel.send("reply", [bytes(1500)], id=k + 1, result={})
        wire.now += 1
    assert wire.channel._bytes <= 10_000
    wire.take()
    wire.say("resend", **{"from": 1})
    wire.wait()
    texts = [content.get("text") for content, _ in wire.sent if content["kind"] == "notice"]
    assert texts == list("012345")
    assert [content["after"] for content, _ in wire.sent] == [0, *numbers(wire.sent)[:-1]]
    assert numbers(wire.sent)[-1] == 12


def test_the_newest_message_is_kept_whatever_its_size() -> None:
    wire = Wire(kept_bytes=100)
    wire.channel.send("reply", [bytes(5000)], id=1, result={})
    wire.take()
    wire.say("resend", **{"from": 1})
    assert numbers(wire.sent) == [1]


def test_a_flood_is_slowed_and_its_audio_joined() -> None:
    wire = Wire()
    for k in range(2000):
        wire.audio("s", 100 * k)
        wire.now += 0.0005  # one second in all
    wire.wait(0.5)
    assert len(wire.sent) <= BURST + 1.5 * MESSAGES_PER_SECOND < 2 * 200
    whole = b"".join(buffers[0] for _, buffers in wire.sent)
    assert len(whole) == 2000 * 200
    position = 0
    for content, (pcm,) in wire.sent:
        assert content["start"] == position
        position += len(pcm) // 2


def test_audio_is_not_joined_across_streams_holes_or_events() -> None:
    wire = Wire()
    wire.channel._allowance = 0.0
    wire.audio("a", 0)
    wire.audio("b", 100)
    wire.audio("b", 300)
    wire.channel.send("stream_turn", stream="b", turn="t", start=400)
    wire.audio("b", 400)
    wire.wait()
    assert [content["kind"] for content, _ in wire.sent] == [
        "audio",
        "audio",
        "audio",
        "stream_turn",
        "audio",
    ]


def test_a_host_that_loses_buffers_gets_text() -> None:
    wire = Wire()
    wire.audio("s", 0)
    wire.take()
    wire.say("probe_result", ok=False, received=0)
    [(content, buffers)] = wire.take()
    assert buffers == []
    assert len(base64.b64decode(content["base64"][0])) == 200
    wire.say("probe_result", ok=True, received=1)
    wire.audio("s", 100)
    assert len(wire.sent[-1][1]) == 1


def test_calls_are_handed_on_with_their_buffers_in_either_form() -> None:
    wire = Wire()
    call = {"v": 1, "n": 1, "kind": "call", "id": 5, "method": "upload_chunk"}
    params = {"upload": "u", "offset": 0}
    wire.channel.receive({**call, "params": params}, [memoryview(b"ab")])
    wire.channel.receive({**call, "params": params, "base64": ["YWI="]})
    assert wire.calls == [(5, "upload_chunk", params, [b"ab"])] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "launch", "params": {}},
        {"method": "regenerate", "params": {"turns": 1, "takes": 1}},
        {"method": "undo", "params": {}, "base64": ["not base64"]},
    ],
)
def test_a_call_that_is_none_fails_with_a_message(fields: dict[str, Any]) -> None:
    wire = Wire()
    wire.say("call", id=5, **fields)
    [(answer, _)] = wire.sent
    assert (answer["kind"], answer["id"]) == ("failed", 5)
    assert wire.calls == []


def test_a_timer_sends_queued_messages() -> None:
    sent: list[Sent] = []
    channel = Channel(lambda *message: sent.append(message), lambda *_: None)
    for k in range(BURST + 10):
        channel.send("notice", severity="info", text=str(k))
    assert len(sent) < BURST + 10
    deadline = time.monotonic() + 5
    while len(sent) < BURST + 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [content["text"] for content, _ in sent] == [str(k) for k in range(BURST + 10)]
    channel.close()


def test_threads_may_send_together() -> None:
    sent: list[Sent] = []
    channel = Channel(lambda *message: sent.append(message), lambda *_: None)
    channel._allowance = 1e9
    threads = [
        threading.Thread(target=lambda: [channel.send("notice", severity="info", text="") for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel._allowance = 1e9
    channel._flush_late()
    deadline = time.monotonic() + 5
    while len(sent) < 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert numbers(sent) == list(range(1, 201))
    channel.close()


def test_a_closed_channel_is_silent() -> None:
    wire = Wire()
    wire.channel.close()
    notice(wire, "late")
    wire.say("hello", received=0, instance="")
    assert wire.sent == []


class Page:
    """The page's rules in brief: messages in order, once each, missing ones requested again."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.received = wire, 0
        self.texts: list[str] = []
        self.samples: dict[str, int] = {}

    def hear(self, sent: list[Sent], lost: set[int]) -> None:
        for position, (content, buffers) in enumerate(sent):
            n = content["n"]
            if position in lost or n <= self.received or self.received < content.get("after", n - 1):
                continue
            self.received = n
            if content["kind"] == "notice":
                self.texts.append(content["text"])
            elif content["kind"] == "audio":
                assert content["start"] == self.samples.get(content["stream"], 0), (
                    "a piece is missing or twice"
                )
                self.samples[content["stream"]] = content["start"] + len(buffers[0]) // 2

    def ask(self) -> None:
        self.wire.say("resend", **{"from": self.received + 1})


EVENTS = st.lists(st.sampled_from(["notice", "a", "b", "lose", "reload", "ask", "wait"]), max_size=60)


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.randoms(use_true_random=False))
def test_whatever_gets_lost_everything_arrives_in_order(events: list[str], random: Any) -> None:
    wire = Wire()
    page = Page(wire)
    written: list[str] = []
    spoken = {"a": 0, "b": 0}
    losing = False
    for event in events:
        if event == "notice":
            written.append(str(len(written)))
            notice(wire, written[-1])
        elif event in spoken:
            wire.audio(event, spoken[event])
            spoken[event] += 100
        elif event == "lose":
            losing = not losing
        elif event == "reload":
            page = Page(wire)
            page.ask()
        elif event == "ask":
            page.ask()
        else:
            wire.wait(0.2)
        sent = wire.take()
        page.hear(sent, {i for i in range(len(sent)) if losing and random.random() < 0.5})
    page.ask()
    wire.wait()
    page.hear(wire.take(), set())
    assert page.texts == written
    assert page.samples == {stream: count for stream, count in spoken.items() if count}
    wire.channel.close()
