"""VibeVoice, composed. Source: VibeVoice Technical Report, arXiv 2508.19205.

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
from .language_model import LanguageModel
from .loading.fingerprint import Fingerprint
from .modules.layers import Connector


class TokenScores(nn.Module):
    """The matrix [V, H] that scores tokens; of its rows, only those that are ever asked for need be kept."""

    def __init__(self, hidden_size: int, vocab_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, hidden_size))
        self._places: dict[int, int] | None = None

    def keep(self, tokens: Sequence[int]) -> None:
        """Let go of the rows of all other tokens."""
        rows = self.rows(tokens).detach().clone()
        self.weight = nn.Parameter(rows, requires_grad=False)
        self._places = {token: place for place, token in enumerate(tokens)}

    def rows(self, tokens: Sequence[int]) -> Tensor:
        """The rows [len(tokens), H] of tokens, which must be among those kept."""
        places = self._places
        return self.weight[list(tokens) if places is None else [places[token] for token in tokens]]


class VibeVoiceModel(nn.Module):
    """All weights of a VibeVoice; what moves during generation lives in `GenerationState`."""

    def __init__(self, config: ModelConfig, *, tied: bool) -> None:
        super().__init__()
        self.config = config
        self.max_threads: int | None = None
        """CPU threads worth using; None is all that torch has."""
        self.quantize: str | None = None
        """In how many bits the language model's layers are kept once prepared, if in fewer than the rest."""
        self.fingerprint: Fingerprint | None = None
        """Of the weights before they were prepared; None while they are still parameters."""
        hidden = config.language.hidden_size
        self.language_model = LanguageModel(config.language)
        self.lm_head = None if tied else TokenScores(hidden, config.language.vocab_size)
        self.acoustic = AcousticCodec(config.acoustic)
        self.semantic = Encoder(config.semantic)
        self.acoustic_connector = Connector(config.head.latent_size, hidden)
        self.semantic_connector = Connector(config.semantic.size, hidden)
        self.head = DiffusionHead(config.head)
        self.latent_scale = nn.Parameter(torch.empty(()), requires_grad=False)
        self.latent_bias = nn.Parameter(torch.empty(()), requires_grad=False)

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights, the same in any dtype and layout they are loaded in."""
        return (self.fingerprint or self.take_fingerprint()).hexdigest()

    def take_fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the parameters as they are now."""
        fingerprint = Fingerprint()
        fingerprint.add_all(self.named_parameters())
        return fingerprint

    def token_logits(self, hidden: Tensor, tokens: Sequence[int]) -> Tensor:
        """Score only `tokens`: hidden [..., H] -> fp32 [..., len(tokens)]."""
        return F.linear(hidden, self.score_rows(tokens)).float()

    def score_rows(self, tokens: Sequence[int]) -> Tensor:
        """What a hidden state is multiplied by to score `tokens`: [len(tokens), H]."""
        if self.lm_head is None:
            return self.language_model.embed_tokens.weight[list(tokens)]
        return self.lm_head.rows(tokens)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Embed token ids [...] as [..., H]."""
        return self.language_model.embed_tokens(ids)

    def embed_frames(self, latent_norm: Tensor, semantic: Tensor) -> Tensor:
        """Embed generated frames: latent_norm [B, T, Z] and semantic features -> [B, T, H]."""
        return self.acoustic_connector(latent_norm) + self.semantic_connector(semantic)

    def normalize_latent(self, latent: Tensor) -> Tensor:
        """From codec space to the space the head denoises in."""
        return (latent + self.latent_bias) * self.latent_scale

    def denormalize_latent(self, latent_norm: Tensor) -> Tensor:
        """From the head's space back to codec space."""
        return latent_norm / self.latent_scale - self.latent_bias
