"""Prompt: token ids and voices that the model reads before it generates speech.

Shapes: P prompt positions, N samples of a voice, n = ceil(N / hop) frames it takes.

The pieces and their spelling are those the model was trained on; each is tokenised on its own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ScriptError
from .generation.prompt_cache import PromptCache
from .tokenizer import Tokenizer
from .vibevoice import VibeVoiceModel

SYSTEM = (
    " Transform the text provided by various speakers into speech output, "
    "utilizing the distinct voice of each respective speaker.\n"
)
VOICES = " Voice input:\n"
TEXT = " Text input:\n"
SPEECH = " Speech output:\n"

FRAMES_AT_ONCE = 15
"""Frames of a voice that are encoded at once."""

STEADY_SEED = 1
"""Seed for the voice latent's noise when no generator is given (chosen for a scale near the median)."""


@dataclass(frozen=True)
class VoiceSlot:
    """Position of a voice's frames in the prompt."""

    start: int
    audio: Tensor
    """Samples [N], float32, 24 kHz."""


@dataclass(frozen=True)
class Prompt:
    """Token ids, and the voices that fill some of their positions."""

    ids: tuple[int, ...]
    voices: tuple[VoiceSlot, ...]
    lines: tuple[tuple[int, int], ...] = ()
    """Range of each line's tokens, from the speaker's label to the end of the line."""

    @property
    def before_voices(self) -> int:
        """Number of positions before the first voice; 0 without voices."""
        return self.voices[0].start if self.voices else 0


def build_prompt(
    turns: Sequence[tuple[int, str]], voices: Mapping[int, Tensor], tokenizer: Tokenizer, hop_length: int
) -> Prompt:
    """Build the prompt.

    Parameters
    ----------
    turns : sequence of (speaker, text)
        Speakers numbered from 0.
    voices : mapping from speaker to Tensor [N]
        Reference recordings, 24 kHz; if empty, the model chooses the voices.
    tokenizer : Tokenizer
    hop_length : int
        Samples per frame.

    Returns
    -------
    Prompt

    Raises
    ------
    ScriptError
        If there are no turns, or a speaker has no voice while others have one.
    """
    if not turns:
        raise ScriptError(
            "the script has no turns", "at least one line such as 'Speaker 1: Hello.'", "add a line"
        )
    silent = sorted({speaker for speaker, _ in turns} - set(voices))
    if voices and silent:
        names = ", ".join(f"Speaker {speaker + 1}" for speaker in silent)
        raise ScriptError(
            f"no voice for {names}", "a voice for every speaker of the script", "give each one a voice"
        )
    ids = tokenizer.encode(SYSTEM)
    special, slots = tokenizer.special, []
    if voices:
        ids += tokenizer.encode(VOICES)
        for speaker, audio in sorted(voices.items()):
            ids += [*tokenizer.encode(f" Speaker {speaker}:"), special.start]
            slots.append(VoiceSlot(len(ids), audio))
            ids += [special.frame] * -(-len(audio) // hop_length)
            ids += [special.end, *tokenizer.encode("\n")]
    ids += tokenizer.encode(TEXT)
    lines = []
    for speaker, text in turns:
        begin = len(ids)
        ids += tokenizer.encode(f" Speaker {speaker}: {text}\n")
        lines.append((begin, len(ids)))
    ids += [*tokenizer.encode(SPEECH), special.start]
    return Prompt(tuple(ids), tuple(slots), tuple(lines))


def encode_voices(
    model: VibeVoiceModel,
    voices: Sequence[Tensor],
    generator: torch.Generator | None = None,
    prompt_cache: PromptCache | None = None,
) -> list[Tensor]:
    """Encode recordings as frames for the language model, with the noise of the sigma-VAE.

    Parameters
    ----------
    voices : sequence of Tensor [N]
    generator : torch.Generator, optional
        On the CPU. The noise is drawn from it in the reference's order, so that the same seed gives the same
        prompt. Without it, each voice is encoded separately with a fixed noise, so that a prompt with the
        same voices can be cached.
    prompt_cache : PromptCache, optional
        Cache of encoded voices.

    Returns
    -------
    list of Tensor [n, Z]
        latent_norm of each voice.
    """
    if not voices:
        return []
    if generator is None:
        return [
            encode_voices(model, [audio], torch.Generator().manual_seed(STEADY_SEED), prompt_cache)[0]
            for audio in voices
        ]
    like = model.acoustic.encoder.head.bias
    longest = max(len(audio) for audio in voices)
    frames = -(-longest // model.config.hop_length)
    size = model.config.head.latent_size
    spread = torch.randn(len(voices), generator=generator) * model.config.acoustic.noise_scale
    # In channel-major memory, like the reference's latents: torch's random sequence depends on the layout.
    noise = torch.empty(len(voices), size, frames).transpose(1, 2).normal_(generator=generator)
    encoded = []
    for index, audio in enumerate(voices):
        count = -(-len(audio) // model.config.hop_length)
        # Zeros up to the longest, as in the reference's batch: the last frame depends on them.
        padded = torch.nn.functional.pad(audio, (0, longest - len(audio)))[: count * model.config.hop_length]
        encode = functools.partial(_encode, model, padded.to(like))
        mean = encode() if prompt_cache is None else prompt_cache.voice(padded, encode)
        latent = mean + (spread[index] * noise[index, :count]).to(mean)
        encoded.append(model.normalize_latent(latent))
    return encoded


def _encode(model: VibeVoiceModel, audio: Tensor) -> Tensor:
    """Encode samples [N] to latent means [n, Z], two seconds at a time to bound memory."""
    state = model.acoustic.encoder.new_state(1)
    pieces = audio.split(FRAMES_AT_ONCE * model.config.hop_length)
    return torch.cat([model.acoustic.encode(piece[None, None], state)[0] for piece in pieces])


def embed_prompt(model: VibeVoiceModel, prompt: Prompt, voices: Sequence[Tensor]) -> Tensor:
    """Embed a prompt [1, P, H] with encoded voices [n, Z] at its frame positions."""
    device = model.language_model.embed_tokens.weight.device
    embeds = model.embed_tokens(torch.tensor(prompt.ids, device=device))
    for slot, latent in zip(prompt.voices, voices, strict=True):
        embeds[slot.start : slot.start + len(latent)] = model.acoustic_connector(latent).to(embeds)
    return embeds[None]
