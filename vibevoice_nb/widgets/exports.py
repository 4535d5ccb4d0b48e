"""Exports for the page: files in a given folder, or in a private one for download."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from vibevoice_nb.audio.encode import FORMATS, format_spec
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.export import export_take
from vibevoice_nb.export.files import safe_name
from vibevoice_nb.project import Take

from .base import Answer, call
from .channel import Channel

_MAX_FETCH = 4 * 1024 * 1024
_TELL_SECONDS = 0.2


class Exports:
    """Mixin for a widget with an export panel; `export_take` returns the take to export.

    Files for download are stored in a private folder until the next export, or until the widget is closed.
    """

    channel: Channel
    _private: tempfile.TemporaryDirectory[str] | None = None
    _files: dict[str, Path]
    _stop_export: threading.Event | None = None

    def export_take(self) -> Take:
        """Return the take to export."""
        raise NotImplementedError

    @call("export", slow=True)
    def _export(
        self,
        format: str,
        parts: str,
        subtitles: list[Any],
        chapters: bool,
        loudness: float | None = None,
        folder: str | None = None,
    ) -> dict[str, Any]:
        if format not in FORMATS:
            raise OptionError(
                f"unknown format {format!r}", f"one of {', '.join(FORMATS)}", "choose one of them"
            )
        take = self.export_take()
        target = self._private_folder() if folder is None else _folder(folder)
        if parts == "whole":
            _make(target)
            target /= f"{safe_name(take.name) or 'episode'}{format_spec(format).suffix}"
        stop = self._stop_export = threading.Event()
        try:
            written = export_take(
                take,
                target,
                format=format,
                parts=parts,  # type: ignore[arg-type]
                loudness=loudness,
                subtitles=tuple(subtitles),
                chapters=chapters,
                force=True,
                progress=_seldom(lambda fraction: self.channel.send("export_progress", fraction=fraction)),
                cancelled=stop.is_set,
            )
        except CancelledError:
            return {"files": [], "folder": ""}
        self._files = {secrets.token_hex(8): path for path in written}
        return {
            "files": [
                {"file": token, "name": path.name, "size": path.stat().st_size}
                for token, path in self._files.items()
            ],
            "folder": str((target.parent if parts == "whole" else target).absolute()),
        }

    @call("cancel_export")
    def _cancel_export(self) -> None:
        if self._stop_export is not None:
            self._stop_export.set()

    @call("fetch")
    def _fetch(self, file: str, offset: int, count: int) -> Answer:
        path = getattr(self, "_files", {}).get(file)
        if path is None:
            raise AudioError(
                "this export is no longer available", "a file of the last export", "export it again"
            )
        if not (offset >= 0 and 0 < count <= _MAX_FETCH):
            raise OptionError(
                f"{count} bytes were requested at {offset}", f"1 to {_MAX_FETCH} bytes", "reload the page"
            )
        with open(path, "rb") as stream:
            stream.seek(offset)
            return Answer({}, [stream.read(count)])

    def _private_folder(self) -> Path:
        if self._private is not None:
            self._private.cleanup()
        self._private = tempfile.TemporaryDirectory(prefix="vibevoice-export-")
        return Path(self._private.name)


def _folder(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # home folder of an unknown user
        raise AudioError(f"unknown user in {name[:80]!r}", "a folder", "write its absolute path") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a valid folder name"
        shown = str(folder)[:100]
        raise AudioError(
            f"the folder {shown!r} cannot be used: {reason}", "a writable folder", "choose another folder"
        ) from exc


def _seldom(tell: Callable[[float], None]) -> Callable[[float], None]:
    """Limit a callback to a few calls per second."""
    told = time.monotonic()

    def sometimes(part: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _TELL_SECONDS:
            told = now
            tell(part)

    return sometimes
