"""`RealtimeRun`: generation with VibeVoice-Realtime, iterated for audio; text may arrive while it speaks.

Shapes: N samples of a frame; N = 3200 as published.
"""

from __future__ import annotations

import copy
import hashlib
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from ..audio.pcm import SAMPLE_RATE
from ..errors import OptionError
from ..model.generation.alignment import Span
from ..model.generation.realtime import (
    RealtimeState,
    fits,
    read_text,
    speak_frame,
)
from ..model.generation.state import Maker
from ..script import Turn
from ..script.speakable import spoken_indices
from ..voices.voice import Voice
from .frames import LEAD_SAMPLES, FrameBuffer, Frames
from .interface import Audio, Cancelled, never
from .model_limits import OddLength
from .options import Ended, GenerationOptions
from .plans import pause_samples
from .text_feed import TextFeed
from .text_windows import TextWindows
from .turn_spans import frames_by_turn
from .unspoken import Unspoken, unspoken_notes

if TYPE_CHECKING:
    from .loaded_realtime import LoadedRealtime

_Run = TypeVar("_Run", bound="RealtimeRun")


class RealtimeRun:
    r"""One script, or one open text, while it is spoken.

    Iterate it for audio, float32 [N] a frame (or a pause); iterate again to continue after a break. Turns
    are spoken one by one, each from its speaker's voice prompt: a turn does not hear those before it.

    A run of an `open_text` is fed while it speaks, from any thread::

        run = engine.realtime.open(voice, options)
        run.feed("Good morning, ")      # portions of any size
        run.feed("and welcome.")
        run.close_text()
        for audio in run: ...           # in another thread, as it waits for text

    A window of text is read once its five tokens are there, or the text has ended; until then the iterator
    waits. Waiting changes no sample.

    Parameters
    ----------
    model : LoadedRealtime
    turns : sequence of Turn
        Those that the model cannot speak are skipped.
    cast : mapping from speaker index to Voice
        Voices with a prompt.
    options : GenerationOptions
        Without `max_seconds` the limit is three times the estimate plus 10 s; an open text has none.
    cancelled : callable, optional
        Called before every frame, and while it waits; if it returns True, the run stops and keeps its frames.
    pauses : bool
        Whether the script's pauses become silence.
    open_text : bool
        Whether the text of the one turn is fed.

    Attributes
    ----------
    options : GenerationOptions
        As used, with the seed.
    unspoken : list of Unspoken
        Text that the model, or the limit of its context, left out.
    lengths : list of (float, float)
        Seconds of speech and their estimate, for each finished turn.

    Raises
    ------
    ScriptError
        If there is nothing to speak.
    VoiceError
        If a speaker has no voice prompt that fits the model.
    """

    def __init__(
        self,
        model: LoadedRealtime,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
        open_text: bool = False,
    ) -> None:
        self.model, self.options = model, options.seeded()
        self._turns = list(turns)
        self._frontend = frontend = model.frontend
        self._owners = list(range(len(turns))) if open_text else spoken_indices(turns, frontend, model.name)
        spoken = [turns[index] for index in self._owners]
        self._prompts = {turn.speaker_index: model.voice_prompt(turn, cast) for turn in spoken}
        self._pauses = [
            pause_samples(turn, last=number == len(spoken)) if pauses else 0
            for number, turn in enumerate(spoken, start=1)
        ]
        self.estimated_seconds = (
            sum(frontend.seconds(turn.text) for turn in spoken) + sum(self._pauses) / SAMPLE_RATE
        )
        default = float("inf") if open_text else 3 * self.estimated_seconds + 10
        self.max_seconds = options.max_seconds or default
        self.lead: Audio = np.zeros(LEAD_SAMPLES, np.float32)
        self.samples = self.pauses = 0
        self.lengths: list[tuple[float, float]] = []
        self.unspoken: list[Unspoken] = []
        self.started = time.perf_counter()
        self.first_audio: float | None = None
        self._generator = torch.Generator("cpu").manual_seed(self.options.seed or 0)
        self._maker = Maker.of(model.model)
        self._positions = model.max_positions
        self._hop = model.hop_length
        self._buffer = FrameBuffer(model.model.config.head.latent_size, 0)
        self._starts: list[tuple[int, int]] = []
        self._state: RealtimeState | None = None
        self._text = TextWindows(TextFeed(model.tokenizer, frontend), fed=open_text)
        self._open = open_text
        self._speaking = False  # whether the last turn begun has not ended
        self._full = False  # whether the context ended it
        self._silence = 0  # samples of a pause still to be delivered
        self._cancelled: Cancelled = cancelled or never
        self._walk: Iterator[Audio] | None = None

    def feed(self, text: str) -> None:
        """Add a portion of text to an open run; any thread may call it.

        Raises
        ------
        OptionError
            If the run is not open, or its text has ended.
        ScriptError
            If the tokenizer cannot encode it.
        """
        with self._text.changed:
            self._text.add(text)
            self._turns[0] = replace(self._turns[0], text=self._turns[0].text + text)

    def close_text(self) -> None:
        """End the text of an open run: the rest is spoken, and the model may end the speech."""
        self._text.close()

    @property
    def waiting(self) -> bool:
        """True if the next frame needs text that is not there yet."""
        return self._open and not self.done and not self._text.ready

    @property
    def unread(self) -> str:
        """Text so far that the model has not read, or not wholly."""
        return self._text.left

    def __iter__(self) -> Iterator[Audio]:
        if self._walk is None:
            self._walk = self._spoken()
        return self._walk

    def __repr__(self) -> str:
        return f"<RealtimeRun {self.ended}: {self.seconds:.1f} s of audio>"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model out of copies and pickles; `resumed` continues them with the engine's."""
        left_out = {"model": None, "_walk": None, "_cancelled": never}
        return {**vars(self), **left_out, "_text": self._text.copied(None, self._frontend)}

    def without_model(self: _Run) -> _Run:
        """Return a copy that does not keep the model in memory."""
        model, other = self.model, copy.copy(self)
        other.model = weakref.proxy(model)
        return other

    def resumed(self: _Run, max_seconds: float, model: LoadedRealtime) -> _Run:
        """Return a copy that continues with a model and a new length limit; this run stays as it is.

        Raises
        ------
        OptionError
            If another model made this run, or its context is full.
        """
        if getattr(model, "model", None) is None or self._maker != Maker.of(model.model):
            got = f"a speech of other weights, dtype or quantization ({self._maker.dtype})"
            raise OptionError(got, f"a speech of {model}", "resume it with the engine that generated it")
        if self._full:
            got = f"a speech that fills the context of {self._positions} positions"
            raise OptionError(got, "a speech with room left", "speak the rest of the script as another one")
        other = copy.copy(self)
        other.model, other.max_seconds = model, max_seconds
        other.options = replace(self.options, max_seconds=max_seconds)
        if self._state is not None:
            other._state = self._state.clone()
            other._generator = other._state.generator
        other._text = self._text.copied(model.tokenizer, model.frontend)
        other.lengths, other._starts = list(self.lengths), list(self._starts)
        other.unspoken = list(self.unspoken)
        other._buffer = FrameBuffer(self.frames.latent.shape[1], 0, self.frames)
        other.started, other.first_audio = time.perf_counter(), None
        return other

    @property
    def turns(self) -> Sequence[Turn]:
        """Turns of the script; of an open text, one turn with the text so far."""
        return self._turns

    @property
    def frames(self) -> Frames:
        """Frames so far; their semantic features have size 0."""
        return self._buffer.frames

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""
        return self.samples / SAMPLE_RATE

    @property
    def context_used(self) -> int:
        """0: a turn does not hear those before it."""
        return 0

    @property
    def prefill_hash(self) -> str:
        """SHA-256 of voices and texts."""
        digest = hashlib.sha256()
        for turn in (self.turns[index] for index in self._owners):
            prompt = self._prompts[turn.speaker_index]
            digest.update(f"{prompt.sha256} {len(turn.text)} {turn.text}".encode("utf-8", "replace"))
        return digest.hexdigest()

    @property
    def done(self) -> bool:
        """True if all turns and the pauses after them are spoken."""
        return not self._speaking and len(self._starts) == len(self._owners) and not self._silence

    @property
    def context_full(self) -> bool:
        """True if no position of the model's context is left in the turn being spoken."""
        return self._full

    @property
    def full(self) -> bool:
        """True if another frame would exceed the length limit or the model's context."""
        return self._full or self.samples + self._hop > self.max_seconds * SAMPLE_RATE

    @property
    def ended(self) -> Ended:
        """Reason the run stopped; "cancelled" until it finishes."""
        if self.done:
            return "finished"
        return "length" if self.full else "cancelled"

    @property
    def odd_length(self) -> OddLength:
        """Set if a turn is far too short or too long for its text."""
        if self._open:
            return ""
        cut_off = self._current_length if self._speaking and self.ended == "length" else None
        return self.model.limits.odd_passage(self.lengths, cut_off)

    @property
    def notes(self) -> list[str]:
        """Sentences about text that was not spoken."""
        cause = "the model ended it early"
        last = f"the model's context of {self._positions} positions is full" if self._full else cause
        return unspoken_notes(self.unspoken, cause, last, several=len(self._owners) > 1)

    def spans(self) -> list[Span]:
        """Return the frames of each turn; boundaries are exact."""
        bounds = [start for start, _ in self._starts] + [len(self._buffer)]
        return [
            Span(start, stop, 1.0) for start, stop in frames_by_turn(self._owners, bounds, len(self.turns))
        ]

    def turn_samples(self) -> list[tuple[int, int, float]]:
        """Return start, stop and confidence (1) of each turn in the audio, pauses counted."""
        first = [start for start, _ in self._starts] + [len(self._buffer)]
        begun = [sample for _, sample in self._starts]
        found = [
            (sample, sample + (first[number + 1] - first[number]) * self._hop)
            for number, sample in enumerate(begun)
        ]
        where = dict(zip(self._owners, found, strict=False))
        return [(*where.get(index, (0, 0)), 1.0) for index in range(len(self.turns))]

    def advance(self, cancelled: Cancelled = never) -> list[Audio]:
        """Speak the next frame, after reading the text that is due; return its audio and pauses.

        Returns
        -------
        list of float32 [N]
            Empty if the run has stopped, was cancelled, or has no more to speak.
        """
        audio = list(self._rest())
        if self.done or self.full or cancelled():
            return audio
        if not self._speaking:
            self._begin()
        if not self._read(cancelled):
            return audio
        assert self._state is not None
        options = self.options
        sampler = self.model.sampler(options)
        frame = speak_frame(self.model.model, self._state, sampler, temperature=options.temperature)
        self._text.frame_made()
        latent, sound = (tensor.float().cpu().numpy() for tensor in (frame.latent_norm, frame.audio))
        self._buffer.append(latent, np.zeros(0, np.float32))
        audio.append(self._delivered(sound))
        if self._state.finished:
            self._end_turn()
            audio += self._rest()
        elif self._state.full:
            self._fill()
        return audio

    def _spoken(self) -> Iterator[Audio]:
        while audio := self.advance(self._cancelled):
            yield from audio

    def _begin(self) -> None:
        """Begin the next turn; the noise continues from the same generator."""
        turn = self.turns[self._owners[len(self._starts)]]
        self._starts.append((len(self._buffer), self.samples))
        self._state = RealtimeState.new(self.model.model, self._prompts[turn.speaker_index], self._generator)
        if not self._open:
            self._text = TextWindows(TextFeed(self.model.tokenizer, self._frontend, turn.text))
        self._speaking = True

    def _read(self, cancelled: Cancelled) -> bool:
        """Read the window of text that is due; return false if the run has to stop instead."""
        if not self._text.due:
            return True
        assert self._state is not None
        count = self._text.wait(cancelled)
        if count is None:
            return False
        if not fits(self.model.model, self._state, count):
            self._fill()
            return False
        if ids := self._text.take(count):
            read_text(self.model.model, self._state, ids)
        return True

    def _end_turn(self) -> None:
        """End a turn where the model ended it."""
        self.lengths.append(self._current_length)
        self._silence, self._speaking = self._pauses[len(self._starts) - 1], False
        self._keep_unspoken()

    def _fill(self) -> None:
        """Stop where the context ended."""
        self._full = True
        self._keep_unspoken()

    def _keep_unspoken(self) -> None:
        text, tokens = self._text.end()
        # The last tokens are often punctuation and the end of the line: nothing anybody would hear.
        if any(char.isalnum() for char in text):
            self.unspoken.append(Unspoken(self._owners[len(self._starts) - 1], tokens, text))

    @property
    def _current_length(self) -> tuple[float, float]:
        """Seconds of the last turn begun, and their estimate."""
        made = (len(self._buffer) - self._starts[-1][0]) * self._hop
        turn = self.turns[self._owners[len(self._starts) - 1]]
        return made / SAMPLE_RATE, self._frontend.seconds(turn.text)

    def _rest(self) -> Iterator[Audio]:
        """Yield the pause that is due; the length limit cuts it like any other audio."""
        left = self.max_seconds * SAMPLE_RATE - self.samples
        count = int(min(self._silence, max(0.0, left)))
        if count > 0:
            self._silence -= count
            self.pauses += count
            yield self._delivered(np.zeros(count, np.float32))

    def _delivered(self, audio: Audio) -> Audio:
        self.samples += len(audio)
        self.first_audio = self.first_audio or time.perf_counter()
        return audio
