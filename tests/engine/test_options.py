"""`GenerationSettings`: the keyword arguments of `Engine.speak`, typed."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.options import GenerationOptions, GenerationSettings
from vibevoice_nb.export.take_entries import OptionsEntry
from vibevoice_nb.widgets.magic import speak_cell


def test_the_typed_keywords_are_the_fields_of_the_options() -> None:
    assert not GenerationSettings.__required_keys__
    typed = {name: str(hint) for name, hint in GenerationSettings.__annotations__.items()}
    assert list(typed) == [field.name for field in fields(GenerationOptions)]
    for field in fields(GenerationOptions):
        accepted = str(field.type) if "None" in str(field.type) else f"{field.type} | None"
        assert accepted in typed[field.name], field.name


@pytest.mark.parametrize("method", [Engine.speak, Engine.speak_many, Engine.stream, speak_cell])
def test_methods_that_generate_take_them(method: object) -> None:
    parameter = inspect.signature(method).parameters["options"]  # type: ignore[arg-type]
    assert parameter.kind is parameter.VAR_KEYWORD
    assert parameter.annotation == "Unpack[GenerationSettings]"


def test_recorded_options_are_all_of_them() -> None:
    recorded = {field.name: str(field.type) for field in fields(OptionsEntry) if "check" in field.metadata}
    assert list(recorded) == [field.name for field in fields(GenerationOptions)]
    options = GenerationOptions(2.0, 5, 2**63 - 1, "sde-dpmsolver++", 0.5, 9.0, 8.0, 2.0, True)
    assert GenerationOptions(**OptionsEntry.of(vars(options)).kwargs()) == options
