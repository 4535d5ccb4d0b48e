"""Sweep: one script generated under many settings, as takes and as a table."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import plain

from ..take import Take
from .job import Job

if TYPE_CHECKING:
    import pandas as pd

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings, Progress
    from vibevoice_nb.model.config import Solver
    from vibevoice_nb.script import Script
    from vibevoice_nb.script.pronunciation import Pronunciation
    from vibevoice_nb.voices.casting import Voices

    from ..episode import Episode


class SweepAxes(TypedDict, total=False):
    """Values to combine, by option; a single value is an axis of one."""

    cfg_scale: Sequence[float]
    num_steps: Sequence[int]
    seed: Sequence[int]
    solver: Sequence[Solver]
    temperature: Sequence[float]


AXES = tuple(SweepAxes.__annotations__)
MAX_CELLS = 400


@dataclass
class SweepCell:
    """One combination of settings.

    Attributes
    ----------
    options : GenerationSettings
        Values of the axes.
    state : {"waiting", "speaking", "finished", "cancelled"}
    take : Take or None
    elapsed : float
        Seconds of work.
    ttfa : float or None
        Seconds from the request to the first audio.
    lufs : float or None
        Loudness; None for silence.
    ended : str
        Reason the speech ended, see `Speech.ended`.
    """

    options: GenerationSettings
    state: Literal["waiting", "speaking", "finished", "cancelled"] = "waiting"
    take: Take | None = None
    elapsed: float = 0.0
    ttfa: float | None = None
    lufs: float | None = None
    ended: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the audio."""
        return 0.0 if self.take is None else self.take.seconds

    @property
    def rtf(self) -> float:
        """Real-time factor: compute seconds per audio second."""
        return self.elapsed / self.seconds if self.seconds else 0.0


@dataclass
class SweepProgress:
    """Progress of a sweep: cells completed, and audio of the current one."""

    cells_done: int
    cells_total: int
    seconds: float = 0.0
    estimated: float = 0.0
    elapsed: float = 0.0


class Sweep(Job["Sweep"]):
    """Job that generates a script once for every combination of settings.

    Parameters
    ----------
    engine : callable
        Returns the engine; called in the background.
    script : Script
    voices : as for `Engine.speak`
    axes : mapping from option to values
        `cfg_scale`, `num_steps`, `seed`, `solver`, `temperature`.
    fixed : mapping
        Options of all cells. If neither they nor the axes have a seed, one is drawn for all cells, so that
        only the axes differ.
    pronunciation : as for `Engine.speak`
    ray : str, optional
        Address of a Ray cluster, whose workers generate several cells at once; see `Engine.on_ray`.

    Attributes
    ----------
    cells : list of SweepCell
    progress : SweepProgress
    changed : callable
        Called in the background when a cell changes; set it before or while it runs.

    Raises
    ------
    OptionError
        If an axis is unknown or empty, a value is out of range, or there are more than 400 combinations.

    Examples
    --------
    >>> from vibevoice_nb.engine.registry import engines
    >>> from vibevoice_nb.script import parse_script
    >>> script = parse_script("Speaker 1: Good morning.")
    >>> sweep = Sweep(lambda: engines.load("nano"), script, None, {"num_steps": [2, 4]}, {"seed": 1}).start()
    >>> [cell.options["num_steps"] for cell in sweep.result().cells if cell.seconds > 0.5]
    [2, 4]
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        script: Script,
        voices: Voices | None,
        axes: Mapping[str, Sequence[Any]],
        fixed: Mapping[str, Any] | None = None,
        progress: bool | Callable[[SweepProgress], None] | None = None,
        pronunciation: Pronunciation | None = None,
        ray: str | None = None,
    ) -> None:
        super().__init__(progress)
        self._pronunciation, self._ray = pronunciation, ray
        self.axes = _checked(axes)
        self.cells = [
            SweepCell(cast("GenerationSettings", dict(zip(self.axes, values, strict=True))))
            for values in itertools.product(*self.axes.values())
        ]
        self.progress = SweepProgress(0, len(self.cells))
        self._engine, self._script, self._voices = engine, script.raise_for_errors(), voices
        self.fixed = dict(fixed or {})
        self.changed: Callable[[SweepCell], None] = lambda cell: None
        self._begun, self._done, self._counting = 0.0, 0, threading.Lock()
        _check_values(self.cells, self.fixed)

    def work(self) -> None:
        from .together import on_workers

        with on_workers(self._engine(), self._ray) as engine:
            self._enter("speaking")
            self._begun = time.perf_counter()
            if self.fixed.get("seed") is None and "seed" not in self.axes:
                self.fixed["seed"] = engine.defaults.seeded().seed
            if engine.workers == 1:
                for cell in self.cells:
                    self._generate(engine, cell)
                return
            with ThreadPoolExecutor(engine.workers, "vibevoice-sweep") as pool:
                jobs = [pool.submit(self._generate, engine, cell) for cell in self.cells]
                try:
                    for job in jobs:
                        job.result()
                except BaseException:
                    self.cancel()
                    raise

    def _generate(self, engine: Engine, cell: SweepCell) -> None:
        """Generate a cell, unless the sweep was cancelled; in several threads with several workers."""
        if self.cancelled:
            cell.state = "cancelled"
            self.changed(cell)
            return
        total = len(self.cells)

        def report(progress: Progress) -> None:
            elapsed = time.perf_counter() - self._begun
            self.progress = SweepProgress(
                self._done, total, progress.seconds, progress.estimated_seconds, elapsed
            )

        self._speak(engine, cell, report)
        with self._counting:
            self._done += 1
            self.progress = SweepProgress(self._done, total, elapsed=time.perf_counter() - self._begun)
            self.reported(self.progress)

    def _speak(self, engine: Engine, cell: SweepCell, report: Callable[[Progress], None]) -> None:
        from vibevoice_nb.audio.meter import measure

        cell.state = "speaking"
        self.changed(cell)
        speech = engine.speak(
            self._script,
            self._voices,
            progress=report,
            cancelled=lambda: self.cancelled,
            pronunciation=self._pronunciation,
            **{**self.fixed, **cell.options},
        )
        cell.elapsed, cell.ttfa, cell.ended = speech.elapsed, speech.ttfa, speech.ended
        if speech.audio.size:
            name = ", ".join(f"{axis} {value}" for axis, value in cell.options.items())
            cell.take = Take.from_audio(speech.audio, name=name, manifest=speech.manifest)
            cell.lufs = measure(speech.audio).lufs
        cell.state = "cancelled" if speech.ended == "cancelled" else "finished"
        self.changed(cell)

    def measure(self, progress: SweepProgress) -> tuple[float, float]:
        return progress.cells_done, progress.cells_total

    def __repr__(self) -> str:
        return f"<Sweep {self.state}, {self.progress.cells_done} of {len(self.cells)} cells>"

    def outcome(self) -> Sweep:
        return self

    def __iter__(self) -> Any:
        """Iterate over the cells."""
        return iter(self.cells)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per cell: the axes' values, seconds, elapsed, rtf, ttfa, lufs, ended."""
        import pandas as pd

        rows = [
            {
                **cell.options,
                "state": cell.state,
                "seconds": cell.seconds,
                "elapsed": cell.elapsed,
                "rtf": cell.rtf,
                "ttfa": cell.ttfa,
                "lufs": cell.lufs,
                "ended": cell.ended,
            }
            for cell in self.cells
        ]
        return pd.DataFrame(rows)


def sweep_project(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    axes: Mapping[str, Any],
    options: Mapping[str, Any],
    progress: bool | Callable[[SweepProgress], None] | None = None,
    ray: str | None = None,
) -> Sweep:
    """Prepare a sweep of a project's script with its cast; the settings apply where nothing else is given.

    Raises
    ------
    VoiceError
        If a speaker has no voice.
    ScriptError, OptionError
        As `Sweep`.
    """
    voices = episode.turns.check_voices()
    labels = {turn.turn.label: turn.turn.speaker_index for turn in episode.turns}
    given = episode.settings.generation_options(options)
    return Sweep(
        engine if callable(engine) else lambda: engine,
        episode.script,
        {label: voices[index] for label, index in labels.items()},
        axes,
        {name: value for name, value in given.items() if name not in axes},
        progress,
        episode.turns.pronunciation,
        ray,
    )


def _checked(axes: Mapping[str, Any]) -> dict[str, list[Any]]:
    lists = {
        name: [plain(value) for value in (values if _is_several(values) else [values])]
        for name, values in axes.items()
    }
    for name, values in lists.items():
        if name not in AXES:
            raise OptionError(f"unknown axis {name!r}", f"some of {', '.join(AXES)}", "leave it out")
        if not values:
            raise OptionError(f"{name}=[]", "at least one value", "leave the axis out")
    count = 1
    for values in lists.values():
        count *= len(values)
    if not lists or count > MAX_CELLS:
        raise OptionError(
            f"the sweep has {count if lists else 0} combinations",
            f"1 to {MAX_CELLS} combinations",
            "write, for example, sweep(cfg_scale=[1.3, 2.0], num_steps=[5, 10])",
        )
    return lists


def _is_several(values: Any) -> bool:
    """Return True if an axis has several values; zero-dimensional arrays and strings are one."""
    return isinstance(plain(values), Iterable) and not isinstance(values, (str, bytes))


def _check_values(cells: Sequence[SweepCell], fixed: Mapping[str, Any]) -> None:
    """Check all values before anything is generated."""
    from vibevoice_nb.engine.options import GenerationOptions

    for cell in cells:
        GenerationOptions().updated({**fixed, **cell.options})
