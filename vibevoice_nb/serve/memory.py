"""Memory of the requests in a batch, which limits how many run at the same time."""

from __future__ import annotations

from ..engine.engine import Engine
from ..engine.run import SpeechRun
from ..machine import main_memory
from ..model.modules.kv_cache import position_bytes

_LONGER = 2.0
"""Factor by which a passage may be longer than its estimate before its cache exceeds this memory."""
_CPU_FRACTION, _GPU_FRACTION = 0.5, 0.8
"""Fractions of the free memory that requests may take."""


def run_bytes(run: SpeechRun) -> int:
    """Estimate the bytes of a run: KV caches of its longest passage, and the codec's buffers."""
    model = run.model.model
    language, rate = model.config.language, model.config.frame_rate
    seconds = max((passage.expected_seconds for passage in run.plan.passages), default=0.0)
    frames = min(_LONGER * seconds + 10, run.max_seconds) * rate
    context = len(run.first_reading.prompt.ids) + len(run.first_reading.frames)
    positions = min(int(context + frames), language.max_positions)
    rows = 2 if run.options.cfg_scale != 1.0 else 1
    width = model.latent_scale.element_size()
    return rows * positions * position_bytes(language, width) + run.state.nbytes()


def batch_budget(engine: Engine) -> float:
    """Return the bytes that the requests of a batch may take, from the memory that is free now."""
    if engine.device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(engine.device)
        return _GPU_FRACTION * free
    return _CPU_FRACTION * main_memory()[1]
