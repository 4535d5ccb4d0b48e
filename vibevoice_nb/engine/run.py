"""Speaking under way: a turn in the context of those before it, or a whole script in the paper's single pass.

Shapes: T frames, Z latent size, F semantic size, N samples; N = 3200 T as published.

A run is iterated for its audio, a frame at a time, and keeps the frames: a later turn is spoken in their
context. How many of them the language model reads is bounded by its positions and, where it likes short
passages, by their length. The codec goes on from what sounded before in any case, so that nothing clicks.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import OptionError
from ..model.config import SAMPLE_RATE
from ..model.generation.alignment import Span as Span
from ..model.generation.alignment import align
from ..model.generation.context import SpokenFrames, frames_felt, prefill_spoken
from ..model.generation.loop import Frame, generate
from ..model.generation.sampler import Sampler
from ..model.generation.silent_steps import SilentSteps
from ..model.generation.state import GenerationState
from ..model.prompt import Prompt
from ..model.solver import solver_steps
from ..script import Turn
from ..script.passages import cut, cut_numbered
from ..script.speakable import nothing_to_speak
from ..voices.voice import Voice
from .engine import Engine
from .model_limits import OddLength
from .options import Ended, GenerationOptions

Cancelled = Callable[[], bool]

LEAD_SAMPLES = SAMPLE_RATE * 20 // 1000
"""How much of the sound before a turn is told with it, for crossfades."""


@dataclass(frozen=True)
class Frames:
    """Frames as they are kept with a take; float32 holds those of half precision exactly too."""

    latent: NDArray[np.float32]
    """latent_norm [T, Z]."""
    semantic: NDArray[np.float32]
    """[T, F]"""

    def __len__(self) -> int:
        return len(self.latent)

    @classmethod
    def joined(cls, parts: Sequence[Frames], latent_size: int, semantic_size: int) -> Frames:
        """Put parts one after the other; the sizes are for when there are none."""
        none = cls(np.zeros((0, latent_size), np.float32), np.zeros((0, semantic_size), np.float32))
        return cls(
            np.concatenate([part.latent for part in (none, *parts)]),
            np.concatenate([part.semantic for part in (none, *parts)]),
        )

    def __getitem__(self, part: slice) -> Frames:
        return Frames(self.latent[part], self.semantic[part])

    def as_tensors(self) -> SpokenFrames:
        """Hand them to the engine."""
        return SpokenFrames(torch.from_numpy(self.latent), torch.from_numpy(self.semantic))


@dataclass(frozen=True)
class Spoken:
    """A turn already spoken: context for the next."""

    turn: Turn
    frames: Frames


@dataclass(frozen=True)
class _Reading:
    """What the model is given before it speaks a passage."""

    prompt: Prompt
    lines: int
    """How many of its lines were spoken already."""
    frames: Frames
    """Theirs."""
    before: Frames
    """What sounded directly before those: for the codec only."""

    def digest(self) -> str:
        """Hash it."""
        ids: NDArray[Any] = np.array(self.prompt.ids, np.int64)
        sound = (self.frames.latent, self.frames.semantic, self.before.latent)
        digest = hashlib.sha256()
        for array in (ids, *sound, *(slot.audio.numpy() for slot in self.prompt.voices)):
            # The length keeps what ends one array from passing for the beginning of the next.
            digest.update(array.size.to_bytes(8, "little") + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class _Run:
    """Passages spoken one after the other, with noise from one generator.

    Subclasses say what of the sound before it a passage is read with, and which tokens end it.
    """

    def __init__(
        self,
        engine: Engine,
        passages: Sequence[Sequence[Turn]],
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled,
    ) -> None:
        model = engine.model
        self.engine, self.cast, self.options = engine, cast, options.seeded()
        self.ended: Ended = "cancelled"
        """Why it stands still; `cancelled` until it is at an end."""
        self.lead: NDArray[np.float32] = np.zeros(LEAD_SAMPLES, np.float32)
        """[480], the sound directly before the first sample; zeros where there was none."""
        self._passages, self._context, self._cancelled = passages, context, cancelled
        self._limit = options.max_seconds or 3 * sum(map(_estimated, passages)) + 10
        steps = solver_steps(options.num_steps, options.solver, model.config.head.train_steps)
        self._sampler = Sampler(model.head, steps, options.cfg_scale)
        self._sizes = model.config.head.latent_size, model.config.semantic.size
        self._made: list[Frames] = []
        self._audio: list[NDArray[np.float32]] = []
        self._marks = [0]
        """Where the passages begin, in frames; the last one once it is at its end."""
        self._first = self._reading(passages[0] if passages else ())
        self._walk = self._speak()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Make audio, a frame [3200] at a time; iterate again to go on after a break."""
        return self._walk

    @property
    def frames(self) -> Frames:
        """The frames so far."""
        return Frames.joined(self._made, *self._sizes)

    @property
    def audio(self) -> NDArray[np.float32]:
        """The sound so far, float32 [N]."""
        return np.concatenate([np.zeros(0, np.float32), *self._audio])

    @property
    def odd_length(self) -> OddLength:
        """Set if a passage is far too short or too long for its text."""
        seconds, rate = self.engine.frontend.seconds, self.engine.model.config.frame_rate
        marks = [*self._marks, len(self._made)]
        lengths = [
            ((stop - start) / rate, sum(seconds(turn.text) for turn in passage))
            for passage, (start, stop) in zip(self._passages, itertools.pairwise(marks), strict=False)
        ]
        done = len(self._marks) - 1
        cut_off = lengths[done] if self.ended == "length" else None
        return self.engine.limits.odd_passage(lengths[:done], cut_off)

    @property
    def prefill_hash(self) -> str:
        """SHA-256 of what the model is given before its first own frame: text, voices, frames before."""
        return self._first.digest()

    def _window(self, passage: Sequence[Turn]) -> Sequence[Spoken]:
        """Choose the last of the lines spoken, to be read before a passage."""
        return ()

    def _ends(self, token: int) -> bool:
        """Say whether a token ends a passage."""
        return token == self.engine.tokenizer.special.eos

    def _speak(self) -> Iterator[NDArray[np.float32]]:
        generator = torch.Generator("cpu").manual_seed(self.options.seed or 0)
        for number, passage in enumerate(self._passages):
            if self._cancelled():
                return
            state = self._begin(self._reading(passage) if number else self._first, generator)
            if not (yield from self._say(state)):
                return
            self._marks.append(len(self._made))
        self.ended = "finished"

    def _reading(self, passage: Sequence[Turn]) -> _Reading:
        window = self._window(passage)
        turns = [*(spoken.turn for spoken in window), *passage]
        frames = Frames.joined([spoken.frames for spoken in window], *self._sizes)
        heard = Frames.joined([*(spoken.frames for spoken in self._context), *self._made], *self._sizes)
        before = heard[: len(heard) - len(frames)][-frames_felt(self.engine.model) :]
        return _Reading(self.engine.prompt(turns, self.cast), len(window), frames, before)

    def _begin(self, reading: _Reading, generator: torch.Generator) -> GenerationState:
        model = self.engine.model
        state = GenerationState.new(model, seed=0)
        state.generator = generator
        spoken, before = reading.frames.as_tensors(), reading.before.as_tensors()
        heard = prefill_spoken(
            model,
            reading.prompt,
            state,
            spoken,
            guided=self._sampler.guided,
            before=before.latent_norm,
            prompt_cache=self.engine.prompt_cache,
            seed_voices=self.options.seed_voices,
        )
        if not self._made and len(heard):
            tail = heard[-LEAD_SAMPLES:].float().cpu().numpy()
            self.lead[LEAD_SAMPLES - len(tail) :] = tail
        return state

    def _say(self, state: GenerationState) -> Generator[NDArray[np.float32], None, bool]:
        """Speak one passage; returns whether the model has ended it."""
        model, special = self.engine.model, self.engine.tokenizer.special
        begun, frame = len(self._made), special.valid_tokens.index(special.frame)
        silent = SilentSteps()

        def full() -> bool:
            seconds = (len(self._made) + 1) / model.config.frame_rate
            return seconds > self._limit or state.cond.length >= model.config.language.max_positions

        steps = generate(
            model,
            [state],
            self._sampler,
            special,
            temperature=self.options.temperature,
            # Something is always said: a model that has just read speech may take it for the end.
            choose=lambda _, logits: frame if len(self._made) == begun else int(logits.argmax()),
            stop=lambda _: self._cancelled() or silent.stalled or full(),
            graph_pool=self.engine.graph_pool,
        )
        for step in steps:
            silent = silent.after(made_frame=step.frame is not None)
            if step.frame is not None:
                yield self._keep(step.frame)
            elif self._ends(step.token):
                return True
        if full():
            self.ended = "length"
        elif silent.stalled:
            self.ended = "stalled"
        return False

    def _keep(self, frame: Frame) -> NDArray[np.float32]:
        latent, semantic, audio = (
            tensor.float().cpu().numpy() for tensor in (frame.latent_norm, frame.semantic, frame.audio)
        )
        self._made.append(Frames(latent[None], semantic[None]))
        self._audio.append(audio)
        return audio


class TurnRun(_Run):
    r"""One turn, spoken in the context of those before it.

    A turn that is longer than the model likes (`passage_seconds`) is spoken in pieces, each in the context of
    the pieces and turns before it. A turn ends at the model's first end-of-speech token.

    Parameters
    ----------
    engine : Engine
    turn : Turn
        Its pause is not spoken.
    cast : mapping from speaker index to Voice
        Speakers who don't occur in what the model reads are not asked for.
    context : sequence of Spoken
        What was spoken before it, in order. The model is given as many of the last ones, whole, as fit in its
        positions and, with it, in `passage_seconds`, and no more than `context_seconds`.
    options : GenerationOptions
        Without `max_seconds`, three times the estimate and 10 s.
    cancelled : callable, optional
        Asked before every step of the model; true stops there and keeps what was made.

    Attributes
    ----------
    frames, audio : Frames, float32 [N]
        So far.
    ended : {"finished", "length", "stalled", "cancelled"}
    lead : float32 [480]
        The 20 ms before the first sample, as the codec made them; zeros without context.
    prefill_hash : str
        SHA-256 of what the model was given before its first own frame.

    Raises
    ------
    ScriptError
        A speaker without a voice, or a text longer than the model's positions.
    OptionError
        Frames of another model.

    Examples
    --------
    >>> from vibevoice_nb import Engine, parse_script
    >>> from vibevoice_nb.voices import resolve_voice
    >>> engine = Engine.load("nano")
    >>> first, second = parse_script("Speaker 1: How are you?\nSpeaker 2: Very well.").turns
    >>> cast = {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")}
    >>> options = engine.defaults.updated({"seed": 1})
    >>> before = TurnRun(engine, first, cast, [], options)
    >>> seconds = sum(len(audio) for audio in before) / 24000
    >>> run = TurnRun(engine, second, cast, [Spoken(first, before.frames)], options)
    >>> run.context_used, before.ended, len(before.audio) == len(before.frames) * 3200
    (1, 'finished', True)
    """

    def __init__(
        self,
        engine: Engine,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled = lambda: False,
    ) -> None:
        if engine.frontend.check(turn.text).empty:
            raise nothing_to_speak(turn, engine.frontend, engine.name)
        pieces = cut([replace(turn, pause_after_ms=0)], options.passage_seconds, engine.frontend)
        checked = [_checked(engine, spoken) for spoken in context]
        super().__init__(engine, pieces, cast, checked, options, cancelled)

    @property
    def context_used(self) -> int:
        """How many of the context's last turns, whole, the model reads before it begins."""
        return self._first.lines

    def _ends(self, token: int) -> bool:
        return super()._ends(token) or token == self.engine.tokenizer.special.end

    def _window(self, passage: Sequence[Turn]) -> Sequence[Spoken]:
        frames, said = self.frames, itertools.pairwise(self._marks)
        pieces = [Spoken(self._passages[i][0], frames[start:stop]) for i, (start, stop) in enumerate(said)]
        spoken = [*self._context, *pieces]
        config = self.engine.model.config
        # Newest first: how many frames the last 0, 1, 2, ... lines have.
        lengths = [0, *itertools.accumulate(len(line.frames) for line in reversed(spoken))]
        room = config.language.max_positions - (self._limit * config.frame_rate - len(self._made))
        options = self.options
        passage_seconds = math.inf if options.passage_seconds is None else options.passage_seconds
        context_seconds = math.inf if options.context_seconds is None else options.context_seconds
        most = min(passage_seconds - _estimated(passage), context_seconds) * config.frame_rate

        def too_many(count: int) -> bool:
            if lengths[count] > min(most, room):
                return True
            turns = [line.turn for line in spoken[len(spoken) - count :]]
            return len(self.engine.layout([*turns, *passage], self.cast).ids) + lengths[count] > room

        count = max(0, bisect.bisect_left(range(len(lengths)), True, key=too_many) - 1)
        return spoken[len(spoken) - count :]


class WholeRun(_Run):
    r"""A whole script in the paper's single pass, or in the passages the model likes.

    Pauses are not spoken: they belong to the assembly. See `TurnRun` for parameters and attributes.

    Examples
    --------
    >>> from vibevoice_nb import Engine, parse_script
    >>> engine = Engine.load("nano")
    >>> turns = parse_script("Speaker 1: Good morning.\nSpeaker 1: How are you?").turns
    >>> run = WholeRun(engine, turns, {}, engine.defaults.updated({"seed": 1}))
    >>> samples = sum(len(audio) for audio in run)
    >>> first, second = run.spans()
    >>> first.start_frame, first.stop_frame == second.start_frame, second.stop_frame == len(run.frames)
    (0, True, True)
    """

    def __init__(
        self,
        engine: Engine,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled = lambda: False,
    ) -> None:
        spoken = [index for index, turn in enumerate(turns) if not engine.frontend.check(turn.text).empty]
        if turns and not spoken:
            raise nothing_to_speak(turns[0], engine.frontend, engine.name)
        silent = [replace(turns[index], pause_after_ms=0) for index in spoken]
        numbered = cut_numbered(silent, options.passage_seconds, engine.frontend)
        self._turns = len(turns)
        self._owners = [[spoken[index] for index, _ in passage] for passage in numbered]
        pieces = [[turn for _, turn in passage] for passage in numbered]
        super().__init__(engine, pieces, cast, (), options, cancelled)

    def spans(self) -> list[Span]:
        """Find which of the frames so far belong to which turn.

        Returns
        -------
        list of Span
            One per turn, in order; together they cover all frames. A turn that was not reached has none, nor
            has one that the model cannot speak.
        """
        total = len(self._made)
        pieces: list[list[Span]] = [[] for _ in range(self._turns)]
        for number, passage in enumerate(self._passages):
            start, stop = (*self._marks, total, total)[number : number + 2]
            finished = number + 1 < len(self._marks)
            lines = align(
                self.engine.model,
                self.engine.prompt(passage, self.cast),
                self.frames[start:stop].as_tensors(),
                expected=None if finished else _estimated(passage) * self.engine.model.config.frame_rate,
            )
            for index, line in zip(self._owners[number], lines, strict=True):
                pieces[index].append(line.moved(start))
        spans: list[Span] = []
        for parts in pieces:
            end = spans[-1].stop_frame if spans else 0
            parts = parts or [Span(end, end, 1.0)]
            # A turn in several pieces is as sure as the least sure of them.
            confidence = min(part.confidence for part in parts)
            spans.append(Span(parts[0].start_frame, parts[-1].stop_frame, confidence))
        return spans


def _estimated(passage: Sequence[Turn]) -> float:
    return sum(turn.estimated_seconds for turn in passage)


def _checked(engine: Engine, spoken: Spoken) -> Spoken:
    """Refuse frames that another model made, as far as their sizes tell."""
    config = engine.model.config
    wanted = [(len(spoken.frames), config.head.latent_size), (len(spoken.frames), config.semantic.size)]
    got = [spoken.frames.latent.shape, spoken.frames.semantic.shape]
    if got != wanted:
        raise OptionError(
            f"context frames of sizes {got[0]} and {got[1]}",
            f"sizes {wanted[0]} and {wanted[1]}, those of {engine.name}",
            "speak the turns before it with this model too",
        )
    return spoken
