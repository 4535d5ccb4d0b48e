"""JSON records: frozen dataclasses that are read from untrusted JSON, and written as the same JSON.

A field is declared with `json_field` and the function that checks its value. A value that fails the check
counts as unknown: the field is None, and the value is kept. A record is written with everything kept, in the
order it was read in. So a file of another version, or one that a person has edited, loses nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, field, fields, is_dataclass
from typing import Any, TypeVar

from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import shown

MAX_TEXT = 1_000_000
"""Most characters of a text; that of a whole script."""
MAX_ENTRIES = 100_000
"""Most entries of a list or a mapping."""

_MAX_COUNT = 2**53  # integers that JSON keeps exactly
_MAX_SEED = 2**63 - 1
_LARGEST = 1e300

Record = TypeVar("Record")
_Check = Callable[[Any], Any]


def json_field(check: _Check, *, null: bool = False) -> Any:
    """Declare a field of a record.

    `check` returns the value, or None if it is not valid. With `null`, an unknown value is written as null.
    """
    return field(default=None, metadata={"check": check, "null": null})


def kept_field() -> Any:
    """Declare the field `kept`: JSON that a record was read from, without the values that its fields have."""
    return field(default_factory=dict, repr=False, compare=False)


def order_field() -> Any:
    """Declare the field `order`: the keys of the JSON that a record was read from; None if it was not."""
    return field(default=None, repr=False, compare=False)


def read_json(kind: type[Record], data: object, *, without: str = "") -> Record:
    """Read a record from a mapping of JSON values; `without` names a field that is left out.

    Raises
    ------
    OptionError
        If it is not a mapping.
    """
    if not isinstance(data, Mapping):
        raise OptionError(f"the manifest {shown(data)}", "a mapping of JSON values", "pass a dictionary")
    make: Callable[..., Record] = kind
    values = checked(kind, data, without)
    kept = {name: value for name, value in data.items() if name not in values}
    return make(**values, kept=kept, order=tuple(data))


def checked(kind: type, data: Mapping[str, Any], without: str = "") -> dict[str, Any]:
    """Return the values of a mapping for the fields of a record that are valid."""
    found = {name: check(data[name]) for name, check in _checks(kind) if name in data and name != without}
    return {name: value for name, value in found.items() if value is not None}


@functools.cache  # a project has tens of thousands of records
def _checks(kind: type) -> tuple[tuple[str, _Check], ...]:
    return tuple((one.name, one.metadata["check"]) for one in fields(kind) if "check" in one.metadata)


def write_json(record: Any) -> dict[str, Any]:
    """Return a record as JSON values: the fields that are known, and everything else it was read from."""
    return ordered({**record.kept, **json_values(record)}, record.order)


def ordered(values: dict[str, Any], order: Iterable[str] | None) -> dict[str, Any]:
    """Return values in the order of some keys; those that it does not have come last."""
    return {**{name: values[name] for name in order or () if name in values}, **values}


def json_values(record: Any) -> dict[str, Any]:
    """Return the fields of a record that are known, as JSON values."""
    values = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if "check" in one.metadata and (value is not None or _is_null(record, one)):
            values[one.name] = _plain(value)
    return values


def _is_null(record: Any, one: Field[Any]) -> bool:
    """Return True if a field that is None is written as null."""
    if not one.metadata["null"] or one.name in record.kept:
        return False
    return record.order is None or one.name in record.order


def as_text(value: object) -> str | None:
    """Return a string of at most a million characters."""
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def as_flag(value: object) -> bool | None:
    """Return a boolean."""
    return value if isinstance(value, bool) else None


def as_count(value: object) -> int | None:
    """Return a whole number from 0."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _MAX_COUNT else None  # type: ignore[operator, return-value]


def as_number(value: object) -> float | None:
    """Return a finite number."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if real and -_LARGEST < value < _LARGEST else None  # type: ignore[operator, return-value]


def as_seed(value: object) -> int | None:
    """Return a random seed, which may be larger than a count."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _MAX_SEED else None  # type: ignore[operator, return-value]


def as_counts(value: object) -> tuple[int, ...] | None:
    """Return a list of whole numbers from 0 as a tuple."""
    return _each(as_count, value)


def as_record(kind: type[Record], **options: str) -> Callable[[object], Record | None]:
    """Return the check of a nested record."""
    return lambda value: read_json(kind, value, **options) if isinstance(value, Mapping) else None


def as_records(kind: type[Record], **options: str) -> Callable[[object], tuple[Record, ...] | None]:
    """Return the check of a list of records."""
    return lambda value: _each(as_record(kind, **options), value)


def as_texts(value: object) -> Mapping[str, str] | None:
    """Return a mapping from text to text."""
    return _named(as_text, value)


def as_named_records(kind: type[Record]) -> Callable[[object], Mapping[str, Record] | None]:
    """Return the check of a mapping from text to a record."""
    return lambda value: _named(as_record(kind), value)


def _each(check: Callable[[object], Record | None], value: object) -> tuple[Record, ...] | None:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_ENTRIES:
        return None
    checked = [item for item in map(check, value) if item is not None]
    return tuple(checked) if len(checked) == len(value) else None


def _named(check: Callable[[object], Record | None], value: object) -> Mapping[str, Record] | None:
    if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
        return None
    checked = {name: check(item) for name, item in value.items() if isinstance(name, str)}
    found = {name: item for name, item in checked.items() if item is not None}
    return found if len(found) == len(value) else None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return write_json(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, Mapping) else value
