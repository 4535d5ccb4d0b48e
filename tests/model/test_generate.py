"""Generation loop against a naive one: each number, several scripts at once, the noise and its seeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from checkpoints import END, EOS, FRAME, START, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from model_helpers import (
    LATENT,
    SPECIAL,
    after,
    audio_of,
    begun,
    forced,
    prepared_model,
    sampler_of,
    small_config,
    small_model,
    small_prompt,
    walk,
)
from plain_loop import PlainLoop
from torch import Tensor

from vibevoice_nb.model.generation.loop import Step
from vibevoice_nb.model.prompt import embed_prompt, encode_voices
from vibevoice_nb.model.vibevoice import VibeVoiceModel

CFG, STEPS = 1.7, 3
S, E, F, Z = START, END, FRAME, EOS

PLANS = {
    "plain": [F, F, F, Z],
    "end and start in the middle": [F, F, E, S, F, F, Z],
    "end, then a frame at once": [F, F, E, F, F, E, F, Z],
    "start twice": [F, S, S, F, F, Z],
    "start without an end": [F, F, S, F, F, Z],
    "ends, and no start": [E, E, F, F, Z],
    "nothing but an end": [Z],
}


@pytest.fixture(scope="module")
def model() -> VibeVoiceModel:
    return prepared_model()


def _flat(step: Step) -> dict[str, Tensor]:
    made = {name: getattr(step, name) for name in ("hidden", "hidden_uncond", "logits", "embed")}
    if step.frame is not None:
        made |= vars(step.frame)
    return made


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@torch.no_grad()
def test_each_number_is_that_of_a_loop_that_remembers_nothing(plan: list[int]) -> None:
    model, prompt = small_model(), small_prompt()
    noise = list(torch.randn(plan.count(F), LATENT, generator=torch.Generator().manual_seed(1)))
    drawn = iter(noise)
    voices = encode_voices(model, [slot.audio for slot in prompt.voices], torch.Generator().manual_seed(0))
    embeds = embed_prompt(model, prompt, voices)[0]
    plain = PlainLoop(model, embeds, noise, SPECIAL, cfg_scale=CFG, num_steps=STEPS)
    wanted = [plain.step(token) for token in plan]
    ready = prepared_model()
    steps = walk(
        ready,
        [begun(ready, prompt)],
        sampler_of(ready, CFG, STEPS),
        choose=forced(plan),
        draw=lambda row, state: next(drawn),
    )
    assert [step.token for step in steps] == plan
    for index, (step, made) in enumerate(zip(steps, wanted, strict=True)):
        got = _flat(step)
        assert got.keys() == made.keys(), index
        for name in made:
            error = (got[name] - made[name]).norm() / made[name].norm()
            assert error < 2e-4, f"{name} at step {index} is off by {error:.1e}"


def test_without_guidance_there_is_no_unconditional_row(model: VibeVoiceModel) -> None:
    state = begun(model, small_prompt())
    steps = walk(model, [state], sampler_of(model, 1.0, STEPS), choose=forced([F, E, S, F, Z]))
    assert all(step.hidden_uncond is None for step in steps)
    assert state.uncond.capacity == 0
    other = begun(model, small_prompt())
    guided = walk(model, [other], sampler_of(model, 1.5, STEPS), choose=forced([F, E, S, F, Z]))
    assert not torch.equal(audio_of(steps), audio_of(guided))
    torch.testing.assert_close(steps[0].hidden, guided[0].hidden, rtol=1e-4, atol=1e-5)


def test_without_a_choice_of_ours_the_likeliest_token_is_taken(model: VibeVoiceModel) -> None:
    steps = walk(model, [begun(model, small_prompt())], sampler_of(model), stop=after(5))
    assert [step.token for step in steps] == [
        SPECIAL.valid_tokens[int(step.logits.argmax())] for step in steps
    ]
    ends = random_model(small_config(), ends=True)
    assert [step.token for step in walk(ends, [begun(ends, small_prompt())], sampler_of(ends))] == [F, Z]


# Several scripts at once.


def test_four_scripts_at_once_equal_each_alone(model: VibeVoiceModel) -> None:
    plans = [[F, F, Z], [F, E, S, F, F, F, Z], [E, F, Z], [F, F, F, S, F, E, F, F, F, Z]]
    prompts = [small_prompt(seed, text=5 + 9 * seed) for seed in range(4)]
    sampler = sampler_of(model, CFG, STEPS)
    states = [begun(model, prompt, seed) for seed, prompt in enumerate(prompts)]
    together = walk(model, states, sampler, choose=forced(*plans))
    assert [step.row for step in together[:4]] == [0, 1, 2, 3], "in the order of the rows"
    for row, plan in enumerate(plans):
        mine = [step for step in together if step.row == row]
        state = begun(model, prompts[row], row)
        alone = walk(model, [state], sampler, choose=forced(plan))
        assert [step.token for step in mine] == [step.token for step in alone] == plan
        for one, other in zip(mine, alone, strict=True):
            for name, tensor in _flat(one).items():
                error = (tensor - _flat(other)[name]).norm() / tensor.norm()
                assert error < 1e-4, f"row {row}: {name} is off by {error:.1e}"
        assert (states[row].steps, states[row].frames) == (state.steps, state.frames)
        assert (states[row].cond.length, states[row].uncond.length) == (
            state.cond.length,
            state.uncond.length,
        )


@settings(max_examples=4)
@given(data=st.data())
def test_rows_come_and_go_without_touching_the_others(data: st.DataObject) -> None:
    tokens = st.lists(st.sampled_from([F, F, F, E, S]), max_size=5)
    plans = [[*plan, Z] for plan in data.draw(st.lists(tokens, min_size=2, max_size=3))]
    model = prepared_model()
    sampler = sampler_of(model, CFG, 2, solver=data.draw(st.sampled_from(["dpmsolver++", "sde-dpmsolver++"])))
    states = [begun(model, small_prompt(row), row) for row in range(len(plans))]
    together = walk(model, states, sampler, choose=forced(*plans))
    for row, plan in enumerate(plans):
        alone = audio_of(walk(model, [begun(model, small_prompt(row), row)], sampler, choose=forced(plan)))
        mine = audio_of(together, row)
        assert mine.shape == alone.shape
        assert (mine - alone).norm() <= 1e-4 * alone.norm()


def test_a_row_that_stops_leaves_the_others_speaking(model: VibeVoiceModel) -> None:
    states = [begun(model, small_prompt(row), row) for row in range(3)]
    steps = walk(
        model,
        states,
        sampler_of(model),
        choose=forced(*[[F] * 6 + [Z]] * 3),
        stop=lambda row: row == 1 and states[1].frames == 2,
    )
    assert [sum(step.row == row for step in steps) for row in range(3)] == [7, 2, 7]
    assert [state.finished for state in states] == [True, False, True]


# Noise.


def test_seeds_decide_everything_and_are_drawn_as_the_reference_draws(model: VibeVoiceModel) -> None:
    sampler, prompt = sampler_of(model, CFG, 2), small_prompt(voices=())

    def speak(seed: int, **options: Any) -> Tensor:
        return audio_of(walk(model, [begun(model, prompt, seed)], sampler, stop=after(4), **options))

    assert torch.equal(speak(5), speak(5))
    assert not torch.equal(speak(5), speak(6))
    # The reference draws [2, Z] a frame and uses the first half.
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(
        speak(5), speak(6, draw=lambda row, state: torch.randn(2, LATENT, generator=generator)[0])
    )


def test_voices_are_drawn_from_the_seed_too(model: VibeVoiceModel) -> None:
    one, same, other = (begun(model, small_prompt(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.cond.keys[1], same.cond.keys[1])
    assert not torch.equal(one.cond.keys[1], other.cond.keys[1])


def test_temperature_scales_the_first_noise_only(model: VibeVoiceModel) -> None:
    sampler, prompt = sampler_of(model, 1.0, 2, solver="sde-dpmsolver++"), small_prompt(voices=())
    drawn = [torch.randn(LATENT) for _ in range(2 * sampler.draws_per_frame)]

    def speak(draws: list[Tensor], **options: Any) -> Tensor:
        walks = iter(draws)
        steps = walk(
            model, [begun(model, prompt)], sampler, stop=after(2), draw=lambda *_: next(walks), **options
        )
        return audio_of(steps)

    every = sampler.draws_per_frame
    scaled = [noise * 0.5 if index % every == 0 else noise for index, noise in enumerate(drawn)]
    torch.testing.assert_close(speak(drawn, temperature=0.5), speak(scaled))
    assert not torch.equal(speak(drawn), speak(scaled))
