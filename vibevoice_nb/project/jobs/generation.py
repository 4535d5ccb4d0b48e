"""Generation: a background job that generates turns of a project.

    job = project.generate(engine)
    for chunk in job: ...      # audio while it is generated
    take = await job           # or job.result(): the episode, assembled
    job.cancel()               # stops within a frame; the audio so far is kept

One thread does the work and calls the listener with every event, in order.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_float32, to_int16
from vibevoice_nb.engine.options import Pace
from vibevoice_nb.script.speakable import nothing_to_speak

from .job import Job

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions

    from ..episode import Episode
    from ..take import Take
    from .review import Judge

Mode = Literal["turns", "whole"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GenerationProgress:
    """Progress of a generation.

    Attributes
    ----------
    turn : str
        Id of the current turn; empty in between.
    turns_done, turns_total : int
    turn_seconds, turn_estimated : float
        Audio of this turn, generated and estimated.
    seconds, estimated : float
        Audio of all turns, generated and estimated.
    elapsed : float
        Seconds since the model was loaded.
    pace : float
        Compute seconds per audio second since the first frame; 0 while unknown.
    ttfa : float or None
        Seconds from the request to the first audio, including loading and waiting.
    """

    turn: str = ""
    turns_done: int = 0
    turns_total: int = 0
    turn_seconds: float = 0.0
    turn_estimated: float = 0.0
    seconds: float = 0.0
    estimated: float = 0.0
    elapsed: float = 0.0
    pace: float = 0.0
    ttfa: float | None = None

    @property
    def rtf(self) -> float:
        """Real-time factor: compute seconds per audio second; below 1 is faster than playback."""
        return self.elapsed / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float:
        """Estimated seconds until the end; 0 while the pace is unknown."""
        return max(0.0, self.estimated - self.seconds) * self.pace


@dataclass(frozen=True)
class Event:
    """Event of a generation.

    Attributes
    ----------
    kind : {"state", "turn", "audio", "take"}
        The state changed; a turn begins; a frame was generated; a take is complete.
    turn : str
        Id of the turn; empty if the event is about none.
    start : int
        Number of samples generated before.
    audio : float32 [n] or None
    take : Take or None
    """

    kind: Literal["state", "turn", "audio", "take"]
    turn: str = ""
    start: int = 0
    audio: NDArray[np.float32] | None = None
    take: Take | None = None


Listener = Callable[[Event], None]


class Generation(Job["Take"]):
    """Job that generates turns of a project; made by `Project.generate`. Its result is the episode.

    Parameters
    ----------
    episode : Episode
    engine : callable
        Returns the engine; called in the background, so it may load the model.
    turns : sequence of str
        Ids of the turns to generate, in the script's order; those that the engine cannot speak are skipped.
    options : callable
        From the engine to the options; their seed is used for every turn.
    mode : {"turns", "whole"}
        Turn by turn, each in the context of those before; or all in a single pass, cut into turns afterwards.
    listener : callable, optional
        Called with every `Event`, in the background.
    progress : bool or callable, optional
        See `prepare`.
    takes : int
        Takes made of each turn, the last of which is chosen; 1 in the mode "whole".
    fresh : bool
        Draw a new seed for a turn that has a take with the current seed, which would be reproduced.
    judge : Judge, optional
        Reviews every take, and chooses the best one instead of the last; only in the mode "turns".
    ray : str, optional
        Address of a Ray cluster, whose workers generate the takes of a turn at once; see `Engine.on_ray`.

    Attributes
    ----------
    progress : GenerationProgress
    options : GenerationOptions or None
        As used, with the seed; None until the engine is loaded.
    takes : list of Take
        Takes completed so far.
    skipped : tuple of str
        Ids of the turns that the model cannot speak.
    """

    def __init__(
        self,
        episode: Episode,
        engine: Callable[[], Engine],
        turns: Sequence[str],
        options: Callable[[Engine], GenerationOptions],
        mode: Mode = "turns",
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        *,
        takes: int = 1,
        fresh: bool = False,
        judge: Judge | None = None,
        ray: str | None = None,
    ) -> None:
        super().__init__(progress)
        self._judge, self._ray = judge, ray
        self.episode, self.turns, self.mode = episode, tuple(turns), mode
        self._takes_of_each, self._fresh = takes, fresh
        self.progress = GenerationProgress(turns_total=takes * len(self.turns))
        self.options: GenerationOptions | None = None
        self.takes: list[Take] = []
        self.skipped: tuple[str, ...] = ()
        self._engine, self._make_options, self._listener = engine, options, listener
        self._audio, self._pace = _AudioSoFar(), Pace()
        self._asked = self._began = time.perf_counter()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield audio [n], 24 kHz, while it is generated; then raise the error, if the job failed."""
        try:
            yield from self._audio
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        about = f"{self.progress.turns_done} of {self.progress.turns_total} turns"
        return f"<Generation {self.state}, {about}, {self.progress.seconds:.1f} s of audio>"

    def work(self) -> None:
        from .together import on_workers

        with on_workers(self._engine(), self._ray) as engine:
            self._work(engine)

    def _work(self, engine: Engine) -> None:
        self._began = time.perf_counter()
        self.options = self._make_options(engine).seeded()
        asked, self.turns = self.turns, tuple(speakable_turns(self.episode, engine, self.turns))
        self.skipped = tuple(turn for turn in asked if turn not in self.turns)
        self.progress = replace(self.progress, turns_total=self._takes_of_each * len(self.turns))
        wanted = set(self.turns)
        from .facts import check_prompts

        check_prompts(self.episode, engine, wanted)
        self.episode.cast.keep_default_voices(
            {turn.turn.label for turn in self.episode.turns if turn.id in wanted}
        )
        self._enter("speaking")
        (self._speak_whole if self.mode == "whole" else self._speak_turns)(engine, self.options)

    unit = " s"

    def measure(self, progress: GenerationProgress) -> tuple[float, float]:
        return progress.seconds, progress.estimated

    def outcome(self) -> Take:
        return self.episode.assemble()

    def entered(self) -> None:
        if self.done:
            self.progress = replace(self.progress, turn="")
            self._audio.close()
        self._notify(Event("state"))

    def _notify(self, event: Event) -> None:
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception:  # a failing listener must not abort the generation
            _log.exception("a listener of a generation failed")

    def _speak_turns(self, engine: Engine, options: GenerationOptions) -> None:
        from .speak import speak_turn

        estimates = {turn.id: turn.turn.estimated_seconds for turn in self.episode.turns}
        at_once = engine.workers > 1 and self._takes_of_each > 1 and self._judge is None
        for at, turn in enumerate(self.turns):
            if at_once and not self.cancelled:
                self._speak_at_once(engine, options, turn, estimates, at)
                continue
            made: list[Take] = []
            for again in range(self._takes_of_each):
                if self.cancelled:
                    break
                of_others = sum(estimates.get(later, 0.0) for later in self.turns[at + 1 :])
                rest = (self._takes_of_each - again) * estimates.get(turn, 0.0)
                rest += self._takes_of_each * of_others
                self._begin(turn, estimates.get(turn, 0.0), self.progress.seconds + rest)
                seed = options.seed
                if self._fresh or again:
                    seed = self.episode.takes.fresh_seed(turn, seed)
                seeded = replace(options, seed=seed)
                choose = None if self._judge is None else False
                take = speak_turn(
                    self.episode, engine, turn, seeded, self._on_audio, self._is_cancelled, choose
                )
                self._end(turn, take)
                made += [] if take is None else [take]
                if (
                    take is not None
                    and self._judge is not None
                    and self._judge.enough(take, self._is_cancelled)
                ):
                    self._leave_out(self._takes_of_each - again - 1)
                    break
            if self._judge is not None:
                self._judge.choose(turn, made, self._is_cancelled)
            if self.cancelled:
                return

    def _speak_at_once(
        self, engine: Engine, options: GenerationOptions, turn: str, estimates: dict[str, float], at: int
    ) -> None:
        """Generate all takes of a turn at once; they are reported one after another."""
        from .together import speak_takes

        count, estimate = self._takes_of_each, estimates.get(turn, 0.0)
        in_all = count * (estimate + sum(estimates.get(later, 0.0) for later in self.turns[at + 1 :]))
        in_all += self.progress.seconds
        first = self.episode.takes.fresh_seed(turn, options.seed) if self._fresh else options.seed
        seeds = [first, *(secrets.randbelow(2**31) for _ in range(count - 1))]
        self._begin(turn, estimate, in_all)
        takes = speak_takes(
            self.episode,
            engine,
            turn,
            [replace(options, seed=seed) for seed in seeds],
            self._on_audio,
            self._is_cancelled,
        )
        for number, (audio, take) in enumerate(takes):
            if number:
                self._begin(turn, estimate, max(in_all, self.progress.seconds))
                for chunk in audio:
                    self._on_audio(chunk)
            self._end(turn, take)

    def _is_cancelled(self) -> bool:
        return self.cancelled

    def _leave_out(self, takes: int) -> None:
        """Lower the number of takes to make: the turn needs no more."""
        self.progress = replace(self.progress, turns_total=self.progress.turns_total - takes)

    def _speak_whole(self, engine: Engine, options: GenerationOptions) -> None:
        from .speak import speak_whole

        estimated = sum(turn.turn.estimated_seconds for turn in self.episode.turns)
        self._begin("", estimated, estimated)
        takes = speak_whole(self.episode, engine, options, self._on_audio, lambda: self.cancelled)
        for turn, take in takes.items():
            self._end(turn, take)

    def _begin(self, turn: str, estimated: float, in_all: float) -> None:
        self.progress = replace(
            self.progress, turn=turn, turn_seconds=0.0, turn_estimated=estimated, estimated=in_all
        )
        self._notify(Event("turn", turn, start=self._audio.samples))

    def _on_audio(self, audio: NDArray[np.float32]) -> None:
        """Handle the audio of one frame."""
        now = time.perf_counter()
        start = self._audio.samples
        self._audio.add(audio)
        before, seconds, elapsed = self.progress, len(audio) / SAMPLE_RATE, now - self._began
        self.progress = replace(
            before,
            turn_seconds=before.turn_seconds + seconds,
            turn_estimated=max(before.turn_estimated, before.turn_seconds + seconds),
            seconds=before.seconds + seconds,
            estimated=max(before.estimated, before.seconds + seconds),
            elapsed=elapsed,
            pace=self._pace.at(elapsed, before.seconds + seconds),
            ttfa=before.ttfa or now - self._asked,
        )
        self.reported(self.progress)
        self._notify(Event("audio", before.turn, start, audio))

    def _end(self, turn: str, take: Take | None) -> None:
        if take is None:
            return
        self.takes.append(take)
        done = self.progress.turns_done + (take.ended != "cancelled")
        self.progress = replace(self.progress, turn="", turn_seconds=0.0, turn_estimated=0.0, turns_done=done)
        self._notify(Event("take", turn, self._audio.samples, take=take))


class _AudioSoFar:
    """Audio generated so far, in 16 bits: 90 minutes are 259 MB. Any number of threads may iterate."""

    def __init__(self) -> None:
        self.samples = 0
        self._chunks: list[NDArray[np.int16]] = []
        self._closed = False
        self._changed = threading.Condition()

    def add(self, audio: NDArray[np.float32]) -> None:
        with self._changed:
            self._chunks.append(to_int16(audio))
            self.samples += len(audio)
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        index = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or index < len(self._chunks))  # noqa: B023
                if index == len(self._chunks):
                    return
                chunk = self._chunks[index]
            yield to_float32(chunk)
            index += 1


def speakable_turns(episode: Episode, engine: Engine, turns: Sequence[str]) -> list[str]:
    """Return the turns that an engine can speak.

    Raises
    ------
    ScriptError
        If none is left.
    """
    said = episode.turns.pronunciation
    spoken = {item.id: said.turn(item.turn, engine.frontend) for item in episode.turns}
    wanted = [turn for turn in turns if turn in spoken]
    left = [turn for turn in wanted if not engine.frontend.check(spoken[turn].text).empty]
    if wanted and not left:
        first = spoken[wanted[0]]
        raise nothing_to_speak(first, engine.frontend, engine.name, f"line {first.line}: ")
    return left
