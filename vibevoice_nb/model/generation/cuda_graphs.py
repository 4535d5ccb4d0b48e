"""CUDA graphs of generation steps: one launch instead of thousands.

On other devices the same step runs operation by operation, which is how it is tested.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..kernels import cuda
from ..tokenizer import SpecialTokens
from ..vibevoice import VibeVoiceModel
from .sampler import Sampler
from .state import GenerationState
from .static_frame import StaticFrame
from .step import Choose, Draw, Frame, Step, from_seed, likeliest

WARM_UPS = 3
"""Runs before a capture, in which libraries choose and set up their kernels."""
_TRIAL_FRAMES = 8
_TRIAL_BOUND = {torch.float32: 1e-3, torch.bfloat16: 0.2}
"""Largest relative difference between fused and plain operations; a wrong result differs by about 1."""
_KEPT = 2
"""Number of frames of different shape (scripts, steps, guidance) that are kept with their graphs."""


class GraphedFrame:
    """`StaticFrame` with the graphs of its parts, captured on first use and after buffers moved."""

    def __init__(self, frame: StaticFrame) -> None:
        self.frame = frame
        self._graphs: dict[str, Callable[[], None]] = {}
        self._pool: Any = None
        self._rows: tuple[int, ...] = ()
        # Copies between pinned memory and the GPU do not block the host.
        pinned = frame.pending.is_cuda
        self._noise = torch.zeros(frame.noise.shape, pin_memory=pinned)
        self._choices = torch.zeros(frame.choice.shape, dtype=frame.choice.dtype, pin_memory=pinned)

    def attach(self, states: Sequence[GenerationState]) -> None:
        """Attach states; see `StaticFrame.attach`."""
        if self.frame.attach(states):
            self._graphs.clear()

    def step(self, rows: Sequence[int], temperature: float, choose: Choose, draw: Draw) -> list[Step]:
        """Run one step of each script in `rows`.

        With a custom `choose` or `draw` the host is involved between two graphs; otherwise the whole step is
        one graph, and the host reads the tokens afterwards.
        """
        frame, states = self.frame, self.frame.attached()
        if frame.reserve(max(c.length for row in rows for c in (states[row].cond, states[row].uncond)) + 1):
            self._graphs.clear()
        if tuple(rows) != self._rows:
            frame.active.copy_(torch.tensor([row in rows for row in range(frame.batch)]))
            self._rows = tuple(rows)
        if choose is likeliest and draw is from_seed:
            tokens = self._whole(states, rows, temperature)
        else:
            tokens = self._asked(states, rows, temperature, choose, draw)
        return [self._settle(states[row], row, tokens[row]) for row in rows]

    def _whole(
        self, states: Sequence[GenerationState], rows: Sequence[int], temperature: float
    ) -> dict[int, int]:
        frame = self.frame
        before = {row: states[row].generator.get_state() for row in rows}
        self._fill_noise(states, rows, temperature, from_seed)
        self._run("frame", frame.frame)
        self._choices.copy_(frame.choice, non_blocking=True)
        if frame.choice.is_cuda:
            torch.cuda.current_stream(frame.choice.device).synchronize()  # the one wait per frame
        choices = self._choices.tolist()
        tokens = {row: frame.special.valid_tokens[choices[row]] for row in rows}
        for row in rows:
            if tokens[row] != frame.special.frame:
                states[row].generator.set_state(before[row])
        return tokens

    def _asked(
        self,
        states: Sequence[GenerationState],
        rows: Sequence[int],
        temperature: float,
        choose: Choose,
        draw: Draw,
    ) -> dict[int, int]:
        frame, valid = self.frame, self.frame.special.valid_tokens
        self._run("think", frame.think)
        logits = frame.logits.cpu()
        choices = {row: choose(row, logits[row]) for row in rows}
        frame.choice.copy_(torch.tensor([choices.get(row, 0) for row in range(frame.batch)]))
        tokens = {row: valid[choice] for row, choice in choices.items()}
        speaking = [row for row in rows if tokens[row] == frame.special.frame]
        self._fill_noise(states, speaking, temperature, draw)
        self._run("act", frame.act)
        return tokens

    def _fill_noise(
        self, states: Sequence[GenerationState], rows: Sequence[int], temperature: float, draw: Draw
    ) -> None:
        for row in rows:
            self._noise[:, row] = torch.stack([draw(row, states[row]) for _ in self._noise])
            self._noise[0, row] *= temperature
        self.frame.noise.copy_(self._noise, non_blocking=True)

    def _settle(self, state: GenerationState, row: int, token: int) -> Step:
        """Update the host's part of a state, and copy the results out of the buffers."""
        frame, special = self.frame, self.frame.special
        guided, speaking = frame.sampler.guided, token == special.frame
        state.steps += 1
        state.frames += speaking
        state.cond.length += 1
        if guided:
            state.uncond.length = 0 if token == special.start else state.uncond.length + speaking
        state.finished = token == special.eos
        made = None
        if speaking:
            parts = (frame.latent_norm[row], frame.features[row, 0], frame.audio[row, 0])
            made = Frame(*(part.clone() for part in parts))
        uncond = frame.hidden[frame.batch + row].clone() if guided else None
        hidden, logits = frame.hidden[row].clone(), frame.logits[row].clone()
        return Step(row, token, hidden, uncond, logits, state.pending[0, 0].clone(), made)

    def _run(self, name: str, part: Callable[[], None]) -> None:
        # Graphs and Triton use the current device, not that of the tensors.
        with torch.cuda.device_of(self.frame.pending):
            if name not in self._graphs:
                self._graphs[name] = self.capture(part)
            self._graphs[name]()

    def capture(self, part: Callable[[], None]) -> Callable[[], None]:
        """Capture a part of the step as a CUDA graph and return its replay function.

        All scripts are inactive during warm-up and capture, so that their states do not change.
        """
        if self.frame.pending.device.type != "cuda":
            return part
        active, choice = self.frame.active.clone(), self.frame.choice.clone()
        self.frame.active.fill_(False)
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                part()
        here.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            part()
        self._pool = graph.pool()
        self.frame.active.copy_(active)
        self.frame.choice.copy_(choice)
        return graph.replay


class GraphPool:
    """Pool of graphed frames by shape; each is used by one generation at a time."""

    def __init__(self, make: Callable[..., StaticFrame] = StaticFrame) -> None:
        self._make = make
        self.fused = False
        """Whether frames use fused kernels; `warm_up` determines it."""
        self._kept: dict[tuple[object, ...], GraphedFrame] = {}
        self._busy: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def borrow(
        self,
        model: VibeVoiceModel,
        states: Sequence[GenerationState],
        sampler: Sampler,
        special: SpecialTokens,
    ) -> Iterator[GraphedFrame | None]:
        """Yield a frame with these states attached, or None while another generation uses it."""
        key = (len(states), tuple(sampler.steps), sampler.cfg_scale, special)
        with self._lock:
            graphed = self._kept.pop(key, None)
            if graphed is None:
                graphed = GraphedFrame(self._make(model, sampler, special, len(states), fused=self.fused))
            self._kept[key] = graphed
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
            free = id(graphed) not in self._busy
            if free:
                self._busy.add(id(graphed))
        if not free:
            yield None
            return
        try:
            graphed.attach(states)
            yield graphed
        finally:
            with self._lock:
                self._busy.discard(id(graphed))

    def warm_up(self, model: VibeVoiceModel, sampler: Sampler, special: SpecialTokens) -> None:
        """Capture the frame of one script in advance, with fused kernels if they work here and are faster."""
        with torch.inference_mode():
            like = model.latent_scale
            self.fused = cuda.runs_on(like.device) and like.dtype in cuda.DTYPES
            if self.fused:
                self.fused = self._serves(model, sampler, special)
            with self.borrow(model, [GenerationState.new(model, seed=0)], sampler, special) as graphed:
                if graphed is not None:
                    graphed.step([0], 1.0, likeliest, from_seed)

    def _serves(self, model: VibeVoiceModel, sampler: Sampler, special: SpecialTokens) -> bool:
        """Check that the fused kernels run, match the unfused result, and are faster."""
        try:
            fused = _trial(self._make(model, sampler, special, 1, fused=True))
        except Exception as error:  # Triton has its own compiler, and GPUs and drivers differ
            problem = f"{type(error).__name__}: {error}"
            warnings.warn(f"fused kernels do not work here and are not used ({problem})", stacklevel=2)
            return False
        plain = _trial(self._make(model, sampler, special, 1, fused=False))
        off = float((fused.made - plain.made).norm() / plain.made.norm())
        if not off <= _TRIAL_BOUND[model.latent_scale.dtype]:
            warnings.warn(f"fused kernels are wrong by {off:.1g} and are not used", stacklevel=2)
            return False
        return fused.seconds < plain.seconds


@dataclass(frozen=True)
class Trial:
    """Result and duration of a frame in a trial."""

    made: Tensor
    """Hidden states and latents of the first frame, fp32."""
    seconds: float


def _trial(frame: StaticFrame) -> Trial:
    """Generate a few frames from the start-of-speech token alone."""
    special, model = frame.special, frame.model
    state = GenerationState.new(model, seed=0)
    state.pending = model.embed_tokens(torch.tensor([[special.start]], device=frame.pending.device))
    graphed = GraphedFrame(frame)
    graphed.attach([state])
    speaking = special.valid_tokens.index(special.frame)
    first, *_ = [graphed.step([0], 1.0, lambda row, logits: speaking, from_seed)[0] for _ in range(WARM_UPS)]
    assert first.frame is not None
    began = time.perf_counter()
    for _ in range(_TRIAL_FRAMES):
        graphed.step([0], 1.0, lambda row, logits: speaking, from_seed)
    if frame.pending.is_cuda:
        torch.cuda.synchronize(frame.pending.device)
    seconds = (time.perf_counter() - began) / _TRIAL_FRAMES
    return Trial(torch.cat((first.hidden, first.frame.latent_norm)).float(), seconds)


def one_device(tensors: Sequence[Tensor]) -> bool:
    """Return true if all tensors are on one device, as a CUDA graph requires."""
    return len({tensor.device for tensor in tensors if not tensor.is_meta}) <= 1
