"""Checkpoints in the repository for resuming on another machine: weights in half precision, and the logs.

``python -m vibevoice_nb.training.nano2 land --work-dir nano-work`` writes those of the stages that have a
state to ``checkpoints/``; ``restore`` copies them to a work folder for ``--resume``. The optimizers
start anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.training.common import save_weights, step_of

FOLDER = Path(__file__).parent / "checkpoints"
LOG_LINES = 100
_STAGES = ("semantic", "language", "distil")
"""Stages after the codec, whose weights are all of their state but the optimizer's."""
_CRITIC = "critic."


def land(work_dir: Path, folder: Path | None = None) -> dict[str, float]:
    """Copy the current weights of all stages that have a state from `work_dir` to `folder`.

    Returns
    -------
    dict
        Step of each stage, and ``megabytes``.
    """
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    steps: dict[str, float] = {}
    if (work_dir / "codec.state").is_dir():
        steps["codec"] = _land_codec(work_dir, folder)
    for stage in _STAGES:
        state = work_dir / f"{stage}.state"
        if state.is_dir():
            progress = _load(state / "custom_checkpoint_0.pkl")
            halves = {name: value.half() for name, value in progress["average"].items()}
            save_weights(halves, folder / f"{stage}.safetensors", progress["step"])
            steps[stage] = progress["step"]
            _land_log(work_dir, folder, stage)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return steps | {"megabytes": round(size / 1e6, 2)}


def restore(work_dir: Path, folder: Path | None = None) -> dict[str, float]:
    """Copy the landed weights to `work_dir`, except those of stages that have a state there.

    Returns
    -------
    dict
        Step of each stage restored.
    """
    folder = folder or FOLDER
    work_dir.mkdir(parents=True, exist_ok=True)
    steps: dict[str, float] = {}
    if not (work_dir / "codec.state").is_dir():
        weights, _, steps["codec"] = read(folder)
        save_weights(weights, work_dir / "codec.safetensors", int(steps["codec"]))
        shutil.copyfile(folder / "pca.npz", work_dir / "pca.npz")
    for stage in _STAGES:
        step = step_of(folder / f"{stage}.safetensors")
        if step is not None and not (work_dir / f"{stage}.state").is_dir():
            shutil.copyfile(folder / f"{stage}.safetensors", work_dir / f"{stage}.safetensors")
            steps[stage] = step
    return steps


def _land_codec(work_dir: Path, folder: Path) -> int:
    state = work_dir / "codec.state"
    progress, critic = (_load(state / f"custom_checkpoint_{number}.pkl") for number in (0, 1))
    tensors = progress["average"] | {_CRITIC + name: value for name, value in critic["judges"].items()}
    halves = {name: value.half().contiguous() for name, value in tensors.items()}
    save_weights(halves, folder / "codec.safetensors", progress["step"])
    shutil.copyfile(work_dir / "pca.npz", folder / "pca.npz")
    for name in ("encoder", "codec"):
        _land_log(work_dir, folder, name)
    return int(progress["step"])


def _land_log(work_dir: Path, folder: Path, stage: str) -> None:
    log = work_dir / f"{stage}.log.jsonl"
    if log.exists():
        rows = log.read_text(encoding="utf-8").splitlines()
        kept = rows[:: max(1, len(rows) // LOG_LINES)] + rows[-1:]
        (folder / log.name).write_text("\n".join(dict.fromkeys(kept)) + "\n", encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def read(folder: Path | None = None) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    """Load the weights of the codec and of its discriminators in float32, and the step number.

    Raises
    ------
    CheckpointError
        If there is no checkpoint.
    """
    path = (folder or FOLDER) / "codec.safetensors"
    if not path.exists():
        raise CheckpointError(f"no {path.name} to resume", "a checkpoint", "start without --resume")
    step = step_of(path) or 0
    tensors = {name: value.float() for name, value in load_file(str(path)).items()}
    critic = {k.removeprefix(_CRITIC): v for k, v in tensors.items() if k.startswith(_CRITIC)}
    return {k: v for k, v in tensors.items() if not k.startswith(_CRITIC)}, critic, step
