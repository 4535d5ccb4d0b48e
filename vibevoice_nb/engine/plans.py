"""Plans of a run: how a script is divided into passages, and what the model reads before each.

`WholeScript` generates a script in the paper's single pass, or in the passages the model prefers.
`TurnInContext` generates one turn after the frames of the turns before it. `SpeechRun` executes either.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..audio.pcm import SAMPLE_RATE
from ..errors import OptionError
from ..model.config import ModelConfig
from ..model.generation.context import receptive_frames
from ..model.prompt import Prompt
from ..script import Turn
from ..script.passages import PASSAGE_SPEAKERS, cut, cut_numbered
from ..script.speakable import spoken_indices
from ..voices.voice import Voice
from .frames import Frames, Spoken, last_frames
from .loaded_model import LoadedModel
from .options import GenerationOptions

_TURN_GAP_MS = 200
"""Silence inserted between passages where the script specifies no pause: the usual gap between turns."""


@dataclass(frozen=True)
class Passage:
    """Turns generated in one pass.

    Attributes
    ----------
    turns : sequence of Turn
    owners : sequence of int
        For each, the index of the script's turn that it is, or is a piece of.
    expected_seconds : float
        Length of the speech as the front end estimates it.
    pause_samples : int
        Silence after it.
    """

    turns: Sequence[Turn]
    owners: Sequence[int]
    expected_seconds: float
    pause_samples: int = 0

    @property
    def estimated_seconds(self) -> float:
        """Length of the speech, estimated from the text alone."""
        return sum(turn.estimated_seconds for turn in self.turns)


@dataclass(frozen=True)
class Reading:
    """Input of the model before it generates a passage.

    Attributes
    ----------
    prompt : Prompt
    lines : int
        Number of its lines that were generated before.
    frames : Frames
        Frames of those lines.
    before : Frames
        Frames directly before those, which only the codec reads.
    """

    prompt: Prompt
    lines: int
    frames: Frames
    before: Frames

    def digest(self) -> str:
        """Return the SHA-256 of text, voices and frames."""
        ids: NDArray[Any] = np.array(self.prompt.ids, np.int64)
        sound = (self.frames.latent, self.frames.semantic, self.before.latent)
        digest = hashlib.sha256()
        for array in (ids, *sound, *(slot.audio.numpy() for slot in self.prompt.voices)):
            # The length separates the end of one array from the beginning of the next.
            digest.update(array.size.to_bytes(8, "little") + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class Plan(Protocol):
    """Passages of a run, and the input of the model before each.

    Attributes
    ----------
    model : LoadedModel
    config : ModelConfig
        Configuration of the model, also after the model was unloaded.
    turns : sequence of Turn
        Turns of the script.
    passages : sequence of Passage
    end_tokens : frozenset of int
        Tokens that end a passage.
    gapless : bool
        Whether passages follow each other without silence: then the codec's state is carried over, and each
        passage has at least one frame.
    estimated_seconds : float
    """

    model: LoadedModel
    config: ModelConfig
    turns: Sequence[Turn]
    passages: Sequence[Passage]
    end_tokens: frozenset[int]
    gapless: bool
    estimated_seconds: float

    def reading(self, number: int, made: Frames, starts: Sequence[int], frames_left: float) -> Reading:
        """Return the input of the model before passage `number`.

        Parameters
        ----------
        number : int
        made : Frames
            Frames generated so far.
        starts : sequence of int
            First frame of each passage generated so far, and of this one.
        frames_left : float
            Most frames that may follow.
        """


class WholeScript:
    r"""A whole script in the paper's single pass, or in the passages the model prefers.

    Parameters
    ----------
    model : LoadedModel
    turns : sequence of Turn
        Those that the model cannot speak are skipped.
    cast : mapping from speaker index to Voice
    options : GenerationOptions
    pauses : bool
        Whether the script's pauses become silence. Without them passages follow each other gaplessly, as a
        project wants it: its timeline inserts the pauses.

    Raises
    ------
    ScriptError
        If there is nothing to speak, a speaker has no voice, or the text is longer than the model's context.
    """

    def __init__(
        self,
        model: LoadedModel,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        *,
        pauses: bool = False,
    ) -> None:
        frontend = model.frontend
        spoken = spoken_indices(turns, frontend, model.name)
        kept = [turns[index] if pauses else replace(turns[index], pause_after_ms=0) for index in spoken]
        numbered = cut_numbered(kept, options.passage_seconds, frontend)
        self.model, self.config = model, model.model.config
        self.turns, self.gapless = turns, not pauses
        self.passages: Sequence[Passage] = [
            Passage(
                [turn for _, turn in pieces],
                [spoken[index] for index, _ in pieces],
                sum(frontend.seconds(turn.text) for _, turn in pieces),
                pause_samples(pieces[-1][1], last=number == len(numbered)) if pauses else 0,
            )
            for number, pieces in enumerate(numbered, start=1)
        ]
        self.end_tokens = frozenset({model.tokenizer.special.eos})
        self.estimated_seconds = sum(turn.estimated_seconds + turn.pause_after_ms / 1000 for turn in kept)
        # All prompts at once: an error is raised before anything is generated.
        self._prompts = [model.prompt(passage.turns, cast) for passage in self.passages or [_EMPTY]]

    def reading(self, number: int, made: Frames, starts: Sequence[int], frames_left: float) -> Reading:
        before = last_frames([made], receptive_frames(self.model.model) if self.gapless else 0)
        return Reading(self._prompts[number], 0, made[:0], before[0] if before else made[:0])


class TurnInContext:
    r"""One turn in the context of those before it.

    A turn longer than the model's preferred passage is generated in pieces, each in the context of the pieces
    and turns before it. It ends at the model's first end-of-speech token; its pause is not generated.

    Parameters
    ----------
    model : LoadedModel
    turn : Turn
    cast : mapping from speaker index to Voice
        Needed for the speakers in what the model reads.
    context : sequence of Spoken
        Turns before it, in order. The model reads the last ones: as many, whole, as fit in its context and,
        with the turn, in `passage_seconds`, no more than `context_seconds`, and of at most four speakers.
    options : GenerationOptions

    Raises
    ------
    ScriptError
        If a speaker has no voice, or the text is longer than the model's context.
    OptionError
        If the frames belong to another model.
    """

    gapless = True

    def __init__(
        self,
        model: LoadedModel,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
    ) -> None:
        spoken_indices([turn], model.frontend, model.name)
        pieces = cut([replace(turn, pause_after_ms=0)], options.passage_seconds, model.frontend)
        self.model, self.config = model, model.model.config
        self.cast, self.options = cast, options
        self.turns: Sequence[Turn] = [turn]
        self.context = [_checked(model, spoken) for spoken in context]
        self.passages: Sequence[Passage] = [
            Passage(piece, [0], sum(model.frontend.seconds(turn.text) for turn in piece)) for piece in pieces
        ]
        special = model.tokenizer.special
        self.end_tokens = frozenset({special.eos, special.end})
        self.estimated_seconds = sum(passage.estimated_seconds for passage in self.passages)

    def reading(self, number: int, made: Frames, starts: Sequence[int], frames_left: float) -> Reading:
        passage = self.passages[number]
        pieces = [
            Spoken(self.passages[i].turns[0], made[start:stop])
            for i, (start, stop) in enumerate(itertools.pairwise(starts))
        ]
        spoken = [*self.context, *pieces]
        count = self._context_lines(passage, spoken, frames_left)
        window = spoken[len(spoken) - count :]
        config = self.model.model.config
        sizes = config.head.latent_size, config.semantic.size
        frames = Frames.joined([line.frames for line in window], *sizes)
        outside = [line.frames for line in spoken[: len(spoken) - count]]
        before = Frames.joined(last_frames(outside, receptive_frames(self.model.model)), *sizes)
        turns = [*(line.turn for line in window), *passage.turns]
        return Reading(self.model.prompt(turns, self.cast), count, frames, before)

    def _context_lines(self, passage: Passage, spoken: Sequence[Spoken], frames_left: float) -> int:
        """Return the number of last lines, whole, that the model reads before a passage."""
        config, options = self.model.model.config, self.options
        # Newest first: number of frames of the last 0, 1, 2, ... lines.
        lengths = [0, *itertools.accumulate(len(line.frames) for line in reversed(spoken))]
        positions = config.language.max_positions - frames_left
        passage_seconds = math.inf if options.passage_seconds is None else options.passage_seconds
        context_seconds = math.inf if options.context_seconds is None else options.context_seconds
        most = min(passage_seconds - passage.estimated_seconds, context_seconds) * config.frame_rate

        def too_many(count: int) -> bool:
            if lengths[count] > min(most, positions):
                return True
            turns = [*(line.turn for line in spoken[len(spoken) - count :]), *passage.turns]
            if len({turn.speaker_index for turn in turns}) > PASSAGE_SPEAKERS:
                return True
            prompt = self.model.layout(turns, self.cast)
            return len(prompt.ids) + lengths[count] > positions

        return max(0, bisect.bisect_left(range(len(lengths)), True, key=too_many) - 1)


_EMPTY = Passage((), (), 0.0)


def pause_samples(turn: Turn, *, last: bool) -> int:
    """Return the silence after a passage that ends with a turn."""
    return (turn.pause_after_ms or (0 if last else _TURN_GAP_MS)) * SAMPLE_RATE // 1000


def _checked(model: LoadedModel, spoken: Spoken) -> Spoken:
    """Reject frames of another model, as far as their sizes show it."""
    config = model.model.config
    wanted = [(len(spoken.frames), config.head.latent_size), (len(spoken.frames), config.semantic.size)]
    got = [spoken.frames.latent.shape, spoken.frames.semantic.shape]
    if got != wanted:
        raise OptionError(
            f"context frames of sizes {got[0]} and {got[1]}",
            f"sizes {wanted[0]} and {wanted[1]}, those of {model.name}",
            "generate the turns before it with this model too",
        )
    return spoken
