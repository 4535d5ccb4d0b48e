"""VibeVoice-Realtime: the network that speaks while it reads. Source: microsoft/VibeVoice.

Shapes: B rows, T positions or frames, H hidden size, Z latent size.

A text language model reads windows of tokens. A speech language model reads its hidden states and, for every
frame spoken, the frame's embedding; each carries a type. There are no special tokens and no language-model
head: a classifier says when the speech ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .codec import Decoder
from .config import RealtimeConfig, StackConfig
from .diffusion_head import DiffusionHead
from .language_model import LanguageModel
from .modules.conv import StreamState
from .modules.layers import Connector
from .modules.linear import Linear
from .vibevoice import Network

SPEECH, TEXT = 0, 1
"""Types of the speech language model's positions."""

_UNREAD = re.compile(
    r"model\.tts_language_model\.embed_tokens\.weight|model\.acoustic_tokenizer\.encoder\..+"
)
"""Tensors of published files that nothing uses: the speech language model is never fed tokens; an encoder is
in no published file, but the reference creates one with random weights and saves it."""


class StopClassifier(nn.Module):
    """Score of the end of speech from a hidden state; the speech ends above 0."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.fc1 = Linear(hidden_size, hidden_size, bias=True)
        self.fc2 = Linear(hidden_size, 1, bias=True)

    def forward(self, hidden: Tensor) -> Tensor:
        """Score hidden states [B, H]: fp32 [B]."""
        return self.fc2(F.relu(self.fc1(hidden)))[:, 0].float()


class AcousticDecoder(nn.Module):
    """The acoustic codec without its encoder."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.decoder = Decoder(config)

    def decode(self, latent: Tensor, state: StreamState | None = None) -> Tensor:
        """Decode latents [B, T, Z] to audio [B, 1, T * hop]."""
        return self.decoder(latent, state)


class RealtimeModel(Network):
    """All weights of a VibeVoice-Realtime; the mutable state of a generation is a `RealtimeState`.

    Parameters
    ----------
    config : RealtimeConfig
    """

    def __init__(self, config: RealtimeConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.language.hidden_size
        self.text_model = LanguageModel(config.text, normed=False)
        self.speech_model = LanguageModel(config.language, embedded=False)
        self.type_embeddings = nn.Parameter(torch.empty(2, hidden))
        self.acoustic = AcousticDecoder(config.decoder)
        self.acoustic_connector = Connector(config.head.latent_size, hidden)
        self.head = DiffusionHead(config.head)
        self.stop = StopClassifier(hidden)

    def embed_text(self, hidden: Tensor) -> Tensor:
        """Embed hidden states [B, T, H] of the text model for the speech model."""
        return hidden + self.type_embeddings[TEXT]


def unread_tensors(names: Iterable[str]) -> set[str]:
    """Return the tensors of a published file that the network does not use and that are not read.

    Examples
    --------
    >>> unread_tensors(["model.tts_language_model.embed_tokens.weight", "model.tts_input_types.weight"])
    {'model.tts_language_model.embed_tokens.weight'}
    """
    return {name for name in names if _UNREAD.fullmatch(name)}
