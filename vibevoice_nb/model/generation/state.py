"""Mutable state of one generation.

Shapes: C conv channels, K key-value heads, P live positions, D head size, H hidden size.

A state can be cloned (two takes from one point), saved to disk and loaded by the same model; generation
continues from it bit-identically in fp32 on a CPU.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import CheckpointError
from ..config import ModelConfig
from ..loading.plain_files import read_json
from ..modules.conv import StreamState
from ..modules.kv_cache import BLOCK, KVCache
from ..vibevoice import Network, VibeVoiceModel

FORMAT = 2
_REMEDY = "start the script again, or load the state with the model that saved it"


@dataclass(frozen=True)
class Maker:
    """Identity of the model that a state belongs to: only that model can continue from it.

    Attributes
    ----------
    weights : str
        Fingerprint of the weights.
    dtype : str
    quantize : str, optional
    """

    weights: str
    dtype: str
    quantize: str | None

    @classmethod
    def of(cls, model: Network) -> Maker:
        """Identify a model."""
        dtype = str(model.latent_scale.dtype).removeprefix("torch.")
        return cls(model.weights_digest(), dtype, model.quantize)

    def check(self, folder: Path, saved: object) -> None:
        """Reject a state saved by another model.

        Raises
        ------
        CheckpointError
            If the weights, dtype or quantization differ.
        """
        if not isinstance(saved, dict) or saved.get("weights") != self.weights:
            raise CheckpointError(f"{folder} was made with another model", "a state of this model", _REMEDY)
        for name, own in (("dtype", self.dtype), ("quantize", self.quantize)):
            if saved.get(name) != own:
                raise CheckpointError(
                    f"{folder} was made with {name}={saved.get(name)!r}",
                    f"{name}={own!r}, as the model was loaded",
                    f"start the script again, or load the model with {name}={saved.get(name)!r}",
                )


@dataclass
class GenerationState:
    """State of one script during generation.

    Attributes
    ----------
    cond, uncond : KVCache
        Caches of the conditional and the unconditional row.
    acoustic, semantic : StreamState
        Convolution buffers [1, context, C] of the decoder and of the semantic encoder.
    pending : Tensor [1, 1, H]
        The embedding that the next step feeds to both rows.
    generator : torch.Generator
        Source of noise; on the CPU, so that a seed gives the same noise on every device.
    steps, frames : int
        Language-model steps and frames generated so far.
    maker : Maker
        The model that the state belongs to.
    """

    cond: KVCache
    uncond: KVCache
    acoustic: StreamState
    semantic: StreamState
    pending: Tensor
    generator: torch.Generator
    maker: Maker
    steps: int = 0
    frames: int = 0
    finished: bool = False

    @classmethod
    def new(cls, model: VibeVoiceModel, seed: int) -> GenerationState:
        """Make the state of a script before its prompt is read."""
        hidden = model.config.language.hidden_size
        return cls(
            cond=model.language_model.new_cache(),
            uncond=model.language_model.new_cache(),
            acoustic=model.acoustic.decoder.new_state(1),
            semantic=model.semantic.new_state(1),
            pending=model.language_model.norm.weight.new_zeros(1, 1, hidden),
            generator=torch.Generator("cpu").manual_seed(seed),
            maker=Maker.of(model),
        )

    def clone(self) -> GenerationState:
        """Copy the state; both copies continue identically."""
        generator = torch.Generator("cpu")
        generator.set_state(self.generator.get_state())
        return GenerationState(
            cond=self.cond.clone(),
            uncond=self.uncond.clone(),
            acoustic=[buffer.clone() for buffer in self.acoustic],
            semantic=[buffer.clone() for buffer in self.semantic],
            pending=self.pending.clone(),
            generator=generator,
            maker=self.maker,
            steps=self.steps,
            frames=self.frames,
            finished=self.finished,
        )

    @property
    def latent_size(self) -> int:
        """Size Z of a latent and of its noise."""
        return self.acoustic[0].shape[-1]

    def silence(self) -> None:
        """Reset the codec buffers, as the reference does at the end of speech."""
        for buffer in self.acoustic + self.semantic:
            buffer.zero_()

    def nbytes(self) -> int:
        """Return the bytes of caches and buffers."""
        return self.cond.nbytes() + self.uncond.nbytes() + self.codec_nbytes()

    def codec_nbytes(self) -> int:
        """Return the bytes of the convolution buffers."""
        return sum(b.numel() * b.element_size() for b in self.acoustic + self.semantic)

    def save(self, folder: str | Path, config: ModelConfig) -> None:
        """Write the state as state.safetensors and state.json.

        The JSON is written last and holds the checksum of the tensor file: an incomplete write is detected.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"pending": self.pending, "generator": self.generator.get_state()}
        for name, cache in (("cond", self.cond), ("null", self.uncond)):
            # Only live positions are saved; loading allocates the capacity again.
            tensors |= {f"{name}.keys.{i}": t[:, : cache.length] for i, t in enumerate(cache.keys)}
            tensors |= {f"{name}.values.{i}": t[:, : cache.length] for i, t in enumerate(cache.values)}
        for name, buffers in (("acoustic", self.acoustic), ("semantic", self.semantic)):
            tensors |= {f"{name}.{i}": t for i, t in enumerate(buffers)}
        new = folder / "state.safetensors.new"
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, new)
        about = {
            "format": FORMAT,
            "model": fingerprint(config),
            "maker": asdict(self.maker),
            "sha256": _sha256(new),
            "cond": [self.cond.length, self.cond.capacity],
            "null": [self.uncond.length, self.uncond.capacity],
            "steps": self.steps,
            "frames": self.frames,
            "finished": self.finished,
        }
        os.replace(new, folder / "state.safetensors")
        about_new = folder / "state.json.new"
        about_new.write_text(json.dumps(about, indent=1))
        os.replace(about_new, folder / "state.json")

    @classmethod
    def load(cls, folder: str | Path, model: VibeVoiceModel) -> GenerationState:
        """Read a state written by `save`.

        Raises
        ------
        CheckpointError
            If files are missing or damaged, or if the state belongs to a model of other weights, dtype or
            quantization.
        """
        folder = Path(folder)
        about = _read_about(folder, model)
        try:
            return cls._filled(model, about, folder / "state.safetensors")
        except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{folder} is damaged ({error})", "a state as it was saved", _REMEDY
            ) from error

    @classmethod
    def _filled(cls, model: VibeVoiceModel, about: dict[str, Any], tensors: Path) -> GenerationState:
        state = cls.new(model, seed=0)
        longest = 2 * (model.config.language.max_positions + BLOCK)
        with safe_open(tensors, framework="pt") as file:

            def fill(target: Tensor, name: str) -> None:
                tensor = file.get_tensor(name)
                if tensor.shape != target.shape:
                    raise ValueError(f"{name} is {list(tensor.shape)}, not {list(target.shape)}")
                target.copy_(tensor)

            for name, cache in (("cond", state.cond), ("null", state.uncond)):
                length, capacity = about[name]
                if not 0 <= length <= capacity <= longest:
                    raise ValueError(f"{name} of length {length} and capacity {capacity}")
                cache.grow(capacity)
                for index, (keys, values) in enumerate(zip(cache.keys, cache.values, strict=True)):
                    fill(keys[:, :length], f"{name}.keys.{index}")
                    fill(values[:, :length], f"{name}.values.{index}")
                cache.length = length
            for name, buffers in (("acoustic", state.acoustic), ("semantic", state.semantic)):
                for index, buffer in enumerate(buffers):
                    fill(buffer, f"{name}.{index}")
            fill(state.pending, "pending")
            state.generator.set_state(file.get_tensor("generator"))
        state.steps, state.frames = int(about["steps"]), int(about["frames"])
        state.finished = bool(about["finished"])
        return state


def fingerprint(config: ModelConfig) -> str:
    """Hash a model's configuration, to check that a state belongs to it."""
    return hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _read_about(folder: Path, model: VibeVoiceModel) -> dict[str, Any]:
    about = read_json(folder / "state.json")
    if about.get("format") == 1:
        raise CheckpointError(
            f"{folder} was saved by an earlier version, which did not record the model's weights",
            f"a state of format {FORMAT}",
            "start the script again",
        )
    if about.get("format") != FORMAT:
        raise CheckpointError(f"{folder} has format {about.get('format')!r}", f"format {FORMAT}", _REMEDY)
    if about.get("model") != fingerprint(model.config):
        raise CheckpointError(f"{folder} was made with another model", "a state of this model", _REMEDY)
    Maker.of(model).check(folder, about.get("maker"))
    try:
        digest = _sha256(folder / "state.safetensors")
    except OSError as error:
        raise CheckpointError(f"{folder}: {error.strerror}", "state.safetensors", _REMEDY) from error
    if digest != about.get("sha256"):
        raise CheckpointError(f"{folder}/state.safetensors is damaged", "the file that was saved", _REMEDY)
    return about
