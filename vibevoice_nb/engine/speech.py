"""`Speech`: the result of generating one script."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..audio.pcm import SAMPLE_RATE
from ..audio.sources import ArraySource
from ..audio.turns import TakeTurn, parted_by_words
from ..errors import AudioError
from .options import Ended, GenerationOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..export.options import ExportOptions, SaveOptions
    from ..export.take_manifest import TakeManifest
    from ..review import Recognizer, Review
    from ..script import Diagnostic
    from .interface import Run
    from .model_limits import OddLength
    from .summary import SpeechSummary


@dataclass(repr=False)
class Speech:
    """Audio of one script, and how it was generated.

    Like a project's `Take` it shows a player in a notebook, plots, writes subtitles and saves, and
    `Player(speech)` plays it.

    Attributes
    ----------
    audio : float32 [N]
        24 kHz mono in [-1, 1]; empty if the audio went to the caller's sink.
    ended : {"finished", "length", "stalled", "cancelled"}
        Reason that generation stopped; `problem` is a sentence about it.
    options : GenerationOptions
        As used, with the seed.
    cast : mapping from speaker label to voice name
    model : str
    seconds : float
        Length of the generated audio.
    elapsed : float
        Seconds of work, including reading the prompt.
    ttfa : float or None
        Seconds from the request to the first audio.
    run : SpeechRun or RemoteRun
        The run, which `Engine.resume` continues.
    diagnostics : tuple of Diagnostic
        Turns and words of the script that the model left out, and where passages begin for other speakers.
    odd_length : {"", "short", "long"}
        Set if a passage is far too short or too long for its text: usually it does not contain that text.
    attempts : int
        Number of generations that this one was chosen from.
    notes : tuple of str
        Sentences about text that the model did not speak, of a VibeVoice-Realtime.
    """

    audio: NDArray[np.float32]
    ended: Ended
    options: GenerationOptions
    cast: dict[str, str]
    model: str
    seconds: float
    elapsed: float
    ttfa: float | None
    run: Run = field(repr=False)
    sample_rate: int = SAMPLE_RATE
    diagnostics: tuple[Diagnostic, ...] = ()
    odd_length: OddLength = ""
    attempts: int = 1
    notes: tuple[str, ...] = ()
    _review: Review | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        run: Run,
        audio: NDArray[np.float32],
        cast: dict[str, str],
        diagnostics: tuple[Diagnostic, ...] = (),
        elapsed_before: float = 0.0,
    ) -> Speech:
        """Return the result of a run, whose audio the caller has kept."""
        return cls(
            audio=audio,
            ended=run.ended,
            options=run.options,
            cast=cast,
            model=run.model.name,
            seconds=run.seconds,
            elapsed=elapsed_before + time.perf_counter() - run.started,
            ttfa=None if run.first_audio is None else run.first_audio - run.started,
            run=run.without_model(),
            diagnostics=diagnostics,
            odd_length=run.odd_length,
            notes=tuple(getattr(run, "notes", ())),
        )

    def continued(self, run: Run, audio: NDArray[np.float32]) -> Speech:
        """Return the result of a run that continued this one."""
        return Speech.of(run, audio, self.cast, self.diagnostics, self.elapsed)

    def __getstate__(self) -> dict[str, Any]:
        """Keep the turns in copies and pickles: the model that finds them stays outside."""
        return {
            name: value for name, value in {**vars(self), "turns": self.turns}.items() if name != "source"
        }

    def __repr__(self) -> str:
        odd = f", far too {self.odd_length} for its text" if self.odd_length else ""
        return f"<Speech {self.seconds:.1f} s, {self.model}, seed {self.options.seed}, {self.ended}{odd}>"

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds of work per second of audio; below 1 is faster than listening."""
        return self.elapsed / self.seconds if self.seconds else 0.0

    @property
    def problem(self) -> str:
        """Reason why the speech is not complete, in a sentence; empty for a complete one."""
        made = f"{self.seconds:.1f} s of audio"
        stopped = {
            "finished": "",
            "length": f"the length limit was reached after {made}",
            "stalled": f"the model took too many steps that produce no audio, after {made}; "
            "its weights may be damaged, or of another kind than its config.json says",
            "cancelled": f"it was cancelled after {made}",
        }[self.ended]
        return "; ".join(filter(None, (stopped, *self.notes)))

    @property
    def name(self) -> str:
        """Title of displays and files."""
        return "Speech"

    @property
    def path(self) -> Path | None:
        """None: a speech is in memory."""
        return None

    @cached_property
    def source(self) -> ArraySource:
        """The audio, as displays and the player read it."""
        return ArraySource(self.audio, self.sample_rate)

    @property
    def samples(self) -> int:
        """Length of `audio` in samples."""
        return len(self.audio)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Return samples [start, start + count); those beyond the ends are left out."""
        return self.source.read(start, count)

    @cached_property
    def turns(self) -> tuple[TakeTurn, ...]:
        """Turns in `audio`, found by the model's attention when first asked for.

        After a `review` they have the times of their words.

        Boundaries between passages are exact (confidence 1). Others are an estimate with a confidence; the
        attention of the first nano follows about 14 short lines in one passage. Turns without audio are left
        out. After the model was unloaded, the estimate is by the lengths of the texts (confidence 0).
        """
        offset = self.run.samples - self.samples  # of a part that was resumed into a sink
        turns = []
        for number, (turn, (start, stop, confidence)) in enumerate(
            zip(self.run.turns, self.run.turn_samples(), strict=True), start=1
        ):
            start = min(max(0, start - offset), self.samples)
            stop = min(max(start, stop - offset), self.samples)
            turns.append(TakeTurn(str(number), turn.label, turn.words, start, stop, confidence))
        if self._review is not None:
            turns = parted_by_words(turns, self._review.words, self.sample_rate)
        return tuple(turn for turn in turns if turn.stop > turn.start)

    @property
    def manifest(self) -> TakeManifest:
        """Facts of the generation, for displays and files."""
        from ..export.take_manifest import TakeManifest

        return TakeManifest.from_json(self.summary())

    def save(self, path: str | os.PathLike[str], **options: Unpack[SaveOptions]) -> Path:
        """Write the audio to a file; its suffix is the format.

        Parameters
        ----------
        path : path
            Ends in `.wav`, `.flac`, `.mp3`, `.ogg`, `.opus` or `.m4a`, or in `.html` for a web page with the
            audio and the transcript.
        **options
            `force` replaces an existing file. With any other option (`loudness`, `subtitles`, `bitrate`, ...)
            the file also names model and seed; see `vibevoice_nb.export.export.export_take`. The manifest
            beside the file is written with `manifest=True`.

        Returns
        -------
        Path

        Raises
        ------
        AudioError
            If the file exists and `force` is not set, the disk is full, or there is no audio.
        OptionError
            If an option is out of range.
        """
        self._check_audio()
        page = isinstance(path, (str, Path)) and Path(path).suffix.lower() == ".html"
        if set(options) <= {"force"} and not page:
            from ..audio.io import write_audio

            return write_audio(path, self.audio, force=options.get("force", False))
        from ..export.export import export_take

        options.setdefault("manifest", False)
        return export_take(self, path, **options)[0]

    def export(self, target: str | os.PathLike[str], **options: Unpack[ExportOptions]) -> list[Path]:
        """Write one file, one per turn or one per speaker; see `vibevoice_nb.export.export.export_take`.

        Raises
        ------
        AudioError, OptionError
        """
        self._check_audio()
        from ..export.export import export_take

        return export_take(self, target, **options)

    def _check_audio(self) -> None:
        if not self.audio.size:
            raise AudioError("a speech without audio", "audio", "it was empty, or a sink of yours has it")

    def review(self, recognizer: str | Recognizer | None = None) -> Review:
        """Compare what a recognizer hears with the script; the latest review is kept.

        Parameters
        ----------
        recognizer : str or Recognizer, optional
            See `review.load_recognizer`; by default that of the review before, if there is one.

        Raises
        ------
        AudioError
            If there is no audio.
        OptionError
            If the recognizer is not installed.
        """
        from ..review import review

        self._check_audio()
        name = recognizer if recognizer is None or isinstance(recognizer, str) else recognizer.name
        if self._review is None or name not in (None, self._review.recognizer):
            text = "\n".join(turn.words for turn in self.run.turns)
            self._review = review(self.audio, text, recognizer=recognizer)
            vars(self).pop("turns", None)  # they get the words
        return self._review

    def to_srt(self) -> str:
        """Return subtitles in SubRip format; see `turns` for their accuracy."""
        from ..export.subtitles import to_srt

        return to_srt(self.turns)

    def to_vtt(self, *, words: bool = False) -> str:
        """Return subtitles in WebVTT format, with the speakers as voices; see `export.subtitles.to_vtt`."""
        from ..export.subtitles import to_vtt

        return to_vtt(self.turns, words=words)

    def plot_waveform(self, ax: Any = None) -> Any:
        """Plot the waveform, with the turns in their colors; see `display.plots.plot_waveform`."""
        from ..display.plots import plot_waveform

        return plot_waveform(self.source, self.sample_rate, self.turns, ax)

    def plot_spectrogram(self, ax: Any = None, scale: Literal["mel", "linear"] = "mel") -> Any:
        """Plot the spectrogram; see `display.plots.plot_spectrogram`."""
        from ..display.plots import plot_spectrogram

        return plot_spectrogram(self.source, self.sample_rate, self.turns, ax, scale)

    def summary(self) -> SpeechSummary:
        """Return the facts as plain values, for a log or a JSON line."""
        options = self.options
        summary: SpeechSummary = {
            "model": self.model,
            "ended": self.ended,
            "seconds": round(self.seconds, 3),
            "elapsed": round(self.elapsed, 3),
            "rtf": round(self.rtf, 4),
            "ttfa": None if self.ttfa is None else round(self.ttfa, 3),
            "cfg_scale": options.cfg_scale,
            "num_steps": options.num_steps,
            "seed": options.seed,
            "solver": options.solver,
            "temperature": options.temperature,
            "max_seconds": options.max_seconds,
            "passage_seconds": options.passage_seconds,
            "context_seconds": options.context_seconds,
            "seed_voices": options.seed_voices,
            "cast": self.cast,
            "odd_length": self.odd_length,
            "attempts": self.attempts,
        }
        if self.notes:
            summary["unspoken"] = list(self.notes)
        if self._review is not None:
            summary["review"] = self._review.figures()
        summary["left_out"] = [str(item) for item in self.diagnostics if item.severity != "info"]
        summary["readings"] = {
            str(number): turn.text for number, turn in enumerate(self.run.turns, start=1) if turn.written
        }
        return summary

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Show a player with the waveform in a notebook."""
        from html import escape

        from ..display.html import mimebundle

        bundle = mimebundle(self)
        odd = f"far too {self.odd_length} for its text" if self.odd_length else ""
        if notes := "; ".join(filter(None, (self.problem, odd))):
            bundle["text/html"] += f"<p>{escape(notes)}</p>"
        return {**bundle, "text/plain": repr(self)}
