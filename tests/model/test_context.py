"""Context: a state prefilled with frames continues like the state that generated them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from model_helpers import (
    LATENT,
    SEMANTIC,
    SPECIAL,
    audio_of,
    begun,
    forced,
    prepared_model,
    sampler_of,
    small_model,
    small_prompt,
    walk,
)
from torch import Tensor

from vibevoice_nb.model.generation.context import (
    SpokenFrames,
    prefill_spoken,
    receptive_frames,
    receptive_samples,
)
from vibevoice_nb.model.generation.loop import Step
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.vibevoice import VibeVoiceModel

FRAMES, MORE, CFG = 64, 4, 1.7
LENGTHS = [0, 1, 2, 7, 39, 40, 41, 60]
NOISE = torch.randn(FRAMES, LATENT, generator=torch.Generator().manual_seed(5))


def _drawn(start: int) -> Callable[[int, GenerationState], Tensor]:
    noise = iter(NOISE[start:])
    return lambda row, state: next(noise)


@functools.cache
def _whole(guided: bool) -> list[Step]:
    """Run without interruption that consists of frames."""
    model = prepared_model()
    return walk(
        model,
        [begun(model, small_prompt())],
        sampler_of(model, CFG if guided else 1.0, 2),
        choose=forced([SPECIAL.frame] * FRAMES + [SPECIAL.eos]),
        draw=_drawn(0),
    )


def _spoken(steps: list[Step], count: int) -> SpokenFrames:
    frames = [step.frame for step in steps[:count] if step.frame is not None]
    latent = [torch.zeros(0, LATENT), *(frame.latent_norm[None] for frame in frames)]
    semantic = [torch.zeros(0, SEMANTIC), *(frame.semantic[None] for frame in frames)]
    return SpokenFrames(torch.cat(latent), torch.cat(semantic))


def _rebuilt(count: int, guided: bool = True) -> tuple[GenerationState, Tensor]:
    model = prepared_model()
    state = GenerationState.new(model, seed=0)
    heard = prefill_spoken(model, small_prompt(), state, _spoken(_whole(guided), count), guided=guided)
    return state, heard


def _go_on(state: GenerationState, count: int, guided: bool) -> list[Step]:
    model = prepared_model()
    return walk(
        model,
        [state],
        sampler_of(model, CFG if guided else 1.0, 2),
        choose=forced([SPECIAL.frame] * MORE + [SPECIAL.eos]),
        draw=_drawn(count),
    )


def _error(got: list[Step], wanted: list[Step]) -> float:
    def numbers(step: Step) -> list[Tensor]:
        uncond = [] if step.hidden_uncond is None else [step.hidden_uncond]
        assert step.frame is not None
        frame = step.frame
        return [step.hidden, step.logits, *uncond, frame.latent_norm, frame.semantic, frame.audio, step.embed]

    pairs = [
        pair for a, b in zip(got, wanted, strict=True) for pair in zip(numbers(a), numbers(b), strict=True)
    ]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


@pytest.mark.parametrize("guided", [True, False], ids=["guided", "unguided"])
@pytest.mark.parametrize("count", LENGTHS)
def test_speech_goes_on_as_if_never_interrupted(count: int, guided: bool) -> None:
    state, _ = _rebuilt(count, guided)
    assert (state.steps, state.frames) == (count, count)
    assert state.uncond.length == (count if guided else 0)
    steps = _go_on(state, count, guided)
    assert _error(steps[:MORE], _whole(guided)[count : count + MORE]) < 2e-5


def test_the_audio_before_is_reported() -> None:
    for count in LENGTHS:
        _, heard = _rebuilt(count)
        wanted = audio_of(_whole(True)[:count])[-receptive_samples(prepared_model()) :]
        got = heard[len(heard) - len(wanted) :]
        assert got.shape == wanted.shape
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


def test_frames_that_only_the_codec_reads_fill_the_convolutions() -> None:
    """Frames of the receptive field in two parts: the language model reads one, the codec both."""
    model, count = prepared_model(), 60
    spoken = _spoken(_whole(True), count)
    late = SpokenFrames(spoken.latent_norm[50:], spoken.semantic[50:])
    state = GenerationState.new(model, seed=0)
    prefill_spoken(model, small_prompt(), state, late, guided=True, before=spoken.latent_norm[:50])
    whole, _ = _rebuilt(count)
    assert state.uncond.length == 10
    for got, wanted in zip(state.acoustic + state.semantic, whole.acoustic + whole.semantic, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


def _felt(model: VibeVoiceModel, frames: int) -> Tensor:
    """Return the influence of each of the last frames on the convolution buffers."""
    latent = torch.randn(1, frames, LATENT, dtype=torch.float64).requires_grad_()
    decoder, encoder = model.acoustic.decoder.new_state(1), model.semantic.new_state(1)
    model.semantic(model.acoustic.decode(latent, decoder), encoder)
    memory = torch.cat([buffer.flatten() for buffer in decoder + encoder])
    (moved,) = torch.autograd.grad((memory * torch.randn_like(memory)).sum(), latent)
    return moved[0].abs().sum(-1)


def test_exactly_as_many_frames_are_played_again_as_are_felt() -> None:
    model = small_model().double()
    felt = receptive_frames(model)
    strength = _felt(model, felt + 3)
    assert (strength[:3] == 0).all(), "of those before, nothing is left"
    assert (strength[3:] > 0).all(), "each of these has left something"


def test_playing_fewer_frames_again_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.model.generation.context.receptive_frames", lambda model: 3)
    state, _ = _rebuilt(60)
    assert _error(_go_on(state, 60, True)[:MORE], _whole(True)[60 : 60 + MORE]) > 1e-3


def test_one_context_frame_more_or_less_changes_the_output() -> None:
    steps = [_go_on(_rebuilt(count)[0], 41, True) for count in (40, 41)]
    assert _error(steps[0][:MORE], steps[1][:MORE]) > 1e-3


def test_the_published_models_need_fifteen_seconds() -> None:
    from checkpoints import original_config

    from vibevoice_nb.model.loading.config_file import parse_config

    config = original_config()
    for section in ("acoustic_tokenizer_config", "semantic_tokenizer_config"):
        config[section]["encoder_depths"] = "3-3-3-3-3-3-8"
    with torch.device("meta"):
        assert receptive_frames(VibeVoiceModel(parse_config(config), tied=True)) == 116
