"""Review of a recording of a whole script: one row for each turn, times counted in the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE

from . import availability
from .alignment import Pair, align
from .comparison import compare, spoken_as_heard
from .differences import Difference
from .recognizers import HeardWord, Recognizer, load_recognizer
from .report import ReviewReport, ReviewRow
from .result import Review, WordTime
from .whisper import windows
from .words import spoken_words

if TYPE_CHECKING:
    from vibevoice_nb.voices.voice import Voice

    from .speakers import VoiceMatcher

HEARING = 0.6
"""Fraction of the work that is recognition; the rest is the comparison of each turn."""


Timed = TypeVar("Timed", Difference, WordTime)


@dataclass(frozen=True)
class _Part:
    """Part of a recording that belongs to a turn: seconds [start, stop), and the words heard there."""

    start: float
    stop: float
    heard: tuple[HeardWord, ...] = ()


def review_recording(
    audio: NDArray[np.float32],
    turns: Sequence[tuple[str, str]],
    *,
    recognizer: str | Recognizer | None = None,
    language: str = "en",
    readings: Mapping[str, str] | None = None,
    voices: Mapping[str, Voice] | None = None,
    matcher: VoiceMatcher | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ReviewReport:
    """Compare a recording of any length with the turns of its script.

    The recording is transcribed in windows of half a minute, the transcript is aligned with the whole script,
    and each turn is compared with the part of the recording in which its words were heard.

    Parameters
    ----------
    audio : float32 [N]
        24 kHz mono.
    turns : sequence of (str, str)
        Speaker and text of each turn, in order.
    recognizer : str or Recognizer, optional
        See `load_recognizer`.
    language : str
        ISO 639-1.
    readings : mapping from word to reading, optional
        See `review`.
    voices : mapping from speaker to Voice, optional
        Recordings to compare the voices with.
    matcher : VoiceMatcher, optional
        Keeps the embeddings of `voices` for the next recording. By default a new one, if the package of the
        embedding is installed; without it, `similarity` is None.
    progress : callable, optional
        Called with the fraction completed, from 0 to 1.
    cancelled : callable, optional
        Asked at every window and every turn; once it is true, the report ends with the turns compared so far.

    Returns
    -------
    ReviewReport
        Times are seconds of the recording.

    Raises
    ------
    OptionError
        If the recognizer is not installed, or does not know the language.

    Examples
    --------
    >>> report = review_recording(np.zeros(48000, np.float32), [("Ada", "Hi."), ("Ben", "Hello.")],
    ...                           recognizer="pocketsphinx")
    >>> [(row.speaker, row.review.flagged) for row in report]
    [('Ada', True), ('Ben', True)]
    """
    ears = load_recognizer(recognizer) if recognizer is None or isinstance(recognizer, str) else recognizer
    sound = np.asarray(audio, np.float32).reshape(-1)
    report = progress or (lambda fraction: None)
    asked = cancelled or (lambda: False)
    heard = _hear(sound, ears, language, lambda done: report(HEARING * done), asked)
    rows: list[ReviewRow] = []
    parts = [] if asked() else _parts([text for _, text in turns], heard, len(sound) / SAMPLE_RATE, language)
    match = _matching(voices, matcher)
    for number, ((speaker, text), part) in enumerate(zip(turns, parts, strict=False), 1):
        if asked():
            break
        piece = sound[round(part.start * SAMPLE_RATE) : round(part.stop * SAMPLE_RATE)]
        words = [_moved(word, -part.start) for word in part.heard]
        found = match(piece, speaker, compare(piece, text, words, ears, language, readings))
        rows.append(ReviewRow(number, str(number), "", speaker, _in_recording(found, part.start)))
        report(HEARING + (1 - HEARING) * number / len(turns))
    return ReviewReport(rows)


def _hear(
    audio: NDArray[np.float32],
    recognizer: Recognizer,
    language: str,
    report: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> list[HeardWord]:
    """Transcribe in windows, which bounds the memory of every recognizer."""
    heard: list[HeardWord] = []
    pieces = [(0, len(audio))] if getattr(recognizer, "whole", False) else windows(audio)
    for start, stop in pieces:
        if cancelled():
            break
        words = recognizer.hear(audio[start:stop], language, cancelled)
        heard += [_moved(word, start / SAMPLE_RATE) for word in words]
        report(stop / len(audio))
    return heard


def _parts(texts: Sequence[str], heard: Sequence[HeardWord], seconds: float, language: str) -> list[_Part]:
    """Divide a recording among turns, in the middle between the words of one turn and those of the next.

    A turn of which no word was heard has the time between its neighbors.
    """
    owned: list[list[HeardWord]] = [[] for _ in texts]
    for number, word in zip(_owners(texts, heard, language), heard, strict=True):
        owned[number].append(word)
    ends = _last_known(words[-1].end if words else None for words in owned)
    starts = _last_known(words[0].start if words else None for words in reversed(owned))
    parts: list[_Part] = []
    for words, before, after in zip(owned, ends, reversed(starts), strict=True):
        start, stop = before or 0.0, seconds if after is None else after
        if words and before is not None:
            start = (before + words[0].start) / 2
        if words and after is not None:
            stop = (words[-1].end + after) / 2
        parts.append(_Part(start, max(start, stop), tuple(words)))
    return parts


def _last_known(times: Iterable[float | None]) -> list[float | None]:
    """Return, for each place, the last time that is known before it; None if there is none."""
    known: list[float | None] = []
    last: float | None = None
    for time in times:
        known.append(last)
        last = last if time is None else time
    return known


def _owners(texts: Sequence[str], heard: Sequence[HeardWord], language: str) -> list[int]:
    """Return the turn of each heard word; words that are in no turn belong to the one before them."""
    said = [(word.text, number) for number, text in enumerate(texts) for word in spoken_words(text, language)]
    words, sources = spoken_as_heard(heard, language)
    pairs = align([text for text, _ in said], [word.text for word in words])
    partners = {index: pair.said[0] for pair in pairs if pair.said for index in pair.heard}
    _move_gaps(said, pairs, partners)
    turn_of: dict[int, int] = {}
    for index, place in partners.items():
        turn_of.setdefault(sources[index], said[place][1])
    owners, last = [], 0
    for number in range(len(heard)):
        last = turn_of.get(number, last)
        owners.append(last)
    return owners


def _move_gaps(said: Sequence[tuple[str, int]], pairs: Sequence[Pair], partners: dict[int, int]) -> None:
    """Let missing words begin a turn, where words before them could be those after them as well.

    If "We left. We stayed." was heard as "We stayed.", the first sentence is missing, not "left. We".

    Parameters
    ----------
    said : sequence of (str, int)
        Word and turn.
    pairs : sequence of Pair
    partners : dict
        Place of the script's word by that of the heard word; changed in place.
    """
    heard_as = {pair.said[0]: pair.heard[0] for pair in pairs if len(pair.said) == len(pair.heard) == 1}
    missing = [pair.said for pair in pairs if pair.said and not pair.heard]
    at = 0
    while at < len(missing):
        first = last = at
        while last + 1 < len(missing) and missing[last + 1].start == missing[last].stop:
            last += 1
        start, stop, at = missing[first].start, missing[last].stop, last + 1
        moves = 0
        while start - moves > 0 and said[start - moves][1] == said[start - moves - 1][1]:
            moves += 1
            before, after = start - moves, stop - moves
            if before not in heard_as or said[before][0] != said[after][0]:
                moves = 0
                break
        for move in range(1, moves + 1):
            partners[heard_as[start - move]] = stop - move


def _matching(
    voices: Mapping[str, Voice] | None, matcher: VoiceMatcher | None
) -> Callable[[NDArray[np.float32], str, Review], Review]:
    """Return a function that adds the likeness of the voice to the review of a speaker's audio."""
    if not voices or (matcher is None and not availability.has_embedding()):
        return lambda audio, speaker, found: found

    from . import speakers  # loads torch

    chosen, known = matcher or speakers.VoiceMatcher(), speakers.recordings(voices)

    def add(audio: NDArray[np.float32], speaker: str, found: Review) -> Review:
        match = chosen.match(audio, speaker, known) if audio.size else None
        return found if match is None else replace(found, similarity=match.own, nearest=match.nearest)

    return add


def _in_recording(review: Review, seconds: float) -> Review:
    """Move the times of a review."""

    def later(item: Timed) -> Timed:
        start, end = item.start_seconds + seconds, item.end_seconds + seconds
        return replace(item, start_seconds=start, end_seconds=end)

    return replace(
        review,
        differences=tuple(map(later, review.differences)),
        words=tuple(map(later, review.words)),
    )


def _moved(word: HeardWord, seconds: float) -> HeardWord:
    return replace(word, start=word.start + seconds, end=word.end + seconds)
