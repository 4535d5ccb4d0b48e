"""float16 ends at 65,504: activations of large models that exceed it are computed in float32."""

from __future__ import annotations

import pytest
import torch
from machines import machine
from model_helpers import small_model
from torch import Tensor

from vibevoice_nb.bench.quantization_error import compare
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.loading.prepare import prepare

__all__ = ["machine"]  # a fixture

LARGEST = torch.finfo(torch.float16).max


def _loud(dtype: torch.dtype, where: str, *, ready: bool = False) -> LanguageModel:
    """A model whose residual, or the product inside its feed-forward, leaves float16's range."""
    model = small_model()
    lm = model.language_model
    mlp = lm.layers[0].mlp
    with torch.no_grad():
        if where == "residual":
            mlp.down_proj.weight *= 2.0**16
            mlp.up_proj.weight *= 2.0**5
        else:
            mlp.gate_proj.weight *= 2.0**8
            mlp.up_proj.weight *= 2.0**9
            mlp.down_proj.weight /= 2.0**16
    model.to(dtype)
    if ready:
        prepare(model)
    return lm


def _hidden(lm: LanguageModel, embeds: Tensor, *, whole: bool = True) -> dict[str, Tensor]:
    dtype = lm.norm.weight.dtype
    cache, rows = lm.new_cache(), [lm.new_cache(), lm.new_cache()]
    lm.prefill(embeds[:, :4].to(dtype), cache)
    steps = [lm.step(embeds[:, i : i + 1].to(dtype).repeat(2, 1, 1), rows)[:1] for i in range(5)]
    return {
        **({"whole": lm(embeds.to(dtype))} if whole else {}),
        "prefill": lm.step(embeds[:, 4:].to(dtype), [cache]),
        "step": torch.cat(steps, 1),
    }


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize("where", ["residual", "product"])
@torch.inference_mode()
def test_activations_beyond_its_range(where: str, ready: bool) -> None:
    embeds = torch.randn(1, 5, 48, generator=torch.Generator().manual_seed(0))
    wide = _loud(torch.float32, where)
    wanted = _hidden(wide, embeds)
    seen = [float(state.abs().max()) for state in wide.hidden_states(embeds)]
    if where == "residual":
        assert max(seen[:-1]) > 2 * LARGEST, "else nothing is tested"
    for name, got in _hidden(_loud(torch.float16, where, ready=ready), embeds, whole=not ready).items():
        assert got.dtype == torch.float16
        assert torch.isfinite(got).all(), name
        error = (got.float() - wanted[name]).norm() / wanted[name].norm()
        assert float(error) < 0.02, name


@pytest.mark.slow
def test_fewer_bits_stay_near() -> None:
    figures = compare(seeds=(1,))
    for name, cosine, decibels in (
        ("float16", 0.9999, 0.5),
        ("bfloat16", 0.999, 3.0),
        ("int8", 0.999, 1.0),
        ("int4", 0.95, 5.0),
    ):
        assert figures[f"{name}_latent_cosine"] > cosine
        assert 0 < figures[f"{name}_spectral_db"] < decibels
        assert figures[f"{name}_tokens"] > 0.95
