"""Cover picture of a project, for exported files: the file `cover` in its folder, a PNG or JPEG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vibevoice_nb.audio.cover import MAX_COVER_BYTES, Cover, read_cover
from vibevoice_nb.errors import VibeVoiceError

from .store import ProjectStore

FILE = "cover"


class ProjectCover:
    """Cover picture of a project.

    Examples
    --------
    >>> import tempfile
    >>> from io import BytesIO
    >>> from PIL import Image
    >>> from vibevoice_nb import Project
    >>> file = BytesIO()
    >>> Image.new("RGB", (300, 300), "navy").save(file, "PNG")
    >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
    ...     project.cover.set(file.getvalue())
    ...     project.cover.picture.width, project.cover.picture.kind
    ...     project.cover.clear()
    ...     project.cover.picture
    (300, 'png')
    """

    def __init__(self, store: ProjectStore) -> None:
        self._store = store
        self._known: tuple[tuple[int, int], Cover | None] | None = None

    @property
    def picture(self) -> Cover | None:
        """The picture; None if there is none, or its file is damaged, which is reported as a warning."""
        folder = self._store.folder
        path = folder.path / FILE
        try:
            facts = path.stat()
        except OSError:
            return None
        version = (facts.st_mtime_ns, facts.st_size)
        if self._known is None or self._known[0] != version:
            picture = None
            try:
                picture = read_cover(folder.read(path, MAX_COVER_BYTES))
            except (VibeVoiceError, OSError) as exc:
                folder.warn(f"the cover was left out: {exc}")
            self._known = version, picture
        return self._known[1]

    def set(self, source: str | os.PathLike[str] | bytes) -> None:
        """Copy a picture into the project.

        Parameters
        ----------
        source : path or bytes
            A PNG or JPEG file of at most 4 MB and 4096 × 4096 pixels.

        Raises
        ------
        AudioError
            If it is not such a picture.
        ProjectError
            If the project can't be changed, or the file can't be written.
        """
        picture = read_cover(source)
        with self._store.mutex:
            self._store.check_writable()
            self._store.folder.write(self._store.path / FILE, picture.data)
        self._store.notify("cover")

    def clear(self) -> None:
        """Remove the picture; without one, nothing happens.

        Raises
        ------
        ProjectError
        """
        with self._store.mutex:
            self._store.check_writable()
            with self._store.folder.disk():
                (self._store.path / FILE).unlink(missing_ok=True)
        self._store.notify("cover")

    def for_export(self, target: str | os.PathLike[str], options: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the picture as an option of an export; nothing for a format without covers, such as WAV."""
        format = options.get("format") or Path(target).suffix.lower().removeprefix(".")
        wav = format not in ("flac", "mp3", "opus", "m4a", "html")
        picture = None if wav or "cover" in options else self.picture
        return {} if picture is None else {"cover": picture.data}
