"""Keyword arguments of `Take.save`, `Take.export` and `export_take`, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Literal, TypedDict, get_args

from vibevoice_nb.audio.encode import Format

ExportFormat = Literal[Format, "html"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = (*get_args(Format), "html")
Parts = Literal["whole", "turns", "stems"]
SubtitleFormat = Literal["srt", "vtt"]


class ExportTags(TypedDict, total=False):
    """Metadata of exported files."""

    title: str | None
    """Title in the metadata; by default the name of the take."""
    artist: str | None
    """Artist in the metadata; by default VibeVoice and the model."""


class SaveOptions(ExportTags, total=False):
    """Options of one file and what lies beside it; `export_take` documents them."""

    format: ExportFormat | None
    """By default that of the file's suffix."""
    loudness: float | None
    """Integrated loudness in LUFS, such as -16."""
    true_peak_db: float
    """Limit of the true peak in dBTP, with `loudness`; -1 by default."""
    subtitles: Sequence[SubtitleFormat]
    """Subtitle files to write beside the audio."""
    chapters: bool
    """Write chapter marks."""
    manifest: bool
    """Write the manifest beside the audio; True by default."""
    bitrate: int | None
    """Bits per second, for MP3, Opus, M4A and HTML."""
    album: str | None
    """Album in the metadata."""
    cover: str | os.PathLike[str] | bytes | None
    """Cover picture, a PNG or JPEG file or its contents; not for WAV."""
    force: bool
    """Replace existing files."""
    progress: bool | Callable[[float], None] | None
    """True shows a progress bar; a callable is called with the fraction completed, from 0 to 1."""
    cancelled: Callable[[], bool] | None
    """Returns True to stop the export."""


class ExportOptions(SaveOptions, total=False):
    """Options of an export."""

    parts: Parts
    """One file, one per turn, or one per speaker."""
    archive: bool
    """Write all files into one .zip file."""
