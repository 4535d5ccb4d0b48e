"""What this machine has: processors, GPUs, and the memory that is really free."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class DeviceInfo:
    """A device a model can run on.

    Attributes
    ----------
    device : str
        As `--device` takes it.
    name : str
    total, free : int
        Bytes of memory.
    capability : str
        Compute capability of an NVIDIA GPU, empty elsewhere.
    """

    device: str
    name: str
    total: int
    free: int
    capability: str = ""


def find_devices() -> list[DeviceInfo]:
    """List the devices, the one that is taken by default first.

    Examples
    --------
    >>> find_devices()[-1].device
    'cpu'
    """
    import torch

    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        capability = ".".join(map(str, torch.cuda.get_device_capability(index)))
        found.append(DeviceInfo(f"cuda:{index}", torch.cuda.get_device_name(index), total, free, capability))
    total, free = main_memory()
    if torch.backends.mps.is_available():  # it shares the main memory
        found.append(DeviceInfo("mps", "Apple GPU", total, free))
    return [*found, DeviceInfo("cpu", processor_name(), total, free)]


def main_memory() -> tuple[int, int]:
    """Bytes of main memory, all and free; a container's limit counts."""
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit = _cgroup_bytes("memory.max")
    used = _cgroup_bytes("memory.current")
    if limit is not None and limit < total:
        total, free = limit, min(free, limit - (used or 0))
    return total, max(0, free)


def processor_name() -> str:
    """The CPU's model, as well as the system tells it.

    >>> bool(processor_name())
    True
    """
    import platform

    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"


def usable_cores() -> int:
    """Cores this process may use.

    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_gigabytes(size: float) -> str:
    """Write a number of bytes.

    >>> in_gigabytes(5.4e9), in_gigabytes(20.4e6), in_gigabytes(900)
    ('5.4 GB', '20.4 MB', '0.9 kB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e3:.1f} kB"


def _cgroup_bytes(name: str) -> int | None:
    """A number of the control group this process is in; None where there is none."""
    try:
        own = Path("/proc/self/cgroup").read_text().splitlines()
        path = next((line[3:] for line in own if line.startswith("0::")), "/")
        text = (_CGROUP / path.lstrip("/") / name).read_text().strip()
        return int(text)
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return None
