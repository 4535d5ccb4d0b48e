"""Guidance and one step of the solver as one kernel.

Shapes: B scripts, Z latent size, R rows: 2 B with guidance (all conditional rows, then all unconditional
rows, with the same samples).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

if TYPE_CHECKING:
    from ...solver import SolverStep

_BLOCK = 256


@triton.jit
def _step(
    v, x, previous, noise, out, cleaned, count,
    guidance, alpha, sigma, keep, clean, before, fresh,
    GUIDED: tl.constexpr, PREVIOUS: tl.constexpr, NOISE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = at < count
    velocity = tl.load(v + at, mask=there, other=0.0).to(tl.float32)
    if GUIDED:
        uncond = tl.load(v + count + at, mask=there, other=0.0).to(tl.float32)
        velocity = uncond + guidance * (velocity - uncond)
    sample = tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    # As in the reference, the clean sample is rounded to the model's dtype and the rest is float32.
    estimate = (alpha * sample - sigma * velocity).to(cleaned.dtype.element_ty)
    tl.store(cleaned + at, estimate, mask=there)
    sample = keep * sample + clean * estimate.to(tl.float32)
    if PREVIOUS:
        sample += before * tl.load(previous + at, mask=there, other=0.0).to(tl.float32)
    if NOISE:
        sample += fresh * tl.load(noise + at, mask=there, other=0.0).to(tl.float32)
    sample = sample.to(out.dtype.element_ty)
    tl.store(out + at, sample, mask=there)
    if GUIDED:
        tl.store(out + count + at, sample, mask=there)


def solve(
    v: Tensor, x: Tensor, previous: Tensor | None, noise: Tensor | None, step: SolverStep, cfg_scale: float
) -> tuple[Tensor, Tensor]:
    """Take a step.

    Parameters
    ----------
    v, x : Tensor [R, Z]
        Predicted velocity, and the sample, the same for both rows of a script.
    previous : Tensor [B, Z] or None
        The clean sample of the step before.
    noise : Tensor [B, Z] or None
        Of a stochastic solver.

    Returns
    -------
    x : Tensor [R, Z]
    clean : Tensor [B, Z]
    """
    guided = cfg_scale != 1.0
    rows, size = x.shape
    scripts = rows // 2 if guided else rows
    out = torch.empty(rows, size, dtype=x.dtype, device=x.device)
    clean = torch.empty(scripts, size, dtype=x.dtype, device=x.device)
    previous = previous if step.previous else None
    noise = noise if step.noise else None
    count = scripts * size
    _step[(triton.cdiv(count, _BLOCK),)](
        v, x, x if previous is None else previous, x if noise is None else noise, out, clean, count,
        cfg_scale, step.alpha, step.sigma, step.keep, step.clean, step.previous, step.noise,
        GUIDED=guided, PREVIOUS=previous is not None, NOISE=noise is not None, BLOCK=_BLOCK, num_warps=1,
    )  # fmt: skip
    return out, clean
