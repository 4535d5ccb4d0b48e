"""Benchmark against transformers on a tiny model: it measures what it reports."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from model_helpers import Reads

from vibevoice_nb.bench import speed as bench
from vibevoice_nb.bench.backends import NATIVE_CLASS, PARTS, Meter, OurBackend, _Speaking
from vibevoice_nb.bench.latency import FirstAudio, of_backend, random_prompt, run_nano
from vibevoice_nb.bench.model import bench_config, write_random_checkpoint
from vibevoice_nb.bench.plots import plot
from vibevoice_nb.bench.roofline import frame_bytes, measure_bandwidth
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.prompt_cache import PIECE
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.prompt import FRAMES_AT_ONCE

HAS_NATIVE = hasattr(transformers, NATIVE_CLASS)
BACKENDS = ("ours", "native") if HAS_NATIVE else ("ours",)


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, float]:
    bench.main(["--quick", *arguments])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
def test_it_ends_in_one_flat_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    figures = _printed(capsys)
    assert not any(isinstance(value, (dict, list)) for value in figures.values())
    for name in [f"{backend}_fp32_{context}" for backend in BACKENDS for context in (300, 8000)]:
        parts = [figures[f"{name}_{part}_ms"] for part in PARTS]
        assert all(part > 0 for part in parts)
        assert sum(parts) < 2 * figures[f"{name}_ms"]
    assert figures["native_available"] == HAS_NATIVE
    first, second, seeded = (figures[f"ours_fp32_ttfa_{kind}_ms"] for kind in ("first", "second", "seeded"))
    assert min(first, second, seeded) > 0
    assert figures["ttfa_ratio_fp32"] == pytest.approx(second / first, abs=2e-3)
    for context in (300, 8000):
        ratio = figures[f"ratio_fp32_{context}"]
        if HAS_NATIVE:
            ours, native = (figures[f"{backend}_fp32_{context}_ms"] for backend in BACKENDS)
            assert ratio == pytest.approx(ours / native, abs=2e-3)
            assert figures[f"difference_fp32_{context}"] < 1e-3, "both sides must make the same sound"
        else:
            assert ratio is None


@pytest.mark.slow
def test_bf16_is_measured_in_the_same_way(tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, bench_config("tiny"), torch.float32)
    figures = bench.measure(bench.Plan(model="tiny"), tmp_path, "bfloat16", (30,), native=HAS_NATIVE)
    assert all(figures[f"{backend}_bf16_30_ms"] > 0 for backend in BACKENDS)
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


def test_our_backend_on_graphs_equals_the_loop(tmp_path: Path) -> None:
    """As on CUDA, where the frame takes its tokens itself; here without the graphs."""
    write_random_checkpoint(tmp_path, bench_config("tiny"), torch.bfloat16)
    backend = OurBackend(tmp_path, torch.float32, torch.device("cpu"))
    plain = backend.run(30, 2, seed=1)
    backend.pool = GraphPool(_Speaking)
    graphed = backend.run(30, 2, seed=1)
    assert torch.allclose(plain.audio, graphed.audio, rtol=1e-3, atol=1e-5)
    assert len(graphed.frames) == 2
    assert all(frame["head"] > 0 and frame["total"] > 0 for frame in graphed.frames)
    assert len(backend.run_rows(30, 2, 3).frames) == 2


def test_the_floor_counts_the_bytes_that_a_frame_reads() -> None:
    config = parse_config(bench_config("mid"))
    half, whole = (
        frame_bytes(config, torch.float32, 300, 10, device="cpu", published_half=half)
        for half in (True, False)
    )
    assert 0.5 < half / whole < 0.75, "the codec's narrow blocks are kept whole"
    per_position = 2 * 12 * 2 * 64 * 4
    longer = frame_bytes(config, torch.float32, 1300, 10, device="cpu", published_half=True)
    assert longer - half == 1000 * per_position
    assert measure_bandwidth(torch.device("cpu")) > 1e8


def test_first_audio_is_timed_from_the_request_to_the_sink() -> None:
    sink = FirstAudio(Meter())
    sink.start()
    time.sleep(0.05)
    sink.write(np.zeros(3200, np.float32))
    took = sink.took
    time.sleep(0.05)
    sink.write(np.zeros(3200, np.float32))
    assert took is not None and sink.took == took, "the first audio counts"
    assert took[1] >= 0.05 > took[0], "the clock that counts is that of the CPU"
    sink.start()
    assert sink.took is None


def test_first_audio_of_a_new_and_of_a_cached_cast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_random_checkpoint(tmp_path, bench_config("tiny"), torch.bfloat16)
    backend = OurBackend(tmp_path, torch.float32, torch.device("cpu"))
    prompt = random_prompt(backend, 60)
    frames = round(5 * 7.5 + 0.5)
    assert [len(slot.audio) for slot in prompt.voices] == [120_000] * 2
    for slot in prompt.voices:
        assert set(prompt.ids[slot.start : slot.start + frames]) == {backend.special.frame}
        assert prompt.ids[slot.start - 1] == backend.special.start
        assert prompt.ids[slot.start + frames] == backend.special.end
    encoded = []
    encode = backend.model.acoustic.encode
    backend.model.acoustic.encode = lambda audio, state=None: encoded.append(1) or encode(audio, state)  # type: ignore[method-assign]
    reads = Reads(backend.model.language_model, monkeypatch)
    times = of_backend(backend, 60)
    assert set(times) == {"fresh", "first", "second", "other_text", "seeded"}
    per_cast = 2 * -(-frames // FRAMES_AT_ONCE)
    assert len(encoded) == (1 + 3) * per_cast, "once by the first of all, and once a round"
    # Whole pieces are found again: all of them by a new take, those before the text by another one, and what
    # comes before the voices by a seed that draws them.
    count, before = len(prompt.ids) - 1, prompt.before_voices
    text = before + (count - 60 - before) // PIECE * PIECE
    end = before + (count - before) // PIECE * PIECE
    assert reads.taken() == count + 3 * sum(count - known for known in (0, end, text, before))


@pytest.mark.slow
def test_nano_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.bench.latency._ROUNDS", 1)
    monkeypatch.setattr("vibevoice_nb.bench.latency._RTF_SECONDS", 1.0)
    threads = torch.get_num_threads()
    try:
        rtf, spent, times = run_nano(1)
    finally:
        torch.set_num_threads(threads)
    assert 0 < rtf < 20 and 0 < spent < 1.5 * rtf
    kinds = ("fresh", "first", "second", "other_text", "seeded")
    assert {f"{kind}_{clock}" for kind in kinds for clock in ("ms", "wall_ms")} <= set(times)


def test_measurements_are_plotted(tmp_path: Path) -> None:
    parts = {f"{part}_ms": 1.0 for part in (*PARTS, "rest")}
    figures: dict[str, Any] = {
        "model": "mid",
        "device": "cuda:0",
        "gpu": "A card",
        "cpu": "",
        "threads": 1,
        "torch": "2",
        "date": "d",
    }
    for backend in ("ours", "native"):
        for context in (300, 8000):
            figures[f"{backend}_bf16_{context}_ms"] = 7.0
            figures |= {f"{backend}_bf16_{context}_{name}": value for name, value in parts.items()}
    figures["ours_bf16_rows_4_gain"] = 3.5
    drawn = plot(figures, tmp_path / "new")
    assert [path.name for path in drawn] == [
        f"bench-mid-cuda0-{name}.png" for name in ("components", "contexts", "rows")
    ]
    assert all(path.stat().st_size > 5000 for path in drawn)


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


def test_the_realtime_model_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    figures = _printed(capsys, "--model", "realtime-0.5b")
    assert figures["model"] == "realtime-tiny"
    for part in ("language", "head", "decoder", "text", "total", "floor", "rtf"):
        assert figures[f"{part}_float32"] > 0
    assert figures["total_float32"] > figures["floor_float32"]
