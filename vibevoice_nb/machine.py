"""Devices of this machine: CPU, GPUs, and memory actually available."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_CGROUP = Path("/sys/fs/cgroup")
_NAME_KEYS = ("model name", "cpu model", "Model", "Hardware")
_ARM_CORES = {
    "0xd03": "Cortex-A53",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
"""Arm's own cores in common servers and boards, by their part number."""


@dataclass(frozen=True)
class DeviceInfo:
    """Device that a model can run on.

    Attributes
    ----------
    device : str
        Value for `--device`.
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
    """List the devices, the default one first.

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
    """Return the bytes of main memory, total and available, within the container's limit."""
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    for limit, used in _memory_limits():
        if limit < total:
            total, free = limit, min(free, limit - used)
    return total, max(0, free)


def processor_name() -> str:
    """Return the model name of the CPU, if the system reports it.

    >>> bool(processor_name())
    True
    """
    told: dict[str, str] = {}
    for line in _text(_CPUINFO).splitlines():
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    for key in _NAME_KEYS:
        if told.get(key):
            return told[key]
    if "CPU part" in told:  # arm64
        part = told["CPU part"]
        core = _ARM_CORES.get(part) if told.get("CPU implementer") == "0x41" else None
        maker = told.get("CPU implementer", "unknown")
        return f"Arm {core}" if core else f"{platform.machine()}, implementer {maker}, part {part}"
    return _macos_processor() or platform.processor() or platform.machine() or "CPU"


def usable_cores() -> int:
    """Return the number of cores this process may use, within the container's limit.

    >>> usable_cores() >= 1
    True
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([allowed, *_cpu_quotas()])))


def in_gigabytes(size: float) -> str:
    """Format a number of bytes.

    >>> in_gigabytes(5.4e9), in_gigabytes(20.4e6), in_gigabytes(900)
    ('5.4 GB', '20.4 MB', '0.9 kB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e3:.1f} kB"


def _macos_processor() -> str:
    if platform.system() != "Darwin":
        return ""
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _memory_limits() -> Iterator[tuple[int, int]]:
    """Return limit and use in bytes of every control group of this process."""
    for group in _control_groups("memory"):
        for limit_name, used_name, cache_key in (
            ("memory.max", "memory.current", "inactive_file"),  # cgroup v2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # v1
        ):
            limit = _number(_text(group / limit_name))
            if limit is not None:
                used = _number(_text(group / used_name)) or 0
                # Files in the page cache count as use, but are evicted on demand.
                stats = dict(line.partition(" ")[::2] for line in _text(group / "memory.stat").splitlines())
                yield limit, max(0, used - (_number(stats.get(cache_key, "")) or 0))


def _cpu_quotas() -> Iterator[float]:
    """Return the CPU quota, in cores, of every control group of this process."""
    for group in _control_groups("cpu"):
        v2 = _text(group / "cpu.max").split() or ["max", ""]
        v1 = (_text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us"))
        for quota, period in (v2, v1):
            used, whole = _number(quota), _number(period)
            if used is not None and whole and used > 0:
                yield used / whole


def _control_groups(controller: str) -> Iterator[Path]:
    """Return the folders of this process's control groups and their parents, of cgroup v1 and v2."""
    for line in _text(_OWN_CGROUPS).splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "?", "")
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUP / controller if controllers else _CGROUP
        # In a container, the path may be that of the host, and only the root exists.
        inner = root / path.lstrip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # absent, or "max"
        return None
