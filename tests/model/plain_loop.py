"""Naive generation loop without any cache: it computes everything again at each step.

No cache, no stream state, no batch, no hoisting, the solver is diffusers' own: the oracle of the fast one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.model.vibevoice import VibeVoiceModel


def scheduler_of(
    num_steps: int, solver: str = "dpmsolver++", train_steps: int = 1000
) -> DPMSolverMultistepScheduler:
    """Return diffusers' solver with VibeVoice's schedule."""
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=train_steps,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        algorithm_type=solver,
        solver_type="midpoint",
    )
    scheduler.set_timesteps(num_steps)
    return scheduler


def solve(
    model: VibeVoiceModel,
    cond: Tensor,
    uncond: Tensor,
    noise: Tensor,
    fresh: Tensor | None = None,
    *,
    num_steps: int,
    cfg_scale: float,
) -> list[Tensor]:
    """Denoise [B, Z], a whole pass of the head per row and step; the sample after every step.

    With `fresh` [S, B, Z] it is the stochastic solver.
    """
    scheduler, path, x = (
        scheduler_of(num_steps, "dpmsolver++" if fresh is None else "sde-dpmsolver++"),
        [],
        noise,
    )
    for index, t in enumerate(scheduler.timesteps):
        times = t.expand(len(x))
        v, v_uncond = model.head(x, times, cond), model.head(x, times, uncond)
        more = {} if fresh is None else {"variance_noise": fresh[index]}
        x = scheduler.step(v_uncond + cfg_scale * (v - v_uncond), t, x, **more).prev_sample
        path.append(x)
    return path


class PlainLoop:
    """One script with the token of every step given.

    Parameters
    ----------
    embeds : Tensor [P, H]
        The prompt, its last token included.
    noise : sequence of Tensor [Z]
        One per frame.
    """

    def __init__(
        self,
        model: VibeVoiceModel,
        embeds: Tensor,
        noise: Sequence[Tensor],
        special: SpecialTokens,
        *,
        cfg_scale: float,
        num_steps: int,
    ) -> None:
        self.model, self.special, self.noise = model, special, iter(noise)
        self.cfg_scale, self.num_steps = cfg_scale, num_steps
        self.fed = list(embeds)
        # Inputs of the unconditional row since the last start; latents since the last end.
        self.uncond: list[Tensor] = []
        self.latents: list[Tensor] = []

    def step(self, token: int) -> dict[str, Tensor]:
        """Run a step; return its results by the names of the fields of `Step` and `Frame`."""
        model, embed = self.model, self.fed[-1]
        cond, uncond = self._last(self.fed), self._last([*self.uncond, embed])
        logits = model.token_logits(cond, range(model.config.language.vocab_size))
        made = {"hidden": cond, "hidden_uncond": uncond, "logits": logits[list(self.special.valid_tokens)]}
        if token == self.special.frame:
            self.uncond.append(embed)
            options = {"num_steps": self.num_steps, "cfg_scale": self.cfg_scale}
            latent_norm = solve(model, cond[None], uncond[None], next(self.noise)[None], **options)[-1][0]
            self.latents.append(latent_norm / model.latent_scale - model.latent_bias)
            audio = model.acoustic.decode(torch.stack(self.latents)[None])
            semantic = model.semantic(audio)[0, -1]
            made |= {"latent_norm": latent_norm, "semantic": semantic}
            made["audio"] = audio[0, 0, -model.config.hop_length :]
            self.fed.append(model.embed_frames(latent_norm, semantic))
        else:
            if token == self.special.start:
                self.uncond = []
            if token == self.special.end:
                self.latents = []
            self.fed.append(model.embed_tokens(torch.tensor(token)))
        return made | {"embed": self.fed[-1]}

    def _last(self, fed: Sequence[Tensor]) -> Tensor:
        return self.model.language_model(torch.stack(list(fed))[None])[0, -1]
