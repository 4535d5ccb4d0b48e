"""Numbers out of range, which settings refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.errors import OptionError
from vibevoice_nb.web.limits import Limits


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (GenerationOptions, "num_steps", 0),
        (GenerationOptions, "num_steps", 2.0),
        (GenerationOptions, "cfg_scale", None),
        (GenerationOptions, "cfg_scale", math.nan),
        (GenerationOptions, "seed", True),
        (GenerationOptions, "temperature", "warm"),
        (GenerationOptions, "seed_voices", 1),
        (Limits, "queue", 2.5),
        (Limits, "max_minutes", math.inf),
        (Limits, "voice_seconds", None),
    ],
)
def test_a_value_out_of_range_is_reported_with_the_range(settings: Any, name: str, value: Any) -> None:
    with pytest.raises(OptionError) as refused:
        settings(**{name: value})
    assert refused.value.got == f"{name}={value!r}"
    assert refused.value.expected and "leave it out" in refused.value.remedy


@pytest.mark.parametrize("name", ["seed", "max_seconds", "passage_seconds", "context_seconds"])
def test_optional_settings_may_be_none(name: str) -> None:
    assert getattr(GenerationOptions(**{name: None}), name) is None
