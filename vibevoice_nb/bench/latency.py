"""Latency: time to first audio, for a new cast and for a cached one.

It is measured from the request to the first audio at the sink: voices are encoded, the prompt is read, a
frame is generated. For a cached cast three generations are measured: a new take (same text, other seed);
another text; and a take whose seed also draws the voices' latents, as in the reference, so that the prompt
must be read again from the first voice on.

The random model has no tokenizer, so its prompts are random tokens in the layout of real ones; its figures
exclude the short time of text processing. nano is measured through the public API.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vibevoice_nb.bench.backends import CFG_SCALE, Meter, OurBackend, our_backend
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.model.generation.loop import generate, prefill
from vibevoice_nb.model.generation.prompt_cache import PromptCache
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.prompt import Prompt, VoiceSlot
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.resolve import resolve_voice

TOKENS = (60, 400)
"""Lengths of the text in tokens."""
VOICES, VOICE_SECONDS = 2, 5.0
_BEFORE_VOICES, _BETWEEN_VOICES = 24, 4
"""Tokens of the instructions and of a voice's name, with the published models' tokenizer."""
_LINE = "Speaker {}: Good morning, and welcome to show {}. How are you today?\n"
_ROUNDS = 3
_RTF_SECONDS = 8.0


@dataclass(frozen=True)
class Asked:
    """Differences of a generation from the one before."""

    seed: int
    text: int = 0
    seed_voices: bool = False


Generation = Callable[[Asked], tuple[float, float]]
Times = dict[str, tuple[float, float]]
"""For each kind of generation, seconds of the clock in use and wall-clock seconds."""


@dataclass
class FirstAudio:
    """Sink that records the time of its first audio."""

    meter: Meter
    began: tuple[float, float] = (0.0, 0.0)
    took: tuple[float, float] | None = field(default=None)

    def start(self) -> None:
        """Start the clock."""
        self.took, self.began = None, (self.meter.now(), time.perf_counter())

    def write(self, audio: NDArray[np.float32]) -> None:
        """Record the time of the first audio."""
        if self.took is None:
            now = (self.meter.now(), time.perf_counter())
            self.took = (now[0] - self.began[0], now[1] - self.began[1])


def repeated(generation: Generation, forget: Callable[[], None]) -> Times:
    """Measure generations of a cast that is new, then cached; return medians of a few rounds.

    Returns
    -------
    dict
        `fresh` is the first of all in a new process; `first` is a new cast after that; `second`,
        `other_text` and `seeded` are the three of a cached one.
    """
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    fresh = generation(Asked(0))
    for index in range(_ROUNDS):
        forget()
        times["first"].append(generation(Asked(2 * index)))
        times["second"].append(generation(Asked(2 * index + 1)))
        times["other_text"].append(generation(Asked(2 * index, text=1 + index)))
        times["seeded"].append(generation(Asked(2 * index, seed_voices=True)))
    middle = {kind: (median(a for a, _ in made), median(b for _, b in made)) for kind, made in times.items()}
    return {"fresh": fresh, **middle}


def of_backend(backend: OurBackend, tokens: int) -> Times:
    """Measure the random model of a backend, with a text of a number of tokens."""
    prompt_cache = PromptCache.of(backend.model.language_model)
    prompts = [random_prompt(backend, tokens, text) for text in range(1 + _ROUNDS)]
    frame = backend.special.valid_tokens.index(backend.special.frame)
    sink = FirstAudio(backend.meter)
    # In a graph the frame selects the token itself.
    options: dict[str, Any] = (
        {"graph_pool": backend.pool} if backend.pool else {"choose": lambda row, logits: frame}
    )

    def generation(asked: Asked) -> tuple[float, float]:
        sink.start()
        sampler = backend.sampler if backend.pool else _sampler(backend)
        state = GenerationState.new(backend.model, asked.seed)
        prefill(
            backend.model,
            prompts[asked.text],
            state,
            prompt_cache=prompt_cache,
            seed_voices=asked.seed_voices,
        )
        step = next(generate(backend.model, [state], sampler, backend.special, **options))
        assert step.frame is not None
        sink.write(step.frame.audio.float().cpu().numpy())
        assert sink.took is not None
        return sink.took

    return repeated(generation, prompt_cache.clear)


def _sampler(backend: OurBackend) -> Sampler:
    with torch.inference_mode():
        return Sampler(backend.model.head, backend.sampler.steps, CFG_SCALE)


def random_prompt(backend: OurBackend, tokens: int, number: int = 0) -> Prompt:
    """Lay out a prompt of two fixed voices and a text, all random."""
    random = torch.Generator().manual_seed(tokens)
    length = round(VOICE_SECONDS * SAMPLE_RATE)
    frames = -(-length // backend.model.config.hop_length)

    def text(count: int) -> list[int]:
        return torch.randint(min(backend.special.valid_tokens), (count,), generator=random).tolist()

    ids, slots = text(_BEFORE_VOICES), []
    for _ in range(VOICES):
        ids += [*text(_BETWEEN_VOICES), backend.special.start]
        slots.append(VoiceSlot(len(ids), 0.1 * torch.randn(length, generator=random)))
        ids += [backend.special.frame] * frames + [backend.special.end]
    random.manual_seed(number)
    return Prompt((*ids, *text(tokens), backend.special.start), tuple(slots))


def run_latency(tokens: int) -> dict[str, float]:
    """Measure our engine with a text of a number of tokens, in the process that `open_backend` prepared."""
    return _milliseconds(of_backend(our_backend(), tokens))


def run_nano(threads: int) -> tuple[float, float, dict[str, float]]:
    """Measure nano, in a process of its own.

    Returns
    -------
    float
        Real-time factor: wall-clock seconds per second of audio, the best of a few rounds, since other work
        of the machine only makes it slower.
    float
        CPU seconds per second of audio, in the best of the rounds.
    dict
        Times to first audio.
    """
    torch.set_num_threads(threads)
    engine = Engine.load("nano", device="cpu")
    sink = FirstAudio(Meter())
    scripts = [
        "".join(_LINE.format(1 + index % VOICES, 1 + text) for index in range(4))
        for text in range(1 + _ROUNDS)
    ]
    length = round(VOICE_SECONDS * SAMPLE_RATE)
    builtin = [resolve_voice(name) for name in list(builtin_voices())[:VOICES]]
    voices = [replace(voice, audio=np.resize(voice.audio, length)) for voice in builtin]

    def generation(asked: Asked) -> tuple[float, float]:
        sink.start()
        script = scripts[asked.text]
        for audio in engine.stream(script, voices, seed=asked.seed, seed_voices=asked.seed_voices):
            sink.write(audio)
            break
        assert sink.took is not None
        return sink.took

    times = repeated(generation, engine.prompt_cache.clear)
    wall, spent = [], []
    for seed in range(_ROUNDS):
        began = time.process_time()
        speech = engine.speak(scripts[0], voices, seed=seed, max_seconds=_RTF_SECONDS)
        spent.append((time.process_time() - began) / speech.seconds)
        wall.append(speech.elapsed / speech.seconds)
    return min(wall), min(spent), _milliseconds(times)


def _milliseconds(times: Times) -> dict[str, float]:
    """Name the times in ms (`first_ms`, `first_wall_ms`, ...) and the ratios of cached to new casts."""
    figures: dict[str, float] = {}
    for kind, (counted, wall) in times.items():
        figures |= {f"{kind}_ms": round(1000 * counted, 2), f"{kind}_wall_ms": round(1000 * wall, 2)}
    new, second = times["first"][0], times["second"][0]
    return figures | {
        "ratio": round(second / new, 3),
        "ratio_other_text": round(times["other_text"][0] / new, 3),
        "ratio_seeded": round(times["seeded"][0] / new, 3),
        "ratio_fresh": round(second / times["fresh"][0], 3),
    }
