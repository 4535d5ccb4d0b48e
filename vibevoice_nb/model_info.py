"""What a checkpoint is, what memory it needs, and whether it fits here. No weights are loaded.

Of a repository on the hub that was not fetched yet, only config.json and the headers of the weight files are.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from .engine.checkpoint import MIRRORS, NANO, WANTED, find_checkpoint, read_json
from .engine.config import LanguageConfig, ModelConfig, parse_config
from .engine.conv import streaming_convs
from .engine.footprint import kept_bytes, largest_part
from .engine.model import VibeVoiceModel
from .engine.placement import DTYPES, pick_device, pick_dtype, place
from .engine.prompt import FRAMES_AT_ONCE
from .engine.quantized import Quantize
from .engine.threads import is_small
from .engine.weights import TensorInfo, build_model, list_tensors, read_config
from .errors import CheckpointError, DeviceError
from .machine import DeviceInfo, find_devices

ROWS = 2
"""Rows of the language model: the conditional one, and its twin that guidance needs."""
TALK_MINUTES = 10
"""Length of the conversation a device should have room for."""
_KERNEL_BYTES = 40_000_000
"""What oneDNN, fbgemm and MKL set up when they first run (measured, torch 2.13, 2 cores)."""
_SCHEDULE_BYTES = 80_000_000
"""What diffusers takes, which gives the noise schedule; it is imported once the weights are there."""
_CONTEXT_BYTES = 500_000_000
"""About what CUDA's context takes of a card."""
_BORROWED = "none of its own: that of the Qwen2.5 it grew from is fetched"
_STORED_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}


@dataclass(frozen=True)
class Source:
    """Where a checkpoint's description was read."""

    where: str
    config: ModelConfig
    tensors: Mapping[str, TensorInfo]
    tokenizer: str
    to_fetch: int
    """Bytes of weights that would be downloaded."""


@dataclass(frozen=True)
class Need:
    """Memory needed in one dtype, in bytes.

    Attributes
    ----------
    process : int
        What is there before the weights: Python and its libraries, or a GPU's context.
    weights : int
        As they are kept: fused, packed, in 16 bits where nothing is lost by it.
    loading : int
        What is there beside the weights for a moment while they are read.
    cache_per_minute : int
        Keys and values of a minute of audio, both rows.
    codec : int
        Convolution buffers of the streaming codec.
    working : int
        What comes with speaking: a library, and for a moment, at most while a voice is encoded, activations.
    """

    process: int
    weights: int
    loading: int
    cache_per_minute: int
    codec: int
    working: int

    def total(self, minutes: float) -> int:
        """The most there is at once, with a cache for so many minutes of audio."""
        speaking = self.codec + self.working + minutes * self.cache_per_minute
        return round(self.process + self.weights + max(self.loading, speaking))


@dataclass(frozen=True)
class Fit:
    """Whether a model fits a device, in the dtype that is picked there.

    Attributes
    ----------
    verdict : {"fits", "split", "tight", "no"}
        It has room for a conversation of 10 minutes; only with layers on other devices; only for a
        shorter conversation; not at all.
    minutes : float
        Of audio there is room for, at most the model's context.
    """

    device: DeviceInfo
    dtype: str
    verdict: str
    minutes: float
    reason: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """What there is to know about a checkpoint."""

    name: str
    source: Source
    parameters: dict[str, int]
    stored: dict[str, int]
    """Parameters per dtype in the files."""
    tied: bool
    needs: dict[str, Need]
    fits: list[Fit]

    @property
    def context_minutes(self) -> float:
        """Minutes of audio that fill the context, with no room left for text and voices."""
        config = self.source.config
        return config.language.max_positions / config.frame_rate / 60

    @property
    def talk_minutes(self) -> float:
        """Minutes of a conversation that memory is told for."""
        return min(TALK_MINUTES, self.context_minutes)

    def to_json(self) -> dict[str, Any]:
        """Flatten to what a JSON line holds; sizes in bytes."""
        config = self.source.config
        return {
            "model": self.name,
            "where": self.source.where,
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
            "memory": {
                kind: {**vars(need), "peak": need.total(self.talk_minutes)}
                for kind, need in self.needs.items()
            },
            "devices": [
                {**vars(fit.device), "dtype": fit.dtype, "verdict": fit.verdict, "minutes": fit.minutes}
                for fit in self.fits
            ],
        }


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
        To fit it to; by default those of this machine.

    Returns
    -------
    ModelInfo

    Raises
    ------
    CheckpointError
        It is damaged, or neither here nor on the hub.
    """
    source = find_source(model, revision=revision, mirrors=mirrors)
    built = build_model(source.config, source.tensors)
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
    needs |= {bits: needed(pick_dtype(first), first.type, bits) for bits in get_args(Quantize)}
    limit = source.config.language.max_positions / source.config.frame_rate / 60
    return ModelInfo(
        name=model,
        source=source,
        parameters=counts,
        stored=dict(stored),
        tied=built.lm_head is None,
        needs=needs,
        fits=[fit(built, needed, device, limit) for device in found],
    )


def count_parameters(model: VibeVoiceModel) -> dict[str, int]:
    """Count parameters by part.

    Returns
    -------
    dict
        In the order of the data's way through the model.
    """
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


def memory_need(
    model: VibeVoiceModel,
    dtype: torch.dtype,
    *,
    device: str = "cpu",
    published_half: bool = False,
    quantize: Quantize | None = None,
) -> Need:
    """Work out the memory a model needs; see `footprint.kept_bytes` for the parameters."""
    width = torch.empty(0, dtype=dtype).element_size()
    config = model.config
    buffers = [
        conv.context * conv.channels
        for stack in (model.acoustic.decoder, model.semantic)
        for conv in streaming_convs(stack)
    ]
    # The widest moment: the first stage of an encoder over a piece of a voice, with its hidden layer four
    # times as wide, beside its input and the residual.
    filters = max(config.acoustic.encoder.filters, config.semantic.filters)
    piece = FRAMES_AT_ONCE * config.hop_length
    return Need(
        process=_process_bytes() if device == "cpu" else _CONTEXT_BYTES,
        weights=kept_bytes(
            model, dtype, device_type=device, published_half=published_half, quantize=quantize
        ),
        loading=largest_part(model) * (2 if published_half else 4),
        cache_per_minute=round(ROWS * 60 * config.frame_rate * _position_bytes(config.language, width)),
        codec=sum(buffers) * width,
        working=piece * filters * 8 * width + (_SCHEDULE_BYTES if device == "cpu" else 0),
    )


@functools.cache
def _process_bytes() -> int:
    """What this process holds, torch imported, and what torch's products set up when they first run."""
    import psutil

    return psutil.Process().memory_info().rss + _KERNEL_BYTES


def _position_bytes(language: LanguageConfig, width: int) -> int:
    """Keys and values of one position of one row."""
    return 2 * language.num_layers * language.num_kv_heads * language.head_dim * width


def fit(
    model: VibeVoiceModel, needed: Callable[[torch.dtype, str], Need], device: DeviceInfo, limit: float
) -> Fit:
    """Judge whether a model fits a device; `limit` is the context in minutes."""
    where = pick_device(device.device)
    dtype = pick_dtype(where, small=is_small(model))
    name = str(dtype).removeprefix("torch.")
    need = needed(dtype, where.type)
    spare = device.free - need.total(0)
    minutes = round(max(0.0, min(limit, spare / need.cache_per_minute)), 1)
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
    """Find a checkpoint's description: in a folder, among what was fetched, or on the hub."""
    if not _is_repository(model):
        folder = find_checkpoint(model)
        return _local(folder, "the package" if model == NANO else str(folder))
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    if mirrors is None:
        mirrors = () if revision else MIRRORS.get(model, ())
    failures = []
    for repository in (model, *mirrors):
        try:
            folder = Path(
                snapshot_download(
                    repository, revision=revision, allow_patterns=list(WANTED), local_files_only=True
                )
            )
            return _local(folder, f"{repository}, fetched to {folder}")
        except (OSError, ValueError, CheckpointError):
            pass  # not fetched, or not all of it
        try:
            return _remote(repository, revision)
        except (OSError, ValueError, HfHubHTTPError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            failures.append(f"{repository}: {reason[0]}")
    raise CheckpointError(
        "nothing is known about the model: " + "; ".join(failures),
        "a folder, a model fetched before, or a repository on a hub that can be reached",
        "check the connection and the id, and log in with `hf auth login` if it is private",
    )


def _is_repository(model: str) -> bool:
    """Whether it must be meant as a repository of the hub, because no such path is here."""
    try:
        here = Path(model).expanduser().exists()
    except (OSError, RuntimeError):  # `find_checkpoint` says what is wrong with it
        return False
    return not here and model.count("/") == 1 and not model.startswith(("/", "~", "."))


def _local(folder: Path, where: str) -> Source:
    config = read_config(folder)
    own = any((folder / name).exists() for name in ("tokenizer.json", "vocab.json"))
    return Source(where, config, list_tensors(folder), "in the folder" if own else _BORROWED, 0)


def _remote(repository: str, revision: str | None) -> Source:
    from huggingface_hub import HfApi, hf_hub_download

    api = HfApi()
    config = parse_config(read_json(Path(hf_hub_download(repository, "config.json", revision=revision))))
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
    return Source(f"the hub, {repository}", config, tensors, tokenizer, size)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
