"""CPU threads of a model, and restoration of the process's setting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from machines import machine
from model_helpers import begun, prepared_model, sampler_of, small_model, small_prompt, walk

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.generation.threads import at_most_threads, is_small
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.vibevoice import VibeVoiceModel

__all__ = ["machine"]  # a fixture


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_are_bounded_within_and_given_back() -> None:
    with pytest.raises(KeyError), at_most_threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 3
    for count in (None, 3, 8):
        with at_most_threads(count):
            assert torch.get_num_threads() == 3


def test_only_a_small_model_computes_on_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, seen = prepared_model(), []
    decode = model.acoustic.decode

    def watched(*args: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return decode(*args)

    monkeypatch.setattr(model.acoustic, "decode", watched)
    between = []
    asked = iter(range(4))

    def stop(row: int) -> bool:
        between.append(torch.get_num_threads())
        return next(asked) >= 3

    walk(model, [begun(model, small_prompt())], sampler_of(model), stop=stop)
    assert seen == [1, 1, 1]
    assert between == [3, 3, 3, 3]


def test_only_small_models_are_held_back() -> None:
    with torch.device("meta"):
        assert is_small(torch.nn.Linear(4000, 4000))
        assert not is_small(torch.nn.Linear(10_000, 10_000))
    assert prepared_model().max_threads == 1


@pytest.mark.usefixtures("machine")
def test_a_small_model_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.model.loading.placement.cpu_has_fast_bfloat16", lambda: True)
    assert Engine.load("nano", device="cpu").dtype == torch.float32
    assert Engine.load("nano", device="cpu", dtype="bfloat16").dtype == torch.bfloat16


def test_a_large_model_uses_no_more_threads_than_a_container_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.model.loading.prepare.is_small", lambda model: False)
    monkeypatch.setattr("vibevoice_nb.model.loading.prepare.usable_cores", lambda: 2)
    model = small_model()
    prepare(model)
    assert model.max_threads == 2


def test_an_unprepared_model_uses_the_threads_available() -> None:
    assert VibeVoiceModel(prepared_model().config, tied=True).max_threads is None
