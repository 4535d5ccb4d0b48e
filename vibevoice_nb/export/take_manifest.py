"""Take manifest: how a take was generated, typed; read from untrusted JSON, and written as JSON."""

from __future__ import annotations

import warnings
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, replace
from typing import Any

from vibevoice_nb.texts import duration

from .json_records import (
    as_count,
    as_counts,
    as_named_records,
    as_number,
    as_record,
    as_records,
    as_seed,
    as_text,
    as_texts,
    json_field,
    kept_field,
    order_field,
    read_json,
    write_json,
)
from .take_entries import AdjustmentsEntry, ContextEntry, MusicEntry, OptionsEntry, SpeakerEntry, VoiceEntry

GENERATED = "generated speech"
"""Mark in every manifest, every exported file and every displayed take."""

_SHOWN = 3  # most distinct models or seeds that are listed


@dataclass(frozen=True, eq=False)
class TakeManifest:
    """Facts of a take: everything needed to reproduce it.

    An attribute is None if it is unknown. Until version 0.3 a manifest can also be used as a mapping, with a
    DeprecationWarning.

    Attributes
    ----------
    turn_id, speaker, text : str or None
        The turn, the speaker's label, and the words.
    read_as : str or None
        Text that the model was given, if a lexicon or spoken forms made it another one.
    voice : VoiceEntry or None
    number : int or None
        Number among the takes of its turn, from 1.
    content : str or None
        "generated speech".
    project : str or None
        Of an episode: its project.
    speakers : mapping from label to SpeakerEntry, or None
        Of an episode: the voices.
    takes : tuple of TakeManifest or None
        Of an episode: its takes, without their contexts.
    music : tuple of MusicEntry or None
        Of an episode: intro, outro and bed.
    model, revision, weights : str or None
        Name of the model, revision of its files, and checksum of its weights.
    device, dtype, quantize, attention : str or None
        Of the model, while it generated.
    server : str or None
        Address of the server that generated it; None if the model was in this process.
    mode : str or None
        "turns" or "whole".
    options : OptionsEntry or None
        With the seed.
    versions : mapping from library to version, or None
    created : str or None
        UTC, ISO 8601.
    expected_seconds : float or None
        Estimated length of the text.
    odd_length : str or None
        "short" or "long" if the length is far from the estimate, else empty.
    context : tuple of ContextEntry or None
        Turns that were its context, the oldest first.
    context_dropped : int or None
        Turns before these that were left out.
    prefill_sha256 : str or None
        Checksum of the prompt.
    elapsed, rtf, ttfa : float or None
        Seconds of work, seconds of work per second of audio, and seconds until the first audio.
    confidence : float or None
        Confidence that the audio is that of this turn, from 0 to 1; None is 1.
    run_frames : tuple of int or None
        First and last frame, exclusive, in a run of the whole script.
    ended : str or None
        "finished", "length", "stalled", or "cancelled" for a partial take, whose turn is then still missing.
    error : str or None
        Error that stopped the generation.
    id, follows : str or None
        Id of the take, and of the one whose audio it continues.
    samples, sample_rate, frames, clipped, audio_bytes : int or None
        Of the files of the take.
    adjustments : AdjustmentsEntry or None
        Of a take in an episode.
    kept : mapping
        JSON that it was read from, without the values above: unknown keys, and values of a wrong type.
    order : tuple of str or None
        Keys of that JSON.

    Examples
    --------
    >>> manifest = TakeManifest.from_json({"model": "nano", "options": {"seed": 7}, "mood": "calm"})
    >>> manifest.model, manifest.options.seed, manifest.ended, manifest.kept
    ('nano', 7, None, {'mood': 'calm'})
    >>> manifest.to_json()
    {'model': 'nano', 'options': {'seed': 7}, 'mood': 'calm'}
    """

    turn_id: str | None = json_field(as_text)
    speaker: str | None = json_field(as_text)
    text: str | None = json_field(as_text)
    read_as: str | None = json_field(as_text)
    voice: VoiceEntry | None = json_field(as_record(VoiceEntry))  # noqa: RUF009 - the default is None
    number: int | None = json_field(as_count)
    content: str | None = json_field(as_text)
    project: str | None = json_field(as_text)
    speakers: Mapping[str, SpeakerEntry] | None = json_field(as_named_records(SpeakerEntry))
    takes: tuple[TakeManifest, ...] | None = json_field(lambda value: _takes(value))
    music: tuple[MusicEntry, ...] | None = json_field(as_records(MusicEntry))
    model: str | None = json_field(as_text)
    revision: str | None = json_field(as_text)
    weights: str | None = json_field(as_text)
    device: str | None = json_field(as_text)
    dtype: str | None = json_field(as_text)
    quantize: str | None = json_field(as_text)
    attention: str | None = json_field(as_text)
    server: str | None = json_field(as_text)
    mode: str | None = json_field(as_text)
    options: OptionsEntry | None = json_field(as_record(OptionsEntry))  # noqa: RUF009
    versions: Mapping[str, str] | None = json_field(as_texts)
    created: str | None = json_field(as_text)
    expected_seconds: float | None = json_field(as_number)
    odd_length: str | None = json_field(as_text)
    context: tuple[ContextEntry, ...] | None = json_field(as_records(ContextEntry))
    context_dropped: int | None = json_field(as_count)
    prefill_sha256: str | None = json_field(as_text)
    elapsed: float | None = json_field(as_number)
    rtf: float | None = json_field(as_number)
    ttfa: float | None = json_field(as_number)
    confidence: float | None = json_field(as_number)
    run_frames: tuple[int, ...] | None = json_field(as_counts)
    ended: str | None = json_field(as_text)
    error: str | None = json_field(as_text)
    id: str | None = json_field(as_text)
    follows: str | None = json_field(as_text)
    samples: int | None = json_field(as_count)
    sample_rate: int | None = json_field(as_count)
    frames: int | None = json_field(as_count)
    clipped: int | None = json_field(as_count)
    audio_bytes: int | None = json_field(as_count)
    adjustments: AdjustmentsEntry | None = json_field(as_record(AdjustmentsEntry))  # noqa: RUF009
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

    @classmethod
    def from_json(cls, data: object) -> TakeManifest:
        """Read a manifest; values of a wrong type count as unknown, and are kept.

        Raises
        ------
        OptionError
            If it is not a mapping.
        """
        return read_json(cls, data)

    @classmethod
    def of(cls, manifest: TakeManifest | Mapping[str, Any] | None) -> TakeManifest:
        """Return a manifest as it is, and read a mapping; None is an empty one."""
        if isinstance(manifest, TakeManifest):
            return manifest
        return cls.from_json({} if manifest is None else manifest)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values, in the order of the JSON it was read from."""
        return write_json(self)

    @property
    def seed(self) -> int | None:
        """Random seed; None if unknown. The facts of a `Speech` have it beside the others."""
        own = None if self.options is None else self.options.seed
        return as_seed(self.kept.get("seed")) if own is None else own

    @property
    def models(self) -> str:
        """Model or models, for people; empty if they are unknown.

        Examples
        --------
        >>> TakeManifest(takes=(TakeManifest(model="nano"), TakeManifest(model="nano"))).models
        'nano'
        """
        return _listed([part.model for part in (self, *(self.takes or ())) if part.model], "models")

    def summary(self, seconds: float) -> list[str]:
        """Summarize the manifest of an audio of this length in a few short parts, "generated speech" first.

        Examples
        --------
        >>> TakeManifest(model="nano", options=OptionsEntry(seed=7)).summary(75.0)
        ['generated speech', 'model nano', 'seed 7', '1:15']
        """
        seeds = [part.seed for part in (self, *(self.takes or ()))]
        seed = _listed([str(seed) for seed in seeds if seed is not None], "seeds")
        named = [f"model {self.models}"] if self.models else []
        return [GENERATED, *named, *([f"seed {seed}"] if seed else []), duration(seconds)]

    def without_context(self) -> TakeManifest:
        """Return a copy without the context, as an episode keeps it."""
        kept = {name: value for name, value in self.kept.items() if name != "context"}
        return replace(self, context=None, kept=kept)

    def __eq__(self, other: object) -> bool:
        return self.to_json() == (other.to_json() if isinstance(other, TakeManifest) else other)

    # The mapping that it was in version 0.1.

    def __getitem__(self, key: str) -> Any:
        return self._mapping()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._mapping()

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping())

    def __len__(self) -> int:
        return len(self._mapping())

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the mapping; deprecated."""
        return self._mapping().get(key, default)

    def keys(self) -> KeysView[str]:
        """Return the keys of the mapping; deprecated."""
        return self._mapping().keys()

    def values(self) -> ValuesView[Any]:
        """Return the values of the mapping; deprecated."""
        return self._mapping().values()

    def items(self) -> ItemsView[str, Any]:
        """Return the items of the mapping; deprecated."""
        return self._mapping().items()

    def _mapping(self) -> dict[str, Any]:
        message = "a manifest as a mapping is deprecated; use its attributes, or to_json()"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        return self.to_json()


def _takes(value: object) -> tuple[TakeManifest, ...] | None:
    """Check the takes of an episode, which have none themselves: nesting is bounded."""
    return as_records(TakeManifest, without="takes")(value)


def _listed(values: list[str], name: str) -> str:
    distinct = list(dict.fromkeys(values))
    return ", ".join(distinct) if len(distinct) <= _SHOWN else f"{len(distinct)} {name}"
