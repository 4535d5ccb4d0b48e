"""Checkpoint in the repository for resuming on another machine: the newest codec, its PCA and its log.

``python -m vibevoice_nb.training.nano land --work-dir nano-work`` writes it to ``checkpoints/``.
``codec --resume`` starts from it if the work folder has no state of its own: weights in half precision,
discriminators and the step number; the optimizers start anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vibevoice_nb.errors import CheckpointError

FOLDER = Path(__file__).parent / "checkpoints"
LOG_LINES = 100
_CRITIC = "critic."


def land(work_dir: Path, folder: Path | None = None) -> dict[str, float]:
    """Copy the codec's current training state from `work_dir` to `folder`.

    Returns
    -------
    dict
        ``step`` and ``megabytes``.
    """
    folder = folder or FOLDER
    state = work_dir / "codec.state"
    progress = torch.load(state / "custom_checkpoint_0.pkl", map_location="cpu", weights_only=True)
    critic = torch.load(state / "custom_checkpoint_1.pkl", map_location="cpu", weights_only=True)
    tensors = progress["average"] | {_CRITIC + name: value for name, value in critic["judges"].items()}
    halves = {name: value.half().contiguous() for name, value in tensors.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "codec.safetensors"
    save_file(halves, str(path), metadata={"step": str(progress["step"])})
    path.chmod(0o644)
    shutil.copyfile(work_dir / "pca.npz", folder / "pca.npz")
    for name in ("encoder", "codec"):
        log = work_dir / f"{name}.log.jsonl"
        if log.exists():
            rows = log.read_text(encoding="utf-8").splitlines()
            kept = rows[:: max(1, len(rows) // LOG_LINES)] + rows[-1:]
            (folder / log.name).write_text("\n".join(dict.fromkeys(kept)) + "\n", encoding="utf-8")
    return {"step": progress["step"], "megabytes": round(path.stat().st_size / 1e6, 2)}


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
    with safe_open(str(path), "pt") as file:
        step = int((file.metadata() or {})["step"])
    tensors = {name: value.float() for name, value in load_file(str(path)).items()}
    critic = {k.removeprefix(_CRITIC): v for k, v in tensors.items() if k.startswith(_CRITIC)}
    return {k: v for k, v in tensors.items() if not k.startswith(_CRITIC)}, critic, step
