"""From weights as published to weights as the device likes them, once, after loading."""

from __future__ import annotations

from .linear import dense_products
from .model import VibeVoiceModel


def prepare(model: VibeVoiceModel) -> None:
    """Fuse and pack every matrix for inference.

    The model computes the same as before; only without gradients, see `Dense`.
    """
    for _, dense in dense_products(model):
        dense.prepare()
