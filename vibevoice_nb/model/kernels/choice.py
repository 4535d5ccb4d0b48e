"""Choice of the kernel for each matrix: every optional kernel is tried once before it is used.

A torch build may lack oneDNN or fbgemm, and a processor may lack instructions for 16-bit products. An
optional kernel is used only if torch offers it here and a trial on random input agrees with the plain
product. A 16-bit matrix without hardware for it keeps its 16 bits and is multiplied in float32.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import cuda
from .base import Kernel
from .cpu import CastKernel, HalfKernel, OneDnnKernel, WideningKernel, fits_half

HALF_TYPES = (torch.bfloat16, torch.float16)

_PACKED_FROM = 1 << 14
"""Elements from which a float32 matrix is worth packing as float16; smaller ones stay in the cache anyway."""
_PACKED_BFLOAT16_FROM = 1 << 19
"""Same for a bfloat16 matrix where the processor multiplies bfloat16: both take equal memory, but bfloat16 is
read from it more slowly."""
_NARROW_FROM = 1 << 19
"""Elements from which a 16-bit matrix that cannot be packed stays in 16 bits, which takes more time. Smaller
matrices, a small part of any large model, become float32."""
_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 0.02}
"""Largest difference between a kernel and the plain product, relative to the norm of the latter."""
_SHAPES = ((96, 160, 2), (70, 33, 5))
"""Rows and columns of the matrices that kernels are tried on, and rows of the input."""
_X86_BFLOAT16 = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


def choose_kernel(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Choose the fastest kernel that multiplies by exactly this matrix."""
    if weight.device.type == "cpu":
        return _choose_for_cpu(weight, bias)
    if weight.device.type == "cuda" and cuda.available():
        from .cuda.product import FusedKernel

        return FusedKernel(weight, bias)
    return Kernel(weight, bias)


def choose_widened(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Choose the fastest kernel for float32 activations that takes no more memory than the matrix does."""
    if weight.device.type == "cpu" and weight.dtype in HALF_TYPES and not has_half_packing():
        narrow = in_hardware(weight, bias)
        if narrow is not None:
            return CastKernel(narrow, weight.dtype)
        if _stays_narrow(weight.dtype, weight.numel()):
            return WideningKernel(weight, bias)
    return choose_kernel(weight.float(), None if bias is None else bias.float())


def choose_for_many_rows(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Choose the fastest kernel for many rows of float32 activations that may be rounded to bfloat16.

    If the processor multiplies bfloat16, many rows take half the time of any other kernel; one or two rows
    take longer.
    """
    narrow = in_hardware(weight, bias)
    return choose_widened(weight, bias) if narrow is None else CastKernel(narrow, weight.dtype)


def in_hardware(weight: Tensor, bias: Tensor | None) -> Kernel | None:
    """Return the kernel that multiplies a 16-bit matrix on the CPU in hardware, if there is one."""
    on_cpu = weight.device.type == "cpu" and weight.dtype in HALF_TYPES
    return OneDnnKernel(weight, bias) if on_cpu and has_onednn(weight.dtype) else None


def _choose_for_cpu(weight: Tensor, bias: Tensor | None) -> Kernel:
    dtype, count = weight.dtype, weight.numel()
    if _is_packed(dtype, count) and fits_half(weight):
        return HalfKernel(weight, bias)
    if has_onednn(dtype):
        return OneDnnKernel(weight, bias)
    if _stays_narrow(dtype, count):
        return WideningKernel(weight, bias)
    if dtype in HALF_TYPES:
        return CastKernel(choose_widened(weight, bias), torch.float32)
    return Kernel(weight, bias)


def kept_width(dtype: torch.dtype, count: int, *, published_half: bool) -> int:
    """Return the bytes per element of a prepared matrix on a CPU.

    Parameters
    ----------
    dtype : torch.dtype
        Of the model.
    count : int
        Elements of the matrix.
    published_half : bool
        Whether the values were published in 16 bits.
    """
    narrow = dtype in HALF_TYPES
    if _is_packed(dtype, count) and (narrow or published_half):
        return 2
    if narrow and not computes(dtype) and not _stays_narrow(dtype, count):
        return torch.float32.itemsize
    return dtype.itemsize


def _is_packed(dtype: torch.dtype, count: int) -> bool:
    """Return true if a matrix is stored as float16 when that is lossless."""
    if dtype not in (torch.float32, *HALF_TYPES) or not has_half_packing():
        return False
    smallest = {torch.float32: _PACKED_FROM, torch.bfloat16: _PACKED_BFLOAT16_FROM}
    return count >= (smallest[dtype] if computes(dtype) else 0)


def _stays_narrow(dtype: torch.dtype, count: int) -> bool:
    """Return true if a 16-bit matrix that is neither packed nor multiplied in hardware keeps its 16 bits."""
    narrow = dtype in HALF_TYPES and not computes(dtype) and not has_half_packing()
    return narrow and count >= _NARROW_FROM


def computes(dtype: torch.dtype) -> bool:
    """Return true if the CPU computes in a dtype at full speed: float32, or bfloat16 in hardware."""
    return dtype not in HALF_TYPES or has_onednn(dtype)


def has_onednn(dtype: torch.dtype) -> bool:
    """Return whether oneDNN multiplies matrices of this dtype here, correctly, and in hardware."""
    return not onednn_problem(dtype)


def has_half_packing() -> bool:
    """Return whether fbgemm packs float16 matrices here and multiplies by them correctly."""
    return not half_packing_problem()


def onednn_problem(dtype: torch.dtype) -> str:
    """Return the reason why oneDNN isn't used for matrices of a dtype; empty if it is used.

    `torch.backends.mkldnn.enabled = False`, set before a model is loaded, is respected.
    """
    mkldnn = torch.backends.mkldnn
    pack = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    if pack is None or not mkldnn.is_available():
        return "this torch has no oneDNN"
    if not mkldnn.enabled:  # type: ignore[truthy-bool]
        return "oneDNN is switched off in torch.backends.mkldnn"
    if dtype not in _TOLERANCE or (dtype == torch.bfloat16 and not _has_bfloat16()):
        return "this processor has no hardware for it that oneDNN uses"
    return "" if _is_right(OneDnnKernel, dtype, pack) else "oneDNN's product failed its trial"


def half_packing_problem() -> str:
    """Return the reason why fbgemm isn't used for float16 matrices; empty if it is used."""
    pack = getattr(torch.ops.quantized, "linear_prepack_fp16", None)
    if pack is None or "fbgemm" not in torch.backends.quantized.supported_engines:
        return "this torch has no fbgemm for this processor"
    return "" if _is_right(HalfKernel, torch.float32, pack) else "fbgemm's product failed its trial"


def _has_bfloat16() -> bool:
    """Return true if the processor multiplies bfloat16 and oneDNN, which may be limited, uses that."""
    if not _supports(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"):
        return False
    if platform.machine().lower() in ("aarch64", "arm64"):
        return True  # on x86, oneDNN also returns true where it emulates
    return any(_supports(torch.cpu, name) for name in _X86_BFLOAT16)


def _supports(module: Any, name: str) -> bool:
    return bool(getattr(module, name, lambda: False)())


@functools.cache
def _is_right(kind: Callable[[Tensor, Tensor | None], Kernel], dtype: torch.dtype, pack: object) -> bool:
    """Try a kind of kernel on random matrices, once for each operator `pack` that it depends on."""
    try:
        return all(_agrees(kind, dtype, *shape) for shape in _SHAPES)
    except (RuntimeError, AttributeError, TypeError, ValueError):
        return False


def _agrees(
    kind: Callable[[Tensor, Tensor | None], Kernel], dtype: torch.dtype, out: int, width: int, rows: int
) -> bool:
    """Compare all forms of a product with the plain one in float64."""
    generator = torch.Generator("cpu").manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32).bfloat16().to(dtype)

    weight, bias, x, residual = random(out, width), random(out), random(rows, width), random(rows, out)
    kernel, plain = kind(weight, bias), Kernel(weight.double(), bias.double())
    pairs = (
        (kernel.product(x), plain.product(x.double())),
        (kernel.gelu(x), plain.gelu(x.double())),
        (kernel.add_to(residual, x), plain.add_to(residual.double(), x.double())),
    )
    return all(float((got - wanted).norm() / wanted.norm()) <= _TOLERANCE[dtype] for got, wanted in pairs)
