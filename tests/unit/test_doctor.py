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
from typing import Any

import pytest
import torch
from checkpoints import write_checkpoint
from cli_helpers import Bench, bench, last_json, models

from vibevoice_nb import machine
from vibevoice_nb.cli import doctor
from vibevoice_nb.engine.state import GenerationState
from vibevoice_nb.engine.weights import load_model
from vibevoice_nb.machine import DeviceInfo
from vibevoice_nb.memory_need import memory_need
from vibevoice_nb.model_info import describe

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


def test_a_missing_package_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
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


def test_fused_kernels_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from vibevoice_nb.engine import cuda

    assert "for NVIDIA GPUs" in doctor.fused_kernels("cpu").found
    for there in (True, False):
        monkeypatch.setattr(cuda, "available", lambda there=there: there)
        finding = doctor.fused_kernels("cuda")
        assert (finding.status == "ok") is there and ("triton" in finding.remedy) is not there


def test_broken_flash_attention_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_container_limits_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total, free = machine.main_memory()
    assert 0 < free <= total
    limits = {"memory.max": 1_000_000, "memory.current": 400_000}
    monkeypatch.setattr(machine, "_cgroup_bytes", limits.get)
    assert machine.main_memory() == (1_000_000, 600_000)


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
    for cache in (state.cond, state.null):
        cache.grow(450)  # a minute of frames
    assert need.cache_per_minute == state.cond.nbytes() + state.null.nbytes()
    assert memory_need(model, torch.bfloat16).weights * 2 == need.weights


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("options", "kind"), [("", "float32"), (", quantize='int8'", "int8")])
def test_the_peak_is_foretold(options: str, kind: str) -> None:
    """Within a tenth, of a whole process that loads nano and speaks; info is asked in one of its own, too."""
    speak = (
        "from vibevoice_nb import Engine\n"
        f"Engine.load('nano', device='cpu'{options}).speak('Speaker 1: Good morning.', seed=1)\n"
        # Not getrusage: what a large parent held before it started this process would count, too.
        "line = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(int(line.split()[1]) * 1024)"
    )
    ask = f"from vibevoice_nb.model_info import describe\nprint(describe('nano').needs['{kind}'].total(0.1))"
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
