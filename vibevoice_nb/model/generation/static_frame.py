"""One generation step on static buffers, so that it can be captured as a CUDA graph.

Shapes: B scripts, R rows (2 B with guidance: all conditional rows, then all unconditional rows), L layers, K
key-value heads, G query heads per key-value head, P positions allocated, D head size, H hidden size, Z latent
size, S solver steps, N samples, F semantic size.

No host synchronization: token choice, row lengths and end flags stay on the device as tensors. A frame is
always computed; for a script with another token, or an inactive one, the buffers are restored. The oracle is
the plain loop, `generate`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..kernels.cuda import fusing
from ..language_model import Attend
from ..modules.attention import attend_step, flash_kvcache
from ..modules.conv import StreamState, TwofoldState
from ..modules.kv_cache import BLOCK, KVCache
from ..tokenizer import SpecialTokens
from ..vibevoice import VibeVoiceModel
from .sampler import Sampler
from .state import GenerationState


class StaticFrame:
    """Buffers of B active scripts, and the step that advances them.

    Parameters
    ----------
    model : VibeVoiceModel
        All on one device.
    sampler : Sampler
    special : SpecialTokens
    batch : int
        Scripts B.
    live : bool
        Attend to the live positions only, which needs host synchronization: for tests, where the result must
        equal the plain loop bit for bit. Otherwise flash-attn's kernel for caches or a mask is used.
    fused : bool
        Use the fused kernels of `kernels.cuda`, including its attention.
    """

    def __init__(
        self,
        model: VibeVoiceModel,
        sampler: Sampler,
        special: SpecialTokens,
        batch: int,
        *,
        live: bool = False,
        fused: bool = False,
    ) -> None:
        self.model, self.sampler, self.special, self.batch = model, sampler, special, batch
        self.live, self.fused = live, fused
        like, size = model.language_model.norm.weight, model.config.head.latent_size
        self.rows = 2 * batch if sampler.guided else batch
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.lengths = torch.zeros(self.rows, dtype=torch.int64, device=like.device)
        self.pending = like.new_zeros(batch, 1, like.shape[0])
        self.acoustic = _Buffers(model.acoustic.decoder.new_state(1), batch)
        self.semantic = _Buffers(model.semantic.new_state(1), batch)
        self.noise = torch.zeros(sampler.draws_per_frame, batch, size, device=like.device)
        self.active = torch.ones(batch, dtype=torch.bool, device=like.device)
        self.choice = torch.zeros(batch, dtype=torch.int64, device=like.device)
        valid = torch.tensor(special.valid_tokens, device=like.device)
        self.scores, self.embeds = model.score_rows(special.valid_tokens), model.embed_tokens(valid)
        hop, features = model.config.hop_length, model.config.semantic.size
        self.hidden = like.new_zeros(self.rows, like.shape[0])
        self.logits = torch.zeros(batch, len(special.valid_tokens), device=like.device)
        self.latent_norm = like.new_zeros(batch, size)
        self.audio = like.new_zeros(batch, 1, hop)
        self.features = like.new_zeros(batch, 1, features)
        self._flash: Callable[..., Tensor] | None = None
        self._mask: Tensor | None = None
        self._attend = self._pick_attention()
        self._states: list[weakref.ref[GenerationState]] = []

    @property
    def capacity(self) -> int:
        """Positions allocated."""
        return self.keys[0].shape[2] if self.keys else 0

    def reserve(self, positions: int) -> bool:
        """Make room for positions; return true if buffers moved, which invalidates captured graphs."""
        if positions <= self.capacity:
            return False
        capacity = -(-max(positions, self.capacity * 5 // 4) // BLOCK) * BLOCK
        config = self.model.config.language
        like = self.model.language_model.norm.weight
        for name in ("keys", "values"):
            tensors: list[Tensor] = getattr(self, name)
            old = list(tensors)
            tensors.clear()
            for index in range(config.num_layers):
                new = like.new_zeros(self.rows, config.num_kv_heads, capacity, config.head_dim)
                if old:
                    new[:, :, : old[index].shape[2]] = old[index]
                    old[index] = new[:0]  # free layer by layer, in the states too
                    for row, cache in self._live_caches():
                        getattr(cache, name)[index] = new[row]
                tensors.append(new)
        return True

    def attach(self, states: Sequence[GenerationState]) -> bool:
        """Copy states into these buffers and make them views of the buffers."""
        moved = self.reserve(max(cache.length for s in states for cache in (s.cond, s.uncond)) + 1)
        for state in (reference() for reference in self._states):
            if state is not None and not any(state is other for other in states):
                _own(state)
        for index, state in enumerate(states):
            for row, cache in self._caches(index, state):
                for mine, own in ((self.keys, cache.keys), (self.values, cache.values)):
                    for target, source in zip(mine, own, strict=True):
                        target[row, :, : cache.length] = source[:, : cache.length]
            self.acoustic.fill(index, state.acoustic)
            self.semantic.fill(index, state.semantic)
            self.pending[index : index + 1] = state.pending
        self._states = [weakref.ref(state) for state in states]
        self._count(states)
        self._point()
        return moved

    def attached(self) -> list[GenerationState]:
        """Return the attached states."""
        found = [reference() for reference in self._states]
        assert all(state is not None for state in found)
        return [state for state in found if state is not None]

    def frame(self) -> None:
        """Run one step without host synchronization."""
        self.think()
        self.act()

    def think(self) -> None:
        """Feed every pending embedding, score the tokens, and take the likeliest (`choice` is writable)."""
        self.read()
        self.score()

    def read(self) -> None:
        """Run the language model on every pending embedding."""
        pending = torch.cat((self.pending, self.pending)) if self.sampler.guided else self.pending
        self._mask = None
        with fusing(self.fused):
            hidden = self.model.language_model.walk(pending, self.lengths, self._attend)
        self.hidden.copy_(hidden[:, 0])

    def score(self) -> None:
        """Score the valid tokens and take the likeliest."""
        self.logits.copy_(F.linear(self.hidden[: self.batch], self.scores))
        self.choice.copy_(self.logits.argmax(-1))

    def act(self) -> None:
        """Compute the frame, and keep it for scripts whose token is a frame."""
        valid = self.special.valid_tokens
        speaking = self.active & (self.choice == valid.index(self.special.frame))
        ending = self.active & (self.choice == valid.index(self.special.end))
        beginning = self.active & (self.choice == valid.index(self.special.start))
        self.sample()
        self.decode()
        self.encode()
        framed = self.model.embed_frames(self.latent_norm[:, None], self.features)
        for buffers in (self.acoustic, self.semantic):
            kept = torch.where(speaking[:, None], buffers.flat, buffers.before)
            buffers.flat.copy_(kept.masked_fill(ending[:, None], 0))
        following = torch.where(speaking[:, None, None], framed, self.embeds[self.choice][:, None])
        self.pending.copy_(torch.where(self.active[:, None, None], following, self.pending))
        self.lengths[: self.batch] += self.active
        if self.sampler.guided:
            grown = self.lengths[self.batch :] + speaking
            self.lengths[self.batch :] = grown.masked_fill(beginning, 0)

    def sample(self) -> None:
        """Sample the latents."""
        uncond = self.hidden[self.batch :] if self.sampler.guided else None
        with fusing(self.fused):
            latent_norm = self.sampler(self.hidden[: self.batch], uncond, self.noise[0], self.noise[1:])
        self.latent_norm.copy_(latent_norm)

    def decode(self) -> None:
        """Decode the latents to audio; `before` keeps the previous decoder buffers."""
        self.acoustic.before.copy_(self.acoustic.flat)
        latent = self.model.denormalize_latent(self.latent_norm)[:, None]
        with fusing(self.fused):
            self.audio.copy_(self.model.acoustic.decode(latent, self.acoustic.views))

    def encode(self) -> None:
        """Encode the audio to semantic features; `before` keeps the previous encoder buffers."""
        self.semantic.before.copy_(self.semantic.flat)
        with fusing(self.fused):
            self.features.copy_(self.model.semantic(self.audio, self.semantic.views))

    def _pick_attention(self) -> Attend:
        size = self.model.config.language.head_dim
        if self.live:
            return self._attend_live
        if self.fused:
            from ..kernels.cuda.attention import attends

            if attends(size):
                return self._attend_fused
        self._flash = flash_kvcache(self.pending.new_zeros(1, 1, 1, size))
        return self._attend_masked if self._flash is None else self._attend_flash

    def _attend_fused(self, layer: int, projected: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        from ..kernels.cuda.attention import attend

        return attend(projected, cos, sin, self.lengths, self.keys[layer], self.values[layer])

    def _attend_flash(self, layer: int, projected: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = self.model.language_model.layers[layer].self_attn.rotated(projected, cos, sin)
        tensors = (tensor.transpose(1, 2) for tensor in (q, self.keys[layer], self.values[layer], k, v))
        assert self._flash is not None
        return self._flash(*tensors, cache_seqlens=self.lengths.int(), causal=True).transpose(1, 2)

    def _attend_masked(self, layer: int, projected: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, keys, values = self._append(layer, projected, cos, sin)
        if self._mask is None:
            places = torch.arange(self.capacity, device=q.device)
            unseen = places > self.lengths[:, None]  # [R, P]; the new position itself is seen
            mask = torch.zeros(unseen.shape, dtype=q.dtype, device=q.device)
            self._mask = mask.masked_fill(unseen, float("-inf"))[:, None, None]
        grouped = q[:, :, 0].unflatten(1, (keys.shape[1], -1))  # [R, K, G, D]
        attended = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=self._mask)
        return attended.flatten(1, 2)[:, :, None]

    def _attend_live(self, layer: int, projected: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, keys, values = self._append(layer, projected, cos, sin)
        counts = (self.lengths + 1).tolist()
        return attend_step(q, [(keys[r, :, :count], values[r, :, :count]) for r, count in enumerate(counts)])

    def _append(self, layer: int, projected: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
        """Write keys and values; return queries [R, A, 1, D] and the layer's buffers [R, K, P, D]."""
        keys, values = self.keys[layer], self.values[layer]
        q, k, v = self.model.language_model.layers[layer].self_attn.rotated(projected, cos, sin)
        place = self.lengths[:, None, None, None].expand(k.shape)
        keys.scatter_(2, place, k)
        values.scatter_(2, place, v)
        return q, keys, values

    def _caches(self, index: int, state: GenerationState) -> list[tuple[int, KVCache]]:
        pairs = [(index, state.cond), (self.batch + index, state.uncond)]
        return pairs if self.sampler.guided else pairs[:1]

    def _live_caches(self) -> list[tuple[int, KVCache]]:
        states = [reference() for reference in self._states]
        return [
            pair for i, state in enumerate(states) if state is not None for pair in self._caches(i, state)
        ]

    def _count(self, states: Sequence[GenerationState]) -> None:
        lengths = [state.cond.length for state in states]
        if self.sampler.guided:
            lengths += [state.uncond.length for state in states]
        self.lengths.copy_(torch.tensor(lengths))

    def _point(self) -> None:
        """Make the states views of these buffers."""
        for index, state in enumerate(self.attached()):
            for row, cache in self._caches(index, state):
                cache.keys = [tensor[row] for tensor in self.keys]
                cache.values = [tensor[row] for tensor in self.values]
            state.acoustic, state.semantic = self.acoustic.of(index), self.semantic.of(index)
            state.pending = self.pending[index : index + 1]


def _own(state: GenerationState) -> None:
    """Give a detached state tensors of its own."""
    for cache in (state.cond, state.uncond):
        cache.keys = [tensor.clone() for tensor in cache.keys]
        cache.values = [tensor.clone() for tensor in cache.values]
    state.acoustic = [buffer.clone() for buffer in state.acoustic]
    state.semantic = [buffer.clone() for buffer in state.semantic]
    state.pending = state.pending.clone()


class _Buffers:
    """Convolution buffers of B scripts in one tensor, so that saving and restoring them is one copy."""

    def __init__(self, like: StreamState, batch: int) -> None:
        sizes = [buffer.numel() for buffer in like]
        self.flat, self.before = like[0].new_zeros(2, batch, sum(sizes))
        now, before = (
            [
                part.unflatten(1, buffer.shape[1:])
                for part, buffer in zip(flat.split(sizes, 1), like, strict=True)
            ]
            for flat in (self.flat, self.before)
        )
        self.views = TwofoldState(now, before)

    def of(self, index: int) -> StreamState:
        """Return the buffers of one script."""
        return [view[index : index + 1] for view in self.views]

    def fill(self, index: int, state: StreamState) -> None:
        """Copy the buffers of one script."""
        for target, source in zip(self.of(index), state, strict=True):
            target.copy_(source)
