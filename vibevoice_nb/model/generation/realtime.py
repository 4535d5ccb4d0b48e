"""Generation with VibeVoice-Realtime: windows of text and frames of speech in turns.

Shapes: T positions, H hidden size, Z latent size, S solver steps, N samples a frame.

A window is five tokens of text, then six frames. The text model reads the tokens, the speech model its hidden
states. Each frame is sampled from the speech model's last hidden states with and without text, decoded, and
fed back to both rows in one pass over the weights. The stop classifier is asked after every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..modules.conv import StreamState
from ..modules.kv_cache import KVCache
from ..realtime import SPEECH, RealtimeModel
from ..voice_prompt import HIDDEN, VoicePrompt
from .sampler import Sampler
from .state import Maker
from .threads import at_most_threads

TEXT_WINDOW, SPEECH_WINDOW = 5, 6
"""Tokens read, and then frames spoken, in turns."""


@dataclass
class RealtimeState:
    """State of one speaker's speech.

    Attributes
    ----------
    text, cond, uncond : KVCache
        Caches of the text model, and of the speech model with and without text.
    hidden, hidden_uncond : Tensor [1, H]
        The speech model's last hidden states, which the next frame is sampled from.
    acoustic : StreamState
        Convolution buffers of the decoder.
    generator : torch.Generator
        Source of noise; on the CPU, so that a seed gives the same noise on every device.
    maker : Maker
        The model that the state belongs to.
    tokens, frames : int
        Tokens read and frames generated so far.
    finished : bool
        Whether the model has ended the speech.
    full : bool
        Whether a frame was not fed back because the context has no position left.
    """

    text: KVCache
    cond: KVCache
    uncond: KVCache
    hidden: Tensor
    hidden_uncond: Tensor
    acoustic: StreamState
    generator: torch.Generator
    maker: Maker
    tokens: int = 0
    frames: int = 0
    finished: bool = False
    full: bool = False

    @classmethod
    def new(cls, model: RealtimeModel, prompt: VoicePrompt, generator: torch.Generator) -> RealtimeState:
        """Make the state of a voice before its first words."""
        like = model.latent_scale
        caches = []
        for group, part in (
            ("lm", model.text_model),
            ("tts_lm", model.speech_model),
            ("neg_tts_lm", model.speech_model),
        ):
            cache = part.new_cache()
            layers = prompt.layers(group)
            count = layers[0][0].shape[1]
            cache.reserve(count)
            for index, (keys, values) in enumerate(layers):
                cache.append(index, keys.to(like), values.to(like))
            cache.length = count
            caches.append(cache)
        text, cond, uncond = caches
        last = prompt.tensors[HIDDEN][:, -1].to(like)
        return cls(
            text=text,
            cond=cond,
            uncond=uncond,
            hidden=last,
            hidden_uncond=last,
            acoustic=model.acoustic.decoder.new_state(1),
            generator=generator,
            maker=Maker.of(model),
        )

    def clone(self) -> RealtimeState:
        """Copy the state; both copies continue identically."""
        generator = torch.Generator("cpu")
        generator.set_state(self.generator.get_state())
        return RealtimeState(
            self.text.clone(),
            self.cond.clone(),
            self.uncond.clone(),
            self.hidden.clone(),
            self.hidden_uncond.clone(),
            [buffer.clone() for buffer in self.acoustic],
            generator,
            self.maker,
            self.tokens,
            self.frames,
            self.finished,
            self.full,
        )

    def nbytes(self) -> int:
        """Return the bytes of caches and buffers."""
        caches = sum(cache.nbytes() for cache in (self.text, self.cond, self.uncond))
        return caches + sum(buffer.numel() * buffer.element_size() for buffer in self.acoustic)


@dataclass(frozen=True)
class TextWindow:
    """Result of reading tokens."""

    hidden_text: Tensor
    """[T, H], the text model's hidden states."""
    hidden: Tensor
    """[T, H], the speech model's."""


@dataclass(frozen=True)
class RealtimeFrame:
    """One frame of audio, and the step that followed it."""

    latent_norm: Tensor
    """[Z], the sampler's output."""
    audio: Tensor
    """[N], 24 kHz."""
    cond: Tensor
    """[H], the hidden state it was sampled from."""
    uncond: Tensor
    """[H], that of the unconditional row."""
    embed: Tensor
    """[H], its embedding, without its type."""
    hidden: Tensor | None
    """[H], the hidden state after it; None if the context had no position left for it."""
    hidden_uncond: Tensor | None
    """[H], that of the unconditional row; None also without guidance."""
    stop_logit: float
    """Score of the end of speech; above 0 ends it. NaN if it was not fed back."""


Draw = Callable[[RealtimeState], Tensor]
"""Function of a state that returns fresh standard normal noise [Z], fp32."""


def from_seed(state: RealtimeState) -> Tensor:
    """Draw from the state's own generator."""
    # The reference draws noise for both rows and uses the first; the same draws keep its seeds valid.
    return torch.randn(2, state.acoustic[0].shape[-1], generator=state.generator)[0]


def fits(model: RealtimeModel, state: RealtimeState, positions: int) -> bool:
    """Return true if the context has room for so many more positions."""
    return state.cond.length + positions <= model.config.language.max_positions


@torch.inference_mode()
def read_text(model: RealtimeModel, state: RealtimeState, ids: Sequence[int]) -> TextWindow:
    """Read a window of tokens; the caller checks that they fit.

    Parameters
    ----------
    model : RealtimeModel
    state : RealtimeState
    ids : sequence of int
        One to `TEXT_WINDOW` tokens.
    """
    with at_most_threads(model.max_threads):
        embeds = model.text_model.embed_tokens(torch.tensor([list(ids)], device=state.hidden.device))
        hidden_text = model.text_model.extend(embeds, state.text)
        hidden = model.speech_model.extend(model.embed_text(hidden_text), state.cond)
    state.hidden = hidden[:, -1]
    state.tokens += len(ids)
    return TextWindow(hidden_text[0], hidden[0])


@torch.inference_mode()
def speak_frame(
    model: RealtimeModel,
    state: RealtimeState,
    sampler: Sampler,
    *,
    temperature: float = 1.0,
    draw: Draw = from_seed,
    guided: bool | None = None,
) -> RealtimeFrame:
    """Generate a frame and feed it back.

    Parameters
    ----------
    model : RealtimeModel
    state : RealtimeState
        Updated: `finished` if the model ended the speech with this frame, `full` if there was no position
        left to feed it back.
    sampler : Sampler
    temperature : float
        Scales the initial noise; 1.0 as published.
    draw : callable
        Source of noise; by default the state's own generator.
    guided : bool, optional
        Whether the unconditional row runs; by default if the sampler needs it.
    """
    guided = sampler.guided if guided is None else guided
    with at_most_threads(model.max_threads):
        fresh = torch.stack([draw(state) for _ in range(sampler.draws_per_frame)])[:, None]
        fresh[0] *= temperature
        fresh = fresh.to(state.hidden.device)
        cond, uncond = state.hidden, state.hidden_uncond
        latent_norm = sampler(cond, uncond if sampler.guided else None, fresh[0], fresh[1:])
        audio = model.acoustic.decode(model.denormalize_latent(latent_norm)[:, None], state.acoustic)
        embed = model.acoustic_connector(latent_norm[:, None])
        state.frames += 1
        logit = _feed(model, state, embed, guided=guided)
    fed = not state.full
    return RealtimeFrame(
        latent_norm[0],
        audio[0, 0],
        cond[0],
        uncond[0],
        embed[0, 0],
        state.hidden[0] if fed else None,
        state.hidden_uncond[0] if fed and guided else None,
        logit,
    )


def _feed(model: RealtimeModel, state: RealtimeState, embed: Tensor, *, guided: bool) -> float:
    """Feed a frame's embedding [1, 1, H] back to both rows; return the score of the end of speech."""
    if not fits(model, state, 1):
        state.full = True
        return float("nan")
    typed = embed + model.type_embeddings[SPEECH]
    if guided:
        hidden = model.speech_model.step(torch.cat((typed, typed)), [state.cond, state.uncond])[:, 0]
        state.hidden, state.hidden_uncond = hidden[:1], hidden[1:]
    else:
        state.hidden = model.speech_model.step(typed, [state.cond])[:, 0]
    logit = float(model.stop(state.hidden))
    state.finished = logit > 0
    return logit
