"""VibeVoice: the whole network. Source: VibeVoice Technical Report, arXiv 2508.19205.

Shapes: B rows, T positions or frames, H hidden size, Z latent size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .codec import AcousticCodec, Encoder
from .config import ModelConfig
from .diffusion_head import DiffusionHead
from .kernels.apart import each_apart
from .language_model import LanguageModel
from .loading.fingerprint import Fingerprint
from .modules.layers import Connector


class TokenScores(nn.Module):
    """Matrix [V, H] that scores tokens; `keep` reduces it to the rows that are used."""

    def __init__(self, hidden_size: int, vocab_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, hidden_size))
        self._places: dict[int, int] | None = None

    def keep(self, tokens: Sequence[int]) -> None:
        """Drop the rows of all other tokens."""
        rows = self.rows(tokens).detach().clone()
        self.weight = nn.Parameter(rows, requires_grad=False)
        self._places = {token: place for place, token in enumerate(tokens)}

    def rows(self, tokens: Sequence[int]) -> Tensor:
        """Return the rows [len(tokens), H] of tokens, which must be among those kept."""
        places = self._places
        return self.weight[list(tokens) if places is None else [places[token] for token in tokens]]


class Network(nn.Module):
    """Base of both kinds of VibeVoice: facts of the loaded weights, and the scale of latents."""

    def __init__(self) -> None:
        super().__init__()
        self.max_threads: int | None = None
        """Limit of CPU threads; None uses all of torch's."""
        self.quantize: str | None = None
        """Quantization of the prepared language model's layers (int8 or int4), if any."""
        self.fingerprint: Fingerprint | None = None
        """Fingerprint of the weights before preparation; None while they are still parameters."""
        self.latent_scale = nn.Parameter(torch.empty(()), requires_grad=False)
        self.latent_bias = nn.Parameter(torch.empty(()), requires_grad=False)

    @property
    def rows_apart(self) -> bool:
        """True if scripts in a batch are computed apart where their results could differ otherwise."""
        return self.max_threads == 1 and not self.latent_scale.is_cuda

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights, the same in any dtype and layout they are loaded in."""
        return (self.fingerprint or self.take_fingerprint()).hexdigest()

    def take_fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the parameters as they are now."""
        fingerprint = Fingerprint()
        fingerprint.add_all(self.named_parameters())
        return fingerprint

    def normalize_latent(self, latent: Tensor) -> Tensor:
        """Convert latents from codec space to the diffusion head's space."""
        return (latent + self.latent_bias) * self.latent_scale

    def denormalize_latent(self, latent_norm: Tensor) -> Tensor:
        """Convert latents from the diffusion head's space to codec space."""
        return latent_norm / self.latent_scale - self.latent_bias


class VibeVoiceModel(Network):
    """All weights of a VibeVoice; the mutable state of a generation is a `GenerationState`."""

    def __init__(self, config: ModelConfig, *, tied: bool) -> None:
        super().__init__()
        self.config = config
        hidden = config.language.hidden_size
        self.language_model = LanguageModel(config.language)
        self.lm_head = None if tied else TokenScores(hidden, config.language.vocab_size)
        self.acoustic = AcousticCodec(config.acoustic)
        self.semantic = Encoder(config.semantic)
        self.acoustic_connector = Connector(config.head.latent_size, hidden)
        self.semantic_connector = Connector(config.semantic.size, hidden)
        self.head = DiffusionHead(config.head)

    def token_logits(self, hidden: Tensor, tokens: Sequence[int]) -> Tensor:
        """Score only `tokens`: hidden [..., H] -> fp32 [..., len(tokens)]."""
        rows = self.score_rows(tokens)
        return each_apart(lambda own: F.linear(own, rows), hidden).float()

    def score_rows(self, tokens: Sequence[int]) -> Tensor:
        """Return the matrix [len(tokens), H] that scores `tokens` from a hidden state."""
        if self.lm_head is None:
            return self.language_model.embed_tokens.weight[list(tokens)]
        return self.lm_head.rows(tokens)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Embed token ids [...] as [..., H]."""
        return self.language_model.embed_tokens(ids)

    def embed_frames(self, latent_norm: Tensor, semantic: Tensor) -> Tensor:
        """Embed generated frames: latent_norm [B, T, Z] and semantic features -> [B, T, H]."""
        return self.acoustic_connector(latent_norm) + self.semantic_connector(semantic)
