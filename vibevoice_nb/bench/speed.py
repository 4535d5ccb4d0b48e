"""How fast our engine is against transformers' native VibeVoice: CPU time per frame, by component.

Both sides load one random mid-size checkpoint, each in a process of its own, and make the same frames in
turn, a short round here and a short round there, so that whatever else the machine does falls on both.
Native's text guidance, a third pass per frame that is no part of VibeVoice, is switched off, and measured
apart. The weights are bfloat16 values, as all published ones are, which our engine makes use of when it
computes in float32; `--weights float32` measures without that. Ends in one flat line of JSON; ratios are
ours / native, lower is better.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import transformers

from vibevoice_nb.bench.model import bench_config, write_random_checkpoint
from vibevoice_nb.bench.sides import NATIVE_CLASS, PARTS, Round, open_side, peak_memory_mb, run_side
from vibevoice_nb.engine.placement import DTYPES, cpu_has_fast_bfloat16

SHORT, LONG = 300, 8000
FRAMES, MAX_ROUNDS, MIN_ROUNDS = 4, 6, 2
ROUNDS_SECONDS = 50.0
"""After this long no further round of one case is begun, so that a busy machine is done in time too."""
WIDTHS = {"float32": "fp32", "bfloat16": "bf16"}
COLUMNS = ("total", *PARTS, "rest", "wall")

Figures = dict[str, float | int | str | bool | None]


@dataclass(frozen=True)
class Plan:
    """What to run."""

    threads: int
    quick: bool
    weights: str = "bfloat16"

    @property
    def frames(self) -> int:
        """Frames measured per round."""
        return 2 if self.quick else FRAMES

    @property
    def rounds(self) -> int:
        """Rounds of each case."""
        return MIN_ROUNDS if self.quick else MAX_ROUNDS


class Process:
    """A process that loads one side and keeps it."""

    def __init__(self, side: str, folder: Path, dtype: str, threads: int) -> None:
        self.side = side
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._loading = self._pool.submit(open_side, side, str(folder), dtype, threads)

    def wait(self) -> None:
        """Wait until it is loaded."""
        self._loading.result()

    def run(self, context: int, frames: int, seed: int, *, text_cfg: bool = False) -> Round:
        """Make frames there."""
        return self._pool.submit(run_side, context, frames, seed, text_cfg).result()

    def close(self) -> float | None:
        """End the process; returns its peak memory in MiB."""
        peak = self._pool.submit(peak_memory_mb).result()
        self._pool.shutdown()
        return peak


def measure(plan: Plan, folder: Path, dtype: str, contexts: Sequence[int], *, native: bool) -> Figures:
    """Measure both sides in one dtype.

    Returns
    -------
    dict
        Flat; times in milliseconds per frame, medians over all frames; memory in MiB.
    """
    width = WIDTHS[dtype]
    sides = ["ours", "native"] if native else ["ours"]
    processes = [Process(side, folder, dtype, plan.threads) for side in sides]
    for process in processes:
        process.wait()
    figures: Figures = {}
    for context in contexts:
        rounds = _alternate(plan, processes, context)
        for side, made in rounds.items():
            name = f"{side}_{width}_{context}"
            figures |= _figures(name, made)
            print(_line(name, figures), flush=True)
        if native:
            ours, theirs = (figures[f"{side}_{width}_{context}_ms"] for side in sides)
            figures[f"ratio_{width}_{context}"] = round(float(ours) / float(theirs), 3)  # type: ignore[arg-type]
            figures[f"difference_{width}_{context}"] = _difference(rounds["ours"][0], rounds["native"][0])
    if native and width == "fp32":
        name = f"native_text_cfg_{width}_{contexts[0]}"
        figures |= _figures(name, [processes[1].run(contexts[0], plan.frames, seed=0, text_cfg=True)])
        print(_line(name, figures), flush=True)
    for process in processes:
        peak = process.close()
        figures[f"{process.side}_{width}_peak_mb"] = None if peak is None else round(peak)
    return figures


def _alternate(plan: Plan, processes: Sequence[Process], context: int) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {process.side: [] for process in processes}
    began = time.monotonic()
    for index in range(plan.rounds):
        if index >= MIN_ROUNDS and time.monotonic() - began > ROUNDS_SECONDS:
            break
        for process in processes:
            rounds[process.side].append(process.run(context, plan.frames, seed=index))
    return rounds


def _figures(name: str, rounds: Sequence[Round]) -> Figures:
    frames = [frame for made in rounds for frame in made.frames]
    medians = {part: median(frame[part] for frame in frames) for part in COLUMNS}
    return {
        f"{name}_{part}_ms".replace("_total", ""): round(1000 * value, 2) for part, value in medians.items()
    }


def _difference(ours: Round, native: Round) -> float:
    """Largest difference of the two sides' audio over its rms: they must have done the same work."""
    wanted = native.audio
    return float(f"{float((ours.audio - wanted).abs().max() / wanted.square().mean().sqrt()):.2g}")


def _line(name: str, figures: Figures) -> str:
    values = (figures[f"{name}_{part}_ms".replace("_total", "")] for part in COLUMNS)
    return f"{name:28s}" + "".join(f"{value:>10}" for value in values)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def run(plan: Plan) -> Figures:
    """Run the whole benchmark; prints a table on the way and returns the figures.

    Raises
    ------
    OSError
        No room for the checkpoint (1.2 GB, or twice that) in the temporary directory.
    """
    native = hasattr(transformers, NATIVE_CLASS)
    bf16 = cpu_has_fast_bfloat16()
    began = time.monotonic()
    figures: Figures = {"ratio_fp32_300": None, "ratio_fp32_8000": None, "ratio_bf16_300": None}
    with tempfile.TemporaryDirectory(prefix="vibevoice-nb-bench-") as name:
        folder = Path(name)
        parameters = write_random_checkpoint(folder, bench_config(quick=plan.quick), DTYPES[plan.weights])
        print(f"{parameters / 1e6:.0f}M random parameters, {plan.threads} threads, CPU ms per frame")
        print(" " * 28 + "".join(f"{part:>10}" for part in COLUMNS))
        figures |= measure(plan, folder, "float32", (SHORT, LONG), native=native)
        if bf16:
            figures |= measure(plan, folder, "bfloat16", (SHORT,), native=native)
    if not native:
        have = f"transformers {transformers.__version__}"
        print(f"{have} has no VibeVoice of its own (5.17 and later have): no ratios")
    if not bf16:
        print("This CPU does not multiply bfloat16 itself: no bf16 figures")
    return figures | {
        "model": "tiny" if plan.quick else "mid",
        "parameters_m": round(parameters / 1e6, 1),
        "weights": plan.weights,
        "native_available": native,
        "bf16_available": bf16,
        "threads": plan.threads,
        "cpu": _cpu_name(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "seconds": round(time.monotonic() - began, 1),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="vibevoice-nb bench", description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="of each side (default 1)")
    parser.add_argument("--quick", action="store_true", help="a tiny model: shows that it runs, not how fast")
    parser.add_argument(
        "--weights",
        choices=["bfloat16", "float32"],
        default="bfloat16",
        help="values of the random weights (default bfloat16, as published)",
    )
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: a number from 1")
    print(json.dumps(run(Plan(options.threads, options.quick, options.weights))))


if __name__ == "__main__":
    main()
