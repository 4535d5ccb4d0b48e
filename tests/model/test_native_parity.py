"""Our engine against the VibeVoice inside transformers: one checkpoint, the same seed, the same numbers.

Two deviations of transformers are undone first: its text guidance is left out, and its convolution caches are
cleared at end tokens, as the original implementation clears them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import END, EOS, FRAME, START, native_config, random_model, save_weights
from model_helpers import SPECIAL, audio_of, forced, sampler_of
from torch import Tensor

from vibevoice_nb.bench.backends import no_text_cfg
from vibevoice_nb.model.generation.loop import Step, generate, prefill
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.loading.weights import load_model, weights_of
from vibevoice_nb.model.prompt import Prompt, VoiceSlot
from vibevoice_nb.model.vibevoice import VibeVoiceModel

pytestmark = pytest.mark.oracle

CFG, STEPS, SEED, HOP = 1.3, 10, 5, 3200
TOLERANCE = 1e-4
"""Of an array's root mean square: what two exact fp32 implementations may drift apart over a run."""
S, E, F, Z = START, END, FRAME, EOS
PLANS = {
    "plain": [F, F, F, Z],
    "end and start in the middle": [F, F, E, S, F, F, F, E, Z],
    "end, then a frame at once": [F, F, E, F, F, Z],
    "starts without an end": [F, F, S, F, S, S, F, Z],
}
CPU = torch.device("cpu")


def config() -> dict[str, Any]:
    """The small checkpoints' config.json with a wider codec.

    Of two channels, as they have, a norm leaves little but signs: there even transformers is 6e-5 away from
    its own result in float64.
    """
    made = native_config()
    made["audio_config"]["num_filters"] = made["semantic_model_config"]["num_filters"] = 8
    made["text_config"]["tie_word_embeddings"] = False
    return made


@pytest.fixture(scope="module", params=["bfloat16", "float32"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in native layout whose model changes between the four tokens by itself.

    Its weights are bfloat16, as published, or need all of float32: they are multiplied in different ways.
    """
    folder = tmp_path_factory.mktemp("native")
    model = random_model(config(), tied=False, seed=3)
    assert model.lm_head is not None
    rows = 6 * torch.randn(4, 64, generator=torch.Generator().manual_seed(11))
    rows[:, :2] = 0  # deaf to what makes the model go on speaking
    model.lm_head.weight[list(SPECIAL.valid_tokens)] = rows
    model.to(getattr(torch, request.param))
    (folder / "config.json").write_text(json.dumps(config()))
    save_weights(model, folder, layout="native")
    return folder


@pytest.fixture(scope="module")
def native(folder: Path) -> Any:
    from transformers import VibeVoiceForConditionalGeneration

    model, loading = VibeVoiceForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not any(loading.values()), loading
    return model.eval()


@pytest.fixture(scope="module")
def ours(folder: Path) -> VibeVoiceModel:
    model = load_model(folder, CPU, torch.float32)
    prepare(model)
    return model


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    generator = torch.Generator().manual_seed(2)
    words = torch.randint(0, 256, (20,), generator=generator).tolist()
    first, second = (0.1 * torch.randn(frames * HOP, generator=generator) for frames in (3, 2))
    ids = [*words[:4], S, F, F, F, E, *words[4:8], S, F, F, E, *words[8:], S]
    return Prompt(tuple(ids), (VoiceSlot(5, first), VoiceSlot(14, second)))


@dataclass
class NativeRun:
    """Run of transformers' `generate`; `plan` forces its tokens, None does not."""

    model: Any
    plan: Sequence[int] | None
    clears: bool = True
    logits: list[Tensor] = field(default_factory=list)
    hidden: list[Tensor] = field(default_factory=list)
    hidden_uncond: list[Tensor] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)
    semantic: list[Tensor] = field(default_factory=list)
    caches: dict[str, Any] = field(default_factory=dict)
    tokens: list[int] = field(default_factory=list)
    audio: Tensor = field(default_factory=lambda: torch.zeros(0))

    def run(self, prompt: Prompt, *, cfg_scale: float = CFG, limit: int, spread: bool = False) -> NativeRun:
        from diffusers import DPMSolverMultistepScheduler
        from transformers import LogitsProcessorList

        ids = torch.tensor([prompt.ids])
        voices = [slot.audio for slot in prompt.voices]
        given: dict[str, Any] = {}
        if voices:
            values = torch.nn.utils.rnn.pad_sequence(voices, batch_first=True)
            lengths = torch.tensor([len(voice) for voice in voices])
            mask = torch.arange(values.shape[1]) < lengths[:, None]
            given = {"input_values": values[:, None], "padding_mask": mask, "sample": spread}
        inner = self.model.model
        hooks = [
            inner.audio_tower.decoder.register_forward_hook(self._decoded),
            inner.semantic_tokenizer_encoder.register_forward_hook(self._heard),
        ]
        sample = self.model._sample_audio_latent
        self.model._sample_audio_latent = self._sampled
        self._sample = sample
        torch.manual_seed(SEED)
        try:
            with no_text_cfg(self.model):
                made = self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    guidance_scale=cfg_scale,
                    num_diffusion_steps=STEPS,
                    noise_scheduler=DPMSolverMultistepScheduler(
                        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"
                    ),
                    max_new_tokens=limit,
                    logits_processor=LogitsProcessorList([self._choose]),
                    return_dict_in_generate=True,
                    do_sample=False,
                    **given,
                )
        finally:
            del self.model._sample_audio_latent
            for hook in hooks:
                hook.remove()
        self.tokens = made.sequences[0, ids.shape[1] :].tolist()
        if made.audio[0] is not None:
            self.audio = made.audio[0].flatten()
        return self

    def _choose(self, ids: Tensor, scores: Tensor) -> Tensor:
        if self.clears and ids[0, -1] == END:
            for cache in self.caches.values():
                for layer in cache.layers.values():
                    layer.cache.zero_()
        self.logits.append(scores[0, list(SPECIAL.valid_tokens)].clone())
        if self.plan is None:
            return scores
        wanted = torch.full_like(scores, float("-inf"))
        wanted[:, self.plan[len(self.logits) - 1]] = 0.0
        return wanted

    def _sampled(self, cond: Tensor, uncond: Tensor, *rest: Any) -> Tensor:
        latent = self._sample(cond, uncond, *rest)
        self.hidden.append(cond[0].clone())
        self.hidden_uncond.append(uncond[0].clone())
        self.latents.append(latent[0, 0].clone())
        return latent

    def _decoded(self, module: Any, inputs: Any, output: Any) -> None:
        self.caches["acoustic"] = output.padding_cache

    def _heard(self, module: Any, inputs: Any, output: Any) -> None:
        self.caches["semantic"] = output.padding_cache
        self.semantic.append(output.latents[0, 0].clone())


def speak(
    model: VibeVoiceModel,
    prompt: Prompt,
    plan: Sequence[int] | None,
    *,
    limit: int,
    cfg_scale: float = CFG,
    spread: bool = False,
) -> list[Step]:
    """The same with our engine; the noise is that of the seed on both sides."""
    state = GenerationState.new(model, seed=SEED)
    voices = [means(model, slot.audio) for slot in prompt.voices]
    prefill(model, prompt, state, None if spread else voices)
    options = {} if plan is None else {"choose": forced(plan)}
    sampler = sampler_of(model, cfg_scale, STEPS)
    return list(generate(model, [state], sampler, SPECIAL, stop=lambda row: state.steps >= limit, **options))


@torch.inference_mode()
def means(model: VibeVoiceModel, audio: Tensor) -> Tensor:
    """A voice as the codec's mean, without its random spread."""
    return model.normalize_latent(model.acoustic.encode(audio[None, None])[0])


def relative(got: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """Largest difference over the root mean square of what is wanted."""
    left, right = torch.stack(list(got)), torch.stack(list(wanted))
    assert left.shape == right.shape
    return float((left - right).abs().max() / right.square().mean().sqrt())


def differences(steps: Sequence[Step], run: NativeRun) -> dict[str, float]:
    """By array, how far apart the two runs are."""
    frames = [step for step in steps if step.frame is not None]
    made = {
        "logits": ([step.logits for step in steps], run.logits),
        "hidden": ([step.hidden for step in frames], run.hidden),
        "latents": ([step.frame.latent_norm for step in frames], run.latents),
        "semantic": ([step.frame.semantic for step in frames], run.semantic),
        "audio": ([audio_of(steps)], [run.audio]),
    }
    if all(step.hidden_uncond is not None for step in frames):
        made["hidden_uncond"] = ([step.hidden_uncond for step in frames], run.hidden_uncond)
    return {name: relative(got, wanted) for name, (got, wanted) in made.items()}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_run_is_that_of_transformers(
    plan: list[int], ours: VibeVoiceModel, native: Any, prompt: Prompt
) -> None:
    run = NativeRun(native, plan).run(prompt, limit=len(plan))
    steps = speak(ours, prompt, plan, limit=len(plan))
    assert [step.token for step in steps] == run.tokens == plan
    apart = differences(steps, run)
    assert max(apart.values()) < TOLERANCE, apart


def test_a_run_without_voices_is_that_of_transformers(ours: VibeVoiceModel, native: Any) -> None:
    prompt, plan = Prompt((1, 2, 3, 4, S), ()), [F, F, E, S, F, Z]
    run = NativeRun(native, plan).run(prompt, limit=len(plan))
    apart = differences(speak(ours, prompt, plan, limit=len(plan)), run)
    assert max(apart.values()) < TOLERANCE, apart


def test_a_run_without_guidance_is_that_of_transformers(
    ours: VibeVoiceModel, native: Any, prompt: Prompt
) -> None:
    plan = [F, F, E, S, F, Z]
    run = NativeRun(native, plan).run(prompt, cfg_scale=1.0, limit=len(plan))
    steps = speak(ours, prompt, plan, cfg_scale=1.0, limit=len(plan))
    apart = differences(steps, run)
    assert "hidden_uncond" not in apart
    assert max(apart.values()) < TOLERANCE, apart


def test_a_seed_gives_the_voices_the_spread_that_transformers_gives_them(
    ours: VibeVoiceModel, native: Any, prompt: Prompt
) -> None:
    plan = [F, F, Z]
    run = NativeRun(native, plan).run(prompt, limit=len(plan), spread=True)
    apart = differences(speak(ours, prompt, plan, limit=len(plan), spread=True), run)
    assert max(apart.values()) < TOLERANCE, apart


def test_the_tokens_it_takes_by_itself_are_those_of_transformers(
    ours: VibeVoiceModel, native: Any, prompt: Prompt
) -> None:
    run = NativeRun(native, None).run(prompt, limit=30)
    steps = speak(ours, prompt, None, limit=30)
    assert [step.token for step in steps] == run.tokens
    assert {FRAME, END, START} <= set(run.tokens), "the model must change between tokens to show anything"
    apart = differences(steps, run)
    assert max(apart.values()) < TOLERANCE, apart


def test_transformers_keeps_its_caches_at_an_end_token_and_the_test_detects_it(
    ours: VibeVoiceModel, native: Any, prompt: Prompt
) -> None:
    plan = PLANS["end and start in the middle"]
    run = NativeRun(native, plan, clears=False).run(prompt, limit=len(plan))
    steps = speak(ours, prompt, plan, limit=len(plan))
    audio = audio_of(steps)
    assert relative([audio[: 2 * HOP]], [run.audio[: 2 * HOP]]) < TOLERANCE
    assert relative([audio[2 * HOP :]], [run.audio[2 * HOP :]]) > 1e-2


def test_a_checkpoint_that_transformers_saved_loads_here(
    ours: VibeVoiceModel, native: Any, tmp_path: Path
) -> None:
    native.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an unknown key in its config.json would warn
        model = load_model(tmp_path, CPU, torch.float32)
    theirs = native.state_dict()
    mine = weights_of(model, "native")
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name].flatten(), theirs[name].flatten()) for name in mine)
    embeds = torch.randn(2, 12, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = native.model.language_model(inputs_embeds=embeds).last_hidden_state
        for loaded in (model, ours):
            assert relative([loaded.language_model(embeds)], [wanted]) < 1e-5
