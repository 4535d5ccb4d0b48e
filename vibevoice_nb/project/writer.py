"""Audio goes to disk as it is made; a take appears whole or not at all.

While a take is made, `takes/.draft-ID/` holds its samples so far (`audio.f32`, little-endian float32) and
what they are of (`draft.json`): a process may die at any moment and leave both. `finish` writes the take's
files into `takes/.making-ID/`, lets them reach the disk, and gives the folder its name in one step.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.errors import AudioError, ProjectError
from vibevoice_nb.files import create, sync_folder, write_all
from vibevoice_nb.peaks import BLOCK, Blocks, file_mark
from vibevoice_nb.sinks import SAMPLE_RATE, as_samples

from .folder import DRAFT, MAKING, MAX_MANIFEST_BYTES, ProjectFolder, remove_folder
from .take import LEAD, Take, TakeTurn

if TYPE_CHECKING:
    from vibevoice_nb.runs import Frames

_CHUNK = BLOCK * 4096
_DRAFT_BYTES = 64 * 1024


class Draft:
    """Audio that is being made, safe on disk with every `write`.

    In a `with` block it is removed at the end, unless an exception ends it: then it stays, to be heard.

    Parameters
    ----------
    folder : ProjectFolder
    draft_id : str
    about : mapping
        What it is of, plain JSON values.

    Attributes
    ----------
    samples : int
        Written so far.
    clipped : int
        Of those, how many were beyond full scale.

    Raises
    ------
    ProjectError
        The disk refuses, also from `write`.
    """

    def __init__(self, folder: ProjectFolder, draft_id: str, about: Mapping[str, Any]) -> None:
        self.path = folder.takes / f"{DRAFT}{draft_id}"
        self.samples = self.clipped = 0
        self._folder = folder
        with folder.disk():
            folder.inside(folder.takes).mkdir(exist_ok=True)
            self.path.mkdir()
            (self.path / "draft.json").write_text(json.dumps(about, ensure_ascii=True), "utf-8")
            self._file = create(self.path / "audio.f32")

    def write(self, audio: NDArray[np.float32]) -> None:
        """Take float32 [n].

        Raises
        ------
        AudioError
            Samples that aren't finite.
        """
        audio = as_samples(audio)
        with self._folder.disk():
            write_all(self._file, np.clip(audio, -1.0, 1.0).astype("<f4").tobytes())
        self.samples += len(audio)
        self.clipped += int((np.abs(audio) > 1.0).sum())

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """All that was written, 44 s at a time."""
        with open(self.path / "audio.f32", "rb") as file:
            while len(audio := np.fromfile(file, "<f4", _CHUNK)):
                yield audio.astype(np.float32)

    def remove(self) -> None:
        """Close it and delete it."""
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
            self._file.close()


def unfinished_take(path: Path) -> Take | None:
    """The audio of a draft that was left behind, without its frames; None if it can't be heard."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        with open(path / "draft.json", "rb") as file:
            about = json.loads(file.read(_DRAFT_BYTES))
        count = (path / "audio.f32").stat().st_size // 4
        audio = np.memmap(path / "audio.f32", "<f4", "r", shape=(count,))
        label, text = str(about["speaker"]), str(about["text"])
        turns = (TakeTurn(str(about["turn_id"]), label, text, 0, count),) if about.get("turn_id") else ()
        take = Take.from_audio(
            audio, turns=turns, name="unfinished", manifest={**about, "ended": "cancelled"}
        )
        return Take(path.name.removeprefix(DRAFT), take.name, take.source, take.turns, take.manifest)
    return None


class TakeWriter:
    """A take that is being made; from `Project.begin_take`.

    Write its audio, then `finish` it, or `abandon` it; a `with` block that ends without either abandons it.

    Attributes
    ----------
    id : str
        The take's.
    samples : int
        Written so far.
    """

    def __init__(
        self,
        folder: ProjectFolder,
        take_id: str,
        facts: Mapping[str, Any],
        check: Callable[[], None],
        published: Callable[[Take, bool | None], Take],
    ) -> None:
        self.id = take_id
        self._folder, self._facts = folder, dict(facts)
        self._check, self._published = check, published
        words = {name: facts[name] for name in ("turn_id", "speaker", "text")}
        self._draft = Draft(folder, take_id, words)
        self._open = True

    @property
    def samples(self) -> int:
        return self._draft.samples

    def write(self, audio: NDArray[np.float32]) -> None:
        """Take float32 [n], at 24 kHz: on disk when this returns.

        Raises
        ------
        AudioError
            Samples that aren't finite.
        ProjectError
            The disk is full, or the take is finished or abandoned.
        """
        self._check_open()
        self._draft.write(audio)

    def finish(
        self,
        frames: Frames,
        lead: NDArray[np.float32] | None = None,
        manifest: Mapping[str, Any] | None = None,
        *,
        follows: str | None = None,
        choose: bool | None = None,
    ) -> Take:
        """Make it a take of the project.

        Parameters
        ----------
        frames : Frames
            What the audio was decoded from: latent [T, 64], semantic [T, 128].
        lead : float32 [n], optional
            The sound directly before the first sample; the last 20 ms of it are kept.
        manifest : mapping, optional
            What it was made with; see `vibevoice_nb.project.take`.
        follows : str, optional
            The take whose sound it goes on from.
        choose : bool, optional
            Whether it becomes the turn's chosen take; by default unless it is a part (`ended` is "cancelled")
            and the turn has a take already.

        Returns
        -------
        Take
            As it was read back from the disk.

        Raises
        ------
        ProjectError
            No audio, or the disk refuses; the draft is kept.
        """
        self._check_open()
        if not self.samples:
            raise ProjectError("a take without audio", "at least one frame", "abandon it")
        given = {
            name: value for name, value in (manifest or {}).items() if value is not None or name == "voice"
        }
        facts = {**self._facts, **given, "id": self.id, "turn_id": self._facts["turn_id"], "follows": follows}
        with self._folder.disk():
            take = self._publish(frames, _padded(lead), facts)
        self._open = False
        take = self._published(take, choose)
        self._draft.remove()
        return take

    def abandon(
        self,
        keep: bool = False,
        frames: Frames | None = None,
        lead: NDArray[np.float32] | None = None,
        manifest: Mapping[str, Any] | None = None,
        *,
        follows: str | None = None,
    ) -> Take | None:
        """Give up. What was made is deleted, or with `keep` (and its frames) becomes a take that is a part.

        Returns
        -------
        Take or None
            None if nothing is kept.
        """
        if keep and frames is not None and self._open and self.samples:
            ended = {**(manifest or {}), "ended": "cancelled"}
            return self.finish(frames, lead, ended, follows=follows)
        if self._open:
            self._open = False
            self._draft.remove()
        return None

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def _check_open(self) -> None:
        self._check()
        if not self._open:
            raise ProjectError(
                f"the take {self.id}, which is complete or given up", "a new one", "begin_take"
            )

    def _publish(self, frames: Frames, lead: NDArray[np.float32], facts: dict[str, Any]) -> Take:
        from safetensors.numpy import save

        if frames.latent.ndim != 2 or len(frames.latent) != len(frames.semantic):
            got = f"frames of shape {list(frames.latent.shape)} and {list(frames.semantic.shape)}"
            raise ProjectError(got, "latent [T, 64] and semantic [T, 128]", "give the run's frames")
        made, target = self._folder.takes / f"{MAKING}{self.id}", self._folder.takes / self.id
        remove_folder(made)
        made.mkdir()
        try:
            audio = made / "audio.flac"
            _write_flac(audio, self._draft.chunks())
            tensors = {
                "latent": np.ascontiguousarray(frames.latent),
                "semantic": np.ascontiguousarray(frames.semantic),
                "lead": lead,
            }
            (made / "frames.safetensors").write_bytes(save(tensors))
            facts |= {
                "created": facts.get("created") or datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "samples": self.samples,
                "sample_rate": SAMPLE_RATE,
                "frames": len(tensors["latent"]),
                "clipped": self._draft.clipped,
                "audio_bytes": audio.stat().st_size,
            }
            (made / "take.json").write_bytes(_to_json(facts))
            Blocks.of(self._draft.chunks()).save(made / "audio.flac.peaks", file_mark(audio))
            for path in made.iterdir():
                _sync_file(path)
            sync_folder(made)
            made.rename(target)
        except BaseException:
            remove_folder(made)
            raise
        sync_folder(target.parent)
        return self._folder.load_take(target)


def _padded(lead: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The last 20 ms of a lead, with silence before a shorter one."""
    samples = as_samples(np.zeros(0, np.float32) if lead is None else lead)[-LEAD:]
    return np.pad(samples, (LEAD - len(samples), 0))


def _write_flac(path: Path, chunks: Iterator[NDArray[np.float32]]) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype="PCM_24", format="FLAC") as file:
            for audio in chunks:
                file.write(audio)
    except soundfile.LibsndfileError as exc:
        raise AudioError(f"{path}: {exc}", "room for the audio", "free some space") from exc


def _to_json(facts: Mapping[str, Any]) -> bytes:
    try:
        data = json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as exc:
        raise ProjectError(
            f"a manifest that is no plain JSON ({exc})", "plain values", "leave it out"
        ) from exc
    if len(data) > MAX_MANIFEST_BYTES:
        raise ProjectError(
            f"a manifest of {len(data):,} bytes", f"at most {MAX_MANIFEST_BYTES:,}", "shorten it"
        )
    return data


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
