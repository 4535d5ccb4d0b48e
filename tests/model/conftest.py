from __future__ import annotations

from torch_setup import one_thread

__all__ = ["one_thread"]
