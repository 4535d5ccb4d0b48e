"""Counter of the operations that torch launches, on any device including meta."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_VIEWS = """view reshape t transpose slice select split split_with_sizes chunk unbind unsqueeze squeeze expand
    unflatten flatten permute as_strided unfold alias detach _reshape_alias _unsafe_view
    empty empty_like new_empty empty_strided""".split()


class Launches(TorchDispatchMode):
    """Count operations by name within the context, except views and operations on nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        out = func(*args, **(kwargs or {}))
        moved = not (isinstance(out, torch.Tensor) and any(out is arg for arg in args))
        if name not in _VIEWS and (moved or name.endswith("_")):
            self.seen[name] += 1
        return out
