"""Take: one rendering of a turn or of a whole episode, with its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource, FileSource
from vibevoice_nb.audio.turns import TakeTurn as TakeTurn
from vibevoice_nb.engine.frames import LEAD_SAMPLES, Frames
from vibevoice_nb.errors import AudioError
from vibevoice_nb.export.take_manifest import TakeManifest as TakeManifest

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.model_limits import OddLength
    from vibevoice_nb.export.options import ExportOptions, SaveOptions
    from vibevoice_nb.review import Recognizer, Review
    from vibevoice_nb.voices.casting import VoiceSpec

MAX_FRAMES_BYTES = 256 * 1024**2


@dataclass(frozen=True, eq=False)
class Take:
    """One rendering of a turn or an episode; immutable.

    Attributes
    ----------
    id : str
    name : str
        Name for people.
    source : AudioSource
        Audio, read in pieces.
    turns : tuple of TakeTurn
    manifest : TakeManifest
        How it was generated.
    path : Path or None
        Its folder or file.

    Examples
    --------
    >>> take = Take.from_audio(np.zeros(48000, np.float32), name="silence")
    >>> take.seconds, take.read(0, 3).tolist()
    (2.0, [0.0, 0.0, 0.0])
    """

    id: str
    name: str
    source: AudioSource
    turns: tuple[TakeTurn, ...] = ()
    manifest: TakeManifest = field(default_factory=TakeManifest)
    path: Path | None = None

    @classmethod
    def from_audio(
        cls,
        audio: NDArray[np.float32],
        *,
        turns: Sequence[TakeTurn] = (),
        name: str = "",
        manifest: TakeManifest | Mapping[str, Any] | None = None,
        sample_rate: int = SAMPLE_RATE,
    ) -> Take:
        """Create a take from audio in memory.

        Parameters
        ----------
        audio : float32 [N]
            Mono.
        turns : sequence of TakeTurn
        name : str
        manifest : TakeManifest or mapping, optional
            A mapping is read by `TakeManifest.from_json`.
        sample_rate : int

        Raises
        ------
        AudioError
            If it is not a one-dimensional array of finite samples.
        OptionError
            If the manifest is not a mapping.
        """
        return cls("", name, ArraySource(audio, sample_rate), tuple(turns), TakeManifest.of(manifest))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, name: str = "") -> Take:
        """Create a take from an audio file: WAV and FLAC are read in pieces, others at once, at 24 kHz.

        Raises
        ------
        AudioError
            If the file can't be read.
        """
        from vibevoice_nb.audio.io import read_audio

        file = Path(path)
        if file.suffix.lower() in (".wav", ".flac"):
            source: AudioSource = FileSource(file)
        else:
            source = ArraySource(read_audio(file)[0])
        return cls("", name or file.stem, source, path=file)

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.source.samples

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.source.sample_rate

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    @property
    def audio(self) -> NDArray[np.float32]:
        """All samples, float32 [N], read on access; 90 minutes take half a gigabyte."""
        return self.read(0, self.samples)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        return self.source.read(start, count)

    def peaks(self, start: int, stop: int, buckets: int) -> NDArray[np.int16]:
        """Return minimum and maximum of equal parts, int16 [buckets, 2]; see `AudioSource.peaks`."""
        return self.source.peaks(start, stop, buckets)

    @property
    def turn_id(self) -> str:
        """Id of its turn; empty for a take that is not of a project."""
        return self.manifest.turn_id or ""

    @property
    def number(self) -> int:
        """Number among the takes of its turn, from 1; 0 if unknown."""
        return self.manifest.number or 0

    @property
    def created(self) -> str:
        """Date of the generation: UTC, ISO 8601; empty if unknown."""
        return self.manifest.created or ""

    @property
    def model(self) -> str:
        """Name of the model that generated it; empty if unknown."""
        return self.manifest.model or ""

    @property
    def seed(self) -> int | None:
        """Random seed it was generated with; None if unknown."""
        return self.manifest.seed

    @property
    def follows(self) -> str | None:
        """Id of the take whose audio it continues."""
        return self.manifest.follows

    @property
    def ended(self) -> str:
        """Reason its speech ended: "finished", "length", "stalled", "cancelled"; empty if unknown."""
        return self.manifest.ended or ""

    @property
    def odd_length(self) -> OddLength:
        """Either "short" or "long" if its length is far from the estimate of its text; else empty."""
        known: dict[str | None, OddLength] = {"short": "short", "long": "long"}
        return known.get(self.manifest.odd_length, "")

    @property
    def lead(self) -> NDArray[np.float32]:
        """The 20 ms of audio directly before its first sample, float32 [480]; silence if there was none."""
        return _read_lead(self._frames_file) if self._frames_file else np.zeros(LEAD_SAMPLES, np.float32)

    @property
    def frames(self) -> Frames | None:
        """Frames that it was decoded from; None if they were not kept.

        Raises
        ------
        AudioError
            If their file is damaged.
        """
        if self._frames_file is None:
            return None
        tensors = _read_tensors(self._frames_file, ("latent", "semantic"))
        return Frames(tensors["latent"], tensors["semantic"])

    @property
    def _frames_file(self) -> Path | None:
        """File of the frames; only takes of a project have one."""
        return self.path / "frames.safetensors" if self.path is not None and self.turn_id else None

    def save(self, path: str | os.PathLike[str], **options: Unpack[SaveOptions]) -> Path:
        """Save the take as one audio file, in the format of its suffix; see `export_take`.

        Raises
        ------
        AudioError, OptionError
        """
        from vibevoice_nb.export.export import export_take

        return export_take(self, path, **options)[0]

    def export(self, target: str | os.PathLike[str], **options: Unpack[ExportOptions]) -> list[Path]:
        """Export the take whole, by turn or by speaker; see `vibevoice_nb.export.export.export_take`.

        Raises
        ------
        AudioError, OptionError
        """
        from vibevoice_nb.export.export import export_take

        return export_take(self, target, **options)

    def to_srt(self) -> str:
        """Return the subtitles as SubRip (SRT)."""
        from vibevoice_nb.export.subtitles import to_srt

        return to_srt(self.turns)

    def to_vtt(self, *, words: bool = False) -> str:
        """Return the subtitles as WebVTT, with the speakers as voices; see `export.subtitles.to_vtt`."""
        from vibevoice_nb.export.subtitles import to_vtt

        return to_vtt(self.turns, words=words)

    def review(self, recognizer: str | Recognizer | None = None, *, voice: VoiceSpec | None = None) -> Review:
        """Compare what a recognizer hears with the text of the take, and measure pace and loudness.

        `Project.review` also keeps the result.

        Parameters
        ----------
        recognizer : str or Recognizer, optional
            See `review.load_recognizer`.
        voice : Voice, str, path or float32 [N], optional
            Voice to compare the take with; it sets `similarity`.

        Raises
        ------
        AudioError
            If the take has no audio or no text.
        OptionError
            If the recognizer, or for `voice` the speaker embedding, is not installed.
        VoiceError
            If `voice` is not a recording.
        """
        from vibevoice_nb.review import review

        text = "\n".join(turn.text for turn in self.turns) or self.manifest.text or ""
        if not self.samples or not text:
            missing = "text" if self.samples else "audio"
            raise AudioError(
                f"the take has no {missing}",
                "generated audio with its script",
                "use vibevoice_nb.review.review",
            )
        audio = self.audio
        if self.sample_rate != SAMPLE_RATE:
            import soxr

            audio = soxr.resample(audio, self.sample_rate, SAMPLE_RATE)
        found = review(audio, text, recognizer=recognizer)
        if voice is None:
            return found

        from vibevoice_nb.review.speakers import similarity_to

        return replace(found, similarity=similarity_to(voice, audio))

    def plot_waveform(self, ax: Any = None) -> Any:
        """Draw the waveform, with the turns in their colors; see `display.plots.plot_waveform`."""
        from vibevoice_nb.display.plots import plot_waveform

        return plot_waveform(self.source, self.sample_rate, self.turns, ax)

    def plot_spectrogram(self, ax: Any = None, scale: Literal["mel", "linear"] = "mel") -> Any:
        """Draw the spectrogram; see `vibevoice_nb.display.plots.plot_spectrogram`."""
        from vibevoice_nb.display.plots import plot_spectrogram

        return plot_spectrogram(self.source, self.sample_rate, self.turns, ax, scale)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        from vibevoice_nb.display.html import mimebundle

        return mimebundle(self)

    def __repr__(self) -> str:
        count = len(self.turns)
        turns = "1 turn" if count == 1 else f"{count} turns"
        return f"<Take {self.name or self.id!r}: {self.seconds:.1f} s, {turns}>"


@lru_cache(maxsize=4096)  # 2 KB each
def _read_lead(path: Path) -> NDArray[np.float32]:
    lead = _read_tensors(path, ("lead",))["lead"]
    if lead.shape != (LEAD_SAMPLES,) or lead.dtype != np.float32:
        raise _damaged(path, f"a lead of shape {list(lead.shape)} and type {lead.dtype}")
    lead.setflags(write=False)
    return lead


def _read_tensors(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        if path.stat().st_size > MAX_FRAMES_BYTES:
            raise _damaged(path, "too large")
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as exc:
        raise _damaged(path, exc) from exc


def _damaged(path: Path, reason: object) -> AudioError:
    return AudioError(f"{path} is damaged ({reason})", "the frames of a take", "regenerate the turn")
