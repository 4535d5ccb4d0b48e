"""`SpeechRun`: generation of a script, iterated for its audio.

Shapes: N samples of a frame; N = 3200 as published.

A run is the state of one script: its plan, the caches of the model, and the frames so far. It holds no audio:
what iterates it keeps the audio or sends it on. `batch.Batch` advances several runs together, a single run is
a batch of one.
"""

from __future__ import annotations

import copy
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..audio.pcm import SAMPLE_RATE
from ..errors import OptionError
from ..model.generation.alignment import Span as Span
from ..model.generation.context import prefill_spoken, receptive_frames
from ..model.generation.silent_steps import SilentSteps
from ..model.generation.state import GenerationState, Maker
from ..model.generation.step import Frame, Given, Step
from ..script import Turn
from ..voices.voice import Voice
from .frames import LEAD_SAMPLES, FrameBuffer, Frames, Spoken
from .interface import Audio, Cancelled, never
from .loaded_model import LoadedModel
from .model_limits import OddLength
from .options import Ended, GenerationOptions
from .plans import Plan, Reading, TurnInContext, WholeScript
from .replay import Replay
from .turn_spans import align_passages, frame_spans, sample_spans

_Run = TypeVar("_Run", bound="SpeechRun")


class SpeechRun:
    r"""One script, or one turn in context, while it is generated.

    Iterate it for audio, float32 [N] a frame (or a pause); iterate again to continue after a break.
    `whole` and `in_context` make the two kinds; `resumed` continues one that a limit or a caller stopped.

    Parameters
    ----------
    plan : WholeScript or TurnInContext
    options : GenerationOptions
        Without `max_seconds` the limit is three times the estimate plus 10 s.
    cancelled : callable, optional
        Called before every step of the model; if it returns True, the run stops and keeps its frames.

    Attributes
    ----------
    options : GenerationOptions
        As used, with the seed.
    max_seconds : float
        Longest audio, pauses included.
    state : GenerationState
        Caches and random generator of the current passage.
    samples, pauses : int
        Samples of audio so far, and those of them that are pauses.
    lengths : list of (float, float)
        Seconds of speech and their estimate, for each finished passage.
    tokens : list of int
        Tokens that the model took, of all passages.
    prompt_tokens : int
        Positions of the prompts that were read.
    speaking : bool
        True while the last passage begun has not ended.
    lead : float32 [480]
        The 20 ms of audio before the first sample; zeros without context.
    started, first_audio : float, float or None
        Clock (`time.perf_counter`) at the start and at the first audio.

    Examples
    --------
    >>> from vibevoice_nb import Engine, parse_script
    >>> model = Engine.load("nano").loaded
    >>> turns = parse_script("Speaker 1: Good morning.\nSpeaker 1: How are you?").turns
    >>> run = SpeechRun.whole(model, turns, {}, model.defaults.updated({"seed": 1}))
    >>> samples = sum(len(audio) for audio in run)
    >>> run, samples == len(run.frames) * 3200
    (<SpeechRun finished: ... s of audio>, True)
    >>> first, second = run.spans()
    >>> first.start_frame, first.stop_frame == second.start_frame, second.stop_frame == len(run.frames)
    (0, True, True)
    """

    def __init__(self, plan: Plan, options: GenerationOptions, cancelled: Cancelled | None = None) -> None:
        self.plan, self.options = plan, options.seeded()
        self.estimated_seconds = plan.estimated_seconds
        self.max_seconds = options.max_seconds or 3 * plan.estimated_seconds + 10
        network = self.model.model
        self.state = GenerationState.new(network, self.options.seed or 0)
        self.lead: Audio = np.zeros(LEAD_SAMPLES, np.float32)
        self.samples = self.pauses = self.prompt_tokens = 0
        self.tokens: list[int] = []
        self.lengths: list[tuple[float, float]] = []
        self.started = time.perf_counter()
        self.first_audio: float | None = None
        self._cancelled: Cancelled = cancelled or never
        self._buffer = FrameBuffer(network.config.head.latent_size, network.config.semantic.size)
        self._starts: list[tuple[int, int]] = []
        """First frame and first sample of each passage that was begun."""
        self.speaking = False
        self._silence = 0  # samples of a pause still to be delivered
        self._silent_steps = SilentSteps()
        self._first = self._reading(0)
        self._walk: Iterator[Audio] | None = None
        self._replay: Replay | None = None

    @classmethod
    def whole(
        cls: type[_Run],
        model: LoadedModel,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> _Run:
        """Return a run of a whole script; see `WholeScript` for parameters and errors."""
        return cls(WholeScript(model, turns, cast, options, pauses=pauses), options, cancelled)

    @classmethod
    def in_context(
        cls: type[_Run],
        model: LoadedModel,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> _Run:
        r"""Return a run of one turn after others; see `TurnInContext` for parameters and errors.

        Examples
        --------
        >>> from vibevoice_nb import Engine, parse_script
        >>> from vibevoice_nb.voices import resolve_voice
        >>> model = Engine.load("nano").loaded
        >>> first, second = parse_script("Speaker 1: How are you?\nSpeaker 2: Very well.").turns
        >>> cast = {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")}
        >>> options = model.defaults.updated({"seed": 1})
        >>> before = SpeechRun.in_context(model, first, cast, [], options)
        >>> seconds = sum(len(audio) for audio in before) / 24000
        >>> run = SpeechRun.in_context(model, second, cast, [Spoken(first, before.frames)], options)
        >>> run.context_used, before.ended
        (1, 'finished')
        """
        return cls(TurnInContext(model, turn, cast, context, options), options, cancelled)

    def __iter__(self) -> Iterator[Audio]:
        from .batch import generate_batch

        if self._walk is None:
            self._walk = (audio for _, audio in generate_batch([self], self._cancelled))
        return self._walk

    def __repr__(self) -> str:
        return f"<SpeechRun {self.ended}: {self.seconds:.1f} s of audio>"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model out of copies and pickles; `resumed` continues them with the engine's."""
        plan = copy.copy(self.plan)
        plan.model = None  # type: ignore[assignment]
        return {**vars(self), "plan": plan, "_cancelled": never, "_walk": None}

    def without_model(self: _Run) -> _Run:
        """Return a copy that does not keep the model in memory; it finds turns while the model is loaded."""
        other = copy.copy(self)
        other.plan, other._walk = copy.copy(self.plan), None
        other.plan.model = weakref.proxy(self.model)
        return other

    def resumed(self: _Run, max_seconds: float, model: LoadedModel) -> _Run:
        """Return a copy that continues with a model and a new length limit; this run stays as it is.

        Raises
        ------
        OptionError
            If another model made this run.
        """
        if self.state.maker != Maker.of(model.model):
            made = self.state.maker
            got = f"a speech of other weights, dtype or quantization ({made.dtype}, {made.quantize})"
            raise OptionError(got, f"a speech of {model}", "resume it with the engine that generated it")
        other = copy.copy(self)
        other.plan = copy.copy(self.plan)
        other.plan.model = model
        other.options = replace(self.options, max_seconds=max_seconds)
        other.max_seconds = max_seconds
        other.state = self.state.clone()
        other.lengths, other._starts = list(self.lengths), list(self._starts)
        other.tokens = list(self.tokens)
        config = model.model.config
        other._buffer = FrameBuffer(config.head.latent_size, config.semantic.size, self.frames)
        other._cancelled, other._walk = never, None
        other.started, other.first_audio = time.perf_counter(), None
        return other

    def replay(self, frames: Frames, tokens: Sequence[int], samples: int) -> None:
        """Let a fresh run continue after frames that a run of the same plan and options has made before.

        With the same weights in float32 on the same kind of CPU, the rest equals that of the run before bit
        for bit.

        Parameters
        ----------
        frames : Frames
        tokens : sequence of int
            `SpeechRun.tokens` up to the last frame.
        samples : int
            Samples of audio that are not returned again, pauses included.

        Raises
        ------
        OptionError
            If the tokens or samples do not fit the frames, or the frames belong to another model.

        Examples
        --------
        >>> from vibevoice_nb import Engine, parse_script
        >>> model = Engine.load("nano").loaded
        >>> turns, options = parse_script("Speaker 1: Hello.").turns, model.defaults.updated({"seed": 1})
        >>> whole, rest = (SpeechRun.whole(model, turns, {}, options) for _ in range(2))
        >>> audio = np.concatenate(list(whole))
        >>> rest.replay(whole.frames[:3], whole.tokens[:3], 3 * 3200)
        >>> np.array_equal(np.concatenate(list(rest)), audio[3 * 3200 :])
        True
        """
        network, config = self.model.model, self.model.model.config
        sizes = frames.latent.shape[1:], frames.semantic.shape[1:]
        if len(frames) and sizes != ((config.head.latent_size,), (config.semantic.size,)):
            raise OptionError(f"received frames of sizes {sizes}", "those of this model", "start again")
        special, receptive = self.model.tokenizer.special, receptive_frames(network)
        self._replay = Replay(frames, tokens, samples, special, receptive, config.hop_length)

    def given(self) -> Given | None:
        """Return the next token and frame to take from a `replay`, if there is one."""
        return None if self._replay is None else self._replay.next()

    @property
    def model(self) -> LoadedModel:
        """The model."""
        return self.plan.model

    @property
    def turns(self) -> Sequence[Turn]:
        """Turns of the script."""
        return self.plan.turns

    @property
    def frames(self) -> Frames:
        """Frames so far."""
        return self._buffer.frames

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""
        return self.samples / SAMPLE_RATE

    @property
    def first_reading(self) -> Reading:
        """Input of the model before its first frame."""
        return self._first

    @property
    def context_used(self) -> int:
        """Number of the context's last turns, whole, that the model reads first."""
        return self._first.lines

    @property
    def prefill_hash(self) -> str:
        """SHA-256 of the model's input before its first frame: text, voices, earlier frames."""
        return self._first.digest()

    @property
    def done(self) -> bool:
        """True if all passages and the pauses after them are generated."""
        return not self.speaking and not self._remaining and not self._silence

    @property
    def full(self) -> bool:
        """True if another frame would exceed the length limit or the model's context."""
        if self.samples + self.model.hop_length > self.max_seconds * SAMPLE_RATE:
            return True
        return self.speaking and self.context_full

    @property
    def context_full(self) -> bool:
        """True if no position of the model's context is left."""
        return self.state.cond.length >= self.plan.config.language.max_positions

    @property
    def halted(self) -> bool:
        """True if no more steps are allowed: the audio is full, or the model produces none."""
        return self._silent_steps.stalled or self.full

    @property
    def ended(self) -> Ended:
        """Reason the run stopped; "cancelled" until it finishes."""
        if self.done:
            return "finished"
        if self.full:
            return "length"
        return "stalled" if self._silent_steps.stalled else "cancelled"

    @property
    def odd_length(self) -> OddLength:
        """Set if a passage is far too short or too long for its text."""
        cut_off = self._current_length if self.speaking and self.ended == "length" else None
        return self.model.limits.odd_passage(self.lengths, cut_off)

    def spans(self) -> list[Span]:
        """Return the frames of each turn; see `vibevoice_nb.engine.turn_spans.frame_spans`."""
        return frame_spans(self.plan, self._aligned(), self._starts)

    def turn_samples(self) -> list[tuple[int, int, float]]:
        """Return start, stop and confidence of each turn in the audio, pauses counted; see `spans`."""
        return sample_spans(self.plan, self._aligned(), self._starts)

    def _aligned(self) -> list[list[Span]]:
        return align_passages(self.plan, self.frames, self._starts, finished=len(self.lengths))

    @property
    def _remaining(self) -> int:
        """Passages not begun yet."""
        return len(self.plan.passages) - len(self._starts)

    @property
    def _current_length(self) -> tuple[float, float]:
        """Seconds of speech in the last passage begun, and its estimate."""
        made = (len(self._buffer) - self._starts[-1][0]) * self.model.model.config.hop_length
        return made / SAMPLE_RATE, self.plan.passages[len(self._starts) - 1].expected_seconds

    @property
    def needs_frame(self) -> bool:
        """True if the next token of the passage must be a frame.

        Right after reading speech, the model may predict its end immediately.
        """
        return self.plan.gapless and self._starts[-1][0] == len(self._buffer)

    def _reading(self, number: int) -> Reading:
        starts = [*(start for start, _ in self._starts), len(self._buffer)]
        frames_left = self.max_seconds * self.model.model.config.frame_rate - len(self._buffer)
        return self.plan.reading(number, self.frames, starts, frames_left)

    def begin_passage(self) -> None:
        """Read the prompt of the next passage; the noise continues from the same generator."""
        number = len(self._starts)
        reading = self._reading(number) if number else self._first
        self._starts.append((len(self._buffer), self.samples))
        self.prompt_tokens += len(reading.prompt.ids) + len(reading.frames)
        generator, network = self.state.generator, self.model.model
        self.state = GenerationState.new(network, seed=0)
        self.state.generator = generator
        heard = prefill_spoken(
            network,
            reading.prompt,
            self.state,
            reading.frames.as_tensors(),
            guided=self.options.cfg_scale != 1.0,
            before=reading.before.as_tensors().latent_norm,
            prompt_cache=self.model.prompt_cache,
            seed_voices=self.options.seed_voices,
        )
        if number == 0 and len(heard):
            tail = heard[-LEAD_SAMPLES:].float().cpu().numpy()
            self.lead[LEAD_SAMPLES - len(tail) :] = tail
        self.speaking = True

    def take(self, step: Step) -> Iterator[Audio]:
        """Account for a step of the model; yield its audio, and the pause if it ends a passage."""
        self.tokens.append(step.token)
        self._silent_steps = self._silent_steps.after(made_frame=step.frame is not None)
        if step.frame is not None:
            yield from self._delivered(self._keep(step.frame))
        elif step.token in self.plan.end_tokens:
            self.lengths.append(self._current_length)
            self._silence, self.speaking = self.plan.passages[len(self._starts) - 1].pause_samples, False
            yield from self.rest()

    def _keep(self, frame: Frame) -> Audio:
        """Store a frame; return its audio."""
        latent, semantic, audio = (
            tensor.float().cpu().numpy() for tensor in (frame.latent_norm, frame.semantic, frame.audio)
        )
        self._buffer.append(latent, semantic)
        return audio

    def rest(self) -> Iterator[Audio]:
        """Yield the pause that is due; the length limit cuts it like any other audio."""
        count = min(self._silence, int(self.max_seconds * SAMPLE_RATE) - self.samples)
        if count > 0:
            self._silence -= count
            self.pauses += count
            yield from self._delivered(np.zeros(count, np.float32))

    def _delivered(self, audio: Audio) -> Iterator[Audio]:
        """Count audio, and yield what of it was not received before."""
        received = 0 if self._replay is None else max(0, self._replay.samples - self.samples)
        self.samples += len(audio)
        if received < len(audio):
            self.first_audio = self.first_audio or time.perf_counter()
            yield audio[received:]
