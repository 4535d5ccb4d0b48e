"""Choice of device and dtype, and placement of layers on several devices if one is too small."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...errors import DeviceError, OptionError
from ...ranges import one_of, shown
from ..kernels.choice import computes
from ..kernels.quantized import Quantize
from ..realtime import RealtimeModel
from ..vibevoice import VibeVoiceModel
from .footprint import kept_bytes

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Placement = Mapping[str, torch.device]
"""From module-name prefix to device; the empty prefix is everything else."""

_SPARE = 0.85
"""Fraction of a GPU's free memory for weights; the rest is for the cache and activations."""


def pick_device(name: str = "auto") -> torch.device:
    """Return the fastest device available, or check the requested one.

    Raises
    ------
    DeviceError
        If the requested device is not available.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    if one_of(name, ("auto",)):
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError) as error:
        raise DeviceError(f"device {shown(name)}", "auto, cpu, cuda, cuda:N or mps", "use auto") from error
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, False):
        present = [kind for kind, there in available.items() if there]
        raise DeviceError(
            f"device {shown(name)} is not available",
            f"one of {', '.join(present)}",
            "use auto, or see `vibevoice-nb doctor`",
        )
    return device


def pick_dtype(device: torch.device, name: str = "auto", *, small: bool = False) -> torch.dtype:
    """Return the dtype that suits the hardware, or the requested one.

    bfloat16 on Ampere and later, float16 on older NVIDIA GPUs, float32 on MPS and on CPUs, except CPUs that
    multiply bfloat16 in hardware: there voices are encoded in three quarters of the time, frames take a
    little less, and keys, values and embeddings half the memory; products of one or two rows are computed in
    float32 either way (see `kernels`). A `small` model (see `threads`) does not benefit: it
    uses float32.

    Examples
    --------
    >>> pick_dtype(torch.device("cpu"), "float32")
    torch.float32
    """
    if not one_of(name, ("auto",)):
        if not one_of(name, DTYPES):
            raise OptionError(f"dtype={shown(name)}", f"auto or one of {', '.join(DTYPES)}", "use auto")
        return DTYPES[name]
    if device.type == "cuda":
        ampere = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if ampere else torch.float16
    if device.type == "cpu" and not small and cpu_has_fast_bfloat16():
        return torch.bfloat16
    return torch.float32


def cpu_has_fast_bfloat16() -> bool:
    """Return true if torch multiplies bfloat16 in hardware here (AVX-512 BF16, AMX, or Arm's BF16)."""
    return computes(torch.bfloat16)


def place(
    model: VibeVoiceModel | RealtimeModel,
    device: torch.device,
    dtype: torch.dtype,
    quantize: Quantize | None = None,
) -> Placement:
    """Plan the device of each part; the model may still be on the meta device.

    Everything is placed on `device` if it fits. Otherwise the remaining layers of the language model are
    placed, in order, on the other GPUs and finally on the CPU, as planned by accelerate. VibeVoice-Realtime
    is too small to be split.

    Raises
    ------
    DeviceError
        If the other GPUs and the CPU do not have enough memory for the rest.
    """
    if device.type != "cuda" or isinstance(model, RealtimeModel):
        return {"": device}
    budgets = {
        index: int(torch.cuda.mem_get_info(index)[0] * _SPARE) for index in range(torch.cuda.device_count())
    }
    return split_layers(model, device, dtype, budgets, quantize)


def split_layers(
    model: VibeVoiceModel,
    device: torch.device,
    dtype: torch.dtype,
    budgets: Mapping[int, int],
    quantize: Quantize | None = None,
) -> Placement:
    """Place the language model's layers on GPUs with the given bytes, then on the CPU."""
    from accelerate import infer_auto_device_map

    layers = model.language_model.get_submodule("layers")
    whole, kept = (
        kept_bytes(part, dtype, device_type=device.type, quantize=quantize) for part in (model, layers)
    )
    rest = whole - kept
    first = device.index or 0
    if whole <= budgets[first]:
        return {"": device}
    if rest > budgets[first]:
        raise DeviceError(
            f"{device} has room for {budgets[first] / 1e9:.1f} GB",
            f"{rest / 1e9:.1f} GB for the parts that can't be split",
            "use a smaller model, another dtype, or the CPU",
        )
    # accelerate counts published layers; scale the memory by what prepared layers save.
    room = sum(parameter.numel() for parameter in layers.parameters()) * dtype.itemsize / kept
    # The first GPU also holds the parts that cannot be split.
    memory: dict[int | str, int] = {first: budgets[first] - rest}
    memory.update((index, budget) for index, budget in budgets.items() if index != first)
    memory["cpu"] = _cpu_memory()
    memory = {where: int(budget * room) for where, budget in memory.items()}
    plan = infer_auto_device_map(layers, max_memory=memory, no_split_module_classes=["Layer"], dtype=dtype)
    if "disk" in plan.values():
        raise DeviceError(
            f"a model of {whole / 1e9:.1f} GB",
            "GPUs and main memory that hold it together",
            "use a smaller model",
        )
    # If all layers are on one device, the plan is a single entry without a name.
    spread = {
        f"language_model.layers.{name}".rstrip("."): (
            torch.device("cuda", where) if isinstance(where, int) else torch.device(where)
        )
        for name, where in plan.items()
    }
    return {"": device, **spread}


def _cpu_memory() -> int:
    from accelerate.utils import get_max_memory

    return int(get_max_memory()["cpu"])
