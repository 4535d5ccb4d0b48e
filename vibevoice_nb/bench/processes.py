"""Processes of the speed benchmark: each holds one loaded backend."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from vibevoice_nb.bench.backends import (
    Round,
    find_floor,
    open_backend,
    peak_memory_mb,
    run_backend,
    run_rows,
    uses_fused_kernels,
)
from vibevoice_nb.bench.latency import run_latency
from vibevoice_nb.bench.roofline import Floor


def own_process() -> ProcessPoolExecutor:
    """Return an executor with one new process."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


class Process:
    """Process with one loaded backend."""

    def __init__(self, backend: str, folder: Path, dtype: str, threads: int, device: str) -> None:
        self.backend = backend
        self._pool = own_process()
        self._loading = self._pool.submit(open_backend, backend, str(folder), dtype, threads, device)

    def wait(self) -> None:
        """Wait until it is loaded."""
        self._loading.result()

    def run(
        self, context: int, frames: int, seed: int, *, text_cfg: bool = False, static: bool = False
    ) -> Round:
        """Generate frames in the process."""
        return self._pool.submit(run_backend, context, frames, seed, text_cfg, static).result()

    def run_rows(self, context: int, frames: int, rows: int) -> Round:
        """Generate frames of several scripts in the process."""
        return self._pool.submit(run_rows, context, frames, rows).result()

    def fused(self) -> bool:
        """Return true if frames use fused kernels in the process."""
        return self._pool.submit(uses_fused_kernels).result()

    def first_audio(self, tokens: int) -> dict[str, float]:
        """Measure the time to first audio of a text in the process."""
        return self._pool.submit(run_latency, tokens).result()

    def floor(self, context: int, *, published_half: bool) -> Floor:
        """Measure in the process the bytes a frame reads and the memory bandwidth."""
        return self._pool.submit(find_floor, context, published_half).result()

    def close(self) -> float | None:
        """End the process; returns its peak memory in MiB."""
        peak = self._pool.submit(peak_memory_mb).result()
        self._pool.shutdown()
        return peak
