"""The language model: a Qwen2 decoder over embeddings, with a preallocated grouped-query cache.

Shapes: R rows, T new positions, H hidden size, A attention heads, K key-value heads, D head
size. Hidden states are [R, T, H]. Source: Qwen2.5, arXiv 2412.15115.

Three entry points: `forward` without a cache (training; the uncached oracle), `prefill` (one row, many
positions) and `step` (many rows, one position each, every row at its own length).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from .config import LanguageConfig
from .kernels.base import Norm
from .modules.attention import attend_causal, attend_step
from .modules.kv_cache import KVCache
from .modules.layers import RMSNorm, SwiGLU
from .modules.linear import Linear, LinearWeights, fused

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Function of a layer's index, its projections [R, 1, A + 2 K, D], cosines and sines [R, 1, 1, D] that
returns the attention output [R, A, 1, D]."""


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        self.q_proj = LinearWeights(config.hidden_size, self.heads * self.head_dim, bias=True)
        self.k_proj = LinearWeights(config.hidden_size, self.kv_heads * self.head_dim, bias=True)
        self.v_proj = LinearWeights(config.hidden_size, self.kv_heads * self.head_dim, bias=True)
        self.o_proj = Linear(self.heads * self.head_dim, config.hidden_size, bias=False)
        self.qkv = fused(self.q_proj, self.k_proj, self.v_proj)

    def project(self, x: Tensor, norm: Norm) -> Tensor:
        """Project to queries, keys and values, all heads side by side, not rotated: [R, T, A + 2 K, D]."""
        return self.qkv.product(x, norm).unflatten(2, (-1, self.head_dim))

    def rotated(self, projected: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split projections: rotated queries [R, A, T, D], rotated keys [R, K, T, D], values [R, K, T, D]."""
        qk, v = projected.transpose(1, 2).split((self.heads + self.kv_heads, self.kv_heads), dim=1)
        q, k = rotate(qk, cos, sin).split((self.heads, self.kv_heads), dim=1)
        return q, k, v

    def add_to(self, residual: Tensor, attended: Tensor) -> Tensor:
        """Project attended heads [R, A, T, D] to [R, T, H] and add them to `residual`."""
        return self.o_proj.dense.add_to(residual, attended.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention and feed-forward, each with a norm and a residual."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = SwiGLU(config.hidden_size, config.intermediate_size)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project x [R, T, H] to rotated queries [R, A, T, D], and keys and values [R, K, T, D]."""
        return self.self_attn.rotated(self.self_attn.project(x, self.input_layernorm), cos, sin)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add the attention output [R, A, T, D] and then the feed-forward layer to x [R, T, H]."""
        x = self.self_attn.add_to(x, attended)
        return self.mlp.add_to(x, x, self.post_attention_layernorm)


class LanguageModel(nn.Module):
    """Qwen2 decoder from embeddings to hidden states after the last norm.

    Parameters
    ----------
    config : LanguageConfig
    embedded : bool
        Whether it has embeddings of tokens; without them it is fed by another model.
    normed : bool
        Whether it has a last norm; without it, hidden states are the residual stream, in float32 instead of
        float16.
    """

    embed_tokens: nn.Embedding
    norm: RMSNorm

    def __init__(self, config: LanguageConfig, *, embedded: bool = True, normed: bool = True) -> None:
        super().__init__()
        self.config, self.normed = config, normed
        # Uninitialized, as all parameters here: drawing values on the meta device imports torch._dynamo.
        if embedded:
            self.embed_tokens = nn.Embedding.from_pretrained(
                torch.empty(config.vocab_size, config.hidden_size), freeze=False
            )
        # The list is typed for its items; torch types a ModuleList's as any module.
        self.layers: Sequence[Layer] = nn.ModuleList(Layer(config) for _ in range(config.num_layers))  # type: ignore[assignment]
        if normed:
            self.norm = RMSNorm(config.hidden_size, config.norm_eps)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the computation."""
        return self.layers[0].input_layernorm.weight.dtype

    def forward(self, embeds: Tensor) -> Tensor:
        """Run whole rows from position 0 without a cache: [R, T, H] -> [R, T, H]."""
        *_, last = self.hidden_states(embeds)
        return last

    def hidden_states(self, embeds: Tensor) -> Iterator[Tensor]:
        """Yield [R, T, H] after every layer, the last one normed, without a cache."""
        cos, sin = self.rotary(torch.arange(embeds.shape[1], device=embeds.device), self.dtype)
        x = widened(embeds)
        for index, layer in enumerate(self.layers, start=1):
            x, cos, sin = follow(layer, x, cos, sin)
            q, k, v = layer.project(x, cos, sin)
            x = layer.finish(x, attend_causal(q, k, v))
            if index < len(self.layers):
                yield x
        yield self._last(x)

    def new_cache(self, capacity: int = 0) -> KVCache:
        """Make an empty cache for one row, with each layer's part on the device of the layer."""
        likes = [layer.input_layernorm.weight for layer in self.layers]
        return KVCache(likes, self.config.num_kv_heads, self.config.head_dim, capacity)

    def prefill(self, embeds: Tensor, cache: KVCache) -> None:
        """Append T positions [1, T, H] to a row: later positions need only their keys and values."""
        self._append(embeds, cache, last=False)

    def extend(self, embeds: Tensor, cache: KVCache) -> Tensor:
        """Append T positions [1, T, H] to a row; return their hidden states [1, T, H]."""
        return self._last(self._append(embeds, cache, last=True))

    def _append(self, embeds: Tensor, cache: KVCache, *, last: bool) -> Tensor:
        """Append positions to a row; return the residual stream, of the last layer only with `last`."""
        start, count = cache.length, embeds.shape[1]
        cache.reserve(start + count)
        cos, sin = self.rotary(torch.arange(start, start + count, device=embeds.device), self.dtype)
        x = widened(embeds)
        for index, layer in enumerate(self.layers):
            x, cos, sin = follow(layer, x, cos, sin)
            q, k, v = layer.project(x, cos, sin)
            k, v = cache.append(index, k[0], v[0])
            if last or index < len(self.layers) - 1:
                x = layer.finish(x, attend_causal(q, k[None], v[None]))
        cache.length += count
        return x

    def _last(self, x: Tensor) -> Tensor:
        """Return hidden states [R, T, H] from the residual stream after the last layer."""
        return self.norm(x.to(self.norm.weight.device)) if self.normed else x

    def step(self, embeds: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """Append one position to each of R rows: [R, 1, H] -> [R, 1, H]; weights are read once for all.

        To discard the position of a row, subtract one from its cache's length.
        """
        for cache in caches:
            cache.reserve(cache.length + 1)
        positions = torch.tensor([cache.length for cache in caches], device=embeds.device)

        def attend(index: int, projected: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
            q, k, v = self.layers[index].self_attn.rotated(projected, cos, sin)
            return attend_step(q, [cache.append(index, k[row], v[row]) for row, cache in enumerate(caches)])

        hidden = self.walk(embeds, positions, attend)
        for cache in caches:
            cache.length += 1
        return hidden

    def walk(self, embeds: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Run all layers on R rows [R, 1, H] at their positions [R]; `attend` stores keys and values.

        Returns
        -------
        Tensor [R, 1, H]
        """
        cos, sin = self.rotary(positions[:, None, None], self.dtype)  # [R, 1, 1, D]
        x = widened(embeds)
        for index, layer in enumerate(self.layers):
            x, cos, sin = follow(layer, x, cos, sin)
            projected = layer.self_attn.project(x, layer.input_layernorm)
            x = layer.finish(x, attend(index, projected, cos, sin))
        return self._last(x)

    def rotary(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Compute cosines and sines [..., D] of positions [...]; Su et al., 2021 (arXiv 2104.09864).

        The first half of the sines is negated, because `rotate` only swaps the halves of x.
        """
        dim = self.config.head_dim
        index = torch.arange(0, dim, 2, dtype=torch.int64, device=positions.device).float() / dim
        angles = positions[..., None].float() * (1.0 / self.config.rope_theta**index)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat((cos, cos), dim=-1).to(dtype), torch.cat((-sin, sin), dim=-1).to(dtype)


def widened(x: Tensor) -> Tensor:
    """Return the residual stream, in float32 instead of float16: large models exceed float16's range."""
    return x.float() if x.dtype == torch.float16 else x


def follow(layer: Layer, *tensors: Tensor) -> list[Tensor]:
    """Move tensors to the layer's device; no operation if they are there."""
    device = layer.input_layernorm.weight.device
    return [tensor.to(device) for tensor in tensors]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x [R, A, T, D] by cos and sin [T, D] or [R, 1, T, D], as `rotary` returns them."""
    half = x.shape[-1] // 2
    swapped = torch.cat((x[..., half:], x[..., :half]), dim=-1)
    return torch.addcmul(x * cos, swapped, sin)
