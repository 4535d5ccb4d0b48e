"""DPM-Solver++ of second order (midpoint), as a short loop of precomputed scalars.

Shapes: B rows, Z latent size, S solver steps. Lu et al., 2022 (arXiv 2211.01095). Times and sigmas are those
of diffusers' `DPMSolverMultistepScheduler`, to the bit; they are computed here because importing diffusers
takes longer than generating a sentence. A step is affine in the sample x, the predicted clean sample m, the
previous one and fresh noise, so each step is four scalars.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import OptionError
from ..config import SOLVERS, Solver
from ..diffusion_head import DiffusionHead
from ..kernels import cuda
from .threads import at_most_threads


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
        Unknown solver, or a number of steps out of range.

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
    """Sigma at every timestep of the cosine schedule. Nichol and Dhariwal, 2021 (arXiv 2102.09672)."""
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


class Sampler:
    """Draws latents from the diffusion head under classifier-free guidance.

    Parameters
    ----------
    head : DiffusionHead
    steps : sequence of SolverStep
    cfg_scale : float
        Guidance scale s: v = null + s (cond - null); 1 switches guidance off. Ho and Salimans, 2022
        (arXiv 2207.12598).
    """

    def __init__(self, head: DiffusionHead, steps: Sequence[SolverStep], cfg_scale: float) -> None:
        self.head, self.steps, self.cfg_scale = head, steps, cfg_scale
        timesteps = torch.tensor([step.timestep for step in steps], device=head.device)
        with at_most_threads(1):  # a few rows
            self.time = head.time(timesteps)  # [S, H]

    @property
    def guided(self) -> bool:
        """Whether the null condition is used at all."""
        return self.cfg_scale != 1.0

    @property
    def draws_per_frame(self) -> int:
        """Normal draws that one latent takes: the initial one, and one per step of a stochastic solver."""
        return 1 + len(self.steps) * any(step.noise for step in self.steps)

    def __call__(
        self, cond: Tensor, cond_null: Tensor | None, noise: Tensor, step_noise: Tensor | None = None
    ) -> Tensor:
        """Denoise to the end: `path`'s last sample, latent_norm [B, Z] in the dtype of `cond`."""
        for x in self.path(cond, cond_null, noise, step_noise):
            latent_norm = x
        return latent_norm.to(cond.dtype)

    def path(
        self, cond: Tensor, cond_null: Tensor | None, noise: Tensor, step_noise: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Denoise, one sample per solver step.

        Parameters
        ----------
        cond : Tensor [B, H]
        cond_null : Tensor [B, H] or None
            Needed while `guided`.
        noise : Tensor [B, Z]
            Standard normal, fp32.
        step_noise : Tensor [S, B, Z] or None
            Needed by a stochastic solver, empty or None otherwise.

        Yields
        ------
        Tensor [B, Z]
            The sample after each step.
        """
        assert (cond_null is not None) == self.guided
        condition = (cond if cond_null is None else torch.cat((cond, cond_null))).to(self.head.dtype)
        modulations = self.head.modulations(condition, self.time)
        solve = self._solve
        if cuda.active():
            from ..kernels.cuda.solver import solve
        x, previous = noise.to(condition), None
        x = torch.cat((x, x)) if self.guided else x  # [R, Z], a row of the head each
        for index, step in enumerate(self.steps):
            v = self.head.denoise(x, modulations[index])
            fresh = step_noise[index] if step.noise and step_noise is not None else None
            x, previous = solve(v, x, previous, fresh, step, self.cfg_scale)
            yield x[: len(cond)]

    @staticmethod
    def _solve(
        v: Tensor,
        x: Tensor,
        previous: Tensor | None,
        noise: Tensor | None,
        step: SolverStep,
        cfg_scale: float,
    ) -> tuple[Tensor, Tensor]:
        """Guide v [R, Z] and take a step from x [R, Z]; returns the next x and the clean sample [B, Z]."""
        rows = len(x)
        if cfg_scale != 1.0:
            v, v_null = v.chunk(2)
            v, x = torch.add(v_null, v - v_null, alpha=cfg_scale), x[: len(v)]
        # As in the reference: the clean sample in the model's dtype, the update in fp32, rounded after.
        clean = torch.add(step.alpha * x, v, alpha=-step.sigma)
        wide = (step.keep * x.float()).add_(clean, alpha=step.clean)
        if previous is not None and step.previous:
            wide.add_(previous, alpha=step.previous)
        if noise is not None:
            wide.add_(noise, alpha=step.noise)
        x = wide.to(x.dtype)
        return (torch.cat((x, x)) if rows > len(x) else x), clean
