"""DPM-Solver++ of second order (midpoint), as precomputed scalars for each step.

Lu et al., 2022 (arXiv 2211.01095). Timesteps and sigmas equal those of diffusers'
`DPMSolverMultistepScheduler` bit for bit; they are computed here because importing diffusers takes longer
than generating a sentence. A step is affine in the sample x, the predicted clean sample m, the previous clean
sample and fresh noise, so four scalars describe it.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import OptionError
from .config import SOLVERS, Solver


@dataclass(frozen=True)
class SolverStep:
    """x <- keep x + clean m + previous m' + noise e, where m = alpha x - sigma v."""

    timestep: int
    alpha: float
    sigma: float
    keep: float
    clean: float
    previous: float
    noise: float


@functools.lru_cache(maxsize=32)
def solver_steps(num_steps: int, solver: Solver, train_steps: int = 1000) -> tuple[SolverStep, ...]:
    """Compute the scalars of every step.

    Parameters
    ----------
    num_steps : int
        Solver steps, from 1 to `train_steps` - 1: more would visit one timestep twice.
    solver : {"dpmsolver++", "sde-dpmsolver++"}
        Deterministic or stochastic.
    train_steps : int
        Timesteps of the training schedule.

    Raises
    ------
    OptionError
        If the solver is unknown, or the number of steps is out of range.

    Examples
    --------
    >>> [step.timestep for step in solver_steps(10, "dpmsolver++")]
    [999, 899, 799, 699, 599, 500, 400, 300, 200, 100]
    """
    if solver not in SOLVERS:
        raise OptionError(
            f"solver={solver!r}", f"one of {', '.join(SOLVERS)}", "leave it out for dpmsolver++"
        )
    if not 1 <= num_steps < train_steps:
        raise OptionError(
            f"num_steps={num_steps}", f"a whole number from 1 to {train_steps - 1}", "use 10, the default"
        )
    timesteps = np.linspace(0, train_steps - 1, num_steps + 1).round()[:0:-1].astype(int).tolist()
    levels = _noise_levels(train_steps)
    sigmas = [*(levels[timestep] for timestep in timesteps), 0.0]
    steps = []
    for index, timestep in enumerate(timesteps):
        # The first step has no history and the last one ends at sigma 0: both are of first order.
        before = sigmas[index - 1] if 0 < index < num_steps - 1 else None
        steps.append(_step(timestep, before, sigmas[index], sigmas[index + 1], stochastic="sde" in solver))
    return tuple(steps)


@functools.lru_cache(maxsize=2)
def _noise_levels(train_steps: int) -> list[float]:
    """Return sigma at every timestep of the cosine schedule. Nichol and Dhariwal, 2021 (arXiv 2102.09672)."""
    signal = [math.cos((t / train_steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(train_steps + 1)]
    betas = [min(1 - after / before, 0.999) for before, after in itertools.pairwise(signal)]
    # In float32 from here on, as diffusers: its sigmas are matched to the last bit.
    kept = torch.cumprod(1 - torch.tensor(betas, dtype=torch.float32, device="cpu"), dim=0)
    return (((1 - kept) / kept) ** 0.5).tolist()


def _step(timestep: int, before: float | None, now: float, after: float, *, stochastic: bool) -> SolverStep:
    alpha, sigma = _alpha_sigma(now)
    alpha_next, sigma_next = _alpha_sigma(after)
    h = _half_log_snr(after) - _half_log_snr(now)
    decay = math.exp(-2 * h if stochastic else -h)
    keep = sigma_next / sigma * (math.exp(-h) if stochastic else 1.0)
    clean, previous = alpha_next * (1 - decay), 0.0
    if before is not None:
        ratio = (_half_log_snr(now) - _half_log_snr(before)) / h
        correction = 0.5 * clean / ratio
        clean, previous = clean + correction, -correction
    noise = sigma_next * math.sqrt(1 - decay) if stochastic else 0.0
    return SolverStep(timestep, alpha, sigma, keep, clean, previous, noise)


def _alpha_sigma(sigma: float) -> tuple[float, float]:
    alpha = 1 / math.sqrt(1 + sigma**2)
    return alpha, sigma * alpha


def _half_log_snr(sigma: float) -> float:
    return math.inf if sigma == 0 else -math.log(sigma)
