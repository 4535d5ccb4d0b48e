"""Backends of `bench`, each in its own process: our engine and transformers' native model.

Both are timed from outside, at the calls of each component, frame by frame. Contexts are random keys and
values of a given length, the same for both backends: the cost of a step depends on their number, not on their
content, and reading a prompt of 8,000 tokens would take minutes.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vibevoice_nb.bench.model import special_tokens
from vibevoice_nb.bench.roofline import Floor, frame_bytes, measure_bandwidth
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.loop import generate
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.loading.placement import DTYPES
from vibevoice_nb.model.loading.prepare import load_prepared
from vibevoice_nb.model.solver import solver_steps

CFG_SCALE, NUM_STEPS = 1.3, 10
_REPLAYS = 10
PARTS = ("lm", "lm_head", "head", "decode", "semantic")
"""Components; the remaining time of a frame is `rest`."""
NATIVE_CLASS = "VibeVoiceForConditionalGeneration"


@dataclass(frozen=True)
class Round:
    """Consecutive frames of one backend."""

    frames: list[dict[str, float]]
    """For each frame, CPU seconds by component, their sum with the rest (`total`), and `wall` seconds."""
    audio: Tensor
    """[N], the audio, to check that both backends did the same work."""


class Meter:
    """Timer by component, from one mark to the next: CPU time, or time to completion on a GPU."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.frames: list[dict[str, float]] = []
        self._spent: dict[str, float] = defaultdict(float)
        self._since: tuple[float, float] | None = None

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a call so that its CPU time counts as `part`."""

        @functools.wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            began = self.now()
            try:
                return call(*args, **kwargs)
            finally:
                self._spent[part] += self.now() - began

        return wrapper

    def now(self) -> float:
        """Return the seconds of the clock in use."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def restart(self) -> None:
        """Discard all times; the next mark begins a frame."""
        self.frames, self._since = [], None

    def mark(self) -> None:
        """End a frame and begin the next one."""
        now = (self.now(), time.perf_counter())
        if self._since is not None:
            total, wall = (after - before for after, before in zip(now, self._since, strict=True))
            parts = {part: self._spent[part] for part in PARTS}
            self.frames.append({**parts, "rest": total - sum(parts.values()), "total": total, "wall": wall})
        self._spent.clear()
        self._since = now


class Backend(Protocol):
    """One implementation with the checkpoint loaded."""

    def run(self, context: int, frames: int, seed: int, *, static: bool = False) -> Round:
        """Generate frames after `context` tokens; the first one is a warm-up and not counted.

        With `static`, the native backend uses a cache of fixed size.
        """
        ...


def random_context(config: dict[str, Any], length: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Draw every layer's keys and values [K, length, D]."""
    text = config["text_config"]
    size = text["hidden_size"] // text["num_attention_heads"]
    shape = (2, text["num_key_value_heads"], length, size)
    generator = torch.Generator().manual_seed(length)
    layers = [torch.randn(shape, generator=generator).to(dtype) for _ in range(text["num_hidden_layers"])]
    return [(keys, values) for keys, values in layers]


class OurBackend:
    """Our engine, through `generate`; on CUDA with graphs, and again with one graph per component."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.special = special_tokens(self.config)
        self.dtype, self.device = dtype, device
        self.model = load_prepared(folder, device, dtype)
        self.meter = Meter(device)
        self.sampler = _sampler(self.model.head, self.meter)
        self.pool: GraphPool | None = None
        if device.type == "cuda":
            self.pool = GraphPool(_Speaking)
            self.pool.warm_up(self.model, self.sampler, self.special)
            return  # timing by calls waits for the GPU, which is impossible within a graph
        _time_calls(
            self.meter,
            lm=(self.model.language_model, "step"),
            lm_head=(self.model, "token_logits"),
            decode=(self.model.acoustic, "decode"),
            semantic=(self.model.semantic, "forward"),
        )

    def run(self, context: int, frames: int, seed: int, *, static: bool = False) -> Round:
        made = self._run(context, frames, [seed], self.pool)
        if self.pool is None:
            return made
        parts = self._time_parts(self.pool, context)
        for frame in made.frames:
            frame |= {**parts, "rest": frame["total"] - sum(parts.values())}
        return made

    def run_rows(self, context: int, frames: int, rows: int) -> Round:
        """Generate a number of scripts in one batch."""
        return self._run(context, frames, list(range(rows)), self.pool)

    def floor(self, context: int, published_half: bool) -> Floor:
        """Return the bytes a frame reads and the lower bound of its time."""
        nbytes = frame_bytes(
            self.model.config,
            self.dtype,
            context,
            NUM_STEPS,
            device=self.device.type,
            published_half=published_half,
        )
        return Floor(nbytes, measure_bandwidth(self.device))

    @torch.inference_mode()
    def _time_parts(self, pool: GraphPool, context: int) -> dict[str, float]:
        """Measure the seconds of each component as a separate graph."""
        seconds = {}
        with pool.borrow(self.model, [self._state(context, 0)], self.sampler, self.special) as graphed:
            assert graphed is not None
            frame = graphed.frame
            parts = (frame.read, frame.score, frame.sample, frame.decode, frame.encode)
            for name, part in zip(PARTS, parts, strict=True):
                replay = graphed.capture(part)
                began = self.meter.now()
                for _ in range(_REPLAYS):
                    replay()
                seconds[name] = (self.meter.now() - began) / _REPLAYS
        return seconds

    def _run(self, context: int, frames: int, seeds: Sequence[int], pool: GraphPool | None) -> Round:
        states = [self._state(context, seed) for seed in seeds]
        frame = self.special.valid_tokens.index(self.special.frame)
        audio: list[Tensor] = []
        begun = 0
        self.meter.restart()

        def stop(row: int) -> bool:
            return len(audio) > frames if row == 0 else begun > frames

        # In a graph the frame selects the token itself, without host synchronization.
        options: dict[str, Any] = {} if pool is not None else {"choose": lambda row, logits: frame}
        for step in generate(
            self.model, states, self.sampler, self.special, stop=stop, graph_pool=pool, **options
        ):
            assert step.frame is not None
            if step.row == 0:
                audio.append(step.frame.audio)
            if step.row == len(states) - 1:
                begun += 1
                self.meter.mark()
        return Round(self.meter.frames, torch.cat(audio[:frames]).float().cpu())

    def _state(self, context: int, seed: int) -> GenerationState:
        state = GenerationState.new(self.model, seed)
        for index, (keys, values) in enumerate(random_context(self.config, context - 1, self.dtype)):
            state.cond.reserve(context - 1)
            state.cond.append(index, keys.to(self.device), values.to(self.device))
        state.cond.length = context - 1
        state.pending = self.model.embed_tokens(torch.tensor([[self.special.start]], device=self.device))
        return state


class _Speaking(StaticFrame):
    """Token selection that always returns the frame token."""

    def score(self) -> None:
        super().score()
        self.choice.fill_(self.special.valid_tokens.index(self.special.frame))


class NativeBackend:
    """Transformers' native model, through its own `generate`, with tokens forced to be frames."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self.config = json.loads((folder / "config.json").read_text())
        self.special = special_tokens(self.config)
        self.dtype, self.device = dtype, device
        native = getattr(transformers, NATIVE_CLASS)
        self.model = native.from_pretrained(folder, dtype=dtype).eval().to(device)
        self.meter = Meter(device)
        inner = self.model.model
        _time_calls(
            self.meter,
            lm=(inner.language_model, "forward"),
            lm_head=(self.model.lm_head, "forward"),
            head=(self.model, "_sample_audio_latent"),
            decode=(inner.audio_tower.decoder, "forward"),
            semantic=(inner.semantic_tokenizer_encoder, "forward"),
        )

    def run(self, context: int, frames: int, seed: int, *, static: bool = False) -> Round:
        from diffusers import DPMSolverMultistepScheduler
        from transformers import LogitsProcessorList

        past = self._past(context, frames, static=static)
        ids = torch.zeros(1, context, dtype=torch.long, device=self.device)
        ids[0, -1] = self.special.start
        self.meter.restart()
        torch.manual_seed(seed)
        made = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            past_key_values=past,
            guidance_scale=CFG_SCALE,
            num_diffusion_steps=NUM_STEPS,
            noise_scheduler=DPMSolverMultistepScheduler(
                beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"
            ),
            max_new_tokens=frames + 2,
            logits_processor=LogitsProcessorList([self._force_frame]),
            return_dict_in_generate=True,
            do_sample=False,
        )
        # There are frames + 2 tokens with frames + 1 spans between them; the first span sets up the caches.
        hop = made.audio[0].shape[-1] // (frames + 2)
        return Round(self.meter.frames[1:], made.audio[0].flatten()[: frames * hop].float().cpu())

    def _past(self, context: int, frames: int, *, static: bool) -> Any:
        from transformers import DynamicCache, StaticCache

        config = self.model.config.text_config
        past = (
            StaticCache(config=config, max_cache_len=context + frames + 4)
            if static
            else DynamicCache(config=config)
        )
        places = {"cache_position": torch.arange(context - 1, device=self.device)}
        for index, (keys, values) in enumerate(random_context(self.config, context - 1, self.dtype)):
            past.update(keys[None].to(self.device), values[None].to(self.device), index, places)
        return past

    def _force_frame(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.meter.mark()
        forced = torch.full_like(scores, float("-inf"))
        forced[:, self.special.frame] = 0.0
        return forced


@contextlib.contextmanager
def no_text_cfg(model: Any) -> Iterator[None]:
    """Disable the library's text guidance in native's `generate`.

    Transformers adds it whenever `guidance_scale` is not 1, but VibeVoice's scale is meant for the latents:
    it costs a third pass of the language model per frame and takes other tokens.
    """
    from transformers.generation.logits_process import (
        UnbatchedClassifierFreeGuidanceLogitsProcessor as TextCfg,
    )

    processors = model._get_logits_processor

    def without(*args: Any, **kwargs: Any) -> Any:
        made = processors(*args, **kwargs)
        return type(made)(processor for processor in made if not isinstance(processor, TextCfg))

    # An attribute of the instance takes precedence over a method of its class.
    model._get_logits_processor = without
    try:
        yield
    finally:
        del model._get_logits_processor


def _sampler(head: Any, meter: Meter) -> Sampler:
    class Timed(Sampler):
        def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
            return meter.timed("head", super().__call__)(*args, **kwargs)

    with torch.inference_mode():
        kind = Timed if meter.device.type == "cpu" else Sampler
        return kind(head, solver_steps(NUM_STEPS, "dpmsolver++"), CFG_SCALE)


def _time_calls(meter: Meter, **calls: tuple[Any, str]) -> None:
    for part, (owner, name) in calls.items():
        setattr(owner, name, meter.timed(part, getattr(owner, name)))


_backend: Backend | None = None


def open_backend(backend: str, folder: str, dtype: str, threads: int, device: str) -> None:
    """Load one backend; called once in its process."""
    global _backend
    torch.set_num_threads(threads)
    kind: type[OurBackend] | type[NativeBackend] = {"ours": OurBackend, "native": NativeBackend}[backend]  # type: ignore[assignment]
    _backend = kind(Path(folder), DTYPES[dtype], torch.device(device))


def run_side(context: int, frames: int, seed: int, text_cfg: bool = False, static: bool = False) -> Round:
    """Run a round in the process that `open_backend` prepared."""
    assert _backend is not None
    guidance = (
        contextlib.nullcontext()
        if text_cfg or not isinstance(_backend, NativeBackend)
        else no_text_cfg(_backend.model)
    )
    with guidance:
        return _backend.run(context, frames, seed, static=static)


def run_rows(context: int, frames: int, rows: int) -> Round:
    """Generate several scripts at once with our engine, in the process that `open_backend` prepared."""
    return our_backend().run_rows(context, frames, rows)


def our_backend() -> OurBackend:
    """Return our engine's backend, in the process that `open_backend` prepared."""
    assert isinstance(_backend, OurBackend)
    return _backend


def find_floor(context: int, published_half: bool) -> Floor:
    """Return the bytes our engine's frame reads, in the process that `open_backend` prepared."""
    return our_backend().floor(context, published_half)


def uses_fused_kernels() -> bool:
    """Return true if our frames use fused kernels, in the process that `open_backend` prepared."""
    pool = our_backend().pool
    return pool is not None and pool.fused


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process, on its GPU if it has one, including loading.

    None where the system does not report it.
    """
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_reserved() / 2**20
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
