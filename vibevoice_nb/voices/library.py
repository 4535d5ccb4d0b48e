"""Voice library: the user's own voices on disk.

A library is a folder with one folder per voice, named as the voice: `voice.flac` (24 kHz mono, trimmed, at
-25 dBFS) and `voice.json` (original file, date, findings, and consent). A voice prompt of VibeVoice-Realtime
has `voice.safetensors` instead, and the sizes of its model in `voice.json`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from vibevoice_nb.audio.io import normalize_loudness, read_audio, write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import AudioError, VoiceError
from vibevoice_nb.files import write_atomically
from vibevoice_nb.ranges import shown

from .builtin import builtin_voices
from .checks import MAX_VOICE_SECONDS, VoiceCheck, read_checks
from .names import clean_name, derive_name, fold_name, unknown_voice
from .prompt_file import write_voice_prompt
from .voice import Voice, load_prompt_voice, load_voice

_MANIFEST_VERSION, _PROMPT_VERSION = 1, 2
_AUDIO, _PROMPT = "voice.flac", "voice.safetensors"
_MANIFEST_BYTES = 64 * 1024


@dataclass(frozen=True)
class StoredVoice:
    """An entry of a library, without its audio.

    Attributes
    ----------
    name : str
    original : str
        Name of the original file.
    sha256 : str
        Hash of the samples, as in `Voice.sha256`.
    seconds : float
    added : str
        Date and time of addition: UTC, ISO 8601.
    consent : bool
        True if the user confirmed that the speaker agrees.
    checks : tuple of VoiceCheck
    prompt : str
        Of a voice prompt, the sizes of the models that it fits (see `PromptShape`); else empty.
    """

    name: str
    original: str
    sha256: str
    seconds: float
    added: str
    consent: bool
    checks: tuple[VoiceCheck, ...]
    prompt: str = ""


class VoiceLibrary:
    """The user's own voices on disk. Every change is atomic.

    Parameters
    ----------
    folder : path, optional
        By default `voices` in `$VIBEVOICE_NB_HOME`, else in `$XDG_DATA_HOME/vibevoice-nb`, else in
        `~/.local/share/vibevoice-nb`. It is created when the first voice is added.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     library = VoiceLibrary(folder)
    ...     voice = library.add(0.1 * np.sin(np.arange(96000) / 20), name="Hum", consent=True)
    ...     [entry.name for entry in library.list()], library.get("hum").seconds
    (['Hum'], 4.0)
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        try:
            self.folder = Path(folder).expanduser() if folder is not None else _default_folder()
        except (RuntimeError, TypeError) as exc:  # home folder of an unknown user; a number
            got = f"the voice library's folder {shown(folder)} ({exc})"
            raise VoiceError(got, "a folder", "pass its full path, or set VIBEVOICE_NB_HOME to one") from exc

    def add(
        self,
        source: str | os.PathLike[str] | np.ndarray | Voice,
        *,
        name: str | None = None,
        consent: bool = False,
    ) -> Voice:
        """Add a voice.

        Parameters
        ----------
        source : path, float32 [N] or Voice
            Recording, as for `load_voice`; it is copied, trimmed and normalized. A voice prompt is kept as
            safetensors, whatever file it came from.
        name : str, optional
            Name of the voice; derived from the recording's by default.
        consent : bool
            True if the speaker agrees to the use of the voice; stored with it.

        Returns
        -------
        Voice
            The voice as stored.

        Raises
        ------
        VoiceError
            If the recording is unusable, the name is in use (also by a built-in voice) or not allowed, or the
            folder cannot be written.
        """
        voice = source if isinstance(source, Voice) else load_voice(source, normalize=False)
        name = derive_name(voice.name) if name is None else clean_name(name)
        self._check_free(name)
        with self._disk():
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".adding-", dir=self.folder) as made:
                draft = Path(made, "voice")
                draft.mkdir()
                kept = _store(draft, replace(voice, name=name, source="library"))
                manifest = {
                    "version": _MANIFEST_VERSION if kept.prompt is None else _PROMPT_VERSION,
                    "original": os.path.basename(voice.source),
                    "sha256": kept.sha256,
                    "seconds": kept.seconds,
                    "added": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                    "consent": bool(consent),
                    "checks": [asdict(check) for check in voice.checks],
                    **({} if kept.prompt is None else {"prompt": str(kept.prompt.shape)}),
                }
                text = json.dumps(manifest, indent=2, ensure_ascii=False)
                write_atomically(draft / "voice.json", text.encode(), force=False)
                self._move(draft, name)
        return kept

    def free_name(self, text: str) -> str:
        """Return an unused name that resembles a text, such as a file's name."""
        own = {fold_name(path.name) for path in self._folders()}
        taken = own.union(map(fold_name, builtin_voices()))
        return derive_name(text, lambda name: fold_name(name) in taken)

    def get(self, name: str) -> Voice:
        """Load a voice; upper and lower case do not matter.

        Raises
        ------
        VoiceError
            If the name is unknown (similar ones are listed), or the files of the voice are damaged.
        """
        path = self._find(name)
        entry = _read_manifest(path)
        if entry.prompt:
            voice = load_prompt_voice(path / _PROMPT, name=entry.name)
            if (
                voice.sha256 != entry.sha256
                or voice.prompt is None
                or str(voice.prompt.shape) != entry.prompt
            ):
                raise _damaged(path, f"{_PROMPT} does not match its recorded checksum")
            return replace(voice, source="library")
        try:
            audio, info = read_audio(path / _AUDIO, max_seconds=MAX_VOICE_SECONDS)
        except AudioError as exc:
            raise _damaged(path, exc.got) from exc
        voice = Voice(entry.name, audio, "library", entry.checks, info)
        if info.sample_rate != SAMPLE_RATE or info.channels != 1 or voice.sha256 != entry.sha256:
            raise _damaged(path, "voice.flac does not match its recorded checksum")
        return voice

    def remove(self, name: str) -> None:
        """Delete a voice.

        Raises
        ------
        VoiceError
            If the name is unknown, or the folder cannot be written.
        """
        path = self._find(name)
        with self._disk():
            hidden = tempfile.mkdtemp(prefix=".removed-", dir=self.folder)
            path.rename(Path(hidden, "voice"))  # removed in one step, before its files are deleted
            shutil.rmtree(hidden, ignore_errors=True)

    def rename(self, name: str, new: str) -> None:
        """Rename a voice.

        Raises
        ------
        VoiceError
            If the name is unknown, or the new name is in use or not allowed.
        """
        path = self._find(name)
        new = clean_name(new)
        if fold_name(new) != fold_name(path.name):
            self._check_free(new)
        with self._disk():
            self._move(path, new)

    def list(self) -> list[StoredVoice]:
        """Return all voices, by name; damaged ones are omitted with a warning."""
        entries = []
        for path in self._folders():
            try:
                entries.append(_read_manifest(path))
            except VoiceError as exc:
                warnings.warn(str(exc), stacklevel=2)
        return entries

    def __contains__(self, name: str) -> bool:
        return any(fold_name(path.name) == fold_name(name) for path in self._folders())

    def _folders(self) -> tuple[Path, ...]:
        with self._disk():
            if not self.folder.is_dir():
                return ()
            found = [
                path for path in self.folder.iterdir() if not path.name.startswith(".") and path.is_dir()
            ]
            return tuple(sorted(found, key=lambda path: fold_name(path.name)))

    def _find(self, name: str) -> Path:
        folders = self._folders()
        for path in folders:
            if fold_name(path.name) == fold_name(name):
                return path
        raise unknown_voice(name, [path.name for path in folders])

    def _check_free(self, name: str) -> None:
        if fold_name(name) in map(fold_name, builtin_voices()):
            raise _taken(name, "package")
        if name in self:
            raise _taken(name, "library")

    def _move(self, folder: Path, name: str) -> None:
        try:
            folder.rename(self.folder / name)
        except OSError as exc:
            if exc.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process has used the name meanwhile
                raise _taken(name, "library") from exc
            raise

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Convert disk errors to `VoiceError`; the library is then unchanged."""
        try:
            yield
        except AudioError as exc:
            raise VoiceError(exc.got, exc.expected, exc.remedy) from exc
        except OSError as exc:
            raise VoiceError(
                f"the voice library {self.folder}: {exc.strerror or exc}",
                "a folder that can be read and written",
                "fix its permissions, free some space, or set VIBEVOICE_NB_HOME to another folder",
            ) from exc


def _default_folder() -> Path:
    if home := os.environ.get("VIBEVOICE_NB_HOME"):
        return Path(home).expanduser() / "voices"
    data = Path(os.environ.get("XDG_DATA_HOME") or "")
    if not data.is_absolute():  # the XDG specification: a relative path is to be ignored
        data = Path.home() / ".local" / "share"
    return data / "vibevoice-nb" / "voices"


def _store(draft: Path, voice: Voice) -> Voice:
    """Write the file of a voice; return the voice as stored."""
    if voice.prompt is not None:
        write_voice_prompt(draft / _PROMPT, voice.prompt)
        return voice
    path = write_audio(draft / _AUDIO, normalize_loudness(voice.audio))
    audio, _ = read_audio(path)  # as stored: FLAC rounds to 24 bits
    return replace(voice, audio=audio)


def _read_manifest(path: Path) -> StoredVoice:
    """Parse and validate an entry; its file may have been edited."""
    try:
        with open(path / "voice.json", "rb") as file:
            fields = json.loads(file.read(_MANIFEST_BYTES))
        if fields["version"] not in (_MANIFEST_VERSION, _PROMPT_VERSION):
            raise _damaged(path, f"voice.json has version {fields['version']!r}, not {_MANIFEST_VERSION}")
        return StoredVoice(
            name=path.name,
            original=str(fields["original"]),
            sha256=str(fields["sha256"]),
            seconds=float(fields["seconds"]),
            added=str(fields["added"]),
            consent=fields["consent"] is True,
            checks=read_checks(fields["checks"]),
            prompt=str(fields["prompt"])[:200] if fields["version"] == _PROMPT_VERSION else "",
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise _damaged(path, f"voice.json: {type(exc).__name__}: {exc}") from exc


def _taken(name: str, owner: str) -> VoiceError:
    return VoiceError(
        f"the voice name {name!r} is already used in the {owner}", "a new name", "choose another name"
    )


def _damaged(path: Path, reason: str) -> VoiceError:
    return VoiceError(
        f"the voice {path.name!r} in the library is damaged ({reason})",
        "unmodified voice.flac and voice.json",
        f"remove {path} and add the voice again",
    )
