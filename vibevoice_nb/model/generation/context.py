"""Speech already there as the context of more: a fresh state reads it as if it had just said it itself.

Shapes: T frames, P prompt positions, Z latent size, F semantic size, H hidden size, N samples.

The caches take prompt and frames in one pass. The convolutions' buffers are not kept with frames: they are
made again by decoding the last frames, as many as can still be felt.
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
    """Frames already spoken."""

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
    """Let a fresh state read a prompt and the frames that were spoken after it.

    Generation then goes on as if it had never been interrupted; only the noise is the state's own.

    Parameters
    ----------
    model : VibeVoiceModel
    prompt : Prompt
        Its voices are encoded here.
    state : GenerationState
        Fresh.
    spoken : SpokenFrames
        May be empty: then only the prompt is read.
    guided : bool
        Whether the unconditional row will be needed.
    before : Tensor [T', Z], optional
        latent_norm of frames that sounded directly before and are not to be read again: they only fill the
        convolutions' memory.
    prompt_cache : PromptCache, optional
        What is known of voices and prompts read before.
    seed_voices : bool
        Whether the voices' spread is drawn from the state's generator, as in the reference.

    Returns
    -------
    Tensor [N]
        The sound of the last frames, exact in its last `samples_felt` samples.
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
    """Bring all of a state but its conditional row to where those embeddings [1, P + T, H] end."""
    count = len(spoken.latent_norm)
    if guided and count:
        # From the start token on; the last frame, like any pending one, is fed by the next step.
        model.language_model.prefill(embeds[:, -1 - count : -1], state.uncond)
    state.pending = embeds[:, -1:].clone()
    state.steps = state.frames = count
    heard = spoken.latent_norm if before is None else torch.cat((before, spoken.latent_norm))
    return _replay(model, heard[-frames_felt(model) :].to(embeds), state)


def embed_spoken(
    model: VibeVoiceModel,
    prompt: Prompt,
    spoken: SpokenFrames,
    generator: torch.Generator | None = None,
    prompt_cache: PromptCache | None = None,
) -> Tensor:
    """Embed a prompt, its voices encoded here, and the frames spoken after it: [1, P + T, H]."""
    voices = encode_voices(model, [slot.audio for slot in prompt.voices], generator, prompt_cache)
    embeds = embed_prompt(model, prompt, voices)
    frames = model.embed_frames(spoken.latent_norm.to(embeds), spoken.semantic.to(embeds))
    return torch.cat((embeds, frames[None]), dim=1)


def _replay(model: VibeVoiceModel, latent_norm: Tensor, state: GenerationState) -> Tensor:
    """Fill the convolutions' buffers by making the sound [N] of frames [T, Z] once more."""
    if not len(latent_norm):
        return latent_norm.new_zeros(0)
    audio = model.acoustic.decode(model.denormalize_latent(latent_norm)[None], state.acoustic)
    model.semantic(audio, state.semantic)
    return audio[0, 0]


def samples_felt(model: VibeVoiceModel) -> int:
    """How many of the last samples the semantic encoder's buffers depend on."""
    return _inputs_felt(model.semantic, 0)


def frames_felt(model: VibeVoiceModel) -> int:
    """How many of the last frames the buffers depend on, the semantic encoder's through the sound decoded.

    116 (15.5 s) for the published models.
    """
    return _inputs_felt(model.acoustic.decoder, samples_felt(model))


def _inputs_felt(stack: nn.Module, outputs: int) -> int:
    """Count the last inputs that a stack's buffers and its last `outputs` outputs depend on."""
    felt = outputs
    for conv in reversed(streaming_convs(stack)):
        if isinstance(conv, Upsample):
            # An input makes two blocks of outputs; its second one is the buffer.
            felt = max(1, 1 + -(-felt // conv.ratio))
        elif isinstance(conv, Downsample):
            felt = conv.ratio * (felt + 1)
        else:
            felt += conv.context
    return felt
