"""Requests of the native stream, read from untrusted messages, and the arrays that they name.

Shapes: T frames, Z latent size, F semantic size.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.remote.wire import Floats, blob_digest, malformed
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import Turn
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

from .blobs import check_size
from .requests import ContextTurn, Received, SpeechRequest

MAX_TURNS = 20_000
MAX_TOKENS = 1_000_000
_ROUNDED = 1e-4
"""Most difference of samples that saving makes."""
_NUMBERS = {
    "speaker_index": None,
    "pause_after_ms": 0,
    "line": 1,
    "column": 1,
    "text_column": 1,
    "end_line": 1,
    "end_column": 1,
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Asked:
    """A request whose arrays are checksums.

    Attributes
    ----------
    fields : mapping
        Checked fields of the message.
    turns, context_turns : sequence of Turn
    blobs : tuple of str
        Checksums of the arrays that it needs.
    """

    fields: Mapping[str, Any]
    turns: Sequence[Turn]
    context_turns: Sequence[Turn]
    blobs: tuple[str, ...]

    def filled(self, arrays: Mapping[str, Floats]) -> SpeechRequest:
        """Return the request with its arrays.

        Raises
        ------
        ServerError
            If an array has a shape that does not fit.
        FailedError
            If they are too large together.
        """
        fields = self.fields
        check_size(sum(array.size for array in arrays.values()))
        cast = {int(index): _voice(voice, arrays) for index, voice in fields["cast"].items()}
        context = [
            ContextTurn(turn, *_parted(arrays, entry))
            for turn, entry in zip(self.context_turns, fields["context"], strict=True)
        ]
        done = fields.get("done")
        received = (
            None if done is None else Received(*_parted(arrays, done), tuple(done["tokens"]), done["samples"])
        )
        return SpeechRequest(
            self.turns, cast, fields["options"], fields["mode"], context, fields["pauses"], received
        )


def read_request(fields: Mapping[str, Any]) -> Asked:
    """Read and check the fields of a request.

    Raises
    ------
    ServerError
        If it is malformed.
    OptionError
        If an option is unknown or out of range.
    """
    checked: dict[str, Any] = {
        "mode": fields.get("mode"),
        "pauses": fields.get("pauses", True),
        "options": fields.get("options", {}),
        "cast": fields.get("cast", {}),
        "context": fields.get("context", []),
        "done": fields.get("done"),
    }
    if checked["mode"] not in ("whole", "context") or type(checked["pauses"]) is not bool:
        raise malformed("a request without a mode")
    turns = _turns(fields.get("turns"))
    if not turns or (checked["mode"] == "context" and len(turns) != 1):
        raise malformed(f"a request in mode {checked['mode']} with {len(turns)} turns")
    if not isinstance(checked["options"], dict):
        raise malformed("options that are no mapping")
    GenerationOptions().updated(checked["options"])
    cast, context, done = checked["cast"], checked["context"], checked["done"]
    if (
        not isinstance(cast, dict)
        or len(cast) > 64
        or not all(re.fullmatch(r"[0-9]{1,3}", key) for key in cast)
    ):
        raise malformed("a cast that is no mapping from speaker to voice")
    voices = [_entry(voice, "a voice") for voice in cast.values()]
    if not isinstance(context, list):
        raise malformed("a context that is no list")
    entries = [_frames_entry(entry) for entry in context]
    if done is not None:
        entries.append(_frames_entry(done))
        tokens, samples = done.get("tokens"), done.get("samples")
        if (
            not isinstance(tokens, list)
            or len(tokens) > MAX_TOKENS
            or not all(type(t) is int for t in tokens)
        ):
            raise malformed("a received part without tokens")
        if type(samples) is not int or not 0 <= samples < 1 << 40:
            raise malformed(f"a received part of {shown(samples)} samples")
    named = [voice.get("audio") for voice in voices if _builtin(voice) is None]
    blobs = [_digest(value) for value in (*named, *(entry["frames"] for entry in entries))]
    context_turns = _turns([entry.get("turn") for entry in context])
    return Asked(checked, turns, context_turns, tuple(dict.fromkeys(blobs)))


def _turns(values: object) -> list[Turn]:
    if not isinstance(values, list) or len(values) > MAX_TURNS:
        raise malformed("turns that are no list")
    return [_turn(value) for value in values]


def _turn(value: object) -> Turn:
    value = _entry(value, "a turn")
    numbers: dict[str, Any] = {name: value.get(name, default) for name, default in _NUMBERS.items()}
    speaker: Any = value.get("speaker")
    text, written = value.get("text"), value.get("written", "")
    if any(type(number) is not int or not 0 <= number < 1 << 31 for number in numbers.values()):
        raise malformed(f"a turn with the numbers {shown(numbers)}")
    if type(speaker) not in (int, str) or len(str(speaker)) > 100:
        raise malformed(f"a turn with the speaker {shown(speaker)}")
    if not isinstance(text, str) or not isinstance(written, str):
        raise malformed("a turn without text")
    return Turn(speaker, text, written=written, **numbers)


def _entry(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(f"{what} that is no mapping")
    return value


def _frames_entry(value: object) -> dict[str, Any]:
    value = _entry(value, "frames")
    if type(value.get("latent_size")) is not int or not 0 <= value["latent_size"] < 1 << 16:
        raise malformed("frames without their latent size")
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise malformed(f"the checksum {shown(value)}")
    return value


def _parted(arrays: Mapping[str, Floats], entry: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Divide [T, Z + F] into latent and semantic."""
    array, size = arrays[entry["frames"]], entry["latent_size"]
    if array.ndim != 2 or size > array.shape[1]:
        raise malformed(f"frames of shape {array.shape} with a latent size of {size}")
    return array[:, :size], array[:, size:]


def _builtin(voice: Mapping[str, Any]) -> str | None:
    """Return the name of a built-in voice that has exactly this audio."""
    name, audio = voice.get("name"), voice.get("audio")
    known = isinstance(name, str) and isinstance(audio, str) and _builtin_digests().get(name) == audio
    return name if known else None


def _voice(voice: Mapping[str, Any], arrays: Mapping[str, Floats]) -> str | Floats | Voice:
    """Return the name of a built-in voice, its copy in a project, or a recording."""
    name = _builtin(voice)
    if name is not None:
        return name
    audio = arrays[voice["audio"]]
    if audio.ndim != 1:
        raise malformed(f"a recording of shape {audio.shape}")
    claimed = voice.get("name")
    if isinstance(claimed, str) and claimed in builtin_voices():
        own = resolve_voice(claimed).audio
        # A copy that was saved has rounded samples, and is still that voice.
        if own.shape == audio.shape and np.abs(own - audio).max() <= _ROUNDED:
            return Voice(claimed, audio, "built-in")
    return audio


@functools.cache
def _builtin_digests() -> dict[str, str]:
    return {name: blob_digest(resolve_voice(name).audio) for name in builtin_voices()}
