"""Replay of frames generated before, by this process or another, so that a run continues after them.

Shapes: T frames, Z latent size, F semantic size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import OptionError
from .frames import Frames

if TYPE_CHECKING:
    from ..model.generation.step import Given
    from ..model.tokenizer import SpecialTokens


class Replay:
    """Tokens and frames that a run takes again, one a step.

    The language model reads them one by one, as it did before, since a single pass over all of them would
    round differently. Nothing is sampled, and only the last frames are decoded: the codec's receptive field.

    Parameters
    ----------
    frames : Frames
    tokens : sequence of int
        Tokens of the model up to the last frame.
    samples : int
        Samples of the audio that are not returned again, pauses included.
    special : SpecialTokens
    receptive_frames : int
    hop_length : int

    Raises
    ------
    OptionError
        If the tokens do not fit the frames, or the samples are fewer than theirs.
    """

    def __init__(
        self,
        frames: Frames,
        tokens: Sequence[int],
        samples: int,
        special: SpecialTokens,
        receptive_frames: int,
        hop_length: int,
    ) -> None:
        count = list(tokens).count(special.frame)
        fits = count == len(frames) and (not tokens or tokens[-1] == special.frame)
        if not fits or not set(tokens) <= set(special.valid_tokens):
            raise OptionError(
                f"{len(tokens)} tokens of {count} frames for {len(frames)} received frames",
                "the tokens of every received frame, in order",
                "send those of the frames' events, or start again",
            )
        if samples < count * hop_length:
            raise OptionError(
                f"{samples} received samples in {count} frames",
                f"at least {count * hop_length}",
                "count the audio of every event received, or start again",
            )
        self.samples = samples
        self._valid, self._frame = list(special.valid_tokens), special.frame
        self._tokens, self._spoken = list(tokens), frames.as_tensors()
        self._first_decoded = len(frames) - receptive_frames
        self._step = self._number = 0

    def next(self) -> Given | None:
        """Return the next token, with its frame; None at the end."""
        from ..model.generation.step import Given

        if self._step == len(self._tokens):
            return None
        token, number = self._tokens[self._step], self._number
        choice = self._valid.index(token)
        self._step += 1
        if token != self._frame:
            return Given(choice)
        self._number += 1
        spoken = self._spoken
        decoded = number >= self._first_decoded
        return Given(choice, spoken.latent_norm[number], spoken.semantic[number], decoded)
