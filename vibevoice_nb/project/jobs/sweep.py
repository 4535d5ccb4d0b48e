"""Sweep: one script generated under many settings, as takes and as a table."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from vibevoice_nb.script.pronunciation import Pronunciation

from ..take import Take
from .job import Job
from .sweep_axes import SweepAxes as SweepAxes
from .sweep_axes import check_values, checked_axes

if TYPE_CHECKING:
    import pandas as pd

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings, Progress
    from vibevoice_nb.review import Recognizer, ReviewReport
    from vibevoice_nb.script import Script
    from vibevoice_nb.voices.casting import Voices

    from ..episode import Episode
    from .review import ReviewProgress
    from .sweep_review import SweepReview


REVIEW_COLUMNS = ("wer", "score", "similarity", "words_per_minute", "syllables_per_second")
_POLL_SECONDS = 0.1


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
    spoken : sequence of (str, str)
        Speaker and text of each turn in the audio.
    review : ReviewReport or None
        Words that a recognizer heard, one row for each turn; None before a review.
    """

    options: GenerationSettings
    state: Literal["waiting", "speaking", "finished", "cancelled"] = "waiting"
    take: Take | None = None
    elapsed: float = 0.0
    ttfa: float | None = None
    lufs: float | None = None
    ended: str = ""
    spoken: Sequence[tuple[str, str]] = ()
    review: ReviewReport | None = None

    @property
    def reviewed_by(self) -> str:
        """Name of the recognizer of `review`; empty before a review."""
        return self.review[0].review.recognizer if self.review else ""

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
    review : bool, str or Recognizer
        Review the cells as they finish, with the given recognizer; True is the default one. `result()` then
        waits for the reviews, too. See `Sweep.review`.

    Attributes
    ----------
    cells : list of SweepCell
    progress : SweepProgress
    changed : callable
        Called in the background when a cell changes; set it before or while it runs.
    reviewing : SweepReview or None
        The latest review.
    review_changed : callable
        Called in the background when a review begins, proceeds or ends.
    script : Script
    voices : as given
    readings : mapping from word to reading
        The lexicon of the pronunciation.
    generated : Event
        Set once no more audio is generated.

    Raises
    ------
    OptionError
        If an axis is unknown or empty, a value is out of range, or there are more than 400 combinations.
        `result()` also raises it if `review` is not a recognizer that is installed.

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
        review: bool | str | Recognizer = False,
    ) -> None:
        super().__init__(progress)
        self._pronunciation, self._ray, self._wanted = pronunciation, ray, review
        self.axes = checked_axes(axes)
        self.cells = [
            SweepCell(cast("GenerationSettings", dict(zip(self.axes, values, strict=True))))
            for values in itertools.product(*self.axes.values())
        ]
        self.progress = SweepProgress(0, len(self.cells))
        self._engine, self.script, self.voices = engine, script.raise_for_errors(), voices
        self.readings: Mapping[str, str] = Pronunciation.of(pronunciation).lexicon
        self.reviewing: SweepReview | None = None
        self.review_changed: Callable[[], None] = lambda: None
        self.generated = threading.Event()
        self.fixed = dict(fixed or {})
        self.changed: Callable[[SweepCell], None] = lambda cell: None
        self._begun, self._done, self._counting = 0.0, 0, threading.Lock()
        check_values((cell.options for cell in self.cells), self.fixed)

    def work(self) -> None:
        from .review import loaded
        from .together import on_workers

        if self._wanted is not False:  # loaded before anything is generated: its name may be wrong
            recognizer = None if self._wanted is True else self._wanted
            self.review(loaded(recognizer))
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
            self.script,
            self.voices,
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
            cell.spoken = [(turn.label, turn.words) for turn in speech.run.turns]
        cell.state = "cancelled" if speech.ended == "cancelled" else "finished"
        self.changed(cell)

    def measure(self, progress: SweepProgress) -> tuple[float, float]:
        return progress.cells_done, progress.cells_total

    def __repr__(self) -> str:
        return f"<Sweep {self.state}, {self.progress.cells_done} of {len(self.cells)} cells>"

    def review(
        self,
        recognizer: str | Recognizer | None = None,
        *,
        progress: bool | Callable[[ReviewProgress], None] | None = None,
    ) -> SweepReview:
        """Compare the words of the cells with the script in the background, with the lowest priority.

        Cells that finish later are reviewed, too; those with a review by the same recognizer are not reviewed
        again. The reviews are `cell.review`, and columns of `to_dataframe()`.

        Parameters
        ----------
        recognizer : str or Recognizer, optional
            See `review.load_recognizer`.
        progress : bool or callable, optional

        Returns
        -------
        SweepReview
            `await job`, `job.result()`, `job.cancel()`; the result is this sweep.
        """
        from .sweep_review import SweepReview

        with self._counting:
            if self.reviewing is not None:
                self.reviewing.cancel()
            job = self.reviewing = SweepReview(
                self, recognizer, progress=progress, listener=lambda: self.review_changed()
            )
        return job.start()

    @property
    def best(self) -> SweepCell | None:
        """Cell whose review has the highest score, the first of equals; None if none is reviewed."""
        reviewed = [cell for cell in self.cells if cell.review is not None]
        return max(reviewed, key=lambda cell: cell.review.score if cell.review else 0.0, default=None)

    def cancel(self) -> None:
        """Stop within one frame, and stop the review; finished cells and their reviews are kept."""
        super().cancel()
        if self.reviewing is not None:
            self.reviewing.cancel()

    def entered(self) -> None:
        if self.done:  # also if it was cancelled before it began
            self.generated.set()

    def outcome(self) -> Sweep:
        self.generated.set()  # other generations may begin, while this one waits for its reviews
        job = self.reviewing
        while self._wanted is not False and job is not None and not self.cancelled:
            with contextlib.suppress(NotYet):
                job.result(_POLL_SECONDS)
                break
        return self

    def __iter__(self) -> Any:
        """Iterate over the cells."""
        return iter(self.cells)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per cell: the axes' values, seconds, elapsed, rtf, ttfa, lufs, ended, and of its review.

        The columns of the review are wer, score, similarity, words_per_minute and syllables_per_second, see
        `ReviewReport.figures`; None without a review.
        """
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
                **_review_figures(cell),
            }
            for cell in self.cells
        ]
        return pd.DataFrame(rows)


def _review_figures(cell: SweepCell) -> dict[str, Any]:
    figures: Mapping[str, Any] = cell.review.figures() if cell.review is not None else {}
    return {name: figures.get(name) for name in REVIEW_COLUMNS}


def sweep_project(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    axes: Mapping[str, Any],
    options: Mapping[str, Any],
    progress: bool | Callable[[SweepProgress], None] | None = None,
    ray: str | None = None,
    review: bool | str | Recognizer = False,
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
        review,
    )
