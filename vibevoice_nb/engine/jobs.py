"""Scripts under way: from prompts to audio at a sink, frame by frame.

A script is spoken passage by passage (see `passages`), each in one pass of the model and with the same
voices; the pause a passage asks for is silence put between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..audio.sinks import Sink
from ..errors import OptionError
from ..model.config import SAMPLE_RATE
from ..model.generation.cuda_graphs import GraphPool
from ..model.generation.loop import generate, prefill
from ..model.generation.prompt_cache import PromptCache
from ..model.generation.sampler import Sampler
from ..model.generation.silent_steps import SilentSteps
from ..model.generation.state import GenerationState
from ..model.prompt import Prompt
from ..model.solver import solver_steps
from ..model.tokenizer import SpecialTokens
from ..model.vibevoice import VibeVoiceModel
from ..ranges import shown
from ..script import Diagnostic
from .options import Ended, GenerationOptions, Pace, Progress

Report = Callable[[Progress], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Passage:
    """What is spoken in one pass, and the silence after it."""

    prompt: Prompt
    pause_samples: int
    expected_seconds: float = 0.0
    """Speech as the front end estimates it."""


@dataclass
class Job:
    """One script under way.

    Attributes
    ----------
    coming : list of Passage
        Passages not begun yet.
    current : Passage or None
        The passage being spoken, in `state`.
    samples : int
        Audio given to the sink so far, pauses included.
    silence : int
        Samples of a pause still to come.
    silent_steps : SilentSteps
        Steps of the model that made no audio.
    pauses : int
        Samples of the pauses given to the sink.
    begun : int
        Samples of speech before the current passage.
    lengths : list of (float, float)
        Seconds of speech and the estimate, of each passage that is at its end.
    diagnostics : tuple of Diagnostic
        Turns and words that the model leaves out.
    """

    coming: list[Passage]
    cast: dict[str, str]
    options: GenerationOptions
    estimated_seconds: float
    max_seconds: float
    sink: Sink
    state: GenerationState
    current: Passage | None = None
    samples: int = 0
    silence: int = 0
    silent_steps: SilentSteps = field(default_factory=SilentSteps)
    pauses: int = 0
    lengths: list[tuple[float, float]] = field(default_factory=list)
    begun: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    started: float = field(default_factory=time.perf_counter)
    first: float | None = None

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""
        return self.samples / SAMPLE_RATE

    @property
    def spoken(self) -> int:
        """Samples of speech so far, without pauses."""
        return self.samples - self.pauses

    @property
    def current_length(self) -> tuple[float, float]:
        """Seconds of speech in the current passage, and its estimate."""
        assert self.current is not None
        return (self.spoken - self.begun) / SAMPLE_RATE, self.current.expected_seconds

    @property
    def done(self) -> bool:
        """Whether everything has been said, the pause after it included."""
        return self.current is None and not self.coming and not self.silence

    def full(self, model: VibeVoiceModel) -> bool:
        """Whether another frame would pass the length limit or the model's context."""
        if self.samples + model.config.hop_length > self.max_seconds * SAMPLE_RATE:
            return True
        return self.current is not None and self.state.cond.length >= model.config.language.max_positions

    def halted(self, model: VibeVoiceModel) -> bool:
        """Return whether no more steps are allowed: the audio is full, or the model produces none."""
        return self.silent_steps.stalled or self.full(model)

    def ended(self, model: VibeVoiceModel) -> Ended:
        """Return the reason that generation stopped."""
        if self.done:
            return "finished"
        if self.full(model):
            return "length"
        return "stalled" if self.silent_steps.stalled else "cancelled"

    def fork(self, sink: Sink, options: GenerationOptions) -> Job:
        """Copy, to go on with a new limit (and all else as it was) and leave this one as it is."""
        assert options.max_seconds is not None
        return replace(
            self,
            coming=list(self.coming),
            lengths=list(self.lengths),
            state=self.state.clone(),
            sink=sink,
            options=options,
            max_seconds=options.max_seconds,
            started=time.perf_counter(),
            first=None,
        )


def speak_jobs(
    model: VibeVoiceModel,
    jobs: Sequence[Job],
    special: SpecialTokens,
    cancelled: Cancelled = lambda: False,
    prompt_cache: PromptCache | None = None,
    graph_pool: GraphPool | None = None,
) -> Iterator[tuple[Job, NDArray[np.float32]]]:
    """Make audio for all jobs in one batch: (job, samples), a frame or a pause at a time.

    All jobs share the options of the first, except the seed. Once `cancelled` says so, what the step under
    way made is still given out, for every job: each can go on later without a gap.
    """
    if not jobs:
        return
    options = jobs[0].options
    steps = solver_steps(options.num_steps, options.solver, model.config.head.train_steps)
    sampler = Sampler(model.head, steps, options.cfg_scale)
    while not cancelled():
        for job in jobs:
            if not job.full(model):
                yield from _rest(job)
        speaking = [job for job in jobs if not job.done and not job.halted(model)]
        if not speaking:
            return
        for job in speaking:
            if job.current is None:
                _begin(model, job, prompt_cache)
        walk = generate(
            model,
            [job.state for job in speaking],
            sampler,
            special,
            temperature=options.temperature,
            stop=lambda row, jobs=speaking: cancelled() or jobs[row].halted(model),  # type: ignore[misc]
            graph_pool=graph_pool,
        )
        for step in walk:
            job = speaking[step.row]
            job.silent_steps = job.silent_steps.after(made_frame=step.frame is not None)
            if step.frame is not None:
                yield job, _deliver(job, step.frame.audio.float().cpu().numpy())
            elif job.state.finished and job.current is not None:
                job.lengths.append(job.current_length)
                job.silence, job.current = job.current.pause_samples, None
                yield from _rest(job)


def run_jobs(
    model: VibeVoiceModel,
    jobs: Sequence[Job],
    special: SpecialTokens,
    progress: Report | None = None,
    cancelled: Cancelled | None = None,
    prompt_cache: PromptCache | None = None,
    graph_pool: GraphPool | None = None,
) -> None:
    """Let jobs fill their sinks until they end or `cancelled` says so; reports after every frame.

    `cancelled` is asked before every step of the model, also of those that make no sound.
    """
    _check_calls(jobs, progress, cancelled)
    before = sum(job.seconds for job in jobs)
    begun, pace = time.perf_counter(), Pace()
    for job, audio in speak_jobs(
        model, jobs, special, cancelled if cancelled is not None else lambda: False, prompt_cache, graph_pool
    ):
        job.sink.write(audio)
        if progress is not None:
            done = sum(job.seconds for job in jobs)
            estimated = sum(max(job.estimated_seconds, job.seconds) for job in jobs)
            seconds, elapsed = done - before, time.perf_counter() - begun
            progress(Progress(seconds, estimated - before, elapsed, pace.at(elapsed, seconds)))


def _check_calls(jobs: Sequence[Job], progress: object, cancelled: object) -> None:
    """Check, before anything is spoken, what will be called while it is."""
    for name, called in (("progress", progress), ("cancelled", cancelled)):
        if called is not None and not callable(called):
            raise OptionError(f"{name}={shown(called)}", "a function", "leave it out")
    for job in jobs:
        if not callable(getattr(job.sink, "write", None)):
            remedy = "use one of `vibevoice_nb.audio.sinks`, or save the result with `save(path)`"
            raise OptionError(f"the sink {shown(job.sink)}", "an object with `write` and `close`", remedy)


def _begin(model: VibeVoiceModel, job: Job, prompt_cache: PromptCache | None) -> None:
    """Read the next passage's prompt; noise goes on from the job's own generator."""
    job.current, job.begun = job.coming.pop(0), job.spoken
    generator = job.state.generator
    job.state = GenerationState.new(model, seed=0)
    job.state.generator = generator
    prefill(
        model, job.current.prompt, job.state, prompt_cache=prompt_cache, seed_voices=job.options.seed_voices
    )


def _rest(job: Job) -> Iterator[tuple[Job, NDArray[np.float32]]]:
    """Deliver the pause that is due; the length limit cuts it like any other audio."""
    count = min(job.silence, int(job.max_seconds * SAMPLE_RATE) - job.samples)
    if count > 0:
        job.silence -= count
        job.pauses += count
        yield job, _deliver(job, np.zeros(count, np.float32))


def _deliver(job: Job, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    job.samples += len(audio)
    job.first = job.first or time.perf_counter()
    return audio
