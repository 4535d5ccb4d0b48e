"""`doctor` and `info`: what they find, and that nothing makes them hang or fall over."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from checkpoints import write_checkpoint
from cli_helpers import Bench, bench, last_json, models

from vibevoice_nb import machine
from vibevoice_nb.machine import DeviceInfo
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.system import doctor
from vibevoice_nb.system.memory_estimate import memory_need
from vibevoice_nb.system.model_info import describe

__all__ = ["bench", "models"]  # fixtures

SMALL_CPU = DeviceInfo("cpu", "a small machine", 8_000_000, 8_000_000)


# --- doctor -------------------------------------------------------------------------------------------------


def test_doctor_finds_what_there_is(bench: Bench) -> None:
    result = bench.run("doctor", "--json")
    findings = {finding["topic"]: finding for finding in last_json(result.stdout)["findings"]}
    assert findings["torch"]["found"] == metadata.version("torch")
    assert {"python", "transformers", "libsndfile", "cpu", "CPU threads", "choice", "hub"} <= set(findings)
    assert findings["hub"]["status"] == "note" and "OFFLINE" in findings["hub"]["found"]
    assert findings["voice library"]["status"] == "ok"
    missing = [topic for topic, finding in findings.items() if finding["status"] == "missing"]
    assert result.exit_code == (1 if missing else 0)
    assert all(findings[topic]["remedy"] for topic in missing)


def test_a_missing_package_is_reported_with_the_command(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    real = doctor.metadata.version

    def version(name: str) -> str:
        if name == "diffusers":
            raise doctor.metadata.PackageNotFoundError(name)
        return "0.1" if name == "accelerate" else real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(
        doctor.metadata, "requires", lambda _: ["diffusers>=0.32", "accelerate>=1.6", "x; extra=='z'"]
    )
    monkeypatch.setattr(doctor, "_nano", lambda: iter(()))
    result = bench.run("doctor")
    assert result.exit_code == 1
    assert 'pip install "diffusers>=0.32"' in result.stdout and "0.1, not >=1.6" in result.stdout
    assert "2 missing" in result.stdout


def test_a_broken_part_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> Any:
        raise ImportError("libsomething.so: cannot open shared object file", name="soxr")

    monkeypatch.setattr(doctor, "find_devices", broken)
    monkeypatch.setattr(doctor, "_nano", lambda: iter(()))
    findings = {finding.topic: finding for finding in doctor.examine()}
    assert findings["devices"].status == "missing" and "soxr" in findings["devices"].remedy
    assert "voice library" in findings and "flite" in findings


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes calls and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_hangs_is_not_waited_for(silent_server: str) -> None:
    began = time.monotonic()
    assert doctor.hub_problem(silent_server, seconds=0.5)
    assert time.monotonic() - began < 3
    assert doctor.hub_problem("http://127.0.0.1:9", seconds=0.5)


def test_fused_kernels_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from vibevoice_nb.model.kernels import cuda

    assert "NVIDIA GPU" in doctor.fused_kernels("cpu").found
    for there in (True, False):
        monkeypatch.setattr(cuda, "available", lambda there=there: there)
        finding = doctor.fused_kernels("cuda")
        assert (finding.status == "ok") is there and ("triton" in finding.remedy) is not there


def test_broken_flash_attention_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.flash_attention("cpu").status == "note"
    assert doctor.flash_attention("cuda").found.startswith("not installed")
    (tmp_path / "flash_attn.py").write_text("raise ImportError('undefined symbol: _ZN3c10')")
    monkeypatch.syspath_prepend(str(tmp_path))
    broken = doctor.flash_attention("cuda")
    assert broken.status == "warning" and "undefined symbol" in broken.found and "flash-attn" in broken.remedy


def test_a_library_that_cannot_be_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bench.write("file", "")
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(file))
    (finding,) = doctor._library()
    assert finding.status == "warning" and "VIBEVOICE_NB_HOME" in finding.remedy


@pytest.mark.parametrize("packing", ["", "no fbgemm"])
@pytest.mark.parametrize("onednn", ["", "no hardware"])
def test_the_cost_of_16_bits_is_reported(packing: str, onednn: str) -> None:
    finding = doctor.narrow_products("bfloat16", onednn, packing)
    if not onednn:
        assert finding.status == "ok" and "in hardware" in finding.found
    elif not packing:
        assert "no hardware" in finding.found and "as fast as float32" in finding.found
    else:
        assert finding.status == "note" and "half the memory" in finding.found
        assert "no hardware; no fbgemm" in finding.found and "twice the time" in finding.found


def test_the_kernels_in_use_are_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_choice, "half_packing_problem", lambda: "no fbgemm")
    monkeypatch.setattr(kernel_choice, "onednn_problem", lambda dtype: "no oneDNN")
    findings = {finding.topic: finding for finding in doctor._products()}
    wide = findings["float32 on the CPU"]
    assert "plain products (no oneDNN)" in wide.found and "twice the memory (no fbgemm)" in wide.found
    assert {"bfloat16 on the CPU", "float16 on the CPU", "quantized on the CPU"} < set(findings)
    monkeypatch.setattr(kernel_choice, "half_packing_problem", lambda: "")
    monkeypatch.setattr(kernel_choice, "onednn_problem", lambda dtype: "")
    wide, *_ = doctor._products()
    assert wide.status == "ok" and "by oneDNN" in wide.found and "stay in 16 bits" in wide.found


def test_quantized_products_that_are_not_fused_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._quantized_products().topic == "quantized on the CPU"

    def refuse(*_: Any) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(torch, "_weight_int8pack_mm", refuse)
    finding = doctor._quantized_products()
    assert finding.status == "note" and "int8 widened" in finding.found


def test_a_drive_that_is_not_there_is_a_finding(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    (library,) = doctor._library()
    (disk,) = doctor._disk()
    assert library.status == disk.status == "warning"
    assert "VIBEVOICE_NB_HOME" in library.remedy and "HF_HOME" in disk.remedy


# --- machine ------------------------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc and /sys/fs/cgroup, with 10 GB of memory and 8 cores behind them."""
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


# --- info ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layout", "tied", "shards"), [("original", True, 1), ("native", False, 3)])
def test_info_counts_what_is_loaded(tmp_path: Path, layout: str, tied: bool, shards: int) -> None:
    folder = write_checkpoint(tmp_path / "m", layout=layout, tied=tied, shards=shards)
    info = describe(str(folder))
    model = load_model(folder, torch.device("cpu"), torch.float32)
    assert sum(info.parameters.values()) == sum(p.numel() for p in model.parameters())
    assert info.stored == {"F32": sum(info.parameters.values())}
    assert info.tied is tied and ("language model head" in info.parameters) is not tied
    assert info.source.config.layout == layout and info.source.tokenizer == "in the folder"
    assert info.context_minutes == pytest.approx(4096 / 7.5 / 60)


def test_memory_is_what_a_generation_holds(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m")
    model = load_model(folder, torch.device("cpu"), torch.float32)
    need = memory_need(model, torch.float32)
    state = GenerationState.new(model, seed=0)
    assert need.codec == sum(b.numel() * 4 for b in state.acoustic + state.semantic)
    for cache in (state.cond, state.uncond):
        cache.grow(450)  # a minute of frames
    assert need.cache_per_minute == state.cond.nbytes() + state.uncond.nbytes()
    on_gpu = [memory_need(model, dtype, device="cuda").weights for dtype in (torch.float32, torch.bfloat16)]
    assert on_gpu[0] == 2 * on_gpu[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_memory_is_what_this_machine_takes(
    tmp_path: Path, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that packs nothing takes twice the memory in float32, and says so."""
    model = load_model(write_checkpoint(tmp_path / "m"), torch.device("cpu"), torch.float32)
    monkeypatch.setattr(kernel_choice, "_PACKED_FROM", 0)
    monkeypatch.setattr(kernel_choice, "_NARROW_FROM", 0)
    needs = []
    for packed in (True, False):
        monkeypatch.setattr(kernel_choice, "has_half_packing", lambda packed=packed: packed)
        monkeypatch.setattr(kernel_choice, "has_onednn", lambda dtype: dtype == torch.float32)
        needs.append(memory_need(model, dtype, published_half=True).weights)
    assert needs[0] < 0.8 * needs[1] if dtype == torch.float32 else needs[0] == needs[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("options", "kind"), [("", "float32"), (", quantize='int8'", "int8")])
def test_the_peak_is_predicted(options: str, kind: str) -> None:
    """Within a tenth, of a whole process that loads nano and speaks; info is asked in one of its own, too."""
    speak = (
        "from vibevoice_nb import Engine\n"
        f"Engine.load('nano', device='cpu'{options}).speak('Speaker 1: Good morning.', seed=1)\n"
        # Not getrusage: what a large parent held before it started this process would count, too.
        "line = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(int(line.split()[1]) * 1024)"
    )
    ask = (
        "from vibevoice_nb.system.model_info import describe\n"
        f"print(describe('nano').needs['{kind}'].total(0.1))"
    )
    peak, foretold = (
        int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
        for code in (speak, ask)
    )
    assert foretold == pytest.approx(peak, rel=0.1)


def test_verdicts(tmp_path: Path) -> None:
    folder = str(write_checkpoint(tmp_path / "m", decoder_config={"max_position_embeddings": 65536}))
    (roomy,) = describe(folder, devices=[replace(SMALL_CPU, free=10**12)]).fits
    assert (roomy.verdict, roomy.minutes) == ("fits", pytest.approx(65536 / 450, abs=0.1))
    need = describe(folder).needs[roomy.dtype]
    (tight,) = describe(folder, devices=[replace(SMALL_CPU, free=need.total(3))]).fits
    assert (tight.verdict, tight.minutes) == ("tight", pytest.approx(3.0, abs=0.1))
    (none,) = describe(folder, devices=[SMALL_CPU]).fits
    assert (none.verdict, none.minutes) == ("no", 0.0)


def test_info_on_the_command_line(bench: Bench) -> None:
    shown = bench.run("info", bench.brief)
    assert shown.exit_code == 0 and "acoustic decoder" in shown.stdout and "cpu" in shown.stdout
    told = last_json(bench.run("info", bench.brief, "--json").stdout)
    assert told["layout"] == "original" and told["devices"][-1]["verdict"] == "fits"
    wrong = bench.run("info", "here/or/there")
    assert wrong.exit_code == 2 and "no folder" in wrong.stderr
    offline = bench.run("info", "somebody/nothing")
    assert offline.exit_code == 2 and "somebody/nothing" in offline.stderr


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as reading a repository's headers takes."""

    folder: Path
    served = 0

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        file = self.folder / self.path.rsplit("/", 1)[-1]
        if not self.path.startswith("/some/model/resolve/") or not file.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = file.read_bytes()
        chosen = data
        if wanted := self.headers.get("range"):
            first, last = wanted.removeprefix("bytes=").split("-")
            chosen = data[int(first) : int(last) + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(chosen)))
        self.send_header("ETag", f'"{file.name}-{len(data)}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if body:
            type(self).served += len(chosen)
            self.wfile.write(chosen)

    def log_message(self, *args: object) -> None:
        pass


def test_a_repository_is_described_from_its_headers(bench: Bench, tmp_path: Path) -> None:
    Hub.folder, Hub.served = write_checkpoint(tmp_path / "hub", shards=2), 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    env = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "cache")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vibevoice_nb", "info", "some/model", "--json"],
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        server.shutdown()
    assert done.returncode == 0, done.stderr
    told, local = last_json(done.stdout), describe(str(Hub.folder))
    assert told["parameters_by_part"] == local.parameters and told["stored"] == local.stored
    assert told["to_fetch_bytes"] == 4 * sum(local.parameters.values())
    assert told["tokenizer"] == "in the repository"
    assert Hub.served < 500_000  # headers, not weights
