"""An `Engine` under way: sinks, progress, cancelling, going on, several at once, memory and threads."""

from __future__ import annotations

import gc
import itertools
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import save_weights
from engine_api_helpers import CAST, FEW, RATE, TALK, engine, folder, restless
from model_helpers import HOP, small_model

from vibevoice_nb.audio.sinks import MemorySink, QueueSink, WavSink
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.options import Progress
from vibevoice_nb.errors import AudioError, OptionError

__all__ = ["engine", "folder", "restless"]  # fixtures


# Sinks.


def test_audio_goes_to_a_sink_during_generation(engine: Engine, tmp_path: Path) -> None:
    wanted = engine.speak(TALK, CAST, **FEW).audio
    memory = MemorySink()
    assert np.array_equal(engine.speak(TALK, CAST, sink=memory, **FEW).audio, memory.audio)
    with WavSink(tmp_path / "out.wav") as sink:
        speech = engine.speak(TALK, CAST, sink=sink, **FEW)
        assert sink.samples == 10 * HOP, "before it is closed"
    assert speech.audio.size == 0 and speech.seconds == 0.1
    with pytest.raises(AudioError, match="without audio"):
        speech.save(tmp_path / "copy.wav")
    queue = QueueSink()
    with queue:
        engine.speak(TALK, CAST, sink=queue, **FEW)
    assert np.array_equal(np.concatenate(list(queue)), wanted)


def test_a_sink_that_fails_stops_everything(engine: Engine) -> None:
    class Full(MemorySink):
        def write(self, chunk: np.ndarray) -> None:
            raise AudioError("a full disk", "room", "make some")

    with pytest.raises(AudioError, match="full disk"):
        engine.speak(TALK, CAST, sink=Full(), **FEW)


def test_sinks_and_scripts_are_as_many(engine: Engine) -> None:
    with pytest.raises(OptionError, match="1 sinks for 2 scripts"):
        engine.speak_many([TALK, TALK], {}, sinks=[MemorySink()], **FEW)
    assert engine.speak_many([], {}) == []


def test_a_speech_is_saved(engine: Engine, tmp_path: Path) -> None:
    speech = engine.speak(TALK, CAST, **FEW)
    path = speech.save(tmp_path / "talk.wav")
    assert path.stat().st_size == 44 + 2 * 10 * HOP
    with pytest.raises(AudioError, match="exists"):
        speech.save(path)


# Progress and cancelling.


def test_progress_is_reported_after_every_frame_and_never_falls(engine: Engine) -> None:
    seen: list[Progress] = []
    speech = engine.speak(TALK, CAST, progress=seen.append, **FEW)
    assert [round(p.seconds * RATE) for p in seen] == [HOP * (i + 1) for i in range(10)]
    assert all(a.elapsed <= b.elapsed for a, b in itertools.pairwise(seen))
    assert all(p.estimated_seconds >= p.seconds and p.remaining >= 0 and p.rtf > 0 for p in seen)
    assert seen[-1].elapsed <= speech.elapsed


@pytest.mark.parametrize("frames", [0, 1, 4])
def test_cancelling_takes_effect_within_a_frame(engine: Engine, frames: int) -> None:
    wanted = engine.speak(TALK, CAST, **FEW).audio
    seen: list[Progress] = []
    speech = engine.speak(TALK, CAST, progress=seen.append, cancelled=lambda: len(seen) >= frames, **FEW)
    assert speech.ended == "cancelled"
    assert np.array_equal(speech.audio, wanted[: frames * HOP])


def test_cancellation_works_before_the_first_audio(tmp_path: Path, folder: Path) -> None:
    """A model that only emits start tokens would continue without audio until its context is full."""
    copy = Path(shutil.copytree(folder, tmp_path / "mute"))
    model = small_model(tied=False)
    assert model.lm_head is not None
    model.lm_head.weight.zero_()  # equal logits: the first valid token is chosen
    save_weights(model, copy)
    asked = iter(range(1000))
    speech = Engine.load(copy).speak("Speaker 1: Hi.", {}, cancelled=lambda: next(asked) > 20)
    assert speech.ended == "cancelled" and speech.audio.size == 0 and speech.ttfa is None
    assert speech.rtf == 0.0


def test_cancelling_between_the_frames_of_a_batch_loses_no_frame(engine: Engine) -> None:
    scripts = [TALK, "Speaker 1: And now for something else.\nSpeaker 2: What?"]
    wanted = engine.speak_many(scripts, CAST, **FEW)
    for frames in (1, 2, 3, 6):
        sinks = [MemorySink(), MemorySink()]
        parts = engine.speak_many(
            scripts,
            CAST,
            sinks=sinks,
            cancelled=lambda: sum(len(sink.audio) for sink in sinks) >= frames * HOP,  # noqa: B023
            **FEW,
        )
        assert all(part.ended == "cancelled" for part in parts)
        for part, whole in zip(parts, wanted, strict=True):
            later = engine.resume(part, max_seconds=0.1)
            assert later.audio.shape == whole.audio.shape
            assert np.abs(later.audio - whole.audio).max() <= 1e-3 * np.abs(whole.audio).max()


# Going on.


INTERRUPTED = """
Speaker 1: Hello there.
Speaker 2: Good morning! [pause:150]
Speaker 1: Bye. [pause:20]
Speaker 2: Not yet.
Speaker 1: Oh? [pause:15]
"""


def test_a_length_limit_is_reported_and_going_on_is_seamless(engine: Engine) -> None:
    whole = engine.speak(TALK, CAST, num_steps=2, seed=5, max_seconds=0.3)
    speech = engine.speak(TALK, CAST, num_steps=2, seed=5, max_seconds=0.105)
    assert speech.ended == "length" and speech.seconds == 0.1, "whole frames only"
    later = engine.resume(speech, max_seconds=0.2)
    last = engine.resume(later, max_seconds=0.3)
    assert (later.seconds, last.seconds) == (0.2, 0.3)
    assert np.array_equal(last.audio, whole.audio)
    assert later.options.max_seconds == 0.2 and later.options.seed == 5
    assert last.elapsed > later.elapsed > speech.elapsed
    # The same one again, and into a sink of its own.
    sink = MemorySink()
    again = engine.resume(speech, max_seconds=0.3, sink=sink)
    assert np.array_equal(sink.audio, whole.audio[10 * HOP :]) and again.seconds == 0.3
    assert speech.seconds == 0.1 and speech.audio.size == 10 * HOP


def test_a_limit_anywhere_loses_nothing(restless: Engine) -> None:
    """Also in the middle of a pause, between passages and after the last word."""
    options = {"num_steps": 1, "seed": 30}
    whole = restless.speak(INTERRUPTED, CAST, max_seconds=5.0, **options)
    total = len(whole.audio)
    assert whole.ended == "finished" and total > 6000
    for limit in [*range(2400, total, 470), total - 1, total]:
        part = restless.speak(INTERRUPTED, CAST, max_seconds=limit / RATE, **options)
        assert len(part.audio) <= limit
        assert part.ended == ("finished" if limit >= total else "length"), limit
        later = restless.resume(part, max_seconds=5.0)
        assert later.ended == "finished" and np.array_equal(later.audio, whole.audio), limit


def test_cancelling_anywhere_loses_nothing(restless: Engine) -> None:
    options = {"num_steps": 1, "seed": 9, "max_seconds": 5.0}
    whole, every = (
        restless.speak(INTERRUPTED, CAST, **options),
        list(restless.stream(INTERRUPTED, CAST, **options)),
    )
    pause = next(index for index, chunk in enumerate(every) if not chunk.any())
    for chunks in {0, 1, pause, pause + 1, pause + 2, len(every) - 2, len(every) - 1}:
        seen: list[Progress] = []
        stop = {"progress": seen.append, "cancelled": lambda: len(seen) >= chunks}  # noqa: B023
        part = restless.speak(INTERRUPTED, CAST, **stop, **options)
        assert part.ended == "cancelled" and len(seen) == chunks
        later = restless.resume(part, max_seconds=5.0)
        assert later.ended == "finished" and np.array_equal(later.audio, whole.audio), chunks


def test_a_finished_speech_stays_finished(restless: Engine) -> None:
    speech = restless.speak("Speaker 1: Hi.", {}, num_steps=1, seed=1)
    assert speech.ended == "finished"
    later = restless.resume(speech, max_seconds=100)
    assert later.ended == "finished" and np.array_equal(later.audio, speech.audio)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "ten"])
def test_a_limit_that_makes_no_sense(engine: Engine, seconds: Any) -> None:
    speech = engine.speak(TALK, {}, **FEW)
    with pytest.raises(OptionError, match="max_seconds"):
        engine.resume(speech, max_seconds=seconds)


def test_pauses_are_silence_of_their_length(restless: Engine) -> None:
    script = "Speaker 1: Hello. [pause:500]\nSpeaker 2: Yes? [pause:1250]\nSpeaker 1: Bye."
    chunks = list(restless.stream(script, CAST, num_steps=1, seed=2))
    silent = [len(chunk) for chunk in chunks if not chunk.any()]
    assert silent == [12_000, 30_000]
    assert {len(chunk) for chunk in chunks if chunk.any()} == {HOP}
    sounding = [bool(chunk.any()) for chunk in chunks]
    assert sounding[0] and sounding[-1], "words before the first and after the last"
    assert restless.speak("Speaker 1: Hello. [pause:100]", {}, num_steps=1).audio[-2400:].any() == np.False_


# Several at once.


def test_four_scripts_at_once_equal_each_alone(restless: Engine) -> None:
    scripts = [
        "Speaker 1: Hello there.\nSpeaker 2: Good morning!",
        "Speaker 2: A longer one, which takes a little more. [pause:40]\nSpeaker 1: And goes on.",
        "Speaker 1: Short.\nSpeaker 2: Yes.",
        "Speaker 1: Nothing is as it was before.\nSpeaker 2: Is it? [pause:10]\nSpeaker 2: No. It isn't.",
    ]
    options = {"num_steps": 2, "seed": 9, "max_seconds": 3.0}
    together = restless.speak_many(scripts, CAST, **options)
    alone = [restless.speak(script, CAST, **options) for script in scripts]
    assert len({speech.audio.size for speech in alone}) >= 3, "they end at different steps"
    for one, other in zip(together, alone, strict=True):
        assert one.ended == other.ended == "finished"
        assert one.audio.shape == other.audio.shape
        assert np.abs(one.audio - other.audio).max() <= 1e-3 * np.abs(other.audio).max()
        assert one.options == other.options


# Memory and time.


def _chunks(engine: Engine, seconds: float) -> Iterator[np.ndarray]:
    return engine.stream(TALK, CAST, num_steps=1, seed=1, max_seconds=seconds, cfg_scale=1.0)


def test_memory_stays_flat_beyond_the_cache(engine: Engine) -> None:
    stream = _chunks(engine, 100)
    for _ in range(20):
        next(stream)
    tracemalloc.start()
    for _ in range(10):
        next(stream)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tensors = _tensor_bytes()
    for _ in range(100):
        next(stream)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000, "Python objects"
    # Nothing but the cache may grow: 2 layers, keys and values, 2 heads of 8 numbers of 4 bytes, two rows.
    assert _tensor_bytes() - tensors <= 2 * 2 * 2 * 8 * 4 * 2 * 512


def _tensor_bytes() -> int:
    return sum(t.nbytes for t in gc.get_objects() if type(t) is torch.Tensor and t.device.type == "cpu")


def test_two_threads_may_use_one_engine(engine: Engine) -> None:
    """As when a notebook generates in the background while another cell speaks."""
    from concurrent.futures import ThreadPoolExecutor

    wanted = [engine.speak(TALK, CAST, num_steps=2, max_seconds=0.1, seed=seed).audio for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(engine.speak, TALK, CAST, num_steps=2, max_seconds=0.1, seed=seed)
            for seed in range(2)
        ]
    for run, audio in zip(runs, wanted, strict=True):
        assert np.array_equal(run.result().audio, audio)
