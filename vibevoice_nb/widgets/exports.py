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

import traitlets

from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.checked import file_suffix
from vibevoice_nb.export.export import export_take
from vibevoice_nb.export.files import safe_name
from vibevoice_nb.export.options import EXPORT_FORMATS
from vibevoice_nb.project import Take
from vibevoice_nb.project.cover import ProjectCover
from vibevoice_nb.project.storage.schema import checked_setting

from .base import Answer, Part, call
from .channel import Channel

_MAX_FETCH = 4 * 1024 * 1024
_TELL_SECONDS = 0.2


class ExportTraits(traitlets.HasTraits):
    """Options of exports that are saved with the project.

    Attributes
    ----------
    title, artist : str
        Metadata; empty is the name of the project, and VibeVoice with the model.
    edge_silence : float or None
        Most silence at the ends of turns, in seconds; see `Settings`.
    """

    title = traitlets.Unicode("").tag(sync=True, page=True)
    artist = traitlets.Unicode("").tag(sync=True, page=True)
    edge_silence = traitlets.Float(None, allow_none=True).tag(sync=True, page=True)

    @traitlets.validate("edge_silence")
    def _edge_silence_in_range(self, proposal: Any) -> Any:
        return checked_setting("edge_silence", proposal["value"])


class Exports(Part):
    """Exports of a take.

    Files for download are stored in a private folder until the next export, or until the widget is closed.

    Parameters
    ----------
    widget : ExportTraits
    channel : Channel
        Used for the progress.
    take : callable
        Returns the take to export.
    cover : callable
        Returns the cover of its project.
    """

    def __init__(
        self,
        widget: ExportTraits,
        channel: Channel,
        take: Callable[[], Take],
        cover: Callable[[], ProjectCover],
    ) -> None:
        self._widget, self._channel, self._take, self._cover = widget, channel, take, cover
        self._private: tempfile.TemporaryDirectory[str] | None = None
        self._files: dict[str, Path] = {}
        self._stop: threading.Event | None = None

    def close(self) -> None:
        """Cancel the export in progress and delete the files for download."""
        self._cancel()
        self._delete_private()

    @call("export", slow=True)
    def _export(
        self,
        format: str,
        parts: str,
        subtitles: list[Any],
        chapters: bool,
        loudness: float | None = None,
        folder: str | None = None,
        manifest: bool | None = True,
        archive: bool | None = False,
    ) -> dict[str, Any]:
        if format not in EXPORT_FORMATS:
            raise OptionError(
                f"unknown format {format!r}", f"one of {', '.join(EXPORT_FORMATS)}", "choose one of them"
            )
        take = self._take()
        target = self._private_folder() if folder is None else _folder(folder)
        if archive or parts == "whole":
            _make(target)
            suffix = ".zip" if archive else file_suffix(format)  # type: ignore[arg-type]
            target /= f"{safe_name(take.name) or 'episode'}{suffix}"
        stop = self._stop = threading.Event()
        try:
            written = export_take(
                take,
                target,
                format=format,  # type: ignore[arg-type]
                parts=parts,  # type: ignore[arg-type]
                loudness=loudness,
                subtitles=tuple(subtitles),
                chapters=chapters,
                manifest=manifest is not False,
                title=self._widget.title or None,
                artist=self._widget.artist or None,
                cover=self._cover().for_export(target, {"format": format}).get("cover"),
                archive=bool(archive),
                force=True,
                progress=_seldom(lambda fraction: self._channel.send("export_progress", fraction=fraction)),
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
            "folder": str((target.parent if archive or parts == "whole" else target).absolute()),
        }

    @call("cancel_export")
    def _cancel(self) -> None:
        if self._stop is not None:
            self._stop.set()

    @call("fetch")
    def _fetch(self, file: str, offset: int, count: int) -> Answer:
        path = self._files.get(file)
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
        self._delete_private()
        self._private = tempfile.TemporaryDirectory(prefix="vibevoice-export-")
        return Path(self._private.name)

    def _delete_private(self) -> None:
        if self._private is not None:
            self._private.cleanup()
            self._private = None


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
