"""Who speaks: the names in a script, and the speakers' voices, copied into the project.

A voice is two files in `voices/`: the recording as FLAC, 24 bits, and JSON with what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vibevoice_nb.audio.io import encode_audio, read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script.json_form import json_text, looks_like_json
from vibevoice_nb.script.lines import is_name, speaker_number
from vibevoice_nb.script.parsing import parse_script
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.voices.checks import MAX_VOICE_SECONDS, VoiceCheck
from vibevoice_nb.voices.names import fold_name
from vibevoice_nb.voices.voice import Voice, load_voice

from .storage.folder import ProjectFolder
from .storage.schema import MemberRecord, is_file_name

Kind = Literal["built-in", "library", "upload", "recording", "file"]

_FACTS_BYTES = 64 * 1024


@dataclass(frozen=True)
class CastMember:
    """A speaker.

    Attributes
    ----------
    label : str
        As in the script: "Anna", "Speaker 1".
    color : str
        Such as "#0072b2".
    voice : Voice or None
        The reference recording; None until somebody gives one.
    kind : str
        Where it came from: "built-in", "library", "upload", "recording" or "file"; empty without a voice.
    consent : bool
        Whether somebody confirmed the right to use the voice.
    """

    label: str
    color: str
    voice: Voice | None = None
    kind: str = ""
    consent: bool = False

    @property
    def needs_consent(self) -> bool:
        """Whether the voice is a person's who has to agree; the built-in ones are synthetic."""
        return self.kind not in ("", "built-in")


def checked_label(label: object) -> str:
    """Return a speaker's label as a script has it.

    Raises
    ------
    OptionError
        It can't stand before the colon of a line.

    Examples
    --------
    >>> checked_label("speaker 2"), checked_label("Anna")
    ('Speaker 2', 'Anna')
    """
    number = speaker_number(label) if isinstance(label, str) else None
    if number is not None:
        return label_of(number)
    if not (isinstance(label, str) and is_name(label)):
        expected = "a name of 1 to 40 characters without a colon, brackets or asterisks"
        raise OptionError(f"the speaker {shown(label)}", expected, "rename the speaker")
    return label


def cast_names(text: str, known: Iterable[str] = ()) -> tuple[str, ...]:
    r"""Return the names that are speakers in a script, in the order of the model's indices.

    Parameters
    ----------
    text : str
    known : iterable of str
        Speakers of before, in their order, which they keep.

    Returns
    -------
    tuple of str
        Empty for numbered speakers, and for JSON, whose speakers are plain to see.

    Examples
    --------
    >>> cast_names("Anna: Hello.\nHow are you?\nben: Fine.\nBen: And you?", known=["Ben"])
    ('Ben', 'Anna')
    >>> cast_names("Speaker 1: Hello.\nNote: remember the milk.")
    ()
    """
    return () if looks_like_json(json_text(text)) else parse_script(text, known=known).cast


class VoiceShelf:
    """The voices in a project's folder.

    Parameters
    ----------
    folder : ProjectFolder
    """

    def __init__(self, folder: ProjectFolder) -> None:
        self._folder = folder
        self._loaded: dict[str, tuple[Voice, str] | None] = {}  # None: damaged

    def add(self, label: str, voice: Voice, kind: str | None) -> str:
        """Copy a voice in; return its name in the folder.

        Raises
        ------
        OptionError
            Unknown kind.
        ProjectError
            The disk refuses.
        """
        kind = kind or (voice.source if voice.source in ("built-in", "library") else "file")
        if kind not in get_args(Kind):
            raise OptionError(f"kind={kind!r}", f"one of {', '.join(get_args(Kind))}", "leave it out")
        folder = self._folder.inside(self._folder.voices)
        name = f"{_slug(label)}-{hashlib.sha256(f'{kind} {voice.sha256}'.encode()).hexdigest()[:12]}"
        path = folder / f"{name}.flac"
        with self._folder.disk():
            folder.mkdir(exist_ok=True)
        original = os.path.basename(voice.source) if voice.info is not None and kind != "built-in" else ""
        _write_voice(self._folder, path, voice, kind, original)
        self._loaded.pop(name, None)
        return name

    def write_again(self, name: str, folder: ProjectFolder) -> None:
        """Write a voice that is in memory into another folder; nothing happens with one that isn't.

        Raises
        ------
        ProjectError
            The disk refuses.
        """
        if loaded := self._loaded.get(name):
            voice, kind = loaded
            original = "" if voice.source == kind else voice.source
            _write_voice(folder, folder.voices / f"{name}.flac", voice, kind, original)

    def member(self, record: MemberRecord) -> CastMember:
        """The speaker of a record; without a voice, and with a warning, if its files are damaged."""
        bare = CastMember(record.label, record.color)
        if record.voice is None:
            return bare
        if record.voice not in self._loaded:
            try:
                self._loaded[record.voice] = self._load(record.voice)
            except (VibeVoiceError, OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
                self._folder.warn(f"the voice of {record.label} is left out, it is damaged: {exc}")
                self._loaded[record.voice] = None
        loaded = self._loaded[record.voice]
        return CastMember(record.label, record.color, *loaded, record.consent) if loaded else bare

    def _load(self, name: str) -> tuple[Voice, str]:
        assert is_file_name(name)
        path = self._folder.inside(self._folder.voices / f"{name}.flac")
        facts: dict[str, Any] = json.loads(self._folder.read(path.with_suffix(".json"), _FACTS_BYTES))
        audio, info = read_audio(path, max_seconds=MAX_VOICE_SECONDS)
        checks = tuple(VoiceCheck(**check) for check in facts["checks"])
        voice = Voice(str(facts["name"]), audio, str(facts["original"]) or str(facts["kind"]), checks, info)
        if info.sample_rate != SAMPLE_RATE or voice.sha256 != facts["sha256"]:
            raise ValueError(f"{path.name} isn't what was added")
        if facts["kind"] not in get_args(Kind):
            raise ValueError(f"{path.stem}.json has the kind {facts['kind']!r}")
        return voice, str(facts["kind"])


def _write_voice(folder: ProjectFolder, path: Path, voice: Voice, kind: str, original: str) -> None:
    """Write a voice's two files."""
    folder.write(path, encode_audio(path, voice.audio))
    audio, _ = read_audio(path)  # FLAC rounds to 24 bits
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
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    folder.write(path.with_suffix(".json"), text.encode("utf-8", "replace"))


def trimmed(voice: Voice, start_s: float, stop_s: float) -> Voice:
    """Cut `[start_s, stop_s)` out of a voice, check it again and set its level.

    Raises
    ------
    VoiceError
        What is left can't be used.
    OptionError
        No stretch of the recording.
    """
    if not 0 <= start_s < stop_s or start_s >= voice.seconds:
        raise OptionError(
            f"{start_s:g} s to {stop_s:g} s of {voice.name}",
            f"a stretch of its {voice.seconds:.1f} s",
            "give start and stop in seconds",
        )
    audio = np.array(voice.audio[round(start_s * SAMPLE_RATE) : round(stop_s * SAMPLE_RATE)])
    cut = load_voice(audio, name=voice.name, trim=False)
    return replace(cut, source=voice.source, info=voice.info)


def _slug(label: str) -> str:
    """A label as a plain file name.

    >>> _slug("Émile Zola"), _slug("安娜")
    ('emile-zola', 'voice')
    """
    plain = unicodedata.normalize("NFKD", fold_name(label)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "voice"
