"""Frames replayed as CUDA graphs: one launch instead of thousands.

Elsewhere than on CUDA the same frame runs operation by operation, which is how it is tested.
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
"""Runs before a capture: libraries choose and set up their kernels then."""
_TRIAL_FRAMES = 8
_TRIAL_BOUND = {torch.float32: 1e-3, torch.bfloat16: 0.2}
"""How far a frame of fused kernels may be from one of plain operations; a wrong one is off by about 1."""
_KEPT = 2
"""Frames of different shape (scripts, steps, guidance) that are kept with their graphs."""


class GraphedFrame:
    """A `StaticFrame` and the graphs of its parts, captured when first needed and when buffers have moved."""

    def __init__(self, frame: StaticFrame) -> None:
        self.frame = frame
        self._graphs: dict[str, Callable[[], None]] = {}
        self._pool: Any = None
        self._rows: tuple[int, ...] = ()
        # From pinned memory a card fetches, and to it brings, without the host waiting.
        pinned = frame.pending.is_cuda
        self._noise = torch.zeros(frame.noise.shape, pin_memory=pinned)
        self._choices = torch.zeros(frame.choice.shape, dtype=frame.choice.dtype, pin_memory=pinned)

    def attach(self, states: Sequence[GenerationState]) -> None:
        """Take over states; see `StaticFrame.attach`."""
        if self.frame.attach(states):
            self._graphs.clear()

    def step(self, rows: Sequence[int], temperature: float, choose: Choose, draw: Draw) -> list[Step]:
        """Let the scripts in `rows` take one step each.

        With a choice and a noise of the caller's the host is asked in between; otherwise the whole frame is
        one graph, and the host learns afterwards which tokens were taken.
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
        """Bring the host's idea of a state up to date, and copy out what was made."""
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
        # Graphs and Triton go by the current device, whatever the tensors lie on.
        with torch.cuda.device_of(self.frame.pending):
            if name not in self._graphs:
                self._graphs[name] = self.capture(part)
            self._graphs[name]()

    def capture(self, part: Callable[[], None]) -> Callable[[], None]:
        """Make a part of the frame a graph, on CUDA, and return what replays it.

        It is warmed up and captured with all scripts at rest, so that nothing of theirs moves.
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
    """An engine's graphed frames, by shape; each is lent to one generation at a time."""

    def __init__(self, make: Callable[..., StaticFrame] = StaticFrame) -> None:
        self._make = make
        self.fused = False
        """Whether its frames are made of fused kernels; `warm_up` finds out whether they serve."""
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
        """Lend a frame with these states attached, or None while it is with another generation."""
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
        """Capture the frame of one script ahead of its first sound, of fused kernels where they serve."""
        with torch.inference_mode():
            like = model.latent_scale
            self.fused = cuda.runs_on(like.device) and like.dtype in cuda.DTYPES
            if self.fused:
                self.fused = self._serves(model, sampler, special)
            with self.borrow(model, [GenerationState.new(model, seed=0)], sampler, special) as graphed:
                if graphed is not None:
                    graphed.step([0], 1.0, likeliest, from_seed)

    def _serves(self, model: VibeVoiceModel, sampler: Sampler, special: SpecialTokens) -> bool:
        """Try whether fused kernels run here, make what plain operations make, and are quicker."""
        try:
            fused = _trial(self._make(model, sampler, special, 1, fused=True))
        except Exception as error:  # a compiler of its own, on whatever card and driver there is
            told = f"{type(error).__name__}: {error}"
            warnings.warn(f"no fused kernels here, frames are made without them ({told})", stacklevel=2)
            return False
        plain = _trial(self._make(model, sampler, special, 1, fused=False))
        off = float((fused.made - plain.made).norm() / plain.made.norm())
        if not off <= _TRIAL_BOUND[model.latent_scale.dtype]:
            warnings.warn(f"fused kernels are off by {off:.1g}, frames are made without them", stacklevel=2)
            return False
        return fused.seconds < plain.seconds


@dataclass(frozen=True)
class Trial:
    """What a frame made in a trial, and how long it took."""

    made: Tensor
    """Hidden states and latents of the first frame, fp32."""
    seconds: float


def _trial(frame: StaticFrame) -> Trial:
    """Speak a few frames behind nothing but the token that begins speech."""
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
    """Whether a model lies on one device; a graph can't reach over several."""
    return len({tensor.device for tensor in tensors if not tensor.is_meta}) <= 1
