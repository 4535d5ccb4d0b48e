"""Export manifest: a take, its turns, and the files written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vibevoice_nb.audio.turns import TakeTurn
from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import shown

from .json_records import (
    as_count,
    as_flag,
    as_mapping,
    as_number,
    as_record,
    as_records,
    as_text,
    checked,
    json_field,
    json_values,
    kept_field,
    write_json,
)
from .take_manifest import GENERATED, TakeManifest


@dataclass(frozen=True)
class ExportedWord:
    """Word of a turn: text, samples of the whole, and False if the samples are interpolated."""

    text: str | None = json_field(as_text)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    heard: bool | None = json_field(as_flag)
    kept: Mapping[str, Any] = kept_field()


@dataclass(frozen=True)
class ExportedTurn:
    """Turn of an exported take; `start` and `stop` in samples of the whole, and its words if known."""

    speaker: str | None = json_field(as_text)
    text: str | None = json_field(as_text)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    words: tuple[ExportedWord, ...] | None = json_field(as_records(ExportedWord))
    kept: Mapping[str, Any] = kept_field()

    @classmethod
    def of(cls, turn: TakeTurn) -> ExportedTurn:
        """Return the record of a turn."""
        words = tuple(
            ExportedWord(turn.text[word.text_start : word.text_stop], word.start, word.stop, word.heard)
            for word in turn.words
        )
        return cls(turn.label, turn.text, turn.start, turn.stop, words or None)


@dataclass(frozen=True)
class ExportedFile:
    """Audio file of an export: samples `[start, stop)` of the take."""

    file: str | None = json_field(as_text)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    bytes: int | None = json_field(as_count)
    sha256: str | None = json_field(as_text)
    kept: Mapping[str, Any] = kept_field()


@dataclass(frozen=True)
class ExportFacts:
    """Facts of an export: the program and the options, and the files.

    Attributes
    ----------
    program : str or None
        With its version.
    format, parts : str or None
        See `export_take`.
    bitrate : int or None
        In bits per second; None for a format without one.
    loudness : mapping or None
        Gain plan, if a loudness was requested; see `Levelling`.
    reached : mapping or None
        Loudness measured in the result.
    files : tuple of ExportedFile or None
        Audio files; None in the manifest inside one of them.
    """

    program: str | None = json_field(as_text)
    format: str | None = json_field(as_text)
    parts: str | None = json_field(as_text)
    bitrate: int | None = json_field(as_count, null=True)
    loudness: Mapping[str, Any] | None = json_field(as_mapping, null=True)
    reached: Mapping[str, Any] | None = json_field(as_mapping)
    files: tuple[ExportedFile, ...] | None = json_field(as_records(ExportedFile))
    kept: Mapping[str, Any] = kept_field()

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values; `reached` comes with the files, null without a loudness."""
        data = write_json(self)
        return data if self.files is None else data | {"reached": self.reached, "files": data.pop("files")}


@dataclass(frozen=True, kw_only=True)
class ExportManifest:
    """Manifest of an export: inside every audio file, and beside it with the list of files.

    Attributes
    ----------
    take : TakeManifest
        How the take or the episode was generated.
    name : str or None
        Of the take.
    seconds : float or None
    sample_rate : int or None
        In Hz.
    spoken : tuple of ExportedTurn or None
        None in a file whose complete manifest would be too large.
    export : ExportFacts

    Examples
    --------
    >>> manifest = ExportManifest.from_json({"model": "nano", "export": {"format": "flac"}})
    >>> manifest.take.model, manifest.export.format, manifest.to_json()["content"]
    ('nano', 'flac', 'generated speech')
    """

    take: TakeManifest
    name: str | None = json_field(as_text)
    seconds: float | None = json_field(as_number)
    sample_rate: int | None = json_field(as_count)
    spoken: tuple[ExportedTurn, ...] | None = json_field(as_records(ExportedTurn))
    export: ExportFacts

    @classmethod
    def from_json(cls, data: object) -> ExportManifest:
        """Read the manifest of an export, such as `read_manifest` returns.

        Values of a wrong type count as unknown, and are kept.

        Raises
        ------
        OptionError
            If it is not the manifest of an export.
        """
        take = TakeManifest.from_json(data)
        export = as_record(ExportFacts)(take.kept.get("export"))
        if export is None:
            raise OptionError(
                f"the manifest {shown(data)}", "one with the facts of an export", "see read_manifest"
            )
        return cls(take=take, export=export, **checked(cls, take.kept))

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        own = {**json_values(self), "export": self.export.to_json()}
        return {**self.take.to_json(), "content": GENERATED, **own}
