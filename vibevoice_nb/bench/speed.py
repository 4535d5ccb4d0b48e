"""Speed of our engine relative to transformers' native VibeVoice: time per frame, by component.

Both backends load one random checkpoint of the published architecture, each in its own process, and generate
the same frames in short alternating rounds, so that other work of the machine affects both. The clock is CPU
time, or on a GPU the time to completion. Native's text guidance, a third pass per frame that is not part of
VibeVoice, is switched off and measured separately. The weights are bfloat16 values, like all published ones,
which our engine exploits when it computes in float32; `--weights float32` measures without that. The last
line is one flat JSON object; ratios are ours / native, lower is better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import torch
import transformers

from vibevoice_nb.bench.backends import (
    NATIVE_CLASS,
    PARTS,
    Round,
)
from vibevoice_nb.bench.cold_start import run_start
from vibevoice_nb.bench.latency import TOKENS, run_nano
from vibevoice_nb.bench.model import SIZES, bench_config, write_random_checkpoint
from vibevoice_nb.bench.processes import Process, own_process
from vibevoice_nb.bench.realtime import SIZES as REALTIME
from vibevoice_nb.bench.realtime import RealtimePlan, run_realtime
from vibevoice_nb.bench.roofline import Floor
from vibevoice_nb.machine import processor_name
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.model.loading.placement import DTYPES, cpu_has_fast_bfloat16, pick_device

CONTEXTS = (300, 8000, 16_000)
FRAMES, MAX_ROUNDS, MIN_ROUNDS = 4, 6, 2
ROUNDS_SECONDS = 50.0
"""Time after which no further round of a case begins, so that a busy machine finishes in time too."""
WIDTHS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
COLUMNS = ("total", *PARTS, "rest", "wall")

Figures = dict[str, float | int | str | bool | None]


@dataclass(frozen=True)
class Plan:
    """Cases to run."""

    threads: int = 1
    model: str = "mid"
    weights: str = "bfloat16"
    device: str = "cpu"
    contexts: tuple[int, ...] = CONTEXTS
    rows: tuple[int, ...] = ()
    plots: Path | None = None

    @property
    def quick(self) -> bool:
        """True for a tiny model that only shows that the benchmark runs."""
        return self.model == "tiny"

    @property
    def frames(self) -> int:
        """Frames measured per round."""
        return 2 if self.quick else FRAMES

    @property
    def rounds(self) -> int:
        """Number of rounds of each case."""
        return MIN_ROUNDS if self.quick else MAX_ROUNDS

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Dtypes: float32, and bfloat16 where the hardware supports it; on a GPU only bfloat16."""
        if self.device != "cpu":
            return ("bfloat16",)
        return ("float32", "bfloat16") if cpu_has_fast_bfloat16() else ("float32",)


def measure(plan: Plan, folder: Path, dtype: str, contexts: Sequence[int], *, native: bool) -> Figures:
    """Measure both backends in one dtype.

    Returns
    -------
    dict
        Flat; times in milliseconds per frame, medians over all frames; memory in MiB.
    """
    width = WIDTHS[dtype]
    backends = ["ours", "native"] if native else ["ours"]
    processes = [Process(backend, folder, dtype, plan.threads, plan.device) for backend in backends]
    for process in processes:
        process.wait()
    figures: Figures = {}
    for context in contexts:
        rounds = _alternate(plan, processes, context)
        for backend, made in rounds.items():
            figures |= _medians(f"{backend}_{width}_{context}", made)
        if native:
            ours, theirs = (_number(figures, f"{backend}_{width}_{context}_ms") for backend in backends)
            figures[f"ratio_{width}_{context}"] = round(ours / theirs, 3)
            figures[f"difference_{width}_{context}"] = _difference(rounds["ours"][0], rounds["native"][0])
        floor = processes[0].floor(context, published_half=plan.weights != "float32")
        figures |= _against_floor(plan, f"{width}_{context}", floor, rounds["ours"])
    if native:
        figures |= _other_natives(plan, processes[1], width, contexts[0])
    figures |= _throughput(plan, processes[0], width, contexts[0])
    figures[f"ours_{width}_fused"] = processes[0].fused()
    for process in processes:
        peak = process.close()
        figures[f"{process.backend}_{width}_peak_mb"] = None if peak is None else round(peak)
    return figures


def _other_natives(plan: Plan, native: Process, width: str, context: int) -> Figures:
    """Measure native with its text guidance, and with a cache of fixed size where supported."""
    made = native.run(context, plan.frames, seed=0, text_cfg=True)
    figures = _medians(f"native_text_cfg_{width}_{context}", [made])
    try:
        made = native.run(context, plan.frames, seed=0, static=True)
    except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
        print(f"native with a static cache: {type(error).__name__}: {error}", flush=True)
        return figures
    return figures | _medians(f"native_static_{width}_{context}", [made])


def _throughput(plan: Plan, ours: Process, width: str, context: int) -> Figures:
    """Measure the frames per second of several scripts at once relative to one."""
    figures: Figures = {}
    single = None
    for rows in plan.rows:
        made = ours.run_rows(context, plan.frames, rows)
        seconds = median(frame["total"] for frame in made.frames)
        single = single or seconds / rows
        gain = single * rows / seconds
        figures[f"ours_{width}_rows_{rows}_ms"] = round(1000 * seconds, 2)
        figures[f"ours_{width}_rows_{rows}_gain"] = round(gain, 2)
        print(
            f"{rows} scripts at once: {1000 * seconds:.1f} ms, {gain:.2f} times the frames per second of one"
        )
    return figures


def _first_audio(plan: Plan, folder: Path, dtype: str) -> Figures:
    """Measure the time to first audio of new and cached casts; each text in a new process."""
    width, figures = WIDTHS[dtype], Figures()
    for tokens in TOKENS[:1] if plan.quick else TOKENS:
        process = Process("ours", folder, dtype, plan.threads, plan.device)
        process.wait()
        length = "" if tokens == TOKENS[0] else f"_{tokens}"
        figures |= _named_times(f"ours_{width}_ttfa{length}", process.first_audio(tokens))
        figures[f"ttfa_ratio_{width}{length}"] = figures[f"ours_{width}_ttfa{length}_ratio"]
        process.close()
    return figures


def _nano() -> Figures:
    """Measure the embedded model, on one thread and on two."""
    figures: Figures = {}
    for threads in (1, 2):
        with own_process() as pool:
            rtf, spent, times = pool.submit(run_nano, threads).result()
        figures |= {f"nano_rtf_{threads}": round(rtf, 4), f"nano_rtf_{threads}_cpu": round(spent, 4)}
        print(f"{'nano':28s}{threads} threads: {rtf:.3f} seconds per second of audio", flush=True)
        if threads == 1:
            figures |= _named_times("nano_ttfa", times)
    return figures


def _start() -> Figures:
    """Measure whole processes, imports included, that generate a short sentence with nano."""
    figures = run_start()
    cpu, wall = figures["speak_cpu_s"], figures["speak_wall_s"]
    print(f"{'cold start':28s}`speak` of a short sentence: {cpu} s CPU, {wall} s wall-clock", flush=True)
    return {f"start_{key}": value for key, value in figures.items()}


def _named_times(name: str, times: dict[str, float]) -> Figures:
    first, second, other, seeded = (
        f"{times[f'{kind}_ms']:.0f}" for kind in ("first", "second", "other_text", "seeded")
    )
    print(
        f"{name:28s}first audio after {first} ms; of known voices {second}, with another text {other}, "
        f"voices drawn by seed {seeded}"
    )
    return {f"{name}_{key}": value for key, value in times.items()}


def _against_floor(plan: Plan, name: str, floor: Floor, rounds: Sequence[Round]) -> Figures:
    # CPU time on a CPU, which excludes waiting for other processes.
    seconds = median(frame["total"] for made in rounds for frame in made.frames)
    seconds /= plan.threads if plan.device == "cpu" else 1
    share = floor.seconds / seconds
    print(
        f"{'':28s}reads {floor.nbytes / 1e9:.3f} GB at {floor.nbytes / seconds / 1e9:.1f} of "
        f"{floor.bandwidth / 1e9:.1f} GB/s: {100 * share:.0f} % of the floor's speed",
        flush=True,
    )
    return {
        f"floor_{name}_gb": round(floor.nbytes / 1e9, 4),
        f"floor_{name}_ms": round(1000 * floor.seconds, 2),
        f"floor_{name}_share": round(share, 3),
        f"ours_{name}_gb_per_s": round(floor.nbytes / seconds / 1e9, 2),
        "bandwidth_gb_per_s": round(floor.bandwidth / 1e9, 2),
    }


def _alternate(plan: Plan, processes: Sequence[Process], context: int) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {process.backend: [] for process in processes}
    began = time.monotonic()
    for index in range(plan.rounds):
        if index >= MIN_ROUNDS and time.monotonic() - began > ROUNDS_SECONDS:
            break
        for process in processes:
            rounds[process.backend].append(process.run(context, plan.frames, seed=index))
    return rounds


def _medians(name: str, rounds: Sequence[Round]) -> Figures:
    """Take medians over all frames, and print them."""
    frames = [frame for made in rounds for frame in made.frames]
    medians = {part: median(frame[part] for frame in frames) for part in COLUMNS}
    figures: Figures = {
        f"{name}_{part}_ms".replace("_total", ""): round(1000 * value, 2) for part, value in medians.items()
    }
    rate = rounds[0].audio.numel() / (len(rounds[0].frames) or 1) / SAMPLE_RATE
    figures[f"{name}_rtf"] = round(medians["wall"] / rate, 4)
    print(f"{name:28s}" + "".join(f"{1000 * value:>10.2f}" for value in medians.values()), flush=True)
    return figures


def _difference(ours: Round, native: Round) -> float:
    """Return the largest difference of the backends' audio over its rms: they must do the same work."""
    wanted = native.audio
    return float(f"{float((ours.audio - wanted).abs().max() / wanted.square().mean().sqrt()):.2g}")


def _number(figures: Figures, name: str) -> float:
    value = figures[name]
    assert isinstance(value, (int, float))
    return float(value)


def run(plan: Plan) -> Figures:
    """Run the whole benchmark; prints a table on the way and returns the figures.

    Raises
    ------
    OSError
        If the temporary directory has no room for the checkpoint (1.2 GB for the middle size).
    DeviceError
        If the device is not available.
    """
    device = pick_device(plan.device)
    native = hasattr(transformers, NATIVE_CLASS)
    began = time.monotonic()
    figures: Figures = {"ratio_fp32_300": None, "ratio_fp32_8000": None, "ratio_bf16_300": None}
    with tempfile.TemporaryDirectory(prefix="vibevoice-nb-bench-") as name:
        folder = Path(name)
        parameters = write_random_checkpoint(folder, bench_config(plan.model), DTYPES[plan.weights])
        what = "CPU ms" if device.type == "cpu" else "ms"
        print(f"{parameters / 1e6:.0f}M random parameters, {plan.threads} threads, {what} per frame")
        print(" " * 28 + "".join(f"{part:>10}" for part in COLUMNS))
        for dtype in plan.dtypes:
            contexts = plan.contexts if dtype == plan.dtypes[0] else plan.contexts[:1]
            figures |= measure(plan, folder, dtype, contexts, native=native)
            figures |= _first_audio(plan, folder, dtype)
    if device.type == "cpu" and not plan.quick:
        figures |= _nano() | _start()
    if not native:
        have = f"transformers {transformers.__version__}"
        print(f"{have} has no native VibeVoice (5.17 and later have one), so there are no ratios")
    if "bfloat16" not in plan.dtypes:
        print("This CPU has no bfloat16 instructions, so there are no bf16 figures")
    figures |= _about(plan, device)
    figures |= {"parameters_m": round(parameters / 1e6, 1), "native_available": native}
    figures["seconds"] = round(time.monotonic() - began, 1)
    if plan.plots is not None:
        from vibevoice_nb.bench.plots import plot

        for path in plot(figures, plan.plots):
            print(f"Plot: {path}")
    return figures


def _about(plan: Plan, device: torch.device) -> Figures:
    return {
        "model": plan.model,
        "weights": plan.weights,
        "bf16_available": "bfloat16" in plan.dtypes,
        "threads": plan.threads,
        "device": plan.device,
        "cpu": processor_name(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "date": date.today().isoformat(),
    }


def _numbers(text: str) -> tuple[int, ...]:
    """Read numbers such as ``300,8000``.

    >>> _numbers("1,4")
    (1, 4)
    """
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="vibevoice-nb bench", description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of each backend (default 1)")
    parser.add_argument(
        "--model", choices=[*SIZES, *REALTIME], default="mid", help="size of the model (default mid)"
    )
    parser.add_argument("--quick", action="store_true", help="a tiny model, to check that the benchmark runs")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    parser.add_argument(
        "--contexts", type=_numbers, default=CONTEXTS, help="tokens before the frame, such as 300,8000"
    )
    parser.add_argument(
        "--rows", type=_numbers, default=(), help="numbers of scripts at once, such as 1,4,16,32"
    )
    parser.add_argument("--plots", type=Path, help="folder for plots (PNG)")
    parser.add_argument(
        "--weights",
        choices=["bfloat16", "float32"],
        default="bfloat16",
        help="values of the random weights (default bfloat16, as published)",
    )
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: a number from 1")
    if options.model in REALTIME:
        size = "realtime-tiny" if options.quick else options.model
        print(json.dumps(run_realtime(RealtimePlan(options.threads, size, options.device))))
        return
    plan = Plan(
        threads=options.threads,
        model="tiny" if options.quick else options.model,
        weights=options.weights,
        device=options.device,
        contexts=options.contexts,
        rows=options.rows,
        plots=options.plots,
    )
    print(json.dumps(run(plan)))


if __name__ == "__main__":
    main()
