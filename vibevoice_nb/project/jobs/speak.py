"""Generation of takes: the model runs, and the audio is saved while it is generated.

Each take is kept with everything needed to reproduce it and to continue from it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.frames import LEAD_SAMPLES
from vibevoice_nb.export.take_entries import ContextEntry
from vibevoice_nb.export.take_manifest import TakeManifest

from .facts import RunFacts

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.interface import Run
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.script import Turn

    from ..draft import Draft
    from ..episode import Episode
    from ..take import Take
    from ..turns import ContextTurn, ProjectTurn

OnAudio = Callable[[NDArray[np.float32]], None]
Cancelled = Callable[[], bool]

_log = logging.getLogger(__name__)


class TurnTake:
    """A take of one turn while it is generated, in the context of the takes chosen before it.

    Attributes
    ----------
    run : Run
    """

    def __init__(
        self,
        episode: Episode,
        engine: Engine,
        turn_id: str,
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> None:
        self._turn = episode.turns.find(turn_id)
        self._context = (
            episode.turns.context_for(turn_id, engine.name, engine.frontend, engine.weights_digest())
            if engine.limits.hears_context
            else []
        )
        self.facts = RunFacts(episode, engine, options, "turns")
        spoken = [item.spoken for item in self._context]
        read = self.facts.read(self._turn.turn)
        self.run = engine.run_in_context(read, self.facts.voices, spoken, options, cancelled)
        self._writer = episode.takes.begin(turn_id)
        self._hop_length = engine.hop_length
        # the codec always continues the audio before, even if the model did not read its words
        self._follows = self._context[-1].take_id if self._context else None

    def add(self, audio: NDArray[np.float32]) -> None:
        """Save audio of the run."""
        self.facts.audio_came()
        self._writer.write(audio)

    def finish(self, choose: bool | None) -> Take | None:
        """Complete the take; return None if there is no frame. `choose` is that of `TakeWriter.finish`."""
        run = self.run
        if not len(run.frames):
            self._writer.abandon()
            return None
        return self._writer.finish(
            run.frames, run.lead, self._manifest(), follows=self._follows, choose=choose
        )

    def keep(self, error: BaseException) -> None:
        """Keep the audio that was generated before an error, as a partial take."""
        run = self.run
        with keeping_audio():
            about = self._manifest(error) if len(run.frames) else None
            self._writer.salvage(run.frames, self._hop_length, run.lead, about, follows=self._follows)

    def _manifest(self, error: BaseException | None = None) -> TakeManifest:
        run, context = self.run, self._context
        return replace(
            self.facts.of_turn(self.facts.shared(len(run.frames), error), self._turn),
            odd_length=run.odd_length,
            context=tuple(map(_context_entry, context[len(context) - run.context_used :])),
            context_dropped=len(context) - run.context_used,
            prefill_sha256=run.prefill_hash,
            ended=run.ended,
        )


def speak_turn(
    episode: Episode,
    engine: Engine,
    turn_id: str,
    options: GenerationOptions,
    on_audio: OnAudio,
    cancelled: Cancelled,
    choose: bool | None = None,
) -> Take | None:
    """Generate one turn in the context of the takes chosen before it; return None if there is no frame.

    `choose` is that of `TakeWriter.finish`.
    """
    take = TurnTake(episode, engine, turn_id, options, cancelled)
    try:
        for audio in take.run:
            take.add(audio)
            on_audio(audio)
    except BaseException as error:
        take.keep(error)
        raise
    return take.finish(choose)


def speak_whole(
    episode: Episode, engine: Engine, options: GenerationOptions, on_audio: OnAudio, cancelled: Cancelled
) -> dict[str, Take]:
    """Generate the whole script in the model's passes, then cut the audio into a take for each turn.

    If stopped early, the turns reached become takes, the last of them a partial take.
    """
    turns = episode.turns.snapshot()
    facts = RunFacts(episode, engine, options, "whole")
    read = [facts.read(turn.turn) for turn in turns]
    run = engine.run_whole(read, facts.voices, options, cancelled)
    failure: BaseException | None = None
    with episode.takes.keep_audio() as draft:
        try:
            for audio in run:
                facts.audio_came()
                draft.write(audio)
                on_audio(audio)
        except BaseException as error:
            failure = error
            try:
                _cut(episode, engine, turns, run, draft, facts, error)
            except Exception:  # the draft is left
                raise error from None
        else:
            return _cut(episode, engine, turns, run, draft, facts)
    assert failure is not None
    raise failure


def _cut(
    episode: Episode,
    engine: Engine,
    turns: Sequence[ProjectTurn],
    run: Run,
    draft: Draft,
    facts: RunFacts,
    error: BaseException | None = None,
) -> dict[str, Take]:
    """Cut the audio of a run, which is in the draft, into a take for each turn that it reached."""
    hop = engine.hop_length
    # The audio is only on disk; after a failed write the last frame has none.
    frames = run.frames[: draft.samples // hop]
    if not len(frames):
        return {}
    shared = facts.shared(len(frames), error)
    spans = [
        (turn, span, min(span.stop_frame, len(frames))) for turn, span in zip(turns, run.spans(), strict=True)
    ]
    reached = [(turn, span, stop) for turn, span, stop in spans if stop > span.start_frame]
    takes: dict[str, Take] = {}
    context: tuple[ContextEntry, ...] = ()
    follows: str | None = None
    for turn, span, stop in reached:
        start, last = span.start_frame, turn is reached[-1][0]
        ended = run.ended if last else "finished"
        manifest = replace(
            facts.of_turn(shared, turn),
            odd_length=_odd_length(engine, facts.read(turn.turn), stop - start, cut_off=ended != "finished"),
            context=context,
            context_dropped=0,
            confidence=span.confidence,
            run_frames=(start, stop),
            ended=ended,
        )
        writer = episode.takes.begin(turn.id)
        writer.write(draft.read(start * hop, (stop - start) * hop))
        joined = start and engine.limits.hears_context
        lead = draft.read(start * hop - LEAD_SAMPLES, LEAD_SAMPLES) if joined else None
        take = writer.finish(frames[start:stop], lead, manifest, follows=follows)
        takes[turn.id] = take
        if not engine.limits.hears_context:
            continue
        follows = take.id
        context += (ContextEntry(turn.id, take.id, turn.turn.label, turn.turn.text),)
    return takes


@contextlib.contextmanager
def keeping_audio() -> Iterator[None]:
    """Log errors while audio is kept after another error, which must not be hidden."""
    try:
        yield
    except Exception:
        _log.exception("audio generated before an error could not be saved as a take")


def _odd_length(engine: Engine, turn: Turn, frames: int, *, cut_off: bool) -> str:
    """Return "short" or "long" if the audio of a turn is far from the estimate of its text, else empty."""
    length = frames * engine.hop_length / SAMPLE_RATE, engine.frontend.seconds(turn.text)
    return engine.limits.odd_passage([] if cut_off else [length], length if cut_off else None)


def _context_entry(item: ContextTurn) -> ContextEntry:
    said = item.spoken.turn
    return ContextEntry(item.turn_id, item.take_id, said.label, said.words)
