"""Live room: what listeners hear and read, who may do what, limits, malformed messages, and cleaning up."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from async_helpers import run as run_apart

pytest.importorskip("aiortc", reason="needs aiortc: pip install 'vibevoice-nb[live]'")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[live]'")
pytest.importorskip("websockets", reason="needs websockets: pip install 'vibevoice-nb[live]'")

import websockets
from live_helpers import Listener, LiveServer, listening, live_server

from vibevoice_nb.engine.live_text.spoken_words import SpokenWord
from vibevoice_nb.web.live.connection import BadOffer, check_offer, usable_candidates
from vibevoice_nb.web.live.limits import LiveLimits
from vibevoice_nb.web.live.playout import STEP, Playout

LIMITS = LiveLimits(
    most_rooms=2, listeners=4, per_address=4, message_chars=500, waiting_chars=2000, writers=2
)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(LIMITS, seed=1) as running:
        yield running


# --- audio --------------------------------------------------------------------------------------------------


def played(playout: Playout, steps: int) -> np.ndarray:
    return np.concatenate([playout.take()[0] for _ in range(steps)])


def test_playout_has_no_clicks_between_speech_and_silence() -> None:
    playout = Playout(ahead=10)
    loud = 0.5 * np.sin(2 * np.pi * 100 * np.arange(24_000) / 24_000 + 1.5).astype(np.float32)
    playout.write(loud, [], 0.0)
    first = played(playout, 80)
    playout.write(loud[:7000], [], 0.0)
    audio = np.concatenate([first, played(playout, 60)])
    steepest = 0.5 * 2 * np.pi * 100 / 48_000  # of the sine itself
    assert np.abs(audio).max() == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.diff(audio)).max() < 3 * steepest  # a cut would be 0.5
    assert abs(np.count_nonzero(np.abs(audio) > 0.001) / 2 - 31_000) < 400  # nothing is lost
    assert not playout.playing


def test_words_come_when_they_are_played_and_clear_returns_the_others() -> None:
    playout = Playout(ahead=10)
    words = [SpokenWord("one", "A", 0.0), SpokenWord("two", "A", 0.5), SpokenWord("three", "A", 0.9)]
    playout.write(np.ones(24_000, np.float32), words, 0.0)
    at = {}
    for number in range(30):
        for word in playout.take()[1]:
            at[word.text] = number * 0.02
    assert at["one"] == 0.0 and at["two"] == pytest.approx(0.5, abs=0.021)
    assert [word.text for word in playout.clear()] == ["three"]
    assert not playout.write(np.ones(10, np.float32), [], 0.0, generation=0) and not played(playout, 5).any()


def test_three_listeners_hear_the_same_and_a_late_one_gets_the_words(server: LiveServer) -> None:
    async def main() -> None:
        async with listening(server) as one, listening(server, role="speaker") as two:
            assert (one.answer["role"], two.answer["role"]) == ("listener", "speaker")
            assert server.say("Good morning, everybody. It rains.").json()["waiting"] > 0
            for each in (one, two):
                await each.until(lambda each=each: "rains." in each.words)
                await each.until(lambda each=each: np.abs(each.audio[-1]).max() < 0.01)
            async with listening(server) as late:
                await late.until(lambda: late.words[-1:] == ["rains."])
            for each in (one, two):
                audio = np.concatenate(each.audio)
                assert np.count_nonzero(np.abs(audio) > 0.02) > 5_000
                assert " ".join(each.words).endswith("Good morning, everybody. It rains.")
                steps = np.diff(each.numbers)
                assert (steps == STEP).mean() > 0.95  # 20 ms each, in order
            lines = one.answer["sdp"].splitlines()
            hosts = {line.split()[4] for line in lines if line.startswith("a=candidate")}
            assert hosts == {"127.0.0.1"}

    run_apart(main())


def test_stop_returns_the_unspoken_rest_and_speech_goes_on(server: LiveServer) -> None:
    async def main() -> None:
        async with listening(server) as one:
            server.say("This is a long sentence about the weather, the wind, and the sea. And another one.")
            await one.until(lambda: "This" in one.words)
            rest = server.post("stop").json()["unspoken"]
            assert rest.endswith("And another one.") and not rest.startswith("This is")
            server.say("Hello again.")
            await one.until(lambda: one.words[-2:] == ["Hello", "again."])
            assert "another" not in one.words

    run_apart(main())


def test_pieces_over_a_websocket(server: LiveServer) -> None:
    async def main() -> None:
        token = server.rooms.tokens.token("main", "speaker")
        url = server.url.replace("http", "ws") + "live/main/write"
        async with listening(server) as one, websockets.connect(url) as socket:
            await socket.send(json.dumps({"token": token}))
            for piece in ("The ra", "in has st", "opped"):
                await socket.send(json.dumps({"text": piece}))
            await socket.send(json.dumps({"end": True}))
            answers = [json.loads(await socket.recv()) for _ in range(5)]
            assert all(set(answer) == {"waiting"} for answer in answers)
            await one.until(lambda: one.words[-4:] == ["The", "rain", "has", "stopped"])
        async with websockets.connect(url) as socket:
            await socket.send(json.dumps({"token": server.rooms.tokens.token("main", "listener")}))
            assert "token of a speaker" in json.loads(await socket.recv())["error"]

    run_apart(main())


# --- rights and limits --------------------------------------------------------------------------------------


def test_tokens_decide_who_may_speak_and_listen(server: LiveServer) -> None:
    assert server.post("text", role="listener", json={"text": "Hi."}).status_code == 403
    assert server.post("stop", role="listener").status_code == 403
    for header in ({}, {"authorization": "Bearer x"}, {"authorization": b"Bearer \xff"}):
        answer = httpx.post(f"{server.url}live/main/offer", json={"sdp": "v=0"}, headers=header)
        assert answer.status_code == 403 and "Expected the token" in answer.json()["error"]
    links = server.post("open", json={"name": "second"}).json()
    assert links["speaker"].startswith("/live/second#") and links["speaker"] != links["listener"]
    assert server.post("text", name="second", json={"text": "Hi."}).status_code == 200
    assert server.post("open", json={"name": "third"}).status_code == 429
    assert server.post("open", json={"name": "../x"}).status_code == 400
    assert server.post("open", name="second", json={"name": "third"}).status_code == 403
    assert server.post("text", name="third", json={"text": "Hi."}).status_code == 404
    host = {"host": "evil.example", **server.headers()}
    assert httpx.post(f"{server.url}live/main/stop", headers=host).status_code == 421


def test_text_is_limited(server: LiveServer) -> None:
    assert "at most 500" in server.say("x" * 501).json()["error"]
    statuses = [server.say("word " * 99, end=False).status_code for _ in range(8)]
    assert statuses[0] == 200 and statuses[-1] == 429
    assert server.post("stop").status_code == 200
    assert server.post("text", content=b"\xff").status_code == 400


def test_listeners_are_limited_and_forgotten_when_they_leave(server: LiveServer) -> None:
    async def main() -> None:
        one = server.rooms.get("main")
        assert one is not None
        listeners = [await Listener().join(server) for _ in range(4)]
        async with httpx.AsyncClient() as client:
            sdp = listeners[0].connection.localDescription.sdp
            url, headers = f"{server.url}live/main/offer", server.headers("listener")
            full = await client.post(url, json={"sdp": sdp}, headers=headers)
        assert full.status_code == 429 and "at most 4" in full.json()["error"]
        for listener in listeners:
            await listener.connection.close()
        deadline = time.monotonic() + 20
        while one.listeners and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert not one.listeners

    run_apart(main())


def test_a_closed_server_leaves_no_thread() -> None:
    before = {thread.name for thread in threading.enumerate()}
    with live_server(seed=1) as other:
        other.say("One two three four five six seven. Eight nine ten.")
    left = {thread.name for thread in threading.enumerate() if thread.name.startswith("live-")}
    assert left <= before


# --- malformed messages -------------------------------------------------------------------------------------

NOISE = [
    "", "{}", "[]", "null", "5", '"x"', "{", '{"type": "ping", "at": "x"}', '{"type": []}', '{"text": 5}',
    '{"text": null}', '{"token": {}}', '{"sdp": []}', '{"sdp": "v=0"}', '{"end": "x"}', '{"text": "\\ud800"}',
    "[" * 3000, "\x00", "x" * 5000, '{"name": "\\u0000"}',
    '{"sdp": "v=0\\r\\nm=audio 9 X 111\\r\\na=candidate:"}',
]  # fmt: skip


def noise(rng: random.Random) -> str:
    text = rng.choice(NOISE)
    if text and rng.random() < 0.5:
        place = rng.randrange(len(text))
        text = text[:place] + chr(rng.randrange(1, 0x3000)) + text[place + 1 :]
    return text


def test_a_thousand_malformed_messages_change_nothing(server: LiveServer) -> None:
    rng = random.Random(1)

    async def main() -> None:
        async with listening(server) as one:
            token = server.rooms.tokens.token("main", "speaker")
            url = server.url.replace("http", "ws") + "live/main/write"
            async with websockets.connect(url) as socket:
                await socket.send(json.dumps({"token": token}))
                await socket.recv()
                for number in range(700):
                    text = noise(rng)
                    await socket.send(text.encode() if number % 5 == 0 else text)
                    answer = json.loads(await asyncio.wait_for(socket.recv(), 10))
                    assert answer.keys() <= {"error", "waiting", "unspoken"}
            for _ in range(20):
                async with websockets.connect(url) as socket:
                    await socket.send(noise(rng))
                    assert "error" in json.loads(await asyncio.wait_for(socket.recv(), 10))
            for _ in range(200):
                one.channel.send(noise(rng))
            async with httpx.AsyncClient(timeout=10) as client:
                for number in range(80):
                    action = ("offer", "text", "stop?", "open")[number % 4]
                    place = f"{server.url}live/main/{action}"
                    body = noise(rng).encode("utf-8", "surrogatepass")
                    answer = await client.post(place, content=body, headers=server.headers())
                    assert answer.status_code < 500
            server.post("stop")
            await asyncio.sleep(1.2)  # the listener may send messages again
            one.channel.send('{"type": "ping", "at": 7}')
            await one.until(lambda: {"type": "pong", "at": 7} in one.messages)
            server.say("Still here.")
            await one.until(lambda: one.words[-2:] == ["Still", "here."])

    run_apart(main())


OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


@pytest.mark.parametrize(
    "sdp",
    [None, 5, "", "v=0", OFFER + "m=audio 9 X 1\r\n", OFFER + "m=video 9 X 1\r\n", "x" * 40_000, OFFER + "é"],
)
def test_offers_of_other_shapes_are_refused(sdp: Any) -> None:
    with pytest.raises(BadOffer):
        check_offer(sdp, 32_000)


def test_candidates_lead_only_to_listeners() -> None:
    def hosts(*given: str, loopback: bool, client: str = "127.0.0.1") -> list[str]:
        lines = [f"a=candidate:1 1 udp 1 {host} 999 typ host" for host in given]
        lines += ["a=candidate:1 1 tcp 1 127.0.0.1 9 typ host", "a=candidate:x"]
        kept = usable_candidates(OFFER + "\r\n".join(lines) + "\r\n", client, loopback=loopback)
        return [line.split()[4] for line in kept.splitlines() if line.startswith("a=candidate")]

    given = ("127.0.0.1", "203.0.113.5", "abc.local", "224.0.0.1", "0.0.0.0", "169.254.1.1", "example.org")
    assert hosts(*given, loopback=True)[:2] == ["127.0.0.1", "127.0.0.1"]
    assert "203.0.113.5" not in hosts(*given, loopback=True)
    assert hosts(*given, loopback=False, client="198.51.100.7") == ["203.0.113.5", "198.51.100.7"]
    assert len(hosts(*50 * ["203.0.113.5"], loopback=False)) == 16
