"""The table of messages, from the kernel's side; protocol.test.ts in labextension has the same examples."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.widgets.protocol import TABLE, fault_to_kernel, fault_to_page

EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "protocol_examples.json").read_text("utf-8"))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("example", EXAMPLES["to_page"], ids=str)
def test_examples_to_the_page(example: dict[str, Any]) -> None:
    assert fault_to_page(example["content"]) == example["fault"]


@pytest.mark.parametrize("example", EXAMPLES["to_kernel"], ids=str)
def test_examples_to_the_kernel(example: dict[str, Any]) -> None:
    assert fault_to_kernel(example["content"]) == example["fault"]


def test_every_kind_has_an_example_or_a_valid_type() -> None:
    types = {"string", "integer", "number", "boolean", "object", "array"}
    for group in ("to_page", "to_kernel", "methods"):
        for name, fields in TABLE[group].items():
            assert {kind.removesuffix("?") for kind in fields.values()} <= types, name


def test_numbers_json_has_no_word_for_are_refused() -> None:
    progress = next(one["content"] for one in EXAMPLES["to_page"] if one["content"].get("kind") == "progress")
    for number in (math.nan, math.inf):
        assert "rtf" in fault_to_page({**progress, "rtf": number})


@given(ANY_JSON)
def test_whatever_arrives_is_judged_not_raised(content: object) -> None:
    assert fault_to_kernel(content)
    assert fault_to_page(content)


@given(st.sampled_from(sorted(TABLE["methods"])), st.dictionaries(st.text(max_size=8), ANY_JSON, max_size=3))
def test_parameters_of_a_call_are_judged_not_raised(method: str, params: dict[str, Any]) -> None:
    call = {"v": 1, "n": 1, "kind": "call", "id": 1, "method": method, "params": params}
    wrong = set(params) - set(TABLE["methods"][method])
    assert fault_to_kernel(call) or not wrong
