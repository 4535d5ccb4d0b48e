"""Generation: a background job that generates turns of a project.

    job = project.generate(engine)
    for chunk in job: ...      # audio while it is generated
    take = await job           # or job.result(): the episode, assembled
    job.cancel()               # stops within a frame; the audio so far is kept

One thread does the work and calls the listener with every event, in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_float32, to_int16
from vibevoice_nb.engine.options import Pace
from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.ranges import one_of, shown
from vibevoice_nb.script.speakable import nothing_to_speak

from ..turns import ProjectTurn, checked_ids
from .job import Job

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions, GenerationSettings

    from ..episode import Episode
    from ..take import Take

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
    ) -> None:
        super().__init__(progress)
        self.episode, self.turns, self.mode = episode, tuple(turns), mode
        self.progress = GenerationProgress(turns_total=len(self.turns))
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
        engine = self._engine()
        self._began = time.perf_counter()
        self.options = self._make_options(engine).seeded()
        asked, self.turns = self.turns, tuple(speakable_turns(self.episode, engine, self.turns))
        self.skipped = tuple(turn for turn in asked if turn not in self.turns)
        self.progress = replace(self.progress, turns_total=len(self.turns))
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
        for turn in self.turns:
            if self.cancelled:
                return
            rest = sum(estimates.get(later, 0.0) for later in self.turns[self.progress.turns_done :])
            self._begin(turn, estimates.get(turn, 0.0), self.progress.seconds + rest)
            take = speak_turn(self.episode, engine, turn, options, self._on_audio, lambda: self.cancelled)
            self._end(turn, take)

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


def prepare(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    turns: Sequence[str] | None = None,
    *,
    mode: Mode | None = None,
    listener: Listener | None = None,
    progress: bool | Callable[[GenerationProgress], None] | None = None,
    **options: Unpack[GenerationSettings],
) -> Generation:
    """Prepare a generation, and check everything that can be checked before a model is loaded.

    Parameters
    ----------
    episode : Episode
    engine : Engine or callable
        A callable that returns the engine is called in the background.
    turns : sequence of str, optional
        Ids of the turns to generate; by default what is missing, or all if nothing is.
    mode : {"turns", "whole"}, optional
        By default the setting. A whole script is always generated from its beginning to its end.
    listener : callable, optional
        Called with every `Event`, in the background.
    progress : bool or callable, optional
        True shows a tqdm bar; a callable is called with the `GenerationProgress` after every frame.
    **options
        Those of `GenerationOptions`; by default the settings of the project, then those of the model.

    Raises
    ------
    ScriptError, VoiceError, OptionError, ProjectError
        If the script, a voice or the project is not ready.
    """
    mode = episode.settings.current.mode if mode is None else mode
    if not one_of(mode, ("turns", "whole")):
        raise OptionError(f"mode={shown(mode)}", "'turns' or 'whole'", "leave it out")
    turns_now = episode.turns.snapshot()
    every = [turn.id for turn in turns_now]
    asked = _worth_generating(turns_now) if turns is None else checked_ids(turns)
    wanted = every if mode == "whole" else list(asked)
    check_ready(episode, wanted)
    if not callable(engine):
        speakable_turns(episode, engine, wanted)
    given = episode.settings.generation_options(options)
    return Generation(
        episode,
        engine if callable(engine) else lambda: engine,
        [turn_id for turn_id in every if turn_id in set(wanted)],
        lambda loaded: loaded.defaults.updated(given),
        mode,
        listener,
        progress,
    )


def _worth_generating(turns: Sequence[ProjectTurn]) -> list[str]:
    """Return the missing turns, or all turns once every turn that can be spoken has a take.

    Unspeakable turns are among the missing: the engine's model may be another than the one of the settings,
    and decides which turns it can speak.
    """
    missing = [turn for turn in turns if turn.state != "spoken" or turn.partial]
    some = any(turn.state != "unspeakable" for turn in missing)
    return [turn.id for turn in (missing if some else turns)]


def speakable_turns(episode: Episode, engine: Engine, turns: Sequence[str]) -> list[str]:
    """Return the turns that an engine can speak.

    Raises
    ------
    ScriptError
        If none is left.
    """
    spoken = {item.id: item.turn for item in episode.turns}
    wanted = [turn for turn in turns if turn in spoken]
    left = [turn for turn in wanted if not engine.frontend.check(spoken[turn].text).empty]
    if wanted and not left:
        first = spoken[wanted[0]]
        raise nothing_to_speak(first, engine.frontend, engine.name, f"line {first.line}: ")
    return left


def check_ready(episode: Episode, turns: Sequence[str]) -> None:
    """Check, before a model is loaded, that these turns can be generated.

    Raises
    ------
    ScriptError
        If the script has errors, nothing to speak, or a turn is not in it.
    VoiceError
        If a speaker has no voice.
    """
    episode.script.raise_for_errors()
    known = {turn.id for turn in episode.turns}
    unknown = [turn for turn in turns if turn not in known]
    if unknown:
        raise ScriptError(
            f"the turn {unknown[0]!r} is not in this script",
            "a turn of the script",
            "see project.turns",
        )
    episode.turns.check_voices(turns)
