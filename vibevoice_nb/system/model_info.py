"""Description of a checkpoint: its parts, its memory, and the devices it fits. No weights are loaded.

For a repository that is not downloaded, only config.json and the headers of the weight files are fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from ..errors import CheckpointError, DeviceError
from ..machine import DeviceInfo, find_devices
from ..model.config import ModelConfig, RealtimeConfig
from ..model.generation.threads import is_small
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import (
    NANO,
    WANTED,
    check_kind,
    find_checkpoint,
    mirror_of,
    read_json,
    repositories,
    revision_of,
    warn_of_mirror,
)
from ..model.loading.placement import DTYPES, pick_device, pick_dtype, place
from ..model.loading.realtime_config import parse_any_config
from ..model.loading.weights import (
    TensorInfo,
    build_model,
    build_realtime,
    list_tensors,
    read_any_config,
)
from ..model.realtime import RealtimeModel
from ..model.tokenizer import own_tokenizer
from ..model.vibevoice import VibeVoiceModel
from .memory_estimate import Need, memory_need

TALK_MINUTES = 10
"""Minutes of conversation that a device should have room for."""
_BORROWED = "none of its own: that of the Qwen2.5 it grew from is fetched"
_STORED_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}


@dataclass(frozen=True)
class Source:
    """Source of a checkpoint's description."""

    where: str
    config: ModelConfig | RealtimeConfig
    tensors: Mapping[str, TensorInfo]
    tokenizer: str
    to_fetch: int
    """Bytes of weights that would be downloaded."""
    revision: str
    """Repository and commit, or a hash; see `revision_of`."""


@dataclass(frozen=True)
class Fit:
    """Fit of a model on a device, in the dtype that is selected there.

    Attributes
    ----------
    verdict : {"fits", "split", "tight", "no"}
        Room for a conversation of 10 minutes; only with layers on other devices; only for a shorter
        conversation; no room.
    minutes : float
        Minutes of audio there is room for, at most the model's context.
    quantize : str
        If it does not fit: int8 or int4, whichever suffices, preferring int8; else empty.
    """

    device: DeviceInfo
    dtype: str
    verdict: str
    minutes: float
    reason: str = ""
    quantize: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """Description of a checkpoint."""

    name: str
    source: Source
    parameters: dict[str, int]
    stored: dict[str, int]
    """Number of parameters per dtype in the files."""
    tied: bool
    needs: dict[str, Need]
    """Fit on this machine's first device."""
    gpu_needs: dict[str, Need]
    """Fit on an NVIDIA GPU, also if this machine has none."""
    fits: list[Fit]

    @property
    def context_minutes(self) -> float:
        """Minutes of audio that fill the context, without room for text and voices."""
        config = self.source.config
        return config.language.max_positions / config.frame_rate / 60

    @property
    def talk_minutes(self) -> float:
        """Minutes of conversation that memory is estimated for."""
        return min(TALK_MINUTES, self.context_minutes)

    def to_json(self) -> dict[str, Any]:
        """Flatten to what a JSON line holds; sizes in bytes."""
        config = self.source.config
        return {
            "model": self.name,
            "where": self.source.where,
            "revision": self.source.revision,
            "mirror": mirror_of(self.name, self.source.revision) or None,
            "layout": config.layout,
            "parameters": sum(self.parameters.values()),
            "parameters_by_part": self.parameters,
            "tied_embeddings": self.tied,
            "stored": self.stored,
            "tokenizer": self.source.tokenizer,
            "to_fetch_bytes": self.source.to_fetch,
            "context_positions": config.language.max_positions,
            "context_minutes": round(self.context_minutes, 1),
            "frame_rate": config.frame_rate,
            "memory": {kind: self._memory(need) for kind, need in self.needs.items()},
            "memory_on_card": {
                kind: {**self._memory(need), "card_gb": need.gpu_size(self.talk_minutes)}
                for kind, need in self.gpu_needs.items()
            },
            "devices": [
                {
                    **vars(fit.device),
                    "dtype": fit.dtype,
                    "verdict": fit.verdict,
                    "minutes": fit.minutes,
                    "quantize": fit.quantize,
                }
                for fit in self.fits
            ],
        }

    def _memory(self, need: Need) -> dict[str, int]:
        return {**vars(need), "peak": need.total(self.talk_minutes)}


def describe(
    model: str,
    *,
    revision: str | None = None,
    mirrors: Sequence[str] | None = None,
    devices: Sequence[DeviceInfo] | None = None,
) -> ModelInfo:
    """Describe a checkpoint.

    Parameters
    ----------
    model : str
        ``"nano"``, a folder, or a hub id.
    revision, mirrors
        As for `Engine.load`.
    devices : sequence of DeviceInfo, optional
        Devices to fit it to; by default those of this machine.

    Returns
    -------
    ModelInfo

    Raises
    ------
    CheckpointError
        If it is damaged, or found neither locally nor on the hub.
    """
    source = find_source(model, revision=revision, mirrors=mirrors)
    built = (
        build_realtime(source.config, source.tensors)
        if isinstance(source.config, RealtimeConfig)
        else build_model(source.config, source.tensors)
    )
    counts = count_parameters(built)
    stored = Counter[str]()
    for tensor in source.tensors.values():
        stored[tensor.dtype] += prod(tensor.shape)
    found = find_devices() if devices is None else devices
    half = set(stored) <= {"F16", "BF16"}

    def needed(dtype: torch.dtype, device: str, quantize: Quantize | None = None) -> Need:
        return memory_need(built, dtype, device=device, published_half=half, quantize=quantize)

    first = pick_device(found[0].device)
    needs = {name: needed(dtype, first.type) for name, dtype in DTYPES.items()}
    width = pick_dtype(first, small=is_small(built))
    needs |= {bits: needed(width, first.type, bits) for bits in get_args(Quantize)}
    # Both 16-bit dtypes need the same memory.
    gpu_needs = {"16 bits": needed(torch.bfloat16, "cuda")}
    gpu_needs |= {bits: needed(torch.bfloat16, "cuda", bits) for bits in get_args(Quantize)}
    limit = source.config.language.max_positions / source.config.frame_rate / 60
    return ModelInfo(
        name=model,
        source=source,
        parameters=counts,
        stored=dict(stored),
        tied=isinstance(built, VibeVoiceModel) and built.lm_head is None,
        needs=needs,
        gpu_needs=gpu_needs,
        fits=[fit(built, needed, device, limit) for device in found],
    )


def count_parameters(model: VibeVoiceModel | RealtimeModel) -> dict[str, int]:
    """Count parameters by part.

    Returns
    -------
    dict
        In order of the data flow through the model.
    """
    if isinstance(model, RealtimeModel):
        return _count_realtime(model)
    parts: dict[str, nn.Module | None] = {
        "language model layers": model.language_model.get_submodule("layers"),
        "embeddings": model.language_model.embed_tokens,
        "language model head": model.lm_head,
        "diffusion head": model.head,
        "acoustic encoder": model.acoustic.encoder,
        "acoustic decoder": model.acoustic.decoder,
        "semantic encoder": model.semantic,
        "acoustic connector": model.acoustic_connector,
        "semantic connector": model.semantic_connector,
    }
    counts = {name: _count(part) for name, part in parts.items() if part is not None}
    counts["norm and scaling"] = _count(model) - sum(counts.values())
    return counts


def _count_realtime(model: RealtimeModel) -> dict[str, int]:
    parts = {
        "embeddings": model.text_model.embed_tokens,
        "text language model layers": model.text_model.get_submodule("layers"),
        "speech language model layers": model.speech_model.get_submodule("layers"),
        "diffusion head": model.head,
        "acoustic decoder": model.acoustic,
        "acoustic connector": model.acoustic_connector,
        "stop classifier": model.stop,
    }
    counts = {name: _count(part) for name, part in parts.items()}
    counts["norm, types and scaling"] = _count(model) - sum(counts.values())
    return counts


def fit(
    model: VibeVoiceModel | RealtimeModel, needed: Callable[..., Need], device: DeviceInfo, limit: float
) -> Fit:
    """Compute the fit of a model on a device; `limit` is the context in minutes."""
    where = pick_device(device.device)
    dtype = pick_dtype(where, small=is_small(model))
    talk = min(TALK_MINUTES, limit)
    judged = _unquantized_fit(model, needed(dtype, where.type), device, where, dtype, limit)
    if judged.verdict == "fits":
        return judged
    milder = (
        bits for bits in get_args(Quantize) if device.free >= needed(dtype, where.type, bits).total(talk)
    )
    return replace(judged, quantize=next(milder, ""))


def _unquantized_fit(
    model: VibeVoiceModel | RealtimeModel,
    need: Need,
    device: DeviceInfo,
    where: torch.device,
    dtype: torch.dtype,
    limit: float,
) -> Fit:
    name = str(dtype).removeprefix("torch.")
    spare = device.free - need.total(0)
    minutes = round(max(0.0, min(limit, spare / need.room_per_minute)), 1)
    if device.free >= need.total(min(TALK_MINUTES, limit)):
        return Fit(device, name, "fits", minutes)
    if where.type == "cuda":
        try:
            parts = place(model, where, dtype)
        except DeviceError as error:
            return Fit(device, name, "no", 0.0, error.got)
        if len(set(parts.values())) > 1:
            return Fit(device, name, "split", 0.0, "some layers would be on other devices: slower")
    return Fit(device, name, "tight" if minutes > 0 else "no", minutes)


def find_source(model: str, *, revision: str | None, mirrors: Sequence[str] | None) -> Source:
    """Find a checkpoint's description: in a folder, in the download cache, or on the hub."""
    if not _is_repository(model):
        folder = find_checkpoint(model)
        return _local(folder, "the package" if model == NANO else str(folder))
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    failures: list[str] = []
    for repository in repositories(model, revision, mirrors):
        try:
            folder = Path(
                snapshot_download(
                    repository, revision=revision, allow_patterns=list(WANTED), local_files_only=True
                )
            )
            source = _local(folder, f"{repository}, fetched to {folder}")
            warn_of_mirror(model, source.revision, "; ".join(failures))
            return source
        except (OSError, ValueError, CheckpointError):
            pass  # not downloaded, or incomplete
        check_kind(repository, revision)
        try:
            source = _remote(repository, revision)
            warn_of_mirror(model, source.revision, "; ".join(failures))
            return source
        except (OSError, ValueError, HfHubHTTPError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            failures.append(f"{repository}: {reason[0]}")
    raise CheckpointError(
        "nothing is known about the model: " + "; ".join(failures),
        "a folder, a model fetched before, or a repository on a hub that can be reached",
        "check the connection and the id, and log in with `hf auth login` if it is private",
    )


def _is_repository(model: str) -> bool:
    """Return true if the name must be a repository of the hub, since no such path exists."""
    try:
        here = Path(model).expanduser().exists()
    except (OSError, RuntimeError):  # `find_checkpoint` raises the precise error
        return False
    return not here and model.count("/") == 1 and not model.startswith(("/", "~", "."))


def _local(folder: Path, where: str) -> Source:
    config = read_any_config(folder)
    own = own_tokenizer(folder)
    place = "in the folder" if own == folder else f"in its folder {own.name}" if own else _BORROWED
    return Source(where, config, list_tensors(folder), place, 0, revision_of(folder))


def _remote(repository: str, revision: str | None) -> Source:
    from huggingface_hub import HfApi, hf_hub_download

    api = HfApi()
    file = Path(hf_hub_download(repository, "config.json", revision=revision))
    config = parse_any_config(read_json(file))
    headers = api.get_safetensors_metadata(repository, revision=revision)
    tensors = {
        name: TensorInfo(Path(file), tuple(info.shape), str(info.dtype))
        for file, header in headers.files_metadata.items()
        for name, info in header.tensors.items()
    }
    size = sum(_STORED_BYTES.get(info.dtype, 4) * prod(info.shape) for info in tensors.values())
    own = any(
        api.file_exists(repository, name, revision=revision) for name in ("tokenizer.json", "vocab.json")
    )
    tokenizer = "in the repository" if own else _BORROWED
    return Source(f"the hub, {repository}", config, tensors, tokenizer, size, revision_of(file.parent))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
