"""Verification: replay of a recorded run through this engine, with a comparison of every array.

A folder holds config.json, model.safetensors, meta.json, inputs.npz and expected.npz. Arrays are recognized
by name, and each recorded array is computed from its recorded inputs, for any sizes in the config. Use it to
check a new device or dtype as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import OptionError
from ..model.loading.checkpoint import read_json
from ..model.loading.model_kind import is_realtime
from ..model.loading.placement import pick_device
from ..progress import progress_bar
from .computed import STAGES, Computed, whole_runs
from .realtime import REALTIME_STAGES, RealtimeRecording, whole_realtime_runs
from .recording import Arrays, Recording

TOLERANCE: dict[torch.dtype, tuple[float, float]] = {
    torch.float32: (1e-5, 1e-4),
    torch.bfloat16: (0.1, 0.5),
    torch.float16: (0.02, 0.1),
}
"""Largest accepted relative difference: of one stage, and of audio and whole runs, where frames feed back
and rounding adds up."""

OUTLIER = 10
"""Factor by which a single element may exceed the tolerance of the whole array."""


@dataclass(frozen=True)
class Comparison:
    """Comparison of one array with the recorded one.

    Attributes
    ----------
    max_abs : float
        Largest absolute difference.
    relative : float
        Root mean square of the difference over that of the recorded array.
    """

    name: str
    status: str
    """``"ok"``, ``"beyond"`` or ``"skipped"``."""
    max_abs: float = 0.0
    relative: float = 0.0
    tolerance: float = 0.0
    reason: str = ""


def verify(
    folder: str | Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    frames: str = "loop",
    progress: bool | Callable[[float], None] | None = None,
) -> list[Comparison]:
    """Replay a recorded run.

    Parameters
    ----------
    folder : str or Path
    device : str
    dtype : torch.dtype
    frames : {"loop", "fixed", "fused"}
        Generation of frames in whole runs: operation by operation; on fixed buffers (replayed as graphs on
        CUDA); or on fixed buffers with fused kernels, which needs an NVIDIA GPU.

    progress : bool or callable, optional
        True shows a progress bar; a callable is called with the fraction completed, from 0 to 1.

    Returns
    -------
    list of Comparison
        One for every recorded array, in the file's order.

    Raises
    ------
    CheckpointError, DeviceError, OptionError
        If a file is missing, damaged or contradicts another one, or the device is not available or does not
        support the frames.
    """
    recording, parts = _recorded(Path(folder), pick_device(device), dtype, frames)
    computed: dict[str, NDArray[Any]] = {}
    stages: set[str] = set()
    bar = progress_bar(progress, "Verifying", lambda fraction: (fraction, 1.0))
    with torch.inference_mode(), bar as report:
        for number, part in enumerate(parts, start=1):
            for name, value in part(recording):
                computed[name] = value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
                if part is not parts[-1] and not name.startswith("decode_"):
                    stages.add(name)
            if report is not None:
                report(number / len(parts))
    comparisons = []
    for name, expected in recording.expected.items():
        reason = "no inputs recorded for it"
        if name.startswith("hf_"):
            reason = "recorded from another implementation, as evidence"
        ours = computed.get(name)
        comparisons.append(_compare(name, expected, ours, reason, dtype, single_stage=name in stages))
    return comparisons


def _recorded(
    folder: Path, device: torch.device, dtype: torch.dtype, frames: str
) -> tuple[Arrays, Sequence[Callable[[Any], Computed]]]:
    """Return a recording of either kind of model, and the functions that compute its arrays."""
    if not is_realtime(read_json(folder / "config.json")):
        return Recording(folder, device, dtype, frames), (*STAGES, whole_runs)
    if frames != "loop":
        got, remedy = f"frames={frames!r} for VibeVoice-Realtime", "leave frames out"
        raise OptionError(got, "loop, the only way in which it generates frames", remedy)
    return RealtimeRecording(folder, device, dtype), (*REALTIME_STAGES, whole_realtime_runs)


def summary(comparisons: list[Comparison]) -> dict[str, Any]:
    """Flatten the result for the JSON line."""
    counts = {s: sum(c.status == s for c in comparisons) for s in ("ok", "beyond", "skipped")}
    worst = max(comparisons, key=_severity, default=None)
    return {
        **counts,
        "worst": worst.name if worst else None,
        "worst_relative": _finite(worst.relative) if worst else None,
        "passed": counts["beyond"] == 0 and counts["ok"] > 0,
        "arrays": [
            {**asdict(c), "max_abs": _finite(c.max_abs), "relative": _finite(c.relative)}
            for c in comparisons
            if c.status == "beyond"
        ],
    }


def _finite(number: float) -> float | None:
    # JSON has neither infinity nor NaN.
    return number if math.isfinite(number) else None


def _severity(comparison: Comparison) -> float:
    """Return the error of an array relative to its tolerance; NaN counts as largest."""
    relative = comparison.relative / (comparison.tolerance or 1)
    return relative if math.isfinite(relative) else math.inf


def _compare(
    name: str,
    expected: NDArray[Any],
    computed: NDArray[Any] | None,
    reason: str,
    dtype: torch.dtype,
    *,
    single_stage: bool,
) -> Comparison:
    if computed is None:
        return Comparison(name, "skipped", reason=reason)
    stage, whole = TOLERANCE[dtype]
    tolerance = stage if single_stage else whole
    if np.issubdtype(expected.dtype, np.integer):
        tolerance = 0.0
    if computed.size != expected.size:
        reason = f"shape {list(computed.shape)}, recorded {list(expected.shape)}"
        return Comparison(name, "beyond", float("inf"), float("inf"), tolerance, reason)
    wanted = expected.astype(np.float64)
    difference = np.abs(computed.astype(np.float64).reshape(expected.shape) - wanted)
    scale = float(np.sqrt(np.mean(wanted**2))) or 1.0
    max_abs, relative = float(difference.max(initial=0)), float(np.sqrt(np.mean(difference**2))) / scale
    within = relative <= tolerance and max_abs <= OUTLIER * tolerance * scale
    reason = "" if within or relative > tolerance else f"one element is {max_abs / scale:.1e} off"
    return Comparison(name, "ok" if within else "beyond", max_abs, relative, tolerance, reason)
