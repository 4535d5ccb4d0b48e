"""Export manifest: a take, its turns, and the files written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO

from vibevoice_nb.audio.encode import read_manifest
from vibevoice_nb.audio.limiter import Levelling
from vibevoice_nb.audio.meter import Loudness
from vibevoice_nb.audio.turns import TakeTurn
from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import shown

from .json_records import (
    as_count,
    as_flag,
    as_number,
    as_record,
    as_records,
    as_text,
    checked,
    json_field,
    json_values,
    kept_field,
    order_field,
    ordered,
    read_json,
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
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class ExportedTurn:
    """Turn of an exported take; `start` and `stop` in samples of the whole, and its words if known."""

    speaker: str | None = json_field(as_text)
    text: str | None = json_field(as_text)
    start: int | None = json_field(as_count)
    stop: int | None = json_field(as_count)
    words: tuple[ExportedWord, ...] | None = json_field(as_records(ExportedWord))
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

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
    order: tuple[str, ...] | None = order_field()


@dataclass(frozen=True)
class LoudnessEntry:
    """Measured loudness; see `Loudness`."""

    lufs: float | None = json_field(as_number, null=True)
    true_peak_db: float | None = json_field(as_number)
    rms_db: float | None = json_field(as_number)
    seconds: float | None = json_field(as_number)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

    @classmethod
    def of(cls, loudness: Loudness) -> LoudnessEntry:
        """Return the record of a measurement."""
        return read_json(cls, asdict(loudness))


@dataclass(frozen=True)
class LevellingEntry:
    """Gain plan of an export with a loudness; see `Levelling`."""

    before: LoudnessEntry | None = json_field(as_record(LoudnessEntry))  # noqa: RUF009 - the default is None
    target_lufs: float | None = json_field(as_number)
    limit_db: float | None = json_field(as_number)
    gain_db: float | None = json_field(as_number)
    limiting: bool | None = json_field(as_flag)
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

    @classmethod
    def of(cls, levelling: Levelling) -> LevellingEntry:
        """Return the record of a gain plan."""
        return read_json(cls, asdict(levelling))


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
    loudness : LevellingEntry or None
        Gain plan, if a loudness was requested.
    reached : LoudnessEntry or None
        Loudness measured in the result.
    files : tuple of ExportedFile or None
        Audio files; None in the manifest inside one of them.
    """

    program: str | None = json_field(as_text)
    format: str | None = json_field(as_text)
    parts: str | None = json_field(as_text)
    bitrate: int | None = json_field(as_count, null=True)
    loudness: LevellingEntry | None = json_field(as_record(LevellingEntry), null=True)  # noqa: RUF009
    reached: LoudnessEntry | None = json_field(as_record(LoudnessEntry))  # noqa: RUF009
    files: tuple[ExportedFile, ...] | None = json_field(as_records(ExportedFile))
    kept: Mapping[str, Any] = kept_field()
    order: tuple[str, ...] | None = order_field()

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values; `reached` comes with the files, null without a loudness."""
        data = write_json(self)
        if self.files is None or self.order is not None:
            return data
        files = data.pop("files")
        return {**data, "reached": data.get("reached"), "files": files}


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
        own = checked(cls, take.to_json())
        export = as_record(ExportFacts)(take.kept.get("export"))
        if export is None:
            raise OptionError(
                f"the manifest {shown(data)}", "one with the facts of an export", "see read_manifest"
            )
        kept = {name: value for name, value in take.kept.items() if name not in {*own, "export"}}
        return cls(take=replace(take, kept=kept), export=export, **own)

    @classmethod
    def from_file(cls, source: str | os.PathLike[str] | BinaryIO) -> ExportManifest | None:
        """Read the manifest inside an exported audio file; return None if it has none.

        Parameters
        ----------
        source : path or binary file

        Raises
        ------
        AudioError
            If it is not an audio file.
        """
        data = read_manifest(source)
        return None if data is None or not isinstance(data.get("export"), dict) else cls.from_json(data)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        own = {**json_values(self), "export": self.export.to_json()}
        return ordered({**self.take.to_json(), "content": GENERATED, **own}, self.take.order)
