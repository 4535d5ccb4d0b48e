"""Export a take: whole, turn by turn or one stem per speaker, with subtitles, chapters and a manifest.

Audio goes from the take to the encoders in blocks of ten seconds, so 90 minutes need no more memory than one:
a block, its gains, and the buffers of the encoders (one for the whole, one at a time for turns, one per
speaker for stems). Files are written under temporary names and get their own when all are complete; an export
that is cancelled or fails leaves nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb import __version__
from vibevoice_nb.audio.encode import FORMATS, SPECS, Encoder, Format, format_spec
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import Readable
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.files import disk_error
from vibevoice_nb.ranges import real, shown

from ..audio.limiter import Levelling, levelled
from ..audio.loudness import CORRECTIONS, level
from ..audio.meter import LoudnessMeter
from . import subtitles as writers
from .files import FileGroup, safe_name
from .manifest import GENERATED, models, summary
from .options import Parts, SubtitleFormat
from .tracks import Track, stem_tracks, turn_tracks

_SUBTITLES: Mapping[str, Callable[[Iterable[writers.SpokenTurn]], str]] = {
    "srt": writers.to_srt,
    "vtt": writers.to_vtt,
}
_MAX_EMBEDDED = 1 << 19
"""Most bytes of a manifest inside a file; of a longer one, the lists are only in the file beside it."""


class Exportable(Readable, Protocol):
    """Audio to export: a `Take`, or a similar object."""

    @property
    def name(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def turns(self) -> Sequence[writers.SpokenTurn]: ...
    @property
    def manifest(self) -> Mapping[str, Any]: ...


def export_take(
    take: Exportable,
    target: str | os.PathLike[str],
    *,
    format: Format | None = None,
    parts: Parts = "whole",
    loudness: float | None = None,
    true_peak_db: float = -1.0,
    subtitles: Sequence[SubtitleFormat] = (),
    chapters: bool = False,
    manifest: bool = True,
    bitrate: int | None = None,
    force: bool = False,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Path]:
    """Export a take as audio files, with subtitles, chapters and a manifest.

    Parameters
    ----------
    take : Take
    target : path
        A file for the whole; a folder for turns and stems, created if it doesn't exist.
    format : {"wav", "flac", "mp3", "opus", "m4a"}, optional
        By default that of the file's suffix; WAV in a folder.
    parts : {"whole", "turns", "stems"}
        One file; one per turn (`001-Ada.wav`); or one per speaker (`1-Ada.wav`), each as long as the whole,
        which add up to the whole.
    loudness : float, optional
        In LUFS, such as -16 or -14. Measured on the whole; every part gets the same gain.
    true_peak_db : float
        Limit of the true peak in dBTP, applied with `loudness`.
    subtitles : sequence of {"srt", "vtt"}
        Written beside the audio; with `parts="turns"`, one per turn.
    chapters : bool
        Write chapter marks into the audio, if the format has them, and a JSON file beside it. Not for turns.
    manifest : bool
        Write the manifest as a JSON file beside the audio. The audio file always contains it.
    bitrate : int, optional
        In bits per second, for MP3, Opus and M4A.
    force : bool
        Replace existing files.
    progress : callable, optional
        Called with the fraction completed, from 0 to 1.
    cancelled : callable, optional
        Called every ten seconds of audio; if it returns True, the export ends and leaves nothing.

    Returns
    -------
    list of Path
        The files, audio first.

    Raises
    ------
    AudioError
        If the take has no audio or, for parts, no turns; if the target can't be written or exists; if the
        disk is full.
    OptionError
        If an option is invalid, or incompatible with another.
    concurrent.futures.CancelledError
        If `cancelled` returned True.

    Examples
    --------
    >>> import tempfile
    >>> from vibevoice_nb.project.take import Take
    >>> take = Take.from_audio(np.zeros(48000, np.float32), name="silence", manifest={"model": "nano"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in export_take(take, Path(folder) / "silence.flac")]
    ['silence.flac', 'silence.flac.json']
    """
    if loudness is not None:
        loudness = _decibels("loudness", loudness)
    true_peak_db = _decibels("true_peak_db", true_peak_db)
    options = _Options(parts, loudness, true_peak_db, tuple(subtitles), chapters, manifest, bitrate)
    options.check()
    if not take.samples:
        raise AudioError("the take has no audio", "at least one frame of audio", "generate it first")
    if take.sample_rate != SAMPLE_RATE:
        raise AudioError(
            f"the take has a sampling rate of {take.sample_rate} Hz",
            f"{SAMPLE_RATE} Hz",
            "resample it with read_audio",
        )
    passes = 1 if loudness is None else 2 + CORRECTIONS
    work = _Progress(take.samples, passes, progress, cancelled)
    export = _Export(take, Path(target), format or _format_of(Path(target), parts), options)
    with FileGroup(export.folder, make_folder=parts != "whole", force=force) as files:
        export.write(files, work)
    return files.published


@dataclass(frozen=True)
class _Options:
    parts: Parts
    loudness: float | None
    true_peak_db: float
    subtitles: tuple[SubtitleFormat, ...]
    chapters: bool
    manifest: bool
    bitrate: int | None

    def check(self) -> None:
        if self.parts not in get_args(Parts):
            known = ", ".join(get_args(Parts))
            raise OptionError(f"parts={self.parts!r}", f"one of {known}", "choose one of these")
        for kind in self.subtitles:
            if kind not in _SUBTITLES:
                known = ", ".join(_SUBTITLES)
                raise OptionError(f"subtitles={kind!r}", f"one or more of {known}", "choose from these")
        if self.chapters and self.parts == "turns":
            raise OptionError(
                "chapters with parts='turns'", "chapters of a whole episode", "leave out chapters"
            )


class _Export:
    """One export: its files and their content."""

    def __init__(self, take: Exportable, target: Path, format: Format, options: _Options) -> None:
        self.take, self.format, self.options, self.spec = take, format, options, format_spec(format)
        whole = options.parts == "whole"
        self.folder = target.parent if whole else target
        self.tracks = _tracks(take, target, options.parts)
        # The name given is kept, so that a wrong suffix is refused.
        self.names = [target.name if whole else track.stem + self.spec.suffix for track in self.tracks]
        self.beside = target.stem if whole else safe_name(take.name) or "episode"
        self.manifest_name = f"{target.name}.json" if whole else "manifest.json"
        self.chapters = writers.chapters(take.turns, take.samples) if options.chapters else []

    def write(self, files: FileGroup, work: _Progress) -> None:
        """Check all names, then write all files."""
        targets = [files.check(name, self.spec.suffix) for name in self.names]
        texts = {
            files.check(name, Path(name).suffix): text
            for name, text in self._texts().items()
            if not files.keep(name, text)
        }
        about = files.check(self.manifest_name, ".json") if self.options.manifest else None
        loudness, limit = self.options.loudness, self.options.true_peak_db
        levelling = None if loudness is None else level(self.take, loudness, limit, work.along)
        work.last_pass()
        manifest = self._manifest(levelling)

        def begin(track: Track) -> tuple[BinaryIO, Encoder]:
            number = self.tracks.index(track)
            file, tags = files.create(targets[number]), self._tags(number, manifest)
            return file, Encoder(
                file, self.format, metadata=tags, chapters=self.chapters, bitrate=self.options.bitrate
            )

        try:
            reached = _write_audio(self.take, self.tracks, levelling, begin, work)
        except OSError as exc:
            raise disk_error(targets[0], exc) from exc
        if about is not None:
            manifest["export"].update(reached=reached, files=self._listing(files))
            texts[about] = _json(manifest, indent=2)
        for target, text in texts.items():
            files.write(target, text)

    def _texts(self) -> dict[str, bytes]:
        """Return subtitles and chapters, by file name."""
        texts: dict[str, str] = {}
        for kind in self.options.subtitles:
            if self.options.parts == "turns":
                texts |= {f"{track.stem}.{kind}": _SUBTITLES[kind](track.turns) for track in self.tracks}
            else:
                texts[f"{self.beside}.{kind}"] = _SUBTITLES[kind](self.take.turns)
        if self.options.chapters:
            texts[f"{self.beside}.chapters.json"] = writers.chapters_json(self.chapters, self.take.name)
        return {name: text.encode() for name, text in texts.items()}

    def _manifest(self, levelling: Levelling | None) -> dict[str, Any]:
        take, options = self.take, self.options
        return {
            **take.manifest,
            "content": GENERATED,
            "name": take.name,
            "seconds": round(take.samples / SAMPLE_RATE, 3),
            "sample_rate": SAMPLE_RATE,
            "spoken": [
                {"speaker": turn.label, "text": turn.text, "start": turn.start, "stop": turn.stop}
                for turn in take.turns
            ],
            "export": {
                "program": f"vibevoice-nb {__version__}",
                "format": self.format,
                "parts": options.parts,
                "bitrate": options.bitrate or (self.spec.bitrates and self.spec.bitrates[1]),
                "loudness": None if levelling is None else asdict(levelling),
            },
        }

    def _tags(self, number: int, manifest: Mapping[str, Any]) -> dict[str, str]:
        track, take, model = self.tracks[number], self.take, models(self.take.manifest)
        whole = self.options.parts == "whole"
        embedded = _json(manifest)
        if len(embedded) > _MAX_EMBEDDED:
            embedded = _json({key: value for key, value in manifest.items() if not isinstance(value, list)})
        tags = {
            "title": take.name if whole else f"{take.name}: {track.title}",
            "artist": f"VibeVoice {model}".strip(),
            "comment": "; ".join(summary(take.manifest, (track.stop - track.start) / SAMPLE_RATE)),
            "manifest": embedded.decode(),
        }
        return tags if whole else {**tags, "track": f"{number + 1}/{len(self.tracks)}"}

    def _listing(self, files: FileGroup) -> list[dict[str, Any]]:
        digests = files.digests()
        return [
            {"file": name, "start": track.start, "stop": track.stop, **digests[name]}
            for name, track in zip(self.names, self.tracks, strict=True)
        ]


class _Progress:
    """Progress of an export, and its cancellation."""

    def __init__(
        self,
        samples: int,
        passes: int,
        progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._samples, self._total, self._done = samples, samples * passes, 0
        self._progress, self._cancelled = progress, cancelled

    def along(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Count a block of audio as completed and return it."""
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("the export was cancelled")
        self._done += audio.size
        if self._progress is not None:
            self._progress(self._done / self._total)
        return audio

    def last_pass(self) -> None:
        """Count all passes but the last as completed."""
        self._done = self._total - self._samples


def _decibels(name: str, value: Any) -> float:
    number = real(value)
    if number is None:
        raise OptionError(f"{name}={shown(value)}", "a number", "leave it out")
    return number


def _format_of(target: Path, parts: Parts) -> Format:
    suffixes = {SPECS[format].suffix: format for format in FORMATS}
    if parts != "whole":
        return "wav"
    if target.suffix.lower() not in suffixes:
        raise AudioError(f"{target}", f"a file name that ends in {', '.join(suffixes)}", "rename it")
    return suffixes[target.suffix.lower()]


def _tracks(take: Exportable, target: Path, parts: Parts) -> list[Track]:
    if parts == "whole":
        return [Track(target.stem, take.name, 0, take.samples, take.turns)]
    tracks = (turn_tracks if parts == "turns" else stem_tracks)(take.turns, take.samples)
    if not tracks:
        raise AudioError(
            f"parts={parts!r}, but the take has no turns", "a take with turns", "use parts='whole'"
        )
    return tracks


def _write_audio(
    take: Exportable,
    tracks: Sequence[Track],
    levelling: Levelling | None,
    begin: Callable[[Track], tuple[BinaryIO, Encoder]],
    work: _Progress,
) -> dict[str, Any] | None:
    """Send the take through the encoders; return the loudness reached, if one was requested."""
    meter = None if levelling is None else LoudnessMeter()
    try:
        for start, audio, gains in levelled(take, levelling):
            audio = work.along(audio) * np.asarray(gains, dtype=np.float32)
            if meter is not None:
                meter.add(audio)
            for track in tracks:
                track.write(start, audio, begin)
    finally:
        for track in tracks:
            track.abandon()
    return None if meter is None else asdict(meter.result())


def _json(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str).encode()
