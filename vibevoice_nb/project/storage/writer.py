"""Take writer: audio is saved while it is generated; a take is published whole or not at all.

During a generation, `takes/.draft-ID/` holds the samples so far (`audio.f32`, little-endian float32) and
their description (`draft.json`): a process may die at any moment and leave both. `finish` writes the take's
files into `takes/.making-ID/`, syncs them, and renames the folder in one step.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, as_samples, to_int24
from vibevoice_nb.audio.peaks import Blocks, file_mark
from vibevoice_nb.engine.frames import LEAD_SAMPLES, Frames
from vibevoice_nb.errors import AudioError, ProjectError
from vibevoice_nb.files import sync_folder

from ..draft import Draft, DraftFacts
from ..take import Take, TakeManifest
from .folder import MAKING, MAX_MANIFEST_BYTES, ProjectFolder, remove_folder

_BEGUN = ("turn_id", "speaker", "text", "voice", "number")
"""Facts known when a take begins; a speaker without a voice is recorded, too."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WriterHooks:
    """Functions of the project that a `TakeWriter` calls.

    Attributes
    ----------
    check : callable
        Raises if the project can't be changed.
    published : callable
        Adds a take that is complete on disk; called with its `choose`.
    left : callable
        Called with the take's id when its draft is left as it is.
    """

    check: Callable[[], None]
    published: Callable[[Take, bool | None], Take]
    left: Callable[[str], None]


class TakeWriter:
    """Take in progress; made by `ProjectTakes.begin`.

    Write its audio, then `finish` or `abandon` it. A `with` block that ends without either abandons it, or
    leaves unfinished audio after an exception.

    Attributes
    ----------
    id : str
        Id of the take.
    samples : int
        Number written so far.
    """

    def __init__(
        self,
        folder: ProjectFolder,
        take_id: str,
        begun: TakeManifest,
        hooks: WriterHooks,
    ) -> None:
        self.id = take_id
        self._folder, self._begun, self._hooks = folder, begun, hooks
        self._draft = Draft(folder, take_id, DraftFacts(begun.turn_id, begun.speaker, begun.text))
        self._open = True

    @property
    def samples(self) -> int:
        return self._draft.samples

    def write(self, audio: NDArray[np.float32]) -> None:
        """Append float32 [n] at 24 kHz, which is on disk when this returns.

        Raises
        ------
        AudioError
            If samples are not finite.
        ProjectError
            If the disk is full, or the take is finished or abandoned.
        """
        self._check_open()
        self._draft.write(audio)

    def finish(
        self,
        frames: Frames,
        lead: NDArray[np.float32] | None = None,
        manifest: TakeManifest | Mapping[str, Any] | None = None,
        *,
        follows: str | None = None,
        choose: bool | None = None,
    ) -> Take:
        """Publish the take in the project.

        Parameters
        ----------
        frames : Frames
            Frames that the audio was decoded from: latent [T, 64], semantic [T, 128].
        lead : float32 [n], optional
            The audio directly before the first sample; its last 20 ms are kept.
        manifest : TakeManifest or mapping, optional
            Everything needed to reproduce it. Its ids and the facts of the files are set here; text,
            speaker, voice, number and date only if they are missing.
        follows : str, optional
            Id of the take whose audio it continues.
        choose : bool, optional
            Make it the chosen take of its turn; by default True, unless it is partial (`ended` is
            "cancelled") and the turn already has a complete take.

        Returns
        -------
        Take
            As read back from the disk.

        Raises
        ------
        ProjectError
            If there is no audio, or a file can't be written; the draft is kept.
        """
        self._check_open()
        if not self.samples:
            raise ProjectError("the take has no audio", "at least one frame of audio", "abandon it")
        with self._folder.disk():
            take = self._publish(frames, _padded(lead), self._described(manifest, follows))
        self._open = False
        self._draft.remove()
        return self._hooks.published(take, choose)

    def abandon(
        self,
        keep: bool = False,
        frames: Frames | None = None,
        lead: NDArray[np.float32] | None = None,
        manifest: TakeManifest | Mapping[str, Any] | None = None,
        *,
        follows: str | None = None,
    ) -> Take | None:
        """Abandon the take: delete its audio, or with `keep` (and its frames) publish a partial take.

        Returns
        -------
        Take or None
            None if nothing is kept.
        """
        if keep and frames is not None and self._open and self.samples:
            ended = replace(TakeManifest.of(manifest), ended="cancelled")
            return self.finish(frames, lead, ended, follows=follows)
        if self._open:
            self._open = False
            self._draft.remove()
        return None

    def salvage(
        self,
        frames: Frames,
        hop: int,
        lead: NDArray[np.float32] | None = None,
        manifest: TakeManifest | Mapping[str, Any] | None = None,
        *,
        follows: str | None = None,
    ) -> Take | None:
        """Keep the audio so far after an error: as a partial take, or else as unfinished audio.

        Parameters
        ----------
        frames : Frames
            Frames beyond the written audio are left out.
        hop : int
            Samples of a frame.
        lead, manifest, follows
            As for `finish`.

        Returns
        -------
        Take or None
            None if there is no complete frame, or the take can't be written.
        """
        if not self._open:
            return None
        count = min(len(frames.latent), self.samples // hop)
        if not count:
            self._leave()
            return None
        self._draft.shorten(count * hop)
        ended = replace(TakeManifest.of(manifest), ended="cancelled")
        try:
            return self.finish(frames[:count], lead, ended, follows=follows)
        except Exception:
            _log.exception("the take %s is kept as unfinished audio", self.id)
            self._leave()
            return None

    def _leave(self) -> None:
        """Leave the draft on disk as unfinished audio; delete it if it is empty."""
        if not self.samples:
            self.abandon()
        if self._open:
            self._open = False
            self._draft.close()
            self._hooks.left(self.id)

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        if reason is not None and self.samples:
            self._leave()
        else:
            self.abandon()

    def _check_open(self) -> None:
        self._hooks.check()
        if not self._open:
            raise ProjectError(
                f"the take {self.id} is already finished or abandoned",
                "a take in progress",
                "begin another take",
            )

    def _described(
        self, manifest: TakeManifest | Mapping[str, Any] | None, follows: str | None
    ) -> TakeManifest:
        """Return the manifest of the take: the facts given, and those known from the beginning."""
        known = TakeManifest.of(manifest).to_json()
        given = {name: value for name, value in known.items() if value is not None or name == "voice"}
        begun = {name: self._begun.to_json().get(name) for name in _BEGUN}
        own = {"id": self.id, "turn_id": self._begun.turn_id, "follows": follows}
        return TakeManifest.from_json({**begun, **given, **own})

    def _publish(self, frames: Frames, lead: NDArray[np.float32], manifest: TakeManifest) -> Take:
        from safetensors.numpy import save

        if frames.latent.ndim != 2 or len(frames.latent) != len(frames.semantic):
            got = f"the frames have shapes {list(frames.latent.shape)} and {list(frames.semantic.shape)}"
            raise ProjectError(got, "latent [T, 64] and semantic [T, 128]", "pass the frames of the run")
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
            complete = replace(
                manifest,
                created=manifest.created or datetime.now(timezone.utc).isoformat(timespec="seconds"),
                samples=self.samples,
                sample_rate=SAMPLE_RATE,
                frames=len(tensors["latent"]),
                clipped=self._draft.clipped,
                audio_bytes=audio.stat().st_size,
            )
            (made / "take.json").write_bytes(_encoded(complete))
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
    """Return the last 20 ms of a lead, with silence before a shorter one."""
    samples = as_samples(np.zeros(0, np.float32) if lead is None else lead)[-LEAD_SAMPLES:]
    return np.pad(samples, (LEAD_SAMPLES - len(samples), 0))


def _write_flac(path: Path, chunks: Iterator[NDArray[np.float32]]) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype="PCM_24", format="FLAC") as file:
            for audio in chunks:
                file.write(to_int24(audio))
    except soundfile.LibsndfileError as exc:
        raise AudioError(f"{path}: {exc}", "space for the audio", "free some space") from exc


def _encoded(manifest: TakeManifest) -> bytes:
    try:
        text = json.dumps(manifest.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
        data = text.encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as exc:
        raise ProjectError(
            f"the manifest is not plain JSON ({exc})", "plain values", "leave out other values"
        ) from exc
    if len(data) > MAX_MANIFEST_BYTES:
        raise ProjectError(
            f"the manifest is {len(data):,} bytes", f"at most {MAX_MANIFEST_BYTES:,} bytes", "shorten it"
        )
    return data


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
