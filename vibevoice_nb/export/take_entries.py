"""Entries of a take manifest: options, voices, context, music and adjustments, as they were recorded.

An attribute is None if it is unknown. `kept` holds what no attribute has, and `order` the keys of the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .json_records import (
    as_count,
    as_flag,
    as_number,
    as_record,
    as_seed,
    as_text,
    json_field,
    kept_field,
    order_field,
    read_json,
)


@dataclass(frozen=True)
class OptionsEntry:
    """Options that a take was generated with; see `GenerationOptions`.

    Examples
    --------
    >>> OptionsEntry(cfg_scale=2.0, seed=7).kwargs()
    {'cfg_scale': 2.0, 'seed': 7}
    """

    cfg_scale: float | None = json_field(as_number)
    num_steps: int | None = json_field(as_count)
    seed: int | None = json_field(as_seed)
    solver: str | None = json_field(as_text)
    temperature: float | None = json_field(as_number)
    max_seconds: float | None = json_field(as_number)
    passage_seconds: float | None = json_field(as_number)
    context_seconds: float | None = json_field(as_number)
    seed_voices: bool | None = json_field(as_flag)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> OptionsEntry:
        """Return the record of the fields of `GenerationOptions`; None is recorded as null."""
        return read_json(cls, options)

    def kwargs(self) -> dict[str, Any]:
        """Return the options that are known, as keyword arguments of `Engine.speak`."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if "check" in one.metadata}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class VoiceEntry:
    """Reference recording of a take's speaker.

    Attributes
    ----------
    name, kind, sha256 : str or None
        See `Voice` and `CastMember`.
    seconds : float or None
    consent : bool or None
    spoken_with : str or None
        Built-in voice that was used instead, by a model that cannot follow recordings.
    """

    name: str | None = json_field(as_text)
    kind: str | None = json_field(as_text)
    sha256: str | None = json_field(as_text)
    seconds: float | None = json_field(as_number)
    consent: bool | None = json_field(as_flag)
    spoken_with: str | None = json_field(as_text)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class ContextEntry:
    """Turn of a take's context, and the take it had then."""

    turn_id: str | None = json_field(as_text)
    take_id: str | None = json_field(as_text)
    speaker: str | None = json_field(as_text)
    text: str | None = json_field(as_text)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class MusicSettings:
    """Settings of music that its role has; see `vibevoice_nb.project.storage.music.Music`."""

    gain: float | None = json_field(as_number)
    fade_in: float | None = json_field(as_number)
    fade_out: float | None = json_field(as_number)
    alone: float | None = json_field(as_number)
    overlap: float | None = json_field(as_number)
    ducking: float | None = json_field(as_number)
    attack: float | None = json_field(as_number)
    release: float | None = json_field(as_number)
    loop: bool | None = json_field(as_flag)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class MusicEntry:
    """Music of an episode.

    Attributes
    ----------
    role : str or None
        "intro", "outro" or "bed".
    file, sha256 : str or None
        Name of the file it was copied from, and checksum of the copy in the project.
    license : str or None
        Note on its source and license.
    start, stop : int or None
        Samples of the episode.
    settings : MusicSettings or None
    """

    role: str | None = json_field(as_text)
    file: str | None = json_field(as_text)
    sha256: str | None = json_field(as_text)
    license: str | None = json_field(as_text)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    settings: MusicSettings | None = json_field(as_record(MusicSettings))  # noqa: RUF009 - the default is None
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class SpeakerEntry:
    """Voice of a speaker of an episode.

    Attributes
    ----------
    voice : str or None
        Name of the voice.
    kind, sha256 : str or None
        See `Voice` and `CastMember`.
    consent : bool or None
    """

    voice: str | None = json_field(as_text)
    kind: str | None = json_field(as_text)
    sha256: str | None = json_field(as_text)
    consent: bool | None = json_field(as_flag)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class AdjustmentsEntry:
    """Adjustments of a take in an episode, where they are not neutral.

    Attributes
    ----------
    gain_db, pace : float or None
    start, stop : int or None
        Samples of the take that are played.
    """

    gain_db: float | None = json_field(as_number)
    pace: float | None = json_field(as_number)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()
