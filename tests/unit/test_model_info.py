"""`info`: parameters, memory and verdict of a model, from its files or from the hub."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import write_checkpoint
from cli_helpers import Bench, bench, last_json, models

from vibevoice_nb.machine import DeviceInfo
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.system.memory_estimate import memory_need
from vibevoice_nb.system.model_info import describe

__all__ = ["bench", "models"]  # fixtures

SMALL_CPU = DeviceInfo("cpu", "a small machine", 8_000_000, 8_000_000)


@pytest.mark.parametrize(("layout", "tied", "shards"), [("original", True, 1), ("native", False, 3)])
def test_info_counts_the_weights(tmp_path: Path, layout: str, tied: bool, shards: int) -> None:
    folder = write_checkpoint(tmp_path / "m", layout=layout, tied=tied, shards=shards)
    info = describe(str(folder))
    model = load_model(folder, torch.device("cpu"), torch.float32)
    assert sum(info.parameters.values()) == sum(p.numel() for p in model.parameters())
    assert info.stored == {"F32": sum(info.parameters.values())}
    assert info.tied is tied and ("language model head" in info.parameters) is not tied
    assert info.source.config.layout == layout and info.source.tokenizer == "in the folder"
    assert info.context_minutes == pytest.approx(4096 / 7.5 / 60)


def test_the_estimate_equals_the_memory_of_a_generation(tmp_path: Path) -> None:
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
def test_the_estimate_equals_the_memory_of_this_machine(
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
    peak, estimated = (
        int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
        for code in (speak, ask)
    )
    assert estimated == pytest.approx(peak, rel=0.1)


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
