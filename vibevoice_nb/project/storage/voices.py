"""Voices of a project: each is a FLAC file (24 bits) in `voices/`, and JSON that describes its source.

A voice prompt of VibeVoice-Realtime is a safetensors file instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vibevoice_nb.audio.io import encode_audio, read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.voices.checks import MAX_VOICE_SECONDS, read_checks
from vibevoice_nb.voices.names import fold_name
from vibevoice_nb.voices.prompt_file import prompt_bytes, read_voice_prompt
from vibevoice_nb.voices.voice import Voice

from .folder import ProjectFolder
from .schema import is_file_name

Kind = Literal["built-in", "library", "upload", "recording", "file"]

_FACTS_BYTES = 64 * 1024
AUDIO, PROMPT = ".flac", ".safetensors"
SUFFIXES = AUDIO, PROMPT, ".json"


class ProjectVoices:
    """Voices in a project's folder, read once and kept in memory.

    Parameters
    ----------
    folder : ProjectFolder
    """

    def __init__(self, folder: ProjectFolder) -> None:
        self._folder = folder
        self._loaded: dict[str, tuple[Voice, str] | None] = {}  # None: damaged

    def add(self, label: str, voice: Voice, kind: str | None) -> str:
        """Copy a voice into the folder; return its name there.

        Raises
        ------
        OptionError
            If the kind is unknown.
        ProjectError
            If a file can't be written.
        """
        kind = kind or (voice.source if voice.source in ("built-in", "library") else "file")
        if kind not in get_args(Kind):
            raise OptionError(f"kind={kind!r}", f"one of {', '.join(get_args(Kind))}", "leave it out")
        folder = self._folder.inside(self._folder.voices)
        name = f"{_slug(label)}-{hashlib.sha256(f'{kind} {voice.sha256}'.encode()).hexdigest()[:12]}"
        path = folder / name
        with self._folder.disk():
            folder.mkdir(exist_ok=True)
        from_file = voice.info is not None or voice.prompt is not None
        original = os.path.basename(voice.source) if from_file and kind != "built-in" else ""
        _write_voice(self._folder, path, voice, kind, original)
        self._loaded.pop(name, None)
        return name

    def write_again(self, name: str, folder: ProjectFolder) -> None:
        """Write a voice into another folder, if it is in memory.

        Raises
        ------
        ProjectError
            If a file can't be written.
        """
        if loaded := self._loaded.get(name):
            voice, kind = loaded
            original = "" if voice.source == kind else voice.source
            _write_voice(folder, folder.voices / name, voice, kind, original)

    def get(self, name: str, label: str) -> tuple[Voice, str] | None:
        """Return a voice and its kind; None, with a warning that names the speaker, if it is damaged."""
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except (VibeVoiceError, OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
                self._folder.warn(f"the voice of {label} is damaged and was left out: {exc}")
                self._loaded[name] = None
        return self._loaded[name]

    def _load(self, name: str) -> tuple[Voice, str]:
        assert is_file_name(name)
        path = self._folder.inside(self._folder.voices / f"{name}{AUDIO}")
        facts: dict[str, Any] = self._folder.read_json(path.with_suffix(".json"), _FACTS_BYTES)
        if facts["kind"] not in get_args(Kind):
            raise ValueError(f"{path.stem}.json has the kind {facts['kind']!r}")
        if facts.get("prompt") is True:
            prompt = read_voice_prompt(self._folder.inside(path.with_suffix(PROMPT)))
            if prompt.sha256 != facts["sha256"]:
                raise ValueError(f"{name}{PROMPT} does not match its recorded checksum")
            source = str(facts["original"]) or str(facts["kind"])
            voice = Voice(str(facts["name"]), np.zeros(0, np.float32), source, prompt=prompt)
            return voice, str(facts["kind"])
        audio, info = read_audio(path, max_seconds=MAX_VOICE_SECONDS)
        checks = read_checks(facts["checks"])
        voice = Voice(str(facts["name"]), audio, str(facts["original"]) or str(facts["kind"]), checks, info)
        if info.sample_rate != SAMPLE_RATE or voice.sha256 != facts["sha256"]:
            raise ValueError(f"{path.name} does not match its recorded checksum")
        return voice, str(facts["kind"])


def _write_voice(folder: ProjectFolder, path: Path, voice: Voice, kind: str, original: str) -> None:
    """Write a voice's two files; their suffixes are added to the path."""
    kept = voice
    if voice.prompt is not None:
        folder.write(path.with_name(path.name + PROMPT), prompt_bytes(voice.prompt))
    else:
        file = path.with_name(path.name + AUDIO)
        folder.write(file, encode_audio(file, voice.audio))
        audio, _ = read_audio(file)  # FLAC rounds to 24 bits
        kept = replace(voice, audio=audio)
    facts = {
        "version": 1,
        "name": voice.name,
        "kind": kind,
        "original": original,
        "sha256": kept.sha256,
        "seconds": round(kept.seconds, 3),
        "added": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "checks": [asdict(check) for check in voice.checks],
        **({"prompt": True} if voice.prompt is not None else {}),
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    folder.write(path.with_name(path.name + ".json"), text.encode("utf-8", "replace"))


def _slug(label: str) -> str:
    """Return a label as a plain file name.

    >>> _slug("Émile Zola"), _slug("安娜")
    ('emile-zola', 'voice')
    """
    plain = unicodedata.normalize("NFKD", fold_name(label)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "voice"
