"""Shared training code: settings, initial weights, and a resumable training loop.

Data and noise of a step are drawn from generators seeded by the step number, so an interrupted and resumed
run takes the same steps as an uninterrupted one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
import time
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from accelerate import Accelerator
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vibevoice_nb.errors import CheckpointError, OptionError
from vibevoice_nb.model.codec import Block
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.diffusion_head import DiffusionHead, HeadLayer
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.modules.conv import CausalConv, DepthwiseConv, Downsample, Upsample
from vibevoice_nb.model.modules.layers import RMSNorm
from vibevoice_nb.model.modules.linear import LinearWeights
from vibevoice_nb.model.vibevoice import VibeVoiceModel

LAYER_SCALE = 0.1
Config = TypeVar("Config")


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """Number of steps, learning rate and other settings of the loop."""

    seed: int
    steps: int
    learning_rate: float
    final_learning_rate: float
    warmup: int
    beta1: float
    beta2: float
    weight_decay: float
    clip: float
    ema: float
    log_every: int
    save_minutes: float


def read_config(cls: type[Config], path: Path) -> Config:
    """Read a JSON file into a frozen dataclass, whose fields may be dataclasses themselves.

    Raises
    ------
    OptionError
        If a name is missing or unknown.
    """
    return _strict(cls, json.loads(path.read_text(encoding="utf-8")), path)


def _strict(cls: type[Config], data: dict[str, Any], path: Path) -> Config:
    types = typing.get_type_hints(cls)
    if set(data) != set(types):
        odd = ", ".join(sorted(set(data) ^ set(types)))
        raise OptionError(
            f"{path.name} with {odd} missing or unknown", ", ".join(sorted(types)), "correct the file"
        )
    values = {}
    for name, value in data.items():
        if dataclasses.is_dataclass(types[name]):
            value = _strict(cast(type[Any], types[name]), value, path)
        values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def read_shape(path: Path) -> ModelConfig:
    """Read the configuration of a model from its config.json."""
    return parse_config(json.loads(path.read_text(encoding="utf-8")))


@torch.no_grad()
def initialize(module: nn.Module) -> None:
    """Initialize every parameter under `module`; the model code leaves them unset.

    Weights are normal with variance 1 / (3 fan-in), biases zero, norms one. The conditioning of the diffusion
    head and its output start at zero.
    """
    for part in module.modules():
        if isinstance(part, RMSNorm):
            part.weight.fill_(1.0)
        elif isinstance(part, nn.Embedding):
            part.weight.normal_(0, 0.1)
        elif isinstance(part, (LinearWeights, CausalConv, DepthwiseConv, Downsample, Upsample)):
            # A transposed convolution adds two taps to each output.
            fan_in = 2 * part.weight.shape[0] if isinstance(part, Upsample) else part.weight[0].numel()
            part.weight.normal_(0, (3 * fan_in) ** -0.5)
            if part.bias is not None:
                part.bias.zero_()
        elif isinstance(part, Block):
            part.gamma.fill_(LAYER_SCALE)
            part.ffn_gamma.fill_(LAYER_SCALE)
    for part in module.modules():
        if isinstance(part, DiffusionHead):
            layers = [cast(HeadLayer, entry).modulation for entry in part.layers]
            for layer in (*layers, part.final_modulation, part.final):
                layer.weight.zero_()
        elif isinstance(part, VibeVoiceModel):
            part.latent_scale.fill_(1.0)
            part.latent_bias.zero_()


def step_rng(seed: int, step: int) -> tuple[random.Random, torch.Generator]:
    """Return the generators for the data and the noise of one step."""
    mixed = seed * 1_000_003 + step
    return random.Random(mixed), torch.Generator().manual_seed(mixed)


def learning_rate(config: LoopConfig, step: int) -> float:
    """Return the learning rate: linear warm-up, then half a cosine down to the final rate."""
    progress = min(1.0, step / config.steps)
    fall = 0.5 * (1 + math.cos(math.pi * progress))
    rate = config.final_learning_rate + (config.learning_rate - config.final_learning_rate) * fall
    return rate * min(1.0, (step + 1) / max(1, config.warmup))


class Progress:
    """Step number and running average of the weights, saved with the checkpoint."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.step, self.decay, self.seconds = 0, decay, 0.0
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        # The average follows fast at the beginning.
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        state = model.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [state[name] for name in self.average], 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": self.seconds, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state["seconds"]
        for name, value in state["average"].items():
            self.average[name].copy_(value)


class Trainer:
    """Training loop: AdamW, clipping, averaged weights, a log, and resumable checkpoints.

    Parameters
    ----------
    model : nn.Module
        Model to train; it is moved to the accelerator's device.
    name : str
        ``{work_dir}/{name}.state`` is the checkpoint, ``{name}.safetensors`` the averaged weights and
        ``{name}.log.jsonl`` the log.
    work_dir : Path
    config : LoopConfig
    """

    def __init__(self, model: nn.Module, name: str, work_dir: Path, config: LoopConfig) -> None:
        self.accelerator = Accelerator()
        self.config, self.name, self.work_dir = config, name, work_dir
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            trained,
            config.learning_rate,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.progress = Progress(self.accelerator.unwrap_model(self.model), config.ema)
        self.accelerator.register_for_checkpointing(self.progress)
        work_dir.mkdir(parents=True, exist_ok=True)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def state_dir(self) -> Path:
        return self.work_dir / f"{self.name}.state"

    @property
    def weights_path(self) -> Path:
        return self.work_dir / f"{self.name}.safetensors"

    def resume(self) -> None:
        """Resume from the last checkpoint, or from averaged weights: then the optimizer starts anew.

        Raises
        ------
        CheckpointError
            If there is neither.
        """
        if self.state_dir.is_dir():
            self.accelerator.load_state(str(self.state_dir))
            return
        step = step_of(self.weights_path)
        if step is None:
            raise CheckpointError(
                f"no {self.state_dir.name} to resume", "a checkpoint", "start without --resume"
            )
        weights = {name: value.float() for name, value in load_file(str(self.weights_path)).items()}
        self.accelerator.unwrap_model(self.model).load_state_dict(weights)
        self.progress.load_state_dict({"step": step, "seconds": 0.0, "average": weights})

    def save(self) -> None:
        """Write checkpoint and averaged weights atomically."""
        fresh = self.state_dir.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.accelerator.save_state(str(fresh))
        shutil.rmtree(self.state_dir, ignore_errors=True)
        fresh.rename(self.state_dir)
        save_weights(self.progress.average, self.weights_path, self.progress.step)

    def fit(
        self, losses: Callable[[int], dict[str, Tensor]], until: int | None = None
    ) -> list[dict[str, float]]:
        """Train.

        Parameters
        ----------
        losses : callable
            Function from the step number to named scalars; ``loss`` is minimized.
        until : int, optional
            Stop before this step; the schedule stays that of all `steps`.

        Returns
        -------
        list of dict
            Lines of the log.
        """
        started = saved = time.monotonic()
        seconds_before, log = self.progress.seconds, list[dict[str, float]]()
        seen = dict[str, list[float]]()
        while self.progress.step < (self.config.steps if until is None else until):
            values = self._step(losses)
            for key, value in values.items():
                seen.setdefault(key, []).append(value)
            self.progress.seconds = seconds_before + time.monotonic() - started
            if self.progress.step % self.config.log_every == 0:
                line = {"step": self.progress.step, "seconds": round(self.progress.seconds, 1)}
                # Some losses are not computed in every step.
                line |= {key: round(sum(found) / len(found), 4) for key, found in seen.items()}
                seen = {}
                log.append(line)
                self._report(line)
            if time.monotonic() - saved > 60 * self.config.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()
        return log

    def _step(self, losses: Callable[[int], dict[str, Tensor]]) -> dict[str, float]:
        step = self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, step)
        values = losses(step)
        self.optimizer.zero_grad()
        self.accelerator.backward(values["loss"])
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.progress.step += 1
        self.progress.update(self.accelerator.unwrap_model(self.model))
        return {key: value.item() for key, value in values.items()}

    def _report(self, line: dict[str, float]) -> None:
        text = json.dumps(line)
        print(text, flush=True)
        with (self.work_dir / f"{self.name}.log.jsonl").open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def save_weights(state: dict[str, Tensor], path: Path, step: int | None = None) -> None:
    """Write tensors as safetensors, atomically, with the step of the training as metadata."""
    temporary = path.with_suffix(".tmp")
    metadata = None if step is None else {"step": str(step)}
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(tensors, str(temporary), metadata)
    temporary.chmod(0o644)
    temporary.replace(path)


def step_of(path: Path) -> int | None:
    """Return the step at which weights were written; None if there are none, or they do not tell."""
    if not path.exists():
        return None
    with safe_open(str(path), "pt") as file:
        step = (file.metadata() or {}).get("step")
    return None if step is None else int(step)


def load_weights(module: nn.Module, path: Path) -> None:
    """Load weights written by `save_weights`, strictly."""
    module.load_state_dict(load_file(str(path)))


def load_part(module: nn.Module, path: Path, prefix: str) -> None:
    """Load the tensors whose names start with `prefix`, and no others."""
    state = load_file(str(path))
    module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
