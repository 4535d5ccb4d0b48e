"""Sampling of latents from the diffusion head with classifier-free guidance.

Shapes: B rows, Z latent size, S solver steps, H hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..diffusion_head import DiffusionHead
from ..kernels import cuda
from ..solver import SolverStep
from .threads import at_most_threads


class Sampler:
    """Sampler of latents from the diffusion head with classifier-free guidance.

    Parameters
    ----------
    head : DiffusionHead
    steps : sequence of SolverStep
    cfg_scale : float
        Guidance scale s: v = uncond + s (cond - uncond); 1 disables guidance. Ho and Salimans, 2022
        (arXiv 2207.12598).
    """

    def __init__(self, head: DiffusionHead, steps: Sequence[SolverStep], cfg_scale: float) -> None:
        self.head, self.steps, self.cfg_scale = head, steps, cfg_scale
        timesteps = torch.tensor([step.timestep for step in steps], device=head.device)
        with at_most_threads(1):  # a few rows
            self.time = head.time(timesteps)  # [S, H]

    @property
    def guided(self) -> bool:
        """True if guidance is used, which needs the unconditional condition."""
        return self.cfg_scale != 1.0

    @property
    def draws_per_frame(self) -> int:
        """Normal draws per latent: the initial noise, and one per step of a stochastic solver."""
        return 1 + len(self.steps) * any(step.noise for step in self.steps)

    def __call__(
        self, cond: Tensor, uncond: Tensor | None, noise: Tensor, step_noise: Tensor | None = None
    ) -> Tensor:
        """Denoise to the end: `path`'s last sample, latent_norm [B, Z] in the dtype of `cond`."""
        for x in self.path(cond, uncond, noise, step_noise):
            latent_norm = x
        return latent_norm.to(cond.dtype)

    def path(
        self, cond: Tensor, uncond: Tensor | None, noise: Tensor, step_noise: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Denoise, one sample per solver step.

        Parameters
        ----------
        cond : Tensor [B, H]
        uncond : Tensor [B, H] or None
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
        assert (uncond is not None) == self.guided
        condition = (cond if uncond is None else torch.cat((cond, uncond))).to(self.head.dtype)
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
        """Apply guidance to v [R, Z] and step from x [R, Z]; return next x and clean sample [B, Z]."""
        rows = len(x)
        if cfg_scale != 1.0:
            v, v_uncond = v.chunk(2)
            v, x = torch.add(v_uncond, v - v_uncond, alpha=cfg_scale), x[: len(v)]
        # As in the reference: the clean sample in the model's dtype, the update in fp32, rounded after.
        clean = torch.add(step.alpha * x, v, alpha=-step.sigma)
        wide = (step.keep * x.float()).add_(clean, alpha=step.clean)
        if previous is not None and step.previous:
            wide.add_(previous, alpha=step.previous)
        if noise is not None:
            wide.add_(noise, alpha=step.noise)
        x = wide.to(x.dtype)
        return (torch.cat((x, x)) if rows > len(x) else x), clean
