"""`TakeTurn`: a turn of the script inside generated audio, and the times of its words where known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class TurnWord:
    """A word of a turn inside audio.

    Attributes
    ----------
    text_start, text_stop : int
        Range of the turn's text.
    start, stop : int
        Samples.
    heard : bool
        False if a recognizer did not hear it: its samples are interpolated.
    """

    text_start: int
    text_stop: int
    start: int
    stop: int
    heard: bool = True


@dataclass(frozen=True)
class TakeTurn:
    """A turn inside audio: samples [start, stop), and the confidence of these boundaries, from 0 to 1.

    `words` are those of `text`, in order, if a review has found them; else it is empty.
    """

    turn_id: str
    label: str
    text: str
    start: int
    stop: int
    confidence: float = 1.0
    color: str = ""
    words: tuple[TurnWord, ...] = ()

    def moved(self, place: Callable[[int], int]) -> TakeTurn:
        """Return the turn with `place` applied to its samples and those of its words.

        Examples
        --------
        >>> turn = TakeTurn("1", "Ada", "Hi!", 0, 240, words=(TurnWord(0, 3, 20, 200),))
        >>> turn.moved(lambda sample: sample + 1000).words[0].start
        1020
        """
        words = tuple(replace(word, start=place(word.start), stop=place(word.stop)) for word in self.words)
        return replace(self, start=place(self.start), stop=place(self.stop), words=words)


class TimedWord(Protocol):
    """Word with its range of a text and its times, such as `review.WordTime`."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def start_seconds(self) -> float: ...
    @property
    def end_seconds(self) -> float: ...
    @property
    def heard(self) -> bool: ...


def with_words(turn: TakeTurn, words: Iterable[TimedWord], sample_rate: int, text_start: int = 0) -> TakeTurn:
    """Return a turn with the words of a text that contains its text; those of other turns are left out.

    Their samples never decrease, and are inside the turn.

    Parameters
    ----------
    turn : TakeTurn
    words : iterable of TimedWord
    sample_rate : int
    text_start : int
        Place of the turn's text in the text of the words.

    Examples
    --------
    >>> from vibevoice_nb.review import WordTime
    >>> words = [WordTime("Hi,", 0, 3, 0.1, 0.4), WordTime("Ben.", 4, 8, 0.4, 1.2)]
    >>> turn = with_words(TakeTurn("1", "Ada", "Hi, Ben.", 0, 1000), words, 1000)
    >>> [(word.start, word.stop) for word in turn.words]
    [(100, 400), (400, 1000)]
    """
    found: list[TurnWord] = []
    place, at = 0, turn.start
    for word in words:
        first, last = word.start - text_start, word.end - text_start
        if not place <= first < last <= len(turn.text):
            continue
        start, stop = (
            round(min(max(at, seconds * sample_rate), turn.stop))
            for seconds in (word.start_seconds, word.end_seconds)
        )
        place, at = last, max(start, stop)
        found.append(TurnWord(first, last, start, at, word.heard))
    return replace(turn, words=tuple(found))


def parted_by_words(
    turns: Sequence[TakeTurn], words: Sequence[TimedWord], sample_rate: int
) -> list[TakeTurn]:
    r"""Return turns with their words; estimated boundaries are moved to the middle between two heard words.

    Parameters
    ----------
    turns : sequence of TakeTurn
        In order.
    words : sequence of TimedWord
        Words of the turns' texts, joined with line ends.
    sample_rate : int

    Examples
    --------
    >>> from vibevoice_nb.review import WordTime
    >>> turns = [TakeTurn("1", "Ada", "Hi.", 0, 900, 0.2), TakeTurn("2", "Ben", "Hello.", 900, 2000, 0.2)]
    >>> words = [WordTime("Hi.", 0, 3, 0.0, 0.4), WordTime("Hello.", 4, 10, 0.6, 1.2)]
    >>> [(turn.start, turn.stop, turn.words[0].start) for turn in parted_by_words(turns, words, 1000)]
    [(0, 500, 0), (500, 2000, 600)]
    """
    starts, at = [], 0
    for turn in turns:
        starts.append(at)
        at += len(turn.text) + 1
    first = {word.start: word for word in words if word.heard}
    last = {word.end: word for word in words if word.heard}
    moved = list(turns)
    for number in range(1, len(moved)):
        before, after = moved[number - 1 : number + 1]
        ends, begins = last.get(starts[number] - 1), first.get(starts[number])
        estimated = min(before.confidence, after.confidence) < 1
        if estimated and ends is not None and begins is not None and before.stop == after.start:
            edge = round((ends.end_seconds + begins.start_seconds) / 2 * sample_rate)
            edge = min(max(edge, before.start), after.stop)
            moved[number - 1], moved[number] = replace(before, stop=edge), replace(after, start=edge)
    return [with_words(turn, words, sample_rate, start) for turn, start in zip(moved, starts, strict=True)]
