"""Draft: the audio of a take while it is generated, in a folder of its own that outlives the process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import as_samples
from vibevoice_nb.audio.peaks import BLOCK
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.export.json_records import (
    as_text,
    json_field,
    kept_field,
    order_field,
    read_json,
    write_json,
)
from vibevoice_nb.files import create, write_all

from .storage.folder import DRAFT, ProjectFolder, remove_folder
from .take import Take, TakeManifest, TakeTurn

_CHUNK = BLOCK * 4096
_DRAFT_BYTES = 64 * 1024


@dataclass(frozen=True)
class DraftFacts:
    """Turn of a draft, as its `draft.json` has it; that of several turns has empty texts."""

    turn_id: str | None = json_field(as_text)
    speaker: str | None = json_field(as_text)
    text: str | None = json_field(as_text)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


class Draft:
    """Recording in progress, flushed to disk on every `write`.

    A `with` block removes it at the end; after an exception it stays, and can be played.

    Parameters
    ----------
    folder : ProjectFolder
    draft_id : str
    about : DraftFacts

    Attributes
    ----------
    samples : int
        Number written so far.
    clipped : int
        Number of those beyond full scale.

    Raises
    ------
    ProjectError
        If a file can't be written, also from `write`.
    """

    def __init__(self, folder: ProjectFolder, draft_id: str, about: DraftFacts) -> None:
        self.path = folder.takes / f"{DRAFT}{draft_id}"
        self.samples = self.clipped = 0
        self._folder = folder
        with folder.disk():
            folder.inside(folder.takes).mkdir(exist_ok=True)
            self.path.mkdir()
            (self.path / "draft.json").write_text(json.dumps(write_json(about)), "utf-8")
            self._file = create(self.path / "audio.f32")

    def write(self, audio: NDArray[np.float32]) -> None:
        """Append float32 [n].

        Raises
        ------
        AudioError
            If samples are not finite.
        """
        audio = as_samples(audio)
        with self._folder.disk():
            write_all(self._file, audio.astype("<f4").tobytes())
        self.samples += len(audio)
        self.clipped += int((np.abs(audio) > 1.0).sum())

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Yield all audio written, 44 s at a time, clipped to full scale."""
        left = self.samples  # a failed write may have left more in the file
        with open(self.path / "audio.f32", "rb") as file:
            while len(audio := np.fromfile(file, "<f4", min(_CHUNK, left))):
                left -= len(audio)
                yield np.clip(audio.astype(np.float32), -1.0, 1.0)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples [start, start + count) as they were written."""
        with open(self.path / "audio.f32", "rb") as file:
            return np.fromfile(file, "<f4", count, offset=4 * start).astype(np.float32)

    def shorten(self, samples: int) -> None:
        """Keep only the first samples."""
        self.samples = min(self.samples, samples)

    def close(self) -> None:
        """Close the file and keep it."""
        self._file.close()

    def remove(self) -> None:
        """Close and delete it."""
        self._file.close()
        remove_folder(self.path)

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        if reason is None:
            self.remove()
        else:
            self.close()


def unfinished_take(folder: ProjectFolder, path: Path) -> Take | None:
    """Return the audio of an abandoned draft, without frames; None if it can't be read."""
    with contextlib.suppress(VibeVoiceError, OSError, ValueError, KeyError, TypeError, RecursionError):
        about = read_json(DraftFacts, folder.read_json(path / "draft.json", _DRAFT_BYTES))
        file = folder.inside(path / "audio.f32")
        if not file.is_file():
            return None
        count = file.stat().st_size // 4
        audio = np.memmap(file, "<f4", "r", shape=(count,))
        label, text = about.speaker or "", about.text or ""
        turns = (TakeTurn(about.turn_id, label, text, 0, count),) if about.turn_id else ()
        manifest = replace(TakeManifest.from_json(write_json(about)), ended="cancelled")
        take = Take.from_audio(audio, turns=turns, name="unfinished", manifest=manifest)
        return Take(path.name.removeprefix(DRAFT), take.name, take.source, take.turns, take.manifest)
    return None
