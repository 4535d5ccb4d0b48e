"""Existing speech as context: a fresh state is prefilled as if it had just generated that speech itself.

Shapes: T frames, P prompt positions, Z latent size, F semantic size, H hidden size, N samples.

One pass fills the caches with prompt and frames. The convolution buffers are not stored with frames: they
are rebuilt by decoding the last frames, as many as the receptive field covers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..modules.conv import Downsample, Upsample, streaming_convs
from ..prompt import Prompt, embed_prompt, encode_voices
from ..vibevoice import VibeVoiceModel
from .prompt_cache import PromptCache
from .state import GenerationState
from .threads import at_most_threads


@dataclass(frozen=True)
class SpokenFrames:
    """Frames generated before."""

    latent_norm: Tensor
    """[T, Z]"""
    semantic: Tensor
    """[T, F]"""


@torch.inference_mode()
def prefill_spoken(
    model: VibeVoiceModel,
    prompt: Prompt,
    state: GenerationState,
    spoken: SpokenFrames,
    *,
    guided: bool,
    before: Tensor | None = None,
    prompt_cache: PromptCache | None = None,
    seed_voices: bool = True,
) -> Tensor:
    """Prefill a fresh state with a prompt and the frames that were generated after it.

    Generation then continues as if it had never been interrupted, except that noise comes from the state.

    Parameters
    ----------
    model : VibeVoiceModel
    prompt : Prompt
        Its voices are encoded here.
    state : GenerationState
        Fresh.
    spoken : SpokenFrames
        If empty, only the prompt is read.
    guided : bool
        Whether the unconditional row is needed.
    before : Tensor [T', Z], optional
        latent_norm of the frames directly before, which are not read again: they only fill the convolution
        buffers.
    prompt_cache : PromptCache, optional
        Cache of voices and prompts read before.
    seed_voices : bool
        Whether the voices' noise is drawn from the state's generator, as in the reference.

    Returns
    -------
    Tensor [N]
        Audio of the last frames, exact in its last `receptive_samples` samples.
    """
    with at_most_threads(model.max_threads):
        embeds = embed_spoken(model, prompt, spoken, state.generator if seed_voices else None, prompt_cache)
        prompt_cache = prompt_cache or PromptCache(0)
        prompt_cache.prefill(model.language_model, embeds[:, :-1], state.cond, prompt.before_voices)
        return _take_over(model, embeds, state, spoken, before, guided=guided)


def _take_over(
    model: VibeVoiceModel,
    embeds: Tensor,
    state: GenerationState,
    spoken: SpokenFrames,
    before: Tensor | None,
    *,
    guided: bool,
) -> Tensor:
    """Advance everything but the conditional row of a state to the end of the embeddings [1, P + T, H]."""
    count = len(spoken.latent_norm)
    if guided and count:
        # From the start token on; the next step feeds the last frame, like any pending embedding.
        model.language_model.prefill(embeds[:, -1 - count : -1], state.uncond)
    state.pending = embeds[:, -1:].clone()
    state.steps = state.frames = count
    heard = spoken.latent_norm if before is None else torch.cat((before, spoken.latent_norm))
    return _replay(model, heard[-receptive_frames(model) :].to(embeds), state)


def embed_spoken(
    model: VibeVoiceModel,
    prompt: Prompt,
    spoken: SpokenFrames,
    generator: torch.Generator | None = None,
    prompt_cache: PromptCache | None = None,
) -> Tensor:
    """Embed a prompt, whose voices are encoded here, and the frames after it: [1, P + T, H]."""
    voices = encode_voices(model, [slot.audio for slot in prompt.voices], generator, prompt_cache)
    embeds = embed_prompt(model, prompt, voices)
    frames = model.embed_frames(spoken.latent_norm.to(embeds), spoken.semantic.to(embeds))
    return torch.cat((embeds, frames[None]), dim=1)


def _replay(model: VibeVoiceModel, latent_norm: Tensor, state: GenerationState) -> Tensor:
    """Fill the convolution buffers by decoding frames [T, Z] to audio [N] again."""
    if not len(latent_norm):
        return latent_norm.new_zeros(0)
    audio = model.acoustic.decode(model.denormalize_latent(latent_norm)[None], state.acoustic)
    model.semantic(audio, state.semantic)
    return audio[0, 0]


def receptive_samples(model: VibeVoiceModel) -> int:
    """Receptive field of the semantic encoder's buffers, in samples."""
    return _receptive_inputs(model.semantic, 0)


def receptive_frames(model: VibeVoiceModel) -> int:
    """Receptive field of all buffers in frames; the semantic encoder's goes through the decoded audio.

    116 (15.5 s) for the published models.
    """
    return _receptive_inputs(model.acoustic.decoder, receptive_samples(model))


def _receptive_inputs(stack: nn.Module, outputs: int) -> int:
    """Count the last inputs that a stack's buffers and its last `outputs` outputs depend on."""
    felt = outputs
    for conv in reversed(streaming_convs(stack)):
        if isinstance(conv, Upsample):
            # An input gives two blocks of outputs; the second one is the buffer.
            felt = max(1, 1 + -(-felt // conv.ratio))
        elif isinstance(conv, Downsample):
            felt = conv.ratio * (felt + 1)
        else:
            felt += conv.context
    return felt
