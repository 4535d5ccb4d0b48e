"""Simulated machines: the features of torch on other processors and in other builds.

A test that uses the fixture `machine` runs once on each. Operators that a machine lacks raise errors, so that
using one without asking fails. Tests about a choice state what the machine offers by `pretend`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.model.kernels.base import Kernel

_QNNPACK, _ONEDNN = 2, 3
"""Numbers of torch's quantized engines."""


def _refuse(*_: Any) -> Any:
    raise RuntimeError("this machine has no such operator")


def without_fbgemm(patch: pytest.MonkeyPatch) -> None:
    """arm64, or x86 without AVX2: no product packs float16."""
    patch.setattr(torch._C, "_supported_qengines", lambda: [_QNNPACK, _ONEDNN])
    patch.setattr(torch.ops.quantized, "linear_prepack_fp16", _refuse)


def without_onednn(patch: pytest.MonkeyPatch) -> None:
    """A build of torch without oneDNN."""
    patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    patch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", _refuse)


def without_bfloat16(patch: pytest.MonkeyPatch) -> None:
    """A processor without bfloat16: AVX2 alone, or arm64 before BF16."""
    pack = getattr(torch.ops.mkldnn, "_reorder_linear_weight", _refuse)

    def packed(weight: Tensor, *options: Any) -> Any:
        return _refuse() if weight.dtype == torch.bfloat16 else pack(weight, *options)

    patch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    patch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", packed)


def _without_any(patch: pytest.MonkeyPatch) -> None:
    """A Mac: neither oneDNN nor fbgemm."""
    for lacking in (without_bfloat16, without_onednn, without_fbgemm):
        lacking(patch)


MACHINES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "this": lambda patch: None,
    "no-fbgemm": without_fbgemm,
    "no-onednn": without_onednn,
    "no-bfloat16": without_bfloat16,
    "none": _without_any,
}


@pytest.fixture(scope="module", params=list(MACHINES))
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the names of this machine and of simulated ones."""
    with pytest.MonkeyPatch.context() as patch:
        MACHINES[request.param](patch)
        yield request.param


class PretendedOneDnn(Kernel):
    """Stand-in for oneDNN that computes the plain product."""


class PretendedHalf(Kernel):
    """Stand-in for fbgemm that computes the plain product."""


def pretend(patch: pytest.MonkeyPatch, *, onednn: Collection[torch.dtype] = (), half: bool = False) -> None:
    """Choose kernels as on a machine with these features."""
    patch.setattr(kernel_choice, "has_onednn", lambda dtype: dtype in onednn)
    patch.setattr(kernel_choice, "has_half_packing", lambda: half)
    patch.setattr(kernel_choice, "OneDnnKernel", PretendedOneDnn)
    patch.setattr(kernel_choice, "HalfKernel", PretendedHalf)
