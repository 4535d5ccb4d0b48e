"""Compile every kernel that a frame of a published model launches, for real GPUs, without having one.

Run as a program, since Triton decides when it is imported whether kernels are compiled or interpreted:
``python compile_kernels.py 1.5b bfloat16 80 90``, the last being compute capabilities. The last line is JSON:
launches of a frame, all and of each name.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
import triton
from launches import Launches
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from vibevoice_nb.bench.model import bench_config, special_tokens
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.kernels.cuda import attention, mixer, product, solver
from vibevoice_nb.model.loading import prepare
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel

CARDS = {80: 99, 90: 227}
"""Compute capability, and the KiB of shared memory that a program may have there. Cards of 8.6 and 8.9 run
what is compiled for 8.0, and have less than its 163."""
TYPES = {
    torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64", torch.int32: "*i32"
}  # fmt: skip


class Recorder:
    """Stand-in for a kernel that records its launch arguments."""

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.seen, self.launches = kernel, {}, 0

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        assert all(0 < size <= limit for size, limit in zip(grid, (2**31 - 1, 65_535, 65_535), strict=False))
        return self._launch

    def _launch(self, *args: Any, num_warps: int = 4, num_stages: int = 3, **constants: Any) -> None:
        self.launches += 1
        signature, fixed = {}, {}
        for name, value in zip(self.kernel.arg_names, args, strict=False):
            if isinstance(value, torch.Tensor):
                signature[name] = TYPES[value.dtype]
            elif value == 1 and isinstance(value, int):
                fixed[name] = 1  # Triton makes it a constant
            else:
                signature[name] = "i32" if isinstance(value, int) else "fp32"
        fixed |= constants
        signature |= dict.fromkeys(fixed, "constexpr")
        key = json.dumps([signature, fixed, num_warps, num_stages], sort_keys=True)
        self.seen[key] = (signature, fixed, {"num_warps": num_warps, "num_stages": num_stages})

    def compile(self, capability: int, kibibytes: int) -> None:
        for signature, fixed, options in self.seen.values():
            ordered = {name: signature[name] for name in self.kernel.arg_names}
            places = {(self.kernel.arg_names.index(name),): value for name, value in fixed.items()}
            source = ASTSource(self.kernel, ordered, places)
            compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
            shared = compiled.metadata.shared
            assert shared <= kibibytes * 1024, (capability, self.kernel.__name__, fixed, shared)


def main(size: str, dtype: str, *capabilities: str) -> None:
    prepare.choose_kernel = product.FusedKernel
    recorders = []
    for module in (attention, mixer, product, solver):
        for name, kernel in list(vars(module).items()):
            if isinstance(kernel, triton.JITFunction):
                recorders.append(Recorder(kernel))
                setattr(module, name, recorders[-1])
    config, steps = bench_config(size), solver_steps(10, "dpmsolver++")
    with torch.device("meta"):
        model = VibeVoiceModel(parse_config(config), tied=True).to(getattr(torch, dtype))
        prepare.prepare(model)
        with torch.inference_mode():
            sampler = Sampler(model.head, steps, 1.3)
            frame = StaticFrame(model, sampler, special_tokens(config), 1, fused=True)
            frame.reserve(10_000)
            with Launches() as operations:
                frame.frame()
    for capability in map(int, capabilities):
        for recorder in recorders:
            recorder.compile(capability, CARDS[capability])
    launches = {recorder.kernel.__name__: recorder.launches for recorder in recorders}
    every = sum(launches.values()) + sum(operations.seen.values())
    kinds = sum(len(recorder.seen) for recorder in recorders)
    print(json.dumps({"all": every, "kinds": kinds, **launches, **operations.seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
