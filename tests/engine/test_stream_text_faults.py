"""Text streams that stall, end early, meet a late line or an error: no word is lost, none is invented."""

from __future__ import annotations

import asyncio
import pickle
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from async_helpers import run as run_apart
from realtime_helpers import REALTIME, write_realtime

from vibevoice_nb import Engine
from vibevoice_nb.engine import realtime_run
from vibevoice_nb.engine.live_text import text_stream
from vibevoice_nb.engine.live_text.inbox import Inbox
from vibevoice_nb.engine.live_text.text_stream import SpokenAudio, TextStream
from vibevoice_nb.engine.text_feed import TextFeed
from vibevoice_nb.engine.text_windows import TextWindows
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.model.generation.realtime import SPEECH_WINDOW, TEXT_WINDOW
from vibevoice_nb.voices.voice import Voice, load_voice

SIXTEEN = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"


def words(spoken: list[SpokenAudio]) -> str:
    return "".join(word.text + " " * word.spaced for one in spoken for word in one.words).strip()


def heard(stream: TextStream) -> list[SpokenAudio]:
    """Speak a stream in a thread: a stream that never ends fails the test."""
    spoken: list[SpokenAudio] = []
    thread = threading.Thread(target=lambda: spoken.extend(stream), daemon=True)
    thread.start()
    thread.join(15)
    assert not thread.is_alive(), "the stream does not end"
    return spoken


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load("nano", device="cpu")


@pytest.fixture(scope="module")
def voice() -> Voice:
    return load_voice(REALTIME / "voice.pt")


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(write_realtime(tmp_path_factory.mktemp("endless")))


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A model that ends its speech after the first five tokens."""
    return Engine.load(write_realtime(tmp_path_factory.mktemp("ending"), stop_bias=30.0))


def test_a_late_line_of_another_speaker(
    endless: Engine, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model ends a speech once its text is known to be late; only then the second line comes."""
    late = threading.Event()
    natural = realtime_run.speak_frame

    def speak_frame(model: Any, state: Any, *args: Any, **options: Any) -> Any:
        frame = natural(model, state, *args, **options)
        state.finished = late.is_set()
        return frame

    def source() -> Iterator[str]:
        yield "Anna: Hello there my friend.\n"
        late.wait(20)
        yield "Ben: Hi, you there.\n"

    monkeypatch.setattr(realtime_run, "speak_frame", speak_frame)
    stream = endless.stream_text(source(), {"Anna": voice, "Ben": voice}, seed=1, max_seconds=20)
    close = stream.reader.close

    def closed() -> Any:
        late.set()
        return close()

    monkeypatch.setattr(stream.reader, "close", closed)
    spoken = heard(stream)
    assert stream.ended == "finished"
    assert [(word.speaker, word.text) for one in spoken for word in one.words] == [
        *(("Anna", word) for word in "Hello there my friend.".split()),
        *(("Ben", word) for word in "Hi, you there.".split()),
    ]


def test_cancel_ends_a_stream_whose_source_stalls(
    endless: Engine, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled, text = threading.Event(), "hello there my dear old friend and so on"

    def source() -> Iterator[str]:
        yield text
        stalled.wait(60)

    stream = endless.stream_text(source(), voice, seed=1)
    wait = stream.wait

    def waited(settles: bool) -> bool:
        if stream.seconds:  # the run waits for text
            stream.cancel()
        return wait(settles)

    monkeypatch.setattr(stream, "wait", waited)
    try:
        said = words(heard(stream))
    finally:
        stalled.set()
    assert stream.ended == "cancelled" and f"{said} {stream.unspoken}" == text


def test_words_that_the_limit_cuts_off_are_unspoken(endless: Engine, voice: Voice) -> None:
    stream = endless.stream_text(iter([SIXTEEN]), voice, seed=1, max_seconds=1.0)
    said = words(list(stream))
    assert stream.ended == "length" and len(said.split()) < 8
    assert f"{said} {stream.unspoken}" == SIXTEEN


def test_an_end_within_a_word_repeats_the_whole_word(ending: Engine, voice: Voice) -> None:
    text = "Well, it's what we're told, isn't it? In 1999, they didn't."
    stream = ending.stream_text(iter([text]), voice, seed=3, max_seconds=60)
    assert words(list(stream)) == text and stream.ended == "finished"


def test_a_word_that_the_model_never_finishes_is_skipped(ending: Engine, voice: Voice) -> None:
    stream = ending.stream_text(iter(["it is pneumonoultramicroscopic jazz."]), voice, seed=3, max_seconds=60)
    with pytest.warns(UserWarning, match=r"'pneumonoultramicroscopic': the model does not speak this text"):
        assert words(list(stream)) == "it is jazz."
    stream = ending.stream_text(iter(["pneumonoultramicroscopic"]), voice, seed=3)
    with pytest.warns(UserWarning, match="does not speak"):
        assert words(list(stream)) == ""
    assert stream.ended == "finished" and stream.unspoken == "pneumonoultramicroscopic"


def test_chinese_is_fed_by_character_without_spaces(
    endless: Engine, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[str] = []
    feed = realtime_run.RealtimeRun.feed
    monkeypatch.setattr(
        realtime_run.RealtimeRun, "feed", lambda run, text: (fed.append(text), feed(run, text))
    )
    text = "你好。今天很好，我们 go home now吧。"
    stream = endless.stream_text(
        iter(["你好。今天很", "好，我们 go home now吧。"]), voice, seed=1, max_seconds=2
    )
    said = words(list(stream))
    assert "".join(fed).strip() == text and fed[:3] == ["你", "好。", "今"]
    assert (said + stream.unspoken).replace(" ", "") == text.replace(" ", "")


def test_a_clause_without_a_voice_stays_unspoken(ending: Engine, voice: Voice) -> None:
    stream = ending.stream_text(iter(["Anna: Yes.\nBen: Hello to you all.\n"]), voice, seed=3)
    said = []
    with pytest.raises(VoiceError):
        for one in stream:
            said += [word.text for word in one.words]
    assert said == ["Yes."] and stream.unspoken == "Hello to you all."
    for _ in range(2):  # the second time as the first
        with pytest.raises(VoiceError):
            stream.cast.index("Ben")


def test_unspoken_text_is_read_while_text_moves(nano: Engine) -> None:
    """Another thread reads it, as the clock of a live room does."""
    stream = nano.stream_text(queue.Queue(), seed=1)
    faults: list[Exception] = []
    running = threading.Event()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            running.set()
            try:
                left = stream.unspoken.split()
                assert left == sorted(left), "a word was found twice, or in another order"
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    running.wait(5)
    number = 10_000
    for _ in range(40):
        for _ in range(20):
            stream._inbox.put("".join(f"w{number + index}. " for index in range(5)))
            number += 5
        while stream._inbox._pieces or stream.clauses:
            stream.receive()
            if stream.clauses:
                stream.next_clause()
    stop.set()
    reader.join(10)
    assert not faults


def test_a_long_piece_is_taken_in_parts(nano: Engine) -> None:
    inbox = Inbox()
    inbox.put("x" * 10_000)
    inbox.put("y")
    assert inbox.take(4_096) + inbox.take(4_096) == "x" * 8_192 and not inbox.ended
    assert inbox.waiting == "x" * 1_808 + "y" and inbox.take(2_000) == "x" * 1_808 + "y"
    stream = nano.stream_text(iter([]), seed=1)
    stream._inbox.put("Yes it is so. " * 60_000)
    began = time.process_time()
    stream.receive()
    assert len(stream.clauses) < 400 and time.process_time() - began < 1.0


def test_a_source_that_is_cancelled_ends_the_stream_with_its_error(nano: Engine) -> None:
    async def source() -> AsyncIterator[str]:
        yield "It rains. "
        raise asyncio.CancelledError

    async def listen(said: list[str]) -> None:
        async for one in stream:
            said += [word.text for word in one.words]

    stream, said = nano.stream_text(source(), seed=1), []
    with pytest.raises(asyncio.CancelledError):
        run_apart(listen(said))
    assert said == ["It", "rains."] and stream.ended == "cancelled"
    stream, said = nano.stream_text(source(), seed=1), []
    with pytest.raises(asyncio.CancelledError):
        for one in stream:
            said += [word.text for word in one.words]
    assert said == ["It", "rains."] and stream.ended == "cancelled"


def test_diagnostics_of_an_endless_stream_are_bounded(nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_stream, "_MOST_DIAGNOSTICS", 2)
    stream = nano.stream_text(iter(["你好。" * 3 + " It rains."]), seed=1, unit="sentence")
    with pytest.warns(UserWarning, match="nano"):
        list(stream)
    assert len(stream.diagnostics) == 2


def test_a_pause_before_a_clause_does_not_hide_it(nano: Engine) -> None:
    stream = nano.stream_text(iter(["It rains. [pause:400] It snows."]), seed=1)
    for one in stream:
        if len(one.audio) == 9_600 and not one.audio.any():
            stream.cancel()
            break
    assert stream.unspoken == "It snows."


def test_windows_of_text_are_fed_while_a_run_waits(endless: Engine) -> None:
    """They are copied with their place, and a wait ends with the text, its end, or a cancellation."""
    model = endless.realtime
    windows = TextWindows(TextFeed(model.tokenizer, model.frontend), fed=True)
    assert windows.due and not windows.ready and windows.wait(lambda: True) is None
    found: list[int | None] = []
    thread = threading.Thread(target=lambda: found.append(windows.wait(lambda: False)), daemon=True)
    thread.start()
    for word in "the quick brown fox jumps over ".split(" "):
        windows.add(word + " ")
    thread.join(10)
    assert found == [TEXT_WINDOW] and len(windows.take(TEXT_WINDOW)) == TEXT_WINDOW and not windows.due
    other = pickle.loads(pickle.dumps(windows.copied(None, model.frontend)))
    other = other.copied(model.tokenizer, model.frontend)
    windows.end()
    assert not windows.due and other.left == windows.left and not other.due
    other.add("and on. ")
    for _ in range(SPEECH_WINDOW):
        assert not other.due
        other.frame_made()
    assert other.due and other.left.endswith("on.") and not windows.left.endswith("on.")
