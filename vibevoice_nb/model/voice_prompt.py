"""Voice prompt of VibeVoice-Realtime: the caches of its language models after a voice and its transcript.

Shapes: K key-value heads, S positions, D head size, H hidden size.

The model has no encoder, so a voice is published as what the language models computed from it. It belongs to
one checkpoint. Tensors have the names of mlx-audio: ``lm_key_0`` [1, K, S, D], ``tts_lm_value_3``,
``neg_tts_lm_hidden`` [1, S, H].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..errors import VoiceError
from ..ranges import shown
from .config import PromptShape

GROUPS = ("lm", "tts_lm", "neg_tts_lm")
"""Text model, speech model, and speech model without text (the unconditional row)."""
HIDDEN = "neg_tts_lm_hidden"
"""Hidden states of the last group; those of the others are not needed."""
MAX_POSITIONS = 32 * 1024
MAX_LAYERS = 256
MAX_BYTES = 512 << 20
_NAME = re.compile(r"(lm|tts_lm|neg_lm|neg_tts_lm)_(?:(key|value)_(\d{1,3})|hidden)")
_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
_EXPECTED = "a voice prompt of VibeVoice-Realtime"
_REMEDY = "use one of the files of demo/voices/streaming_model in the repository of VibeVoice, unchanged"


@dataclass(frozen=True, eq=False)
class VoicePrompt:
    """Caches of a voice; make one with `VoicePrompt.of`, which checks them.

    Attributes
    ----------
    tensors : mapping from name to Tensor
        Keys and values [1, K, S, D] of the three groups, and `neg_tts_lm_hidden` [1, S, H].
    """

    tensors: Mapping[str, Tensor]

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> VoicePrompt:
        """Check tensors, of the names in this module, and keep those that are needed.

        Raises
        ------
        VoiceError
            If one is missing, unknown, of a wrong shape or dtype, or not finite.
        """
        groups: dict[str, dict[str, dict[int, Tensor]]] = {name: {"key": {}, "value": {}} for name in GROUPS}
        for name, tensor in tensors.items():
            match = _NAME.fullmatch(name)
            if match is None:
                raise _error(f"the unknown tensor {shown(name)}")
            group, kind, index = match.groups()
            if kind and group in groups:
                groups[group][kind][int(index)] = tensor
        counts = {group: _layers(group, found) for group, found in groups.items()}
        if counts["tts_lm"] != counts["neg_tts_lm"]:
            raise _error(f"{counts['tts_lm']} and {counts['neg_tts_lm']} layers of one model")
        if HIDDEN not in tensors:
            raise _error(f"no tensor {HIDDEN}")
        kept = {
            f"{group}_{kind}_{index}": tensor
            for group, found in groups.items()
            for kind, layers in found.items()
            for index, tensor in sorted(layers.items())
        }
        kept[HIDDEN] = tensors[HIDDEN]
        _check_values(kept)
        _check_shapes(kept)
        return cls({name: tensor.detach().contiguous() for name, tensor in kept.items()})

    @cached_property
    def shape(self) -> PromptShape:
        """Sizes that it shares with its model."""
        _, heads, _, size = self.tensors["lm_key_0"].shape
        layers = {group: sum(name.startswith(f"{group}_key_") for name in self.tensors) for group in GROUPS}
        return PromptShape(layers["lm"], layers["tts_lm"], heads, size, self.tensors[HIDDEN].shape[2])

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Positions S of the three groups."""
        first, second, third = (self.tensors[f"{group}_key_0"].shape[2] for group in GROUPS)
        return first, second, third

    @property
    def frames(self) -> int:
        """Frames of the reference recording, if it holds its frames and then its transcript."""
        text, speech, _ = self.lengths
        return max(0, speech - text)

    def layers(self, group: str) -> list[tuple[Tensor, Tensor]]:
        """Return keys and values [K, S, D] of each layer of a group."""
        count = sum(name.startswith(f"{group}_key_") for name in self.tensors)
        return [
            (self.tensors[f"{group}_key_{index}"][0], self.tensors[f"{group}_value_{index}"][0])
            for index in range(count)
        ]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of names, dtypes, shapes and values."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()


def _layers(group: str, found: Mapping[str, Mapping[int, Tensor]]) -> int:
    """Return the number of layers of a group, all of which must be there."""
    keys, values = sorted(found["key"]), sorted(found["value"])
    if not keys or keys != values or keys != list(range(len(keys))) or len(keys) > MAX_LAYERS:
        raise _error(f"keys of layers {shown(keys)} and values of {shown(values)} in {group}")
    return len(keys)


def _check_shapes(kept: Mapping[str, Tensor]) -> None:
    heads = {tensor.shape[1::2] for name, tensor in kept.items() if name != HIDDEN and tensor.ndim == 4}
    odd = {name for name, tensor in kept.items() if tensor.ndim != (3 if name == HIDDEN else 4)}
    odd |= {name for name, tensor in kept.items() if not odd and tensor.shape[0] != 1}
    if odd or len(heads) != 1:
        raise _error(
            f"tensors of different or wrong shapes ({', '.join(sorted(odd)[:4]) or 'sizes of heads'})"
        )
    for group in GROUPS:
        own = [
            tensor for name, tensor in kept.items() if name.startswith((f"{group}_key_", f"{group}_value_"))
        ]
        own += [kept[HIDDEN][:, None]] if group == "neg_tts_lm" else []
        lengths = {tensor.shape[2] for tensor in own}
        if len(lengths) != 1 or not 0 < max(lengths) <= MAX_POSITIONS:
            raise _error(f"{shown(sorted(lengths))} positions in {group}")


def _check_values(kept: Mapping[str, Tensor]) -> None:
    if sum(tensor.numel() * tensor.element_size() for tensor in kept.values()) > MAX_BYTES:
        raise _error("more than 512 MB of tensors")
    for name, tensor in kept.items():
        if tensor.dtype not in _DTYPES:
            raise _error(f"{name} of dtype {str(tensor.dtype).removeprefix('torch.')}")
        if not tensor.numel() or not bool(torch.isfinite(tensor).all()):
            raise _error(f"{name} is empty, or has values that are not finite numbers")


def _error(got: str) -> VoiceError:
    return VoiceError(f"a voice prompt with {got}", _EXPECTED, _REMEDY)
