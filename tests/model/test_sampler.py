"""The solver against diffusers' own, and guidance against its formula."""

from __future__ import annotations

import math

import pytest
import torch
from model_helpers import LATENT, sampler_of, small_model
from plain_loop import scheduler_of, solve
from torch import Tensor

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel

ODE, SDE = "dpmsolver++", "sde-dpmsolver++"


@pytest.fixture(scope="module")
def model() -> VibeVoiceModel:
    return small_model()


def _inputs(rows: int = 2, num_steps: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    shapes = (rows, 48), (rows, 48), (rows, LATENT), (num_steps, rows, LATENT)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


@pytest.mark.parametrize("solver", [ODE, SDE])
@pytest.mark.parametrize("num_steps", [1, 2, 3, 5, 10, 14, 15, 20, 50, 250, 999])
def test_every_step_is_that_of_diffusers(model: VibeVoiceModel, num_steps: int, solver: str) -> None:
    inputs = _inputs(rows=3, num_steps=num_steps)
    sampler = sampler_of(model, 1.7, num_steps, solver=solver)
    with torch.no_grad():
        cond, uncond, noise, fresh = inputs
        stochastic = fresh if solver == SDE else None
        wanted = solve(model, cond, uncond, noise, stochastic, num_steps=num_steps, cfg_scale=1.7)
        got = list(sampler.path(*inputs))
    assert len(got) == num_steps
    for ours, theirs in zip(got, wanted, strict=True):
        assert (ours - theirs).norm() <= _rounding(num_steps) * theirs.norm()


def _rounding(num_steps: int) -> float:
    """Relative difference allowed: diffusers computes its scalars in float32; errors add up over steps."""
    return 1e-5 + 5e-8 * num_steps


@pytest.mark.parametrize("train_steps", [1000, 50])
def test_times_and_sigmas_are_those_of_diffusers_to_the_bit(train_steps: int) -> None:
    scheduler = scheduler_of(1, train_steps=train_steps)
    for num_steps in range(1, train_steps):
        scheduler.set_timesteps(num_steps)
        steps = solver_steps(num_steps, ODE, train_steps)
        assert [step.timestep for step in steps] == scheduler.timesteps.tolist()
        *sigmas, last = scheduler.sigmas.tolist()
        # What a step makes of a level of noise: alpha = 1 / sqrt(1 + sigma^2).
        assert [step.alpha for step in steps] == [1 / math.sqrt(1 + sigma**2) for sigma in sigmas]
        assert last == steps[-1].keep == 0


@pytest.mark.parametrize("solver", [ODE, SDE])
@pytest.mark.parametrize("num_steps", [*range(1, 51), 99, 100, 101, 333, 500, 667, 998, 999])
def test_coefficients_are_those_of_diffusers(num_steps: int, solver: str) -> None:
    scheduler, steps = scheduler_of(num_steps, solver), solver_steps(num_steps, solver)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(num_steps)
    theirs = ours = torch.randn(1, LATENT, generator=generator)
    before = torch.zeros_like(ours)
    for step, timestep in zip(steps, scheduler.timesteps, strict=True):
        v, noise = torch.randn(2, 1, LATENT, generator=generator)
        more = {"variance_noise": noise} if solver == SDE else {}
        theirs = scheduler.step(v, timestep, theirs, **more).prev_sample
        clean = step.alpha * ours - step.sigma * v
        ours = step.keep * ours + step.clean * clean + step.previous * before + step.noise * noise
        before = clean
        assert (ours - theirs).norm() <= _rounding(num_steps) * theirs.norm()


def test_the_solver_determines_the_number_of_draws(model: VibeVoiceModel) -> None:
    assert sampler_of(model, 1.3, 10).draws_per_frame == 1
    assert sampler_of(model, 1.3, 10, solver=SDE).draws_per_frame == 11
    assert sampler_of(model, 1.3, 1, solver=SDE).draws_per_frame == 1, "its only step ends without noise"


@torch.no_grad()
def test_a_single_step_shows_the_guidance_formula(model: VibeVoiceModel) -> None:
    cond, uncond, noise, _ = _inputs()
    (step,) = solver_steps(1, ODE)
    t = torch.full((2,), step.timestep)
    for scale in (1.5, 3.0, 10.0):
        v, v_uncond = model.head(noise, t, cond), model.head(noise, t, uncond)
        wanted = step.alpha * noise - step.sigma * (v_uncond + scale * (v - v_uncond))
        torch.testing.assert_close(sampler_of(model, scale, 1)(cond, uncond, noise), wanted)


@torch.no_grad()
def test_without_guidance_the_null_condition_plays_no_part(model: VibeVoiceModel) -> None:
    cond, uncond, noise, _ = _inputs(num_steps=5)
    sampler = sampler_of(model, 1.0, 5)
    assert not sampler.guided and sampler_of(model, 1.3, 5).guided
    wanted = solve(model, cond, uncond, noise, num_steps=5, cfg_scale=1.0)[-1]
    torch.testing.assert_close(sampler(cond, None, noise), wanted, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_rows_do_not_mix(model: VibeVoiceModel) -> None:
    cond, uncond, noise, fresh = _inputs(rows=4, num_steps=5)
    sampler = sampler_of(model, 2.0, 5, solver=SDE)
    together = sampler(cond, uncond, noise, fresh)
    for row in range(4):
        part = slice(row, row + 1)
        alone = sampler(cond[part], uncond[part], noise[part], fresh[:, part])
        torch.testing.assert_close(together[part], alone, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_hoisted_conditioning_equals_the_plain_head(model: VibeVoiceModel) -> None:
    head = model.head
    cond, _, x, _ = _inputs(rows=3)
    t = torch.tensor([999, 500, 100])
    modulations = head.modulations(cond, head.time(t))
    for step, timestep in enumerate(t):
        plain = head(x, timestep.expand(3), cond)
        torch.testing.assert_close(head.denoise(x, modulations[step]), plain, rtol=1e-5, atol=1e-6)


def test_half_precision_keeps_the_models_dtype(model: VibeVoiceModel) -> None:
    model = small_model().to(torch.bfloat16)
    with torch.inference_mode():
        cond, uncond, noise, _ = _inputs()
        out = sampler_of(model)(cond.bfloat16(), uncond.bfloat16(), noise)
    assert out.dtype == torch.bfloat16 and out.isfinite().all()


def test_steps_of_the_reference() -> None:
    assert [s.timestep for s in solver_steps(5, ODE)] == [999, 799, 599, 400, 200]
    assert solver_steps(10, ODE)[-1].keep == 0.0, "the last step leaves nothing of the noise"


@pytest.mark.parametrize("num_steps", [0, -1, 1000, 1001])
def test_step_counts_out_of_range_are_refused(num_steps: int) -> None:
    with pytest.raises(OptionError, match=rf"num_steps={num_steps}.*from 1 to 999"):
        solver_steps(num_steps, ODE)


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(OptionError, match=r"euler.*dpmsolver\+\+, sde-dpmsolver\+\+"):
        solver_steps(10, "euler")  # type: ignore[arg-type]


def test_a_guided_sampler_insists_on_the_null_condition(model: VibeVoiceModel) -> None:
    cond, _, noise, _ = _inputs()
    with pytest.raises(AssertionError):
        Sampler(model.head, solver_steps(2, ODE), 1.3)(cond, None, noise)
