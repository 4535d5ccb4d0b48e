"""Casting: assignment of one voice to each speaker of a script.

Speakers are labels, such as "Anna" or "Speaker 1", in the order of the model's indices. Python, the command
line, the cell magic and the Studio use these functions, so defaults and errors are the same everywhere.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ScriptError, VoiceError
from ..ranges import shown
from ..script.lines import name_key, speaker_number
from .builtin import builtin_voices
from .resolve import resolve_voice
from .voice import Voice

VoiceSpec: TypeAlias = "Voice | str | os.PathLike[str] | NDArray[np.float32]"
Voices: TypeAlias = "VoiceSpec | Sequence[VoiceSpec] | Mapping[Any, VoiceSpec]"
_Key = TypeVar("_Key")
_Spec = TypeVar("_Spec")


def match_voices(labels: Sequence[str], voices: Mapping[Any, _Spec]) -> dict[str, _Spec]:
    """Match voices given by name or number with the speakers of a script.

    Parameters
    ----------
    labels : sequence of str
        The script's speakers.
    voices : mapping
        Keys are labels or numbers; upper and lower case do not matter.

    Returns
    -------
    dict
        Given voices, by label; speakers without a voice are missing.

    Raises
    ------
    ScriptError
        If a speaker has two voices, or a voice is for a speaker who is not in the script.

    Examples
    --------
    >>> match_voices(["Speaker 1", "Anna"], {1: "Kai", "anna": "Ada"})
    {'Speaker 1': 'Kai', 'Anna': 'Ada'}
    """
    wanted = {name_key(str(key)): (str(key), spec) for key, spec in voices.items()}
    if len(wanted) < len(voices):
        raise ScriptError(
            f"two voices for one speaker among {shown(list(voices))}",
            "one voice for each speaker",
            "remove one of them",
        )
    matched = {}
    for label in labels:
        keys = [name_key(label)]
        if (number := speaker_number(label)) is not None:
            keys.append(str(number))
        found = [wanted.pop(key) for key in keys if key in wanted]
        if len(found) > 1:
            raise ScriptError(f"two voices for {label}", "one voice for each speaker", "remove one of them")
        if found:
            matched[label] = found[0][1]
    if wanted:
        raise ScriptError(
            f"a voice for {', '.join(key for key, _ in wanted.values())}, who has no lines in the script",
            f"voices for {', '.join(labels)}",
            "correct the speaker's name",
        )
    return matched


def default_voice(index: int, taken: Sequence[str] = ()) -> str | None:
    """Return the built-in voice of a speaker's index, or the next one that is taken least often.

    None is returned only if there are no built-in voices.

    Examples
    --------
    >>> default_voice(0), default_voice(1, taken=["Ruben"])
    ('Ada', 'Mira')
    >>> default_voice(0, taken=["Ada", "Ruben", "Kai"])
    'Mira'
    """
    names = list(builtin_voices())
    first = index % max(1, len(names))
    return min(names[first:] + names[:first], key=taken.count, default=None)


def shared_voices(cast: Mapping[str, str], defaults: Container[str]) -> list[str]:
    """Return a sentence for each voice that a speaker has by default although another speaker has it too.

    Parameters
    ----------
    cast : mapping from label to name of the voice
    defaults : container of str
        Labels of the speakers whose voice is a default.

    Examples
    --------
    >>> shared_voices({"Anna": "Ada", "Ben": "Kai", "Eva": "Ada"}, {"Eva"})
    ['Anna and Eva have the same voice, Ada: there are 8 built-in voices']
    """
    labels: dict[str, list[str]] = {}
    for label, name in cast.items():
        labels.setdefault(name, []).append(label)
    end = f"there are {len(builtin_voices())} built-in voices"
    return [
        f"{', '.join(group[:-1])} and {group[-1]} have the same voice, {name}: {end}"
        for name, group in labels.items()
        if len(group) > 1 and any(label in defaults for label in group)
    ]


def cast_voices(
    speakers: Mapping[str, int],
    voices: Voices | None = None,
    *,
    fill: bool = False,
    resolve: Callable[[Any], Voice] = resolve_voice,
) -> dict[str, Voice]:
    """Find the voice of each speaker of a script.

    Parameters
    ----------
    speakers : mapping
        The script's labels with their indices.
    voices : voice, sequence of voices, or mapping from label or number to voice, optional
        A sequence has one voice per speaker, in the order of the indices. By default built-in voices are
        used, in turn if there are more speakers; an empty sequence or mapping means no voices at all.
    fill : bool
        Give a built-in voice to each speaker that a mapping leaves out, instead of raising.
    resolve : callable
        Converts a given value to a `Voice`.

    Returns
    -------
    dict
        From label to voice, in the order of the indices.

    Raises
    ------
    ScriptError
        If the voices do not fit the speakers, or a speaker has no voice assigned.
    VoiceError
        If a given value is not a voice.

    Examples
    --------
    >>> cast = cast_voices({"Anna": 0, "Ben": 1}, {"Ben": "Ada"}, fill=True)
    >>> {label: voice.name for label, voice in cast.items()}
    {'Anna': 'Ruben', 'Ben': 'Ada'}
    """
    order = sorted(speakers, key=speakers.__getitem__)
    if isinstance(voices, (str, os.PathLike, Voice, np.ndarray)):
        voices = [voices]
    given: Mapping[str, Any]
    if voices is None:
        given, fill = {}, True
    elif isinstance(voices, Mapping):
        given = match_voices(order, voices)
    elif _is_list(voices):
        if len(voices) != len(order):
            raise ScriptError(
                f"{_counted(len(voices), 'voice')} for {_counted(len(order), 'speaker')}",
                "one voice per speaker",
                "add or remove voices",
            )
        given = dict(zip(order, voices, strict=True))
    else:
        raise VoiceError(
            f"voices of type {type(voices).__name__}",
            "a voice, a list of voices, or a dictionary from speakers to voices",
            'write voices={"Speaker 1": "Ada"}, for example',
        )
    cast = {label: resolve(spec) for label, spec in given.items()}
    missing = [label for label in order if label not in cast]
    if fill:
        for label in missing:
            cast[label] = resolve(_default(label, speakers[label], [voice.name for voice in cast.values()]))
    elif missing and voices:
        raise ScriptError(
            f"no voice for {', '.join(missing)}",
            "a voice for every speaker",
            "assign a voice to each of them",
        )
    return {label: cast[label] for label in order if label in cast}


def stand_ins(cast: Mapping[_Key, Voice]) -> dict[_Key, Voice]:
    """Choose built-in voices for the recordings of a cast, for a model that cannot follow recordings.

    Each speaker gets the built-in voice of their place, or the next one that is taken least often.

    Parameters
    ----------
    cast : mapping from speaker to Voice

    Returns
    -------
    dict
        Replacements, for the speakers whose voice is replaced.

    Examples
    --------
    >>> hum = Voice("hum", np.zeros(48000, np.float32), "array")
    >>> {index: voice.name for index, voice in stand_ins({0: resolve_voice("Ada"), 1: hum, 2: hum}).items()}
    {1: 'Ruben', 2: 'Mira'}
    """
    names = list(builtin_voices())
    own = {_built_in(name).sha256: name for name in names}
    taken = [own[voice.sha256] for voice in cast.values() if voice.sha256 in own]
    found: dict[_Key, Voice] = {}
    for place, (speaker, voice) in enumerate(cast.items()):
        if voice.source == "built-in" or voice.sha256 in own:
            continue
        chosen = default_voice(place, taken)
        assert chosen is not None  # nano has built-in voices
        taken.append(chosen)
        found[speaker] = _built_in(chosen)
    return found


def stand_in_message(model: str, label: str, recording: str, stand_in: str) -> str:
    """Return the sentence that reports a recording replaced by a built-in voice, each given by its name."""
    replaced = f"{model} cannot follow the recording {recording!r}"
    return f"{replaced}: {label} speaks with the built-in voice {stand_in}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _is_list(value: object) -> TypeGuard[Sequence[VoiceSpec]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _default(label: str, index: int, taken: Sequence[str]) -> str:
    name = default_voice(index, taken)
    if name is None:
        raise VoiceError(
            f"no voice for {label}, and this installation has no built-in voices",
            "a voice for every speaker",
            f"assign an audio file or a voice of the library to {label}",
        )
    return name


@functools.cache
def _built_in(name: str) -> Voice:
    return resolve_voice(name)
