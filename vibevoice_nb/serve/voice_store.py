"""Recordings of voices that users have uploaded; each user sees their own only."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..errors import VoiceError
from ..ranges import shown
from ..voices.names import fold_name
from ..voices.voice import Voice, load_voice
from .limits import ServeLimits
from .requests import User

_ID = re.compile(r"voice_[0-9a-f]{16}")
_MAX_NAME = 60


@dataclass(frozen=True)
class StoredVoice:
    """A voice of a user.

    Attributes
    ----------
    id, name : str
    seconds : float
    created : int
        Unix time.
    sha256 : str
        Of the samples, as manifests have it.
    notes : tuple of str
        Findings about the recording.
    """

    id: str
    name: str
    seconds: float
    created: int
    sha256: str
    notes: tuple[str, ...] = ()


class VoiceStore:
    """Voices of all users, in a folder: a subfolder per user, named by a hash.

    Parameters
    ----------
    folder : Path
    limits : ServeLimits

    Examples
    --------
    >>> import io, soundfile
    >>> store, anna = VoiceStore(Path(tempfile.mkdtemp()), ServeLimits()), User("anna")
    >>> file = io.BytesIO()
    >>> soundfile.write(file, 0.1 * np.sin(np.arange(96000) / 20), 24000, format="WAV")
    >>> stored = store.add(anna, "Hum", file.getvalue(), consent=True)
    >>> [voice.name for voice in store.list(anna)], store.list(User("ben"))
    (['Hum'], [])
    >>> store.find(anna, "hum").seconds == stored.seconds
    True
    """

    def __init__(self, folder: Path, limits: ServeLimits) -> None:
        self._folder, self._limits = folder, limits
        self._lock = threading.Lock()

    def add(self, user: User, name: str, data: bytes, *, consent: bool) -> StoredVoice:
        """Store a recording of any common format.

        Raises
        ------
        VoiceError
            If consent is not confirmed, or the recording cannot be used.
        """
        if not consent:
            raise VoiceError(
                "no confirmed consent",
                "the consent of the recorded speaker",
                "send consent=true once they agreed",
            )
        name = " ".join(name.split())[:_MAX_NAME]
        if not name.isprintable() or not name:
            raise VoiceError(f"the name {shown(name)}", "printable text", "choose another name")
        most = self._limits.upload_megabytes * 1_000_000
        if not 0 < len(data) <= most:
            raise VoiceError(
                f"a file of {len(data)} bytes", f"1 to {most} bytes", "cut out the best 10 to 30 s"
            )
        voice = _read(name, data, self._limits.voice_seconds)
        stored = StoredVoice(
            f"voice_{secrets.token_hex(8)}",
            name,
            round(voice.seconds, 2),
            int(time.time()),
            voice.sha256,
            tuple(check.message for check in voice.checks),
        )
        with self._lock:
            if len(self.list(user)) >= self._limits.voices_per_user:
                got = f"{self._limits.voices_per_user} stored voices"
                raise VoiceError(got, "fewer", "delete one that is not needed")
            folder = self._of(user)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            np.save(folder / f"{stored.id}.npy", voice.audio, allow_pickle=False)
            (folder / f"{stored.id}.json").write_text(json.dumps(asdict(stored)), "utf-8")
        return stored

    def list(self, user: User) -> list[StoredVoice]:
        """Return the voices of a user, oldest first."""
        found = []
        for path in self._of(user).glob("voice_*.json"):
            try:
                facts = json.loads(path.read_text("utf-8"))
                found.append(StoredVoice(**{**facts, "notes": tuple(facts["notes"])}))
            except (OSError, ValueError, TypeError, KeyError):
                continue  # deleted meanwhile, or not of this version
        return sorted(found, key=lambda voice: (voice.created, voice.id))

    def find(self, user: User, name: str) -> Voice | None:
        """Return a voice of a user by its id or name; the newest of several."""
        matching = [v for v in self.list(user) if v.id == name or fold_name(v.name) == fold_name(name)]
        for stored in reversed(matching):
            try:
                audio = np.load(self._of(user) / f"{stored.id}.npy", allow_pickle=False)
            except (OSError, ValueError):
                continue
            return Voice(stored.name, audio.astype(np.float32), "upload")
        return None

    def remove(self, user: User, id: str) -> bool:
        """Delete a voice of a user; return False if there is none of that id."""
        if not _ID.fullmatch(id):
            return False
        paths = [self._of(user) / f"{id}{suffix}" for suffix in (".json", ".npy")]
        found = paths[0].is_file()
        for path in paths:
            path.unlink(missing_ok=True)
        return found

    def clear(self, user: User) -> None:
        """Delete all voices of a user."""
        shutil.rmtree(self._of(user), ignore_errors=True)

    def _of(self, user: User) -> Path:
        return self._folder / hashlib.sha256(user.name.encode()).hexdigest()[:32]


def _read(name: str, data: bytes, max_seconds: float) -> Voice:
    """Read a recording; messages have its name, not the place where it is read."""
    with tempfile.TemporaryDirectory(prefix="vibevoice-voice-") as folder:
        path = Path(folder) / "recording"
        path.write_bytes(data)
        try:
            return load_voice(path, name=name, max_seconds=max_seconds)
        except VoiceError as error:
            parts = [part.replace(str(path), name) for part in (error.got, error.expected, error.remedy)]
            raise VoiceError(*parts) from None
