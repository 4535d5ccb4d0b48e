"""Export a take: whole, turn by turn, as stems of speakers and music, or as a web page.

Audio goes from the take to the encoders in blocks of ten seconds, so 90 minutes need no more memory than one:
a block, its gains, and the buffers of the encoders (one for the whole, one at a time for turns, one per
speaker for stems). Files are written under temporary names and get their own when all are complete; an export
that is cancelled or fails leaves nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb import __version__
from vibevoice_nb.audio.cover import read_cover
from vibevoice_nb.audio.encode import Encoder, format_spec
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sinks import Sink
from vibevoice_nb.audio.sources import AudioSource, Layered, Readable, read_padded
from vibevoice_nb.audio.turns import TakeTurn
from vibevoice_nb.errors import AudioError
from vibevoice_nb.files import disk_error
from vibevoice_nb.progress import progress_bar

from ..audio.limiter import Levelling, levelled
from ..audio.loudness import CORRECTIONS, level
from ..audio.meter import Loudness, LoudnessMeter
from . import subtitles as writers
from .archive import write_archive
from .checked import CheckedOptions, decibels, file_suffix, format_of, tag_text
from .files import FileGroup, safe_name
from .manifest import (
    ExportedFile,
    ExportedTurn,
    ExportFacts,
    ExportManifest,
    LevellingEntry,
    LoudnessEntry,
)
from .options import ExportFormat, Parts, SubtitleFormat
from .page import PAGE, PageSink
from .progress import ExportProgress
from .take_manifest import TakeManifest
from .tracks import NO_LAYERS, Track, stem_tracks, turn_tracks

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
    def source(self) -> AudioSource: ...
    @property
    def turns(self) -> Sequence[TakeTurn]: ...
    @property
    def manifest(self) -> TakeManifest: ...


def export_take(
    take: Exportable,
    target: str | os.PathLike[str],
    *,
    format: ExportFormat | None = None,
    parts: Parts = "whole",
    loudness: float | None = None,
    true_peak_db: float = -1.0,
    subtitles: Sequence[SubtitleFormat] = (),
    chapters: bool = False,
    manifest: bool = True,
    bitrate: int | None = None,
    title: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    cover: str | os.PathLike[str] | bytes | None = None,
    archive: bool = False,
    force: bool = False,
    progress: bool | Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Path]:
    """Export a take as audio files or as a web page, with subtitles, chapters and a manifest.

    Parameters
    ----------
    take : Take
    target : path
        A file for the whole; a folder for turns and stems, created if it doesn't exist; a `.zip` file for an
        archive.
    format : {"wav", "flac", "mp3", "opus", "m4a", "html"}, optional
        By default that of the file's suffix; WAV in a folder and in an archive. HTML is one file with a
        player, the waveform, the transcript and the audio as MP3; see `vibevoice_nb.export.page`.
    parts : {"whole", "turns", "stems"}
        One file; one per turn (`001-Ada.wav`), without music; or one per speaker (`1-Ada.wav`) and one of
        the music (`3-music.wav`), each as long as the whole, which add up to the whole.
    loudness : float, optional
        In LUFS, such as -16 or -14. Measured on the whole; every part gets the same gain.
    true_peak_db : float
        Limit of the true peak in dBTP, applied with `loudness`.
    subtitles : sequence of {"srt", "vtt"}
        Written beside the audio; with `parts="turns"`, one per turn.
    chapters : bool
        Write chapter marks into the audio, if the format has them, and a JSON file beside it; a page lists
        them. Not for turns.
    manifest : bool
        Write the manifest as a JSON file beside the audio. The audio file always contains it.
    bitrate : int, optional
        In bits per second, for MP3, Opus, M4A and HTML.
    title, artist, album : str, optional
        Metadata of at most 500 characters. By default the name of the take, and VibeVoice with the model as
        artist. Titles of turns and stems begin with `title`.
    cover : path or bytes, optional
        PNG or JPEG of at most 4 MB and 4096 × 4096 pixels, embedded in every file. Not for WAV.
    archive : bool
        Write all files into one .zip file, `target`; the same take and options give the same files in the
        same order.
    force : bool
        Replace existing files.
    progress : bool or callable, optional
        True shows a progress bar. A callable is called with the fraction completed, from 0 to 1.
    cancelled : callable, optional
        Called every ten seconds of audio; if it returns True, the export ends and leaves nothing.

    Returns
    -------
    list of Path
        The files, audio first; the archive, if requested.

    Raises
    ------
    AudioError
        If the take has no audio or, for parts, no turns; if the target can't be written or exists; if the
        cover is not a valid picture; if the disk is full.
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
        loudness = decibels("loudness", loudness)
    true_peak_db = decibels("true_peak_db", true_peak_db)
    tags = {"title": title, "artist": artist, "album": album}
    options = CheckedOptions(
        format=format or ("wav" if archive else format_of(Path(target), parts)),
        parts=parts,
        loudness=loudness,
        true_peak_db=true_peak_db,
        subtitles=tuple(subtitles),
        chapters=chapters,
        manifest=manifest,
        bitrate=bitrate,
        tags={name: tag_text(name, value) for name, value in tags.items() if value is not None},
        cover=None if cover is None else read_cover(cover),
    )
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
    with progress_bar(progress, f"Exporting {Path(target).name}", lambda fraction: (fraction, 1.0)) as report:
        work = ExportProgress(take.samples, passes, report, cancelled)

        def write(path: Path, replace_files: bool) -> list[Path]:
            export = _Export(take, path, options)
            with FileGroup(export.folder, make_folder=parts != "whole", force=replace_files) as files:
                export.write(files, work)
            return files.published

        if not archive:
            return write(Path(target), force)
        name = safe_name(take.name) or "episode"
        inside = name + file_suffix(options.format) if parts == "whole" else name
        return [write_archive(target, lambda folder: write(folder / inside, False), force, work.check)]


class _Export:
    """One export: its files and their content."""

    def __init__(self, take: Exportable, target: Path, options: CheckedOptions) -> None:
        self.take, self.options, self.suffix = take, options, file_suffix(options.format)
        whole = options.parts == "whole"
        self.folder = target.parent if whole else target
        self.tracks = _tracks(take, target, options.parts)
        # The name given is kept, so that a wrong suffix is refused.
        self.names = [target.name if whole else track.stem + self.suffix for track in self.tracks]
        self.beside = target.stem if whole else safe_name(take.name) or "episode"
        self.manifest_name = f"{target.name}.json" if whole else "manifest.json"
        self.chapters = writers.chapters(take.turns, take.samples) if options.chapters else []

    def write(self, files: FileGroup, work: ExportProgress) -> None:
        """Check all names, then write all files."""
        targets = [files.check(name, self.suffix) for name in self.names]
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

        def begin(track: Track) -> tuple[BinaryIO, Sink]:
            number = self.tracks.index(track)
            file = files.create(targets[number])
            return file, self._sink(file, self._tags(number, manifest), manifest)

        try:
            reached = _write_audio(self.take, self.tracks, levelling, begin, work)
        except OSError as exc:
            raise disk_error(targets[0], exc) from exc
        if about is not None:
            measured = None if reached is None else LoudnessEntry.of(reached)
            facts = replace(manifest.export, reached=measured, files=self._listing(files))
            texts[about] = _json(replace(manifest, export=facts).to_json(), indent=2)
        for target, text in texts.items():
            files.write(target, text)

    def _sink(self, file: BinaryIO, tags: Mapping[str, str], manifest: ExportManifest) -> Sink:
        options = self.options
        if options.format == "html":
            return PageSink(
                file,
                self.take,
                tags=tags,
                artist=options.tags.get("artist", ""),
                chapters=self.chapters,
                cover=options.cover,
                manifest=manifest,
                bitrate=options.bitrate,
            )
        return Encoder(
            file,
            options.format,
            metadata=tags,
            chapters=self.chapters,
            cover=options.cover,
            bitrate=options.bitrate,
        )

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

    def _manifest(self, levelling: Levelling | None) -> ExportManifest:
        take, options = self.take, self.options
        bitrates = PAGE.bitrates if options.format == "html" else format_spec(options.format).bitrates
        return ExportManifest(
            take=take.manifest,
            name=take.name,
            seconds=round(take.samples / SAMPLE_RATE, 3),
            sample_rate=SAMPLE_RATE,
            spoken=tuple(map(ExportedTurn.of, take.turns)),
            export=ExportFacts(
                program=f"vibevoice-nb {__version__}",
                format=options.format,
                parts=options.parts,
                bitrate=options.bitrate or (bitrates and bitrates[1]),
                loudness=None if levelling is None else LevellingEntry.of(levelling),
            ),
        )

    def _tags(self, number: int, manifest: ExportManifest) -> dict[str, str]:
        track, take, given = self.tracks[number], self.take, self.options.tags
        title = given.get("title", take.name)
        whole = self.options.parts == "whole"
        spoken = tuple(replace(turn, words=None) for turn in manifest.spoken or ())
        facts = replace(manifest, spoken=spoken).to_json()
        embedded = _json(facts)
        if len(embedded) > _MAX_EMBEDDED:
            embedded = _json({key: value for key, value in facts.items() if not isinstance(value, list)})
        tags = {
            "artist": f"VibeVoice {take.manifest.models}".strip(),
            **given,
            "title": title if whole else f"{title}: {track.title}",
            "comment": "; ".join(take.manifest.summary((track.stop - track.start) / SAMPLE_RATE)),
            "manifest": embedded.decode(),
        }
        return tags if whole else {**tags, "track": f"{number + 1}/{len(self.tracks)}"}

    def _listing(self, files: FileGroup) -> tuple[ExportedFile, ...]:
        digests = files.digests()
        return tuple(
            ExportedFile(name, track.start, track.stop, *digests[name])
            for name, track in zip(self.names, self.tracks, strict=True)
        )


def _tracks(take: Exportable, target: Path, parts: Parts) -> list[Track]:
    if parts == "whole":
        return [Track(target.stem, take.name, 0, take.samples, take.turns)]
    layers = take.source.layers if isinstance(take.source, Layered) else NO_LAYERS
    tracks = (turn_tracks if parts == "turns" else stem_tracks)(take.turns, take.samples, layers)
    if not tracks:
        raise AudioError(
            f"parts={parts!r}, but the take has no turns", "a take with turns", "use parts='whole'"
        )
    return tracks


def _write_audio(
    take: Exportable,
    tracks: Sequence[Track],
    levelling: Levelling | None,
    begin: Callable[[Track], tuple[BinaryIO, Sink]],
    work: ExportProgress,
) -> Loudness | None:
    """Send the take through the encoders; return the loudness reached, if one was requested."""
    meter = None if levelling is None else LoudnessMeter()
    try:
        for start, audio, gains in levelled(take, levelling):
            gains = np.asarray(gains, dtype=np.float32)
            mix = work.along(audio) * gains
            if meter is not None:
                meter.add(mix)
            blocks: dict[Readable | None, NDArray[np.float32]] = {None: mix}
            for track in tracks:
                if track.layer not in blocks:
                    assert track.layer is not None
                    blocks[track.layer] = read_padded(track.layer, start, start + audio.size) * gains
                track.write(start, blocks[track.layer], begin)
    except BaseException as exc:
        for track in tracks:
            track.abandon(exc)
        raise
    return None if meter is None else meter.result()


def _json(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str).encode()
