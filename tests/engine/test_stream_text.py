"""Text that is still being written, spoken by nano: sources, speakers, limits, cancellation, latency."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from async_helpers import run as run_apart
from realtime_helpers import REALTIME, write_realtime

from vibevoice_nb import Engine
from vibevoice_nb.engine.live_text.inbox import Inbox
from vibevoice_nb.engine.live_text.text_stream import SpokenAudio, TextStream
from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.voices.voice import load_voice

TEXT = "Good morning, everybody. It rains."


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano", device="cpu")


def words(spoken: list[SpokenAudio]) -> str:
    return " ".join(word.text for one in spoken for word in one.words)


def check(stream: TextStream, spoken: list[SpokenAudio], text: str) -> None:
    assert words(spoken) == text and stream.ended == "finished" and stream.unspoken == ""
    audio = np.concatenate([one.audio for one in spoken])
    assert 1.0 < stream.seconds < 30.0 and round(24_000 * stream.seconds) == len(audio)
    assert np.abs(audio).max() > 0.02
    times = [word.start for one in spoken for word in one.words]
    assert times == sorted(times) and times[-1] <= stream.seconds


def pieces(text: str = TEXT, size: int = 3) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def test_an_iterator_and_a_queue_sound_the_same(engine: Engine) -> None:
    stream = engine.stream_text(pieces(), seed=3, unit="sentence")
    spoken = list(stream)
    check(stream, spoken, TEXT)
    texts: queue.Queue[str | None] = queue.Queue()
    for piece in [*pieces(size=5), None]:
        texts.put(piece)
    again = engine.stream_text(texts, seed=3, unit="sentence")
    others = list(again)
    check(again, others, TEXT)
    first, second = (np.concatenate([one.audio for one in each]) for each in (spoken, others))
    np.testing.assert_array_equal(first, second)


def test_an_async_iterator_is_read_in_its_own_loop(engine: Engine) -> None:
    loops = set()

    async def source() -> AsyncIterator[str]:
        for piece in pieces():
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            yield piece

    async def listen() -> None:
        stream = engine.stream_text(source(), seed=3)
        spoken = [one async for one in stream]
        check(stream, spoken, TEXT)
        assert loops == {asyncio.get_running_loop()}

    run_apart(listen())
    check(stream := engine.stream_text(source(), seed=3), list(stream), TEXT)  # without a loop


def test_late_text_pauses_the_audio_and_a_sentence_does_not_wait_for_the_next(engine: Engine) -> None:
    texts: queue.Queue[str | None] = queue.Queue()
    stream = engine.stream_text(texts, seed=1)
    spoken = iter(stream)
    texts.put("It rai")
    threading.Timer(0.2, texts.put, ["ns."]).start()
    first = next(spoken)  # only "It rains." was there, and nothing follows it yet
    assert [word.text for word in first.words][:1] == ["It"] and stream.ended is None
    threading.Timer(0.5, lambda: (texts.put(" It snows."), texts.put(None))).start()
    check(stream, [first, *spoken], "It rains. It snows.")


def test_the_first_audio_is_early(engine: Engine) -> None:
    """Process time: other work of the machine does not count."""
    list(engine.stream_text(iter(["Well now. "]), seed=1))
    texts: queue.Queue[str | None] = queue.Queue()
    stream = engine.stream_text(texts, seed=1)
    texts.put("Good morning, everybody, ")
    began = time.process_time()
    next(iter(stream))
    assert time.process_time() - began < 0.6
    stream.cancel()


def test_labels_change_the_voice(engine: Engine) -> None:
    text = "Anna: Hi, Ben!\nBen: Hello. Speaker 3: Me too."
    stream = engine.stream_text(pieces(text), {"Anna": "Ada", "Ben": "Kai", 3: "Ruben"}, seed=1)
    spoken = list(stream)
    assert stream.cast.names == {"Anna": "Ada", "Ben": "Kai", "Speaker 3": "Ruben"}
    assert [(word.speaker, word.text) for one in spoken for word in one.words][::2] == [
        ("Anna", "Hi,"), ("Ben", "Hello."), ("Speaker 3", "too."),
    ]  # fmt: skip
    assert {one.speaker for one in spoken} == {"Anna", "Ben", "Speaker 3"}


def test_a_pause_and_text_that_nano_cannot_speak(engine: Engine) -> None:
    with pytest.warns(UserWarning, match="nano"):
        stream = engine.stream_text(iter(["It rains. [pause:500] It snows. 你好。 Bye now."]), seed=1)
        spoken = list(stream)
    assert words(spoken) == "It rains. It snows. Bye now."
    silent = [one for one in spoken if len(one.audio) == 12_000 and not one.audio.any()]
    assert len(silent) == 1 and [item.severity for item in stream.diagnostics] == ["error"]


def test_cancel_keeps_the_rest_of_the_text(engine: Engine) -> None:
    text = "Good morning, my dear friends, and welcome. It rains today. Tomorrow it sno"
    texts: queue.Queue[str | None] = queue.Queue()
    for piece in pieces(text):
        texts.put(piece)
    stream = engine.stream_text(texts, seed=1)
    spoken = []
    for one in stream:
        spoken.append(one)
        stream.cancel()
    said = words(spoken)
    assert stream.ended == "cancelled" and len(spoken) <= 2
    deadline = time.monotonic() + 5
    while not texts.empty() and time.monotonic() < deadline:
        stream._inbox.put(texts.get())  # what the reader had not taken yet
    assert said and f"{said} {stream.unspoken}" == text


def test_a_waiting_stream_can_be_cancelled_from_another_thread(engine: Engine) -> None:
    stream = engine.stream_text(queue.Queue())
    threading.Timer(0.1, stream.cancel).start()
    assert list(stream) == [] and stream.ended == "cancelled"


def test_the_length_limit_keeps_the_rest(engine: Engine) -> None:
    text = "One two three. Four five six. Seven eight nine."
    stream = engine.stream_text(iter([text]), seed=1, max_seconds=2)
    spoken = list(stream)
    assert stream.ended == "length" and stream.seconds <= 2.0
    assert f"{words(spoken)} {stream.unspoken}" == text


def test_an_error_of_the_source_comes_after_the_text_before_it(engine: Engine) -> None:
    def broken() -> Iterator[Any]:
        yield "It rains. "
        raise ConnectionError("the socket is closed")

    stream = engine.stream_text(broken(), seed=1)
    spoken = []
    with pytest.raises(ConnectionError, match="socket"):
        for one in stream:
            spoken.append(one)
    assert words(spoken) == "It rains."
    with pytest.raises(ScriptError, match="type int"):
        list(engine.stream_text(iter([5])))  # type: ignore[list-item]
    for wrong in ("Hello", b"x", 5, None):
        with pytest.raises(OptionError, match="text source"):
            engine.stream_text(wrong)  # type: ignore[arg-type]


def test_a_fast_source_waits_for_the_speaker() -> None:
    inbox = Inbox(limit=10)
    done = threading.Event()
    threading.Thread(
        target=lambda: [inbox.put("12345") for _ in range(4)] and done.set(), daemon=True
    ).start()
    taken = ""
    while len(taken) < 20:
        assert inbox.wait(5)
        part = inbox.take()
        assert len(part) <= 15
        taken += part
    assert done.wait(5)


# --- sources of other libraries ---------------------------------------------------------------------------


class Chat(BaseHTTPRequestHandler):
    """An OpenAI-compatible chat endpoint that streams a fixed reply."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert body["stream"] is True and self.path == "/v1/chat/completions"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in pieces(TEXT)]
        for delta in [*deltas, {}]:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            self.wfile.write(f"data: {json.dumps({**base, 'choices': [choice]})}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *args: object) -> None:
        pass


def test_a_chat_stream_of_the_openai_client(engine: Engine) -> None:
    openai = pytest.importorskip("openai", reason="needs the openai client")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
        reply = client.chat.completions.create(
            model="local", stream=True, messages=[{"role": "user", "content": "Hello."}]
        )
        tokens = (chunk.choices[0].delta.content or "" for chunk in reply if chunk.choices)
        stream = engine.stream_text(tokens, seed=3)
        check(stream, list(stream), TEXT)
    finally:
        server.shutdown()
        server.server_close()


def test_the_tokens_of_a_transformers_model(engine: Engine) -> None:
    """A random model writes nonsense; every word that nano can read is spoken."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
        TextIteratorStreamer,
    )

    vocabulary = {word: index for index, word in enumerate("? the rain sun falls shines today and".split())}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64, bos_token_id=None, eos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    streamer = TextIteratorStreamer(wrapped, skip_prompt=True, timeout=20)
    prompt = wrapped("the sun", return_tensors="pt")
    options = {"max_new_tokens": 8, "do_sample": True, "suppress_tokens": [0]}
    thread = threading.Thread(
        target=model.generate,
        kwargs={"input_ids": prompt["input_ids"], "attention_mask": prompt["attention_mask"],
                "streamer": streamer, **options},
    )  # fmt: skip
    thread.start()
    stream = engine.stream_text(streamer, seed=1)
    said = words(list(stream)).split()
    thread.join()
    assert stream.ended == "finished" and len(said) == 8 and set(said) <= set(vocabulary) - {"?"}


# --- VibeVoice-Realtime -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def realtime(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(write_realtime(tmp_path_factory.mktemp("realtime")))


def test_realtime_reads_while_it_speaks(realtime: Engine) -> None:
    """The model, which never ends a speech, speaks after five tokens, long before a sentence is complete."""
    texts: queue.Queue[str | None] = queue.Queue()
    stream = realtime.stream_text(texts, {"Anna": load_voice(REALTIME / "voice.pt")}, max_seconds=6, seed=1)
    spoken = iter(stream)
    texts.put("Anna: the quick brown fox jumps over the")
    first = next(spoken)
    assert first.speaker == "Anna" and len(first.audio) == 3200
    assert [word.text for word in first.words] == ["the"]
    texts.put(" lazy dog.")
    texts.put(None)
    rest = list(spoken)
    assert words([first, *rest]) == "the quick brown fox jumps over the lazy dog."
    assert stream.ended == "length" and stream.seconds < 6.01


def test_realtime_waits_for_text_and_can_be_cancelled(realtime: Engine) -> None:
    texts: queue.Queue[str | None] = queue.Queue()
    stream = realtime.stream_text(texts, [load_voice(REALTIME / "voice.pt")], seed=1)
    texts.put("the quick brown fox jumps over the lazy dog and so on")
    threading.Timer(1.0, stream.cancel).start()
    spoken = list(stream)
    said = words(spoken)
    assert stream.ended == "cancelled" and spoken
    assert (
        f"{said} {stream.unspoken}".split() == "the quick brown fox jumps over the lazy dog and so on".split()
    )


def test_realtime_gives_the_words_that_it_left_out_to_the_next_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ending = Engine.load(write_realtime(tmp_path_factory.mktemp("ending"), stop_bias=30.0))
    stream = ending.stream_text(
        iter(["the quick brown fox jumps. [pause:200] over the lazy dog."]),
        [load_voice(REALTIME / "voice.pt")],
    )
    spoken = list(stream)
    assert words(spoken) == "the quick brown fox jumps. over the lazy dog." and stream.ended == "finished"
    assert any(len(one.audio) == 4800 and not one.audio.any() for one in spoken)
