"""Options of an export, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from vibevoice_nb.audio.cover import Cover
from vibevoice_nb.audio.encode import format_spec
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.ranges import real, shown

from .options import EXPORT_FORMATS, ExportFormat, Parts, SubtitleFormat
from .page import PAGE

_MAX_TAG = 500  # characters of a title, artist or album


@dataclass(frozen=True, kw_only=True)
class CheckedOptions:
    """Options of an export, each checked; see `export_take`."""

    format: ExportFormat
    parts: Parts
    loudness: float | None
    true_peak_db: float
    subtitles: tuple[SubtitleFormat, ...]
    chapters: bool
    manifest: bool
    bitrate: int | None
    tags: Mapping[str, str]
    cover: Cover | None

    def check(self) -> None:
        """Raise OptionError if an option is unknown, or incompatible with another."""
        if self.format not in EXPORT_FORMATS:
            known = ", ".join(EXPORT_FORMATS)
            raise OptionError(f"format={self.format!r}", f"one of {known}", "choose one of them")
        if self.parts not in get_args(Parts):
            known = ", ".join(get_args(Parts))
            raise OptionError(f"parts={self.parts!r}", f"one of {known}", "choose one of these")
        for kind in self.subtitles:
            if kind not in get_args(SubtitleFormat):
                known = ", ".join(get_args(SubtitleFormat))
                raise OptionError(f"subtitles={kind!r}", f"one or more of {known}", "choose from these")
        if self.chapters and self.parts == "turns":
            raise OptionError(
                "chapters with parts='turns'", "chapters of a whole episode", "leave out chapters"
            )
        if self.format == "html" and self.parts != "whole":
            raise OptionError(
                f"format='html' with parts={self.parts!r}", "parts='whole'", "choose another format"
            )


def decibels(name: str, value: Any) -> float:
    """Return a level as a number."""
    number = real(value)
    if number is None:
        raise OptionError(f"{name}={shown(value)}", "a number", "leave it out")
    return number


def tag_text(name: str, value: object) -> str:
    """Return a text of the metadata, checked."""
    if not isinstance(value, str) or len(value) > _MAX_TAG:
        raise OptionError(f"{name}={shown(value)}", f"a text of at most {_MAX_TAG} characters", "shorten it")
    return value


def file_suffix(format: ExportFormat) -> str:
    """Return the suffix of the files of a format."""
    return PAGE.suffix if format == "html" else format_spec(format).suffix


def format_of(target: Path, parts: Parts) -> ExportFormat:
    """Return the format of a file by its suffix; WAV for a folder."""
    suffixes: dict[str, ExportFormat] = {file_suffix(format): format for format in EXPORT_FORMATS}
    if parts != "whole":
        return "wav"
    if target.suffix.lower() not in suffixes:
        raise AudioError(f"{target}", f"a file name that ends in {', '.join(suffixes)}", "rename it")
    return suffixes[target.suffix.lower()]
