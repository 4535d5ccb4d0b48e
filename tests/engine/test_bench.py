"""The benchmark against transformers, on a tiny model: that it measures what it says, not how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers

from vibevoice_nb.bench import speed as bench
from vibevoice_nb.bench.model import bench_config, write_random_checkpoint
from vibevoice_nb.bench.sides import NATIVE_CLASS, PARTS, Meter

HAS_NATIVE = hasattr(transformers, NATIVE_CLASS)
SIDES = ("ours", "native") if HAS_NATIVE else ("ours",)


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, float]:
    bench.main(["--quick", *arguments])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
def test_it_ends_in_one_flat_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    figures = _printed(capsys)
    assert not any(isinstance(value, (dict, list)) for value in figures.values())
    for name in [f"{side}_fp32_{context}" for side in SIDES for context in (300, 8000)]:
        parts = [figures[f"{name}_{part}_ms"] for part in PARTS]
        assert all(part > 0 for part in parts)
        assert sum(parts) < 2 * figures[f"{name}_ms"]
    assert figures["native_available"] == HAS_NATIVE
    for context in (300, 8000):
        ratio = figures[f"ratio_fp32_{context}"]
        if HAS_NATIVE:
            ours, native = (figures[f"{side}_fp32_{context}_ms"] for side in SIDES)
            assert ratio == pytest.approx(ours / native, abs=2e-3)
            assert figures[f"difference_fp32_{context}"] < 1e-3, "both sides must make the same sound"
        else:
            assert ratio is None


@pytest.mark.slow
def test_bf16_is_measured_in_the_same_way(tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, bench_config(quick=True), torch.float32)
    figures = bench.measure(bench.Plan(1, True), tmp_path, "bfloat16", (30,), native=HAS_NATIVE)
    assert all(figures[f"{side}_bf16_30_ms"] > 0 for side in SIDES)
    assert ("ratio_bf16_30" in figures) == HAS_NATIVE


@pytest.mark.slow
def test_without_a_native_model_it_measures_ours_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "NATIVE_CLASS", "VibeVoiceOfTheFuture")
    figures = _printed(capsys)
    assert figures["ratio_fp32_300"] is figures["ratio_fp32_8000"] is figures["ratio_bf16_300"] is None
    assert figures["ours_fp32_300_ms"] > 0
    assert not any(name.startswith("native_fp32") for name in figures)


def test_zero_threads_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(["--threads", "0"])
    assert refused.value.code != 0
    assert "--threads 0" in capsys.readouterr().err


def test_a_frame_is_its_parts_and_the_rest() -> None:
    meter = Meter()
    head = meter.timed("head", lambda: sum(range(300_000)))
    head()  # before the first mark: counts nowhere
    meter.mark()
    head()
    meter.mark()
    sum(range(300_000))
    meter.mark()
    with_head, without = meter.frames
    assert with_head["head"] > 10 * with_head["rest"]
    assert without["head"] == 0 < without["rest"] == without["total"]
    for frame in meter.frames:
        assert frame["total"] == pytest.approx(sum(frame[part] for part in PARTS) + frame["rest"])
    meter.restart()
    assert not meter.frames
