"""`doctor`: findings about the installation; nothing makes it hang or fall over."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_helpers import Bench, bench, last_json, models

from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.system import doctor

__all__ = ["bench", "models"]  # fixtures


def test_doctor_finds_the_installation(bench: Bench) -> None:
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
