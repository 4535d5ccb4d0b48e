"""Records of manifests: what was read is written again, every value has its type, in linear time."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.export.manifest import ExportFacts, ExportManifest
from vibevoice_nb.export.take_manifest import TakeManifest

WRONG: list[Any] = [
    None, True, -1, 7, 2**53 + 1, 2**70, 0.5, 1e308, float("nan"), "", "x", [], [None], [[1]], {}, {"a": [1]},
    {"": {}}, [{"text": 5}, 3],
]  # fmt: skip
KEYS = ["mood", "a", "", "kept", "order", "seed"]


@functools.cache
def types_of(kind: type) -> dict[str, Any]:
    """Return the types of a record's fields, without None."""
    names = [one.name for one in fields(kind) if "check" in one.metadata]
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name in names}
    return {
        name: next(one for one in get_args(hint) if one is not type(None)) for name, hint in hints.items()
    }


def valid(draw: Callable[[int], int], hint: Any) -> Any:
    """Return a JSON value that is valid for a type."""
    inner = get_args(hint)
    if is_dataclass(hint):
        return an_object(draw, hint)
    if get_origin(hint) is tuple:
        return [valid(draw, inner[0]) for _ in range(draw(2))]
    if get_origin(hint) is not None:
        return {str(number): valid(draw, inner[1]) for number in range(draw(2))}
    return {str: "Ada", int: draw(99), float: draw(99) / 8, bool: draw(1) == 1}[hint]


def an_object(draw: Callable[[int], int], kind: Any) -> dict[str, Any]:
    """Return an object with some of a record's fields, some of their values wrong, and some other keys.

    `draw` returns a whole number from 0 to its argument.
    """
    names = list(types_of(kind))
    data: dict[str, Any] = {}
    for _ in range(draw(8)):
        name = (names + KEYS)[draw(len(names) + len(KEYS) - 1)]
        wrong = name in KEYS or name == "takes" or draw(3) == 0
        data[name] = WRONG[draw(len(WRONG) - 1)] if wrong else valid(draw, types_of(kind)[name])
    return data


def objects(kind: type) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects that resemble a record; every byte is one choice, which is fast."""

    def made(choices: bytes) -> dict[str, Any]:
        left = iter(choices)
        return an_object(lambda most: next(left, 0) % (most + 1), kind)

    return st.binary(max_size=200).map(made)


def check_types(record: Any) -> None:
    """Check that every field is None or of its type."""
    for name, hint in types_of(type(record)).items():
        if (value := getattr(record, name)) is not None:
            check_type(value, hint)


def check_type(value: Any, hint: Any) -> None:
    inner = get_args(hint)
    if is_dataclass(hint):
        assert type(value) is hint
        check_types(value)
    elif get_origin(hint) is tuple:
        assert isinstance(value, tuple)
        for item in value:
            check_type(item, inner[0])
    elif get_origin(hint) is not None:
        assert isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
        for item in value.values():
            check_type(item, inner[1])
    else:
        assert type(value) in ((int, float) if hint is float else (hint,))


@settings(max_examples=100, deadline=None)
@given(objects(TakeManifest), st.lists(objects(TakeManifest), max_size=2))
def test_a_take_manifest_is_written_as_it_was_read(data: dict[str, Any], takes: list[Any]) -> None:
    for given_data in (data, {**data, "takes": takes}):
        manifest = TakeManifest.from_json(given_data)
        check_types(manifest)
        assert json.dumps(manifest.to_json()) == json.dumps(given_data)


@settings(max_examples=100, deadline=None)
@given(objects(TakeManifest), objects(ExportManifest), objects(ExportFacts))
def test_an_export_manifest_is_written_as_it_was_read(take: Any, own: Any, facts: Any) -> None:
    data = {**take, **own, "export": facts, "content": "generated speech"}
    manifest = ExportManifest.from_json(data)
    check_types(manifest)
    check_types(manifest.take)
    check_types(manifest.export)
    assert json.dumps(manifest.to_json()) == json.dumps(data)


LONG: dict[str, Callable[[int], dict[str, Any]]] = {
    "context": lambda count: {"context": [{"turn_id": "a", "mood": "calm"}] * count},
    "takes": lambda count: {"takes": [{"model": "nano", "context": [{}]}] * count},
    "speakers": lambda count: {"speakers": {str(number): {"voice": "Ada"} for number in range(count)}},
    "versions": lambda count: {"versions": {str(number): "1.0" for number in range(count)}},
    "unknown keys": lambda count: {str(number): {} for number in range(count)},
    "lists in lists": lambda count: {"run_frames": [[[1] * count] * count] * 2},
}


@pytest.mark.parametrize("kind", LONG)
def test_the_work_grows_linearly(kind: str) -> None:
    """Calls are counted, which takes no clock."""

    def calls(count: int) -> int:
        data, made = LONG[kind](count), 0

        def note(*_: object) -> None:
            nonlocal made
            made += 1

        sys.setprofile(note)
        try:
            TakeManifest.from_json(data).to_json()
        finally:
            sys.setprofile(None)
        return made

    assert calls(400) <= 2.1 * calls(200) + 500
