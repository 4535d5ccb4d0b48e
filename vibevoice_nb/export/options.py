"""Keyword arguments of `Take.save`, `Take.export` and `export_take`, for editors and type checkers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

from vibevoice_nb.audio.encode import Format

Parts = Literal["whole", "turns", "stems"]
SubtitleFormat = Literal["srt", "vtt"]


class SaveOptions(TypedDict, total=False):
    """Options of one audio file and what lies beside it; `export_take` documents them."""

    format: Format | None
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
    """Bits per second, for MP3, Opus and M4A."""
    force: bool
    """Replace existing files."""
    progress: Callable[[float], None] | None
    """Called with the fraction completed, from 0 to 1."""
    cancelled: Callable[[], bool] | None
    """Returns True to stop the export."""


class ExportOptions(SaveOptions, total=False):
    """Options of an export."""

    parts: Parts
    """One file, one per turn, or one per speaker."""
