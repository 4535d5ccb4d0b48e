"""This machine: memory and cores within the limits of a container, and the name of the processor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from vibevoice_nb import machine


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc and /sys/fs/cgroup, with 10 GB of memory and 8 cores."""
    memory = SimpleNamespace(total=10_000_000, available=9_000_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    return tmp_path


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")


V1 = "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n"
LIMITS: dict[str, tuple[dict[str, str], tuple[int, int], int]] = {
    "nothing": ({}, (10_000_000, 9_000_000), 8),
    "v2 without limits": (
        {"own": "0::/", "memory.max": "max", "memory.current": "5", "cpu.max": "max 100000"},
        (10_000_000, 9_000_000),
        8,
    ),
    "v2": (
        {"own": "0::/", "memory.max": "1000000", "memory.current": "400000", "cpu.max": "250000 100000"},
        (1_000_000, 600_000),
        2,
    ),
    "v2, files in the page cache": (
        {
            "own": "0::/",
            "memory.max": "1000000",
            "memory.current": "900000",
            "memory.stat": "anon 100000\ninactive_file 800000",
        },
        (1_000_000, 900_000),
        8,
    ),
    "v2, a limit further out": (
        {
            "own": "0::/user/job",
            "user/memory.max": "2000000",
            "user/memory.current": "500000",
            "user/job/memory.max": "max",
            "user/cpu.max": "50000 100000",
        },
        (2_000_000, 1_500_000),
        1,
    ),
    "v1": (
        {
            "own": V1,
            "memory/docker/ab/memory.limit_in_bytes": "3000000",
            "memory/docker/ab/memory.usage_in_bytes": "1000000",
            "memory/docker/ab/memory.stat": "total_inactive_file 500000",
            "cpu/docker/ab/cpu.cfs_quota_us": "300000",
            "cpu/docker/ab/cpu.cfs_period_us": "100000",
        },
        (3_000_000, 2_500_000),
        3,
    ),
    "v1, seen from inside": (
        {
            "own": V1,
            "memory/memory.limit_in_bytes": "3000000",
            "memory/memory.usage_in_bytes": "1000000",
            "cpu/cpu.cfs_quota_us": "-1",
            "cpu/cpu.cfs_period_us": "100000",
        },
        (3_000_000, 2_000_000),
        8,
    ),
    "v1 without limits": (
        {"own": V1, "memory/docker/ab/memory.limit_in_bytes": "9223372036854771712"},
        (10_000_000, 9_000_000),
        8,
    ),
    "odd": ({"own": "what\n::\n0::/../..", "cpu.max": "", "memory.max": "many"}, (10_000_000, 9_000_000), 8),
}


@pytest.mark.parametrize("kind", list(LIMITS))
def test_a_container_limits_memory_and_cores(system: Path, kind: str) -> None:
    files, memory, cores = LIMITS[kind]
    _write(system, files)
    assert machine.main_memory() == memory
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor : 0\nmodel name : AMD EPYC\nmodel name : another", "AMD EPYC"),
        ("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c", "Arm Neoverse-N1"),
        ("CPU implementer : 0x61\nCPU part : 0x022", "implementer 0x61, part 0x022"),
        (
            "CPU part : 0xd08\nCPU implementer : 0x41\nModel : Raspberry Pi 4 Model B",
            "Raspberry Pi 4 Model B",
        ),
    ],
)
def test_a_processor_has_a_name_on_arm_too(system: Path, text: str, name: str) -> None:
    _write(system, {"cpuinfo": text})
    assert machine.processor_name().endswith(name)


def test_a_processor_that_no_file_names_has_a_name(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.processor_name()
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    told = SimpleNamespace(stdout="Apple M2\n")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: told)
    assert machine.processor_name() == "Apple M2"
