"""Memory of the requests of a worker, which limits how many run at the same time.

Without CUDA graphs, every row of a run has a cache of its own, which grows with its length. With them, runs
with the same options of the sampler share the buffers of a `StaticFrame`, of which their caches are views:
every row is as long as the longest, and the number of scripts is a power of two. What runs hold already is
part of the memory that is not free, so it is subtracted from what they need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..engine.batch import sampler_key
from ..engine.engine import Engine
from ..engine.run import SpeechRun
from ..machine import main_memory
from ..model.generation.state import GenerationState
from ..model.modules.kv_cache import BLOCK, position_bytes

_LONGER = 2.0
"""Factor by which a passage may be longer than its estimate before its cache exceeds this memory."""
_CPU_FRACTION, _GPU_FRACTION = 0.5, 0.8
"""Fractions of the free memory that requests may take."""


@dataclass(frozen=True)
class RunMemory:
    """Memory that a run takes at its longest.

    Attributes
    ----------
    cond, uncond : int
        Positions of the conditional row, and of the unconditional one (0 without guidance).
    position, codec : int
        Bytes of a position of a row, and of the codec's buffers.
    key : object
        Runs with the same key share buffers.
    """

    cond: int
    uncond: int
    position: int
    codec: int
    key: object = field(default=None, compare=False)

    @classmethod
    def of(cls, run: SpeechRun) -> RunMemory:
        """Estimate the memory of a run, from its longest passage."""
        model, state = run.model.model, run.state
        language, rate = model.config.language, model.config.frame_rate
        seconds = max((passage.expected_seconds for passage in run.plan.passages), default=0.0)
        made = int(min(_LONGER * seconds + 10, run.max_seconds) * rate)
        prompt, spoken = len(run.first_reading.prompt.ids), len(run.first_reading.frames)
        cond = min(prompt + spoken + made, language.max_positions)
        uncond = min(spoken + made, cond) if run.options.cfg_scale != 1.0 else 0
        position = position_bytes(language, model.latent_scale.element_size())
        return cls(cond, uncond, position, state.codec_nbytes(), sampler_key(run.options))

    @property
    def own(self) -> int:
        """Bytes of a run with caches of its own."""
        return (_capacity(self.cond) + _capacity(self.uncond)) * self.position + self.codec


def fits_another(engine: Engine, runs: Sequence[tuple[RunMemory, GenerationState]], max_batch: int) -> bool:
    """Return whether the free memory suffices for these runs and one more, as large as the largest."""
    shared = engine.loaded.graph_pool is not None
    return not runs or missing_bytes(runs, max_batch, shared=shared) <= free_bytes(engine)


def missing_bytes(runs: Sequence[tuple[RunMemory, GenerationState]], max_batch: int, *, shared: bool) -> int:
    """Return the bytes that runs and one more, as large as the largest, need beyond those that they hold.

    Parameters
    ----------
    runs : sequence of (RunMemory, GenerationState)
    max_batch : int
        Most runs of a batch; others wait with caches of their own.
    shared : bool
        Whether runs share the buffers of CUDA graphs.
    """
    largest = max((need for need, _ in runs), key=lambda need: need.own)
    if not shared:
        return largest.own + sum(max(0, need.own - held_bytes([state])) for need, state in runs)
    groups: defaultdict[object, list[tuple[RunMemory, GenerationState]]] = defaultdict(list)
    for need, state in runs:
        groups[need.key].append((need, state))
    missing = 0
    for key, group in groups.items():
        count = min(len(group) + (key == largest.key), max_batch)
        needs, states = [need for need, _ in group], [state for _, state in group]
        scripts = 1 << (count - 1).bit_length()
        rows = scripts * (2 if any(need.uncond for need in needs) else 1)
        row = max(_capacity(max(need.cond, need.uncond)) * need.position for need in needs)
        needed = rows * row + scripts * 2 * needs[0].codec  # the codec's buffers before a frame are kept
        # Buffers for another number of scripts stay in memory with their graphs.
        fitting = [state for state in states if _rows(state) == rows]
        missing += max(0, needed - held_bytes(fitting))
    return missing


def held_bytes(states: Sequence[GenerationState]) -> int:
    """Return the bytes that states hold; buffers that they share count once."""
    found: dict[int, int] = {}
    for state in states:
        for cache in (state.cond, state.uncond):
            for tensors in (cache.keys, cache.values):
                # Layers are equally large.
                found[_address(tensors[0])] = len(tensors) * _storage(tensors[0])
        for buffer in (*state.acoustic, *state.semantic):
            found[_address(buffer)] = _storage(buffer)
    return sum(found.values())


def free_bytes(engine: Engine) -> float:
    """Return the bytes that requests may take in addition, from the memory that is free now."""
    if engine.device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(engine.device)
        # torch keeps what was freed for later tensors.
        unused = torch.cuda.memory_reserved(engine.device) - torch.cuda.memory_allocated(engine.device)
        return _GPU_FRACTION * (free + unused)
    return _CPU_FRACTION * main_memory()[1]


def _capacity(positions: int) -> int:
    """Return the most positions that a cache of this length allocates, as it grows by a quarter."""
    return -(-positions * 5 // (4 * BLOCK)) * BLOCK


def _rows(state: GenerationState) -> int:
    """Return the rows of the buffers of which a state's caches are views; 1 if they are its own."""
    keys = state.cond.keys[0]
    return _storage(keys) // max(1, keys.nbytes)


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()
