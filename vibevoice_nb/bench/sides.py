"""The two sides `bench` compares, each in a process of its own: our engine and transformers' native model.

Both are timed from outside, at the calls that make a component, frame by frame. Contexts are random keys and
values of the wanted length, the same on both sides: what a step costs depends on how many there are, not on
what they say, and reading a prompt of 8,000 tokens would take minutes.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vibevoice_nb.bench.model import special_tokens
from vibevoice_nb.engine.generate import generate
from vibevoice_nb.engine.placement import DTYPES
from vibevoice_nb.engine.prepare import load_prepared
from vibevoice_nb.engine.sampler import Sampler, solver_steps
from vibevoice_nb.engine.state import GenerationState

CFG_SCALE, NUM_STEPS = 1.3, 10
PARTS = ("lm", "lm_head", "head", "decode", "semantic")
"""Components; what a frame costs beyond them is `rest`."""
NATIVE_CLASS = "VibeVoiceForConditionalGeneration"


@dataclass(frozen=True)
class Round:
    """A few frames in a row on one side."""

    frames: list[dict[str, float]]
    """Of each frame, CPU seconds by component, their sum with the rest (`total`), and `wall` seconds."""
    audio: Tensor
    """[N], what was made, to see that both sides did the same."""


class Meter:
    """CPU time by component, from one mark to the next."""

    def __init__(self) -> None:
        self.frames: list[dict[str, float]] = []
        self._spent: dict[str, float] = defaultdict(float)
        self._since: tuple[float, float] | None = None

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a call so that its CPU time counts as `part`."""

        @functools.wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return call(*args, **kwargs)
            finally:
                self._spent[part] += time.process_time() - began

        return wrapper

    def restart(self) -> None:
        """Forget everything; the next mark begins a frame."""
        self.frames, self._since = [], None

    def mark(self) -> None:
        """End a frame and begin the next one."""
        now = (time.process_time(), time.perf_counter())
        if self._since is not None:
            total, wall = (after - before for after, before in zip(now, self._since, strict=True))
            parts = {part: self._spent[part] for part in PARTS}
            self.frames.append({**parts, "rest": total - sum(parts.values()), "total": total, "wall": wall})
        self._spent.clear()
        self._since = now


class Side(Protocol):
    """One implementation with the checkpoint loaded."""

    def run(self, context: int, frames: int, seed: int) -> Round:
        """Make frames behind `context` tokens; the first one warms up and is not counted."""
        ...


def random_context(config: dict[str, Any], length: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Draw every layer's keys and values [K, length, D]."""
    text = config["text_config"]
    size = text["hidden_size"] // text["num_attention_heads"]
    shape = (2, text["num_key_value_heads"], length, size)
    generator = torch.Generator().manual_seed(length)
    layers = [torch.randn(shape, generator=generator).to(dtype) for _ in range(text["num_hidden_layers"])]
    return [(keys, values) for keys, values in layers]


class OurSide:
    """Our engine, through `generate`."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.special = special_tokens(self.config)
        self.dtype = dtype
        self.model = load_prepared(folder, torch.device("cpu"), dtype)
        self.meter = Meter()
        self.sampler = _sampler(self.model.head, self.meter)
        _time_calls(
            self.meter,
            lm=(self.model.language_model, "step"),
            lm_head=(self.model, "token_logits"),
            decode=(self.model.acoustic, "decode"),
            semantic=(self.model.semantic, "forward"),
        )

    def run(self, context: int, frames: int, seed: int) -> Round:
        state = GenerationState.new(self.model, seed)
        for index, (keys, values) in enumerate(random_context(self.config, context - 1, self.dtype)):
            state.cond.reserve(context - 1)
            state.cond.append(index, keys, values)
        state.cond.length = context - 1
        state.pending = self.model.embed_tokens(torch.tensor([[self.special.start]]))
        frame = self.special.legal.index(self.special.frame)
        audio: list[Tensor] = []
        self.meter.restart()
        for step in generate(
            self.model,
            [state],
            self.sampler,
            self.special,
            choose=lambda row, logits: frame,
            stop=lambda row: len(audio) > frames,
        ):
            self.meter.mark()
            assert step.frame is not None
            audio.append(step.frame.audio)
        return Round(self.meter.frames, torch.cat(audio[:frames]).float())


class NativeSide:
    """Transformers' native model, through its own `generate`, its tokens forced to be frames."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self.config = json.loads((folder / "config.json").read_text())
        self.special = special_tokens(self.config)
        self.dtype = dtype
        self.model = getattr(transformers, NATIVE_CLASS).from_pretrained(folder, dtype=dtype).eval()
        self.meter = Meter()
        inner = self.model.model
        _time_calls(
            self.meter,
            lm=(inner.language_model, "forward"),
            lm_head=(self.model.lm_head, "forward"),
            head=(self.model, "_sample_audio_latent"),
            decode=(inner.audio_tower.decoder, "forward"),
            semantic=(inner.semantic_tokenizer_encoder, "forward"),
        )

    def run(self, context: int, frames: int, seed: int) -> Round:
        from diffusers import DPMSolverMultistepScheduler
        from transformers import DynamicCache, LogitsProcessorList

        past = DynamicCache(config=self.model.config.text_config)
        for index, (keys, values) in enumerate(random_context(self.config, context - 1, self.dtype)):
            past.update(keys[None], values[None], index)
        ids = torch.zeros(1, context, dtype=torch.long)
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
        # frames + 2 were made, with frames + 1 spans between their tokens; the first span sets up its caches.
        hop = made.audio[0].shape[-1] // (frames + 2)
        return Round(self.meter.frames[1:], made.audio[0].flatten()[: frames * hop].float())

    def _force_frame(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.meter.mark()
        forced = torch.full_like(scores, float("-inf"))
        forced[:, self.special.frame] = 0.0
        return forced


@contextlib.contextmanager
def no_text_cfg(model: Any) -> Iterator[None]:
    """Within, native's `generate` leaves out the library's text guidance.

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

    # An instance's attribute is found before its class's method.
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
        return Timed(head, solver_steps(NUM_STEPS, "dpmsolver++"), CFG_SCALE)


def _time_calls(meter: Meter, **calls: tuple[Any, str]) -> None:
    for part, (owner, name) in calls.items():
        setattr(owner, name, meter.timed(part, getattr(owner, name)))


_side: Side | None = None


def open_side(side: str, folder: str, dtype: str, threads: int) -> None:
    """Load one side; called once in a process of its own."""
    global _side
    torch.set_num_threads(threads)
    kind: type[OurSide] | type[NativeSide] = {"ours": OurSide, "native": NativeSide}[side]  # type: ignore[assignment]
    _side = kind(Path(folder), DTYPES[dtype])


def run_side(context: int, frames: int, seed: int, text_cfg: bool = False) -> Round:
    """Run a round in the process that `open_side` prepared."""
    assert _side is not None
    guidance = (
        contextlib.nullcontext()
        if text_cfg or not isinstance(_side, NativeSide)
        else no_text_cfg(_side.model)
    )
    with guidance:
        return _side.run(context, frames, seed)


def peak_memory_mb() -> float | None:
    """Most memory this process ever held at once, loading included; None where the system can't tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
