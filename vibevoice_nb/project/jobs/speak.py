"""Generation of takes: the model runs, and the audio is saved while it is generated.

Each take is kept with everything needed to reproduce it and to continue from it.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb import __version__
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.frames import LEAD_SAMPLES, Frames
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.export.manifest import GENERATED

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.voices.voice import Voice

    from ..draft import Draft
    from ..episode import Episode
    from ..take import Take
    from ..turns import ContextTurn, ProjectTurn

OnAudio = Callable[[NDArray[np.float32]], None]
Cancelled = Callable[[], bool]

_log = logging.getLogger(__name__)
_LIBRARIES = ("torch", "numpy", "tokenizers", "transformers", "num2words")
"""Libraries that affect the audio: arithmetic, and conversion of text to tokens."""


def speak_turn(
    episode: Episode,
    engine: Engine,
    turn_id: str,
    options: GenerationOptions,
    on_audio: OnAudio,
    cancelled: Cancelled,
) -> Take | None:
    """Generate one turn in the context of the takes chosen before it; return None if there is no frame."""
    turn = episode.turns.find(turn_id)
    context = episode.turns.context_for(turn_id, engine.name, engine.frontend, engine.model.weights_digest())
    begun = time.perf_counter()
    voices = engine.followed(voices_of(episode))
    spoken = [item.spoken for item in context]
    run = SpeechRun.in_context(engine.loaded, turn.turn, voices, spoken, options, cancelled)
    writer = episode.takes.begin(turn_id)
    first: float | None = None

    def manifest() -> dict[str, Any]:
        return {
            **_about(engine, options, mode="turns"),
            **_said(episode, turn, voices),
            "expected_seconds": round(engine.frontend.seconds(turn.turn.text), 2),
            "odd_length": run.odd_length,
            "context": [_context_entry(item) for item in context[len(context) - run.context_used :]],
            "context_dropped": len(context) - run.context_used,
            "prefill_sha256": run.prefill_hash,
            **_effort(run.frames, engine, time.perf_counter() - begun, first),
            "ended": run.ended,
        }

    # the codec always continues the audio before, even if the model did not read its words
    follows = context[-1].take_id if context else None
    try:
        for audio in run:
            first = first or time.perf_counter() - begun
            writer.write(audio)
            on_audio(audio)
    except BaseException as error:
        with keeping_audio():
            frames = run.frames
            about = {**manifest(), "error": _short(error)} if len(frames) else {}
            writer.salvage(frames, engine.model.config.hop_length, run.lead, about, follows=follows)
        raise
    if not len(run.frames):
        writer.abandon()
        return None
    return writer.finish(run.frames, run.lead, manifest(), follows=follows)


def speak_whole(
    episode: Episode, engine: Engine, options: GenerationOptions, on_audio: OnAudio, cancelled: Cancelled
) -> dict[str, Take]:
    """Generate the whole script in the model's passes, then cut the audio into a take for each turn.

    If stopped early, the turns reached become takes, the last of them a partial take.
    """
    turns = episode.turns.snapshot()
    begun = time.perf_counter()
    voices = engine.followed(voices_of(episode))
    run = SpeechRun.whole(engine.loaded, [turn.turn for turn in turns], voices, options, cancelled)
    first: float | None = None

    def cut(draft: Draft, error: BaseException | None = None) -> dict[str, Take]:
        # The audio is only on disk; after a failed write the last frame has none.
        frames = run.frames[: draft.samples // engine.model.config.hop_length]
        if not len(frames):
            return {}
        shared = {
            **_about(engine, options, mode="whole"),
            **_effort(frames, engine, time.perf_counter() - begun, first),
            "error": None if error is None else _short(error),
        }
        return _cut(episode, engine, turns, voices, run, draft, frames, shared)

    failure: BaseException | None = None
    with episode.takes.keep_audio() as draft:
        try:
            for audio in run:
                first = first or time.perf_counter() - begun
                draft.write(audio)
                on_audio(audio)
        except BaseException as error:
            failure = error
            try:
                cut(draft, error)
            except Exception:  # the draft is left
                raise error from None
        else:
            return cut(draft)
    assert failure is not None
    raise failure


def _cut(
    episode: Episode,
    engine: Engine,
    turns: Sequence[ProjectTurn],
    voices: Mapping[int, Voice],
    run: SpeechRun,
    draft: Draft,
    frames: Frames,
    shared: dict[str, Any],
) -> dict[str, Take]:
    """Cut the audio of a run, which is in the draft, into a take for each turn."""
    takes: dict[str, Take] = {}
    context: list[dict[str, Any]] = []
    follows: str | None = None
    hop = engine.model.config.hop_length
    # a run that was stopped has not reached every turn
    reached = [
        (turn, span)
        for turn, span in zip(turns, run.spans(), strict=True)
        if min(span.stop_frame, len(frames)) > span.start_frame
    ]
    for turn, span in reached:
        start, stop = span.start_frame, min(span.stop_frame, len(frames))
        last = turn is reached[-1][0]
        writer = episode.takes.begin(turn.id)
        writer.write(draft.read(start * hop, (stop - start) * hop))
        manifest = {
            **shared,
            **_said(episode, turn, voices),
            **_length(engine, turn, stop - start, cut_off=last and run.ended != "finished"),
            "context": list(context),
            "context_dropped": 0,
            "confidence": span.confidence,
            "run_frames": [start, stop],
            "ended": run.ended if last else "finished",
        }
        lead = np.zeros(LEAD_SAMPLES, np.float32)
        if start:
            lead = draft.read(start * hop - LEAD_SAMPLES, LEAD_SAMPLES)
        take = writer.finish(frames[start:stop], lead, manifest, follows=follows)
        takes[turn.id], follows = take, take.id
        context.append({"turn_id": turn.id, "take_id": take.id, **_words(turn)})
    return takes


@contextlib.contextmanager
def keeping_audio() -> Iterator[None]:
    """Log errors while audio is kept after another error, which must not be hidden."""
    try:
        yield
    except Exception:
        _log.exception("audio generated before an error could not be saved as a take")


def _short(error: BaseException) -> str:
    """Return an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def voices_of(episode: Episode) -> dict[int, Voice]:
    """Return the voices by the model's speaker index; speakers without a voice are left out."""
    cast = episode.cast
    voices = {}
    for turn in episode.turns:
        member = cast.get(turn.turn.label)
        if member is not None and member.voice is not None:
            voices[turn.turn.speaker_index] = member.voice
    return voices


def _about(engine: Engine, options: GenerationOptions, *, mode: str) -> dict[str, Any]:
    """Describe the model and the settings."""
    return {
        "content": GENERATED,
        "model": engine.name,
        "revision": engine.revision,
        "weights": engine.model.weights_digest(),
        "device": str(engine.device),
        "dtype": str(engine.dtype).removeprefix("torch."),
        "quantize": engine.quantize,
        "attention": engine.attention,
        "mode": mode,
        "options": asdict(options),
        "versions": {
            "vibevoice-nb": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in _LIBRARIES},
        },
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _said(episode: Episode, turn: ProjectTurn, voices: Mapping[int, Voice]) -> dict[str, Any]:
    """Describe the words and the voice; `spoken_with` is the built-in one that replaced it."""
    member = episode.cast.get(turn.turn.label)
    voice = None if member is None else member.voice
    used = voices.get(turn.turn.speaker_index)
    return {
        "turn_id": turn.id,
        **_words(turn),
        "voice": None
        if member is None or voice is None
        else {
            "name": voice.name,
            "kind": member.kind,
            "sha256": voice.sha256,
            "seconds": round(voice.seconds, 3),
            "consent": member.consent,
            **(
                {}
                if used is None or used is voice or used.sha256 == voice.sha256
                else {"spoken_with": used.name}
            ),
        },
    }


def _length(engine: Engine, turn: ProjectTurn, frames: int, *, cut_off: bool) -> dict[str, Any]:
    """Return the estimated length of the text, and whether the audio is far from it."""
    length = frames / engine.model.config.frame_rate, engine.frontend.seconds(turn.turn.text)
    odd = engine.limits.odd_passage([] if cut_off else [length], length if cut_off else None)
    return {"expected_seconds": round(length[1], 2), "odd_length": odd}


def _words(turn: ProjectTurn) -> dict[str, str]:
    return {"speaker": turn.turn.label, "text": turn.turn.text}


def _context_entry(item: ContextTurn) -> dict[str, Any]:
    said = item.spoken.turn
    return {"turn_id": item.turn_id, "take_id": item.take_id, "speaker": said.label, "text": said.text}


def _effort(frames: Frames, engine: Engine, elapsed: float, ttfa: float | None) -> dict[str, Any]:
    seconds = len(frames.latent) * engine.model.config.hop_length / SAMPLE_RATE
    return {
        "elapsed": round(elapsed, 3),
        "rtf": round(elapsed / seconds, 4),
        "ttfa": None if ttfa is None else round(ttfa, 3),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
