"""Comparison of a recording with the text that it should say."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.meter import measure
from vibevoice_nb.audio.pcm import SAMPLE_RATE

from .alignment import Pair, align
from .differences import Difference, Group, Kind, groups, kind_of
from .pace import Pace, pace_of
from .recognizers import AligningRecognizer, HeardWord, Recognizer, load_recognizer
from .result import Review, WordTime, rounded
from .sounds import Span, echoes, levels, other_sounds, silences, trimmed
from .words import SpokenWord, is_known, similarity, spoken_words

LONG_SILENCE = 2.0
"""Seconds of silence inside a turn from which it is a difference."""
MAX_FIT_SECONDS = 29.0
# Beyond these confidences a script's word is certainly missing, and a heard one certainly there. Measured
# with Whisper base on turns of nano with planted faults and on recordings without one; see docs/review.md.
# Names fit badly, since they can be written in many ways; and a word heard as one that sounds like it is
# often the recognizer's choice.
_ABSENT, _ABSENT_NAME, _PRESENT, _PRESENT_AGAIN = 0.05, 0.002, 0.6, 0.4
_ALIKE, _AS_READ = 0.5, 0.7
_MARKS = ".,;:!?\"'“”‘’()…-–—"


def review(
    audio: NDArray[np.float32],
    text: str,
    *,
    recognizer: str | Recognizer | None = None,
    language: str = "en",
    readings: Mapping[str, str] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Review:
    """Compare a recording with the text that it should say.

    Parameters
    ----------
    audio : float32 [N]
        24 kHz mono.
    text : str
        One turn, or several.
    recognizer : str or Recognizer, optional
        See `load_recognizer`.
    language : str
        ISO 639-1.
    readings : mapping from word to reading, optional
        Words that are said another way, as in a lexicon; either form is right.
    cancelled : callable, optional
        Called about every 30 s of audio; once it returns True, the rest counts as missing.

    Raises
    ------
    OptionError
        If the recognizer is not installed, or does not know the language.

    Examples
    --------
    >>> result = review(np.zeros(48000, np.float32), "Two words.", recognizer="pocketsphinx")
    >>> [str(item) for item in result.differences], result.wer
    (['“Two words.” is cut off at the end at 0.0 s'], 100.0)
    """
    ears = load_recognizer(recognizer) if recognizer is None or isinstance(recognizer, str) else recognizer
    sound = np.asarray(audio, np.float32).reshape(-1)
    return compare(sound, text, ears.hear(sound, language, cancelled), ears, language, readings)


def compare(
    audio: NDArray[np.float32],
    text: str,
    heard: Sequence[HeardWord],
    recognizer: Recognizer,
    language: str = "en",
    readings: Mapping[str, str] | None = None,
) -> Review:
    """Compare a recording, of which the words were heard already, with its text; see `review`."""
    return _Comparison(audio, text, heard, recognizer, language, readings or {}).result()


def spoken_as_heard(
    heard: Sequence[HeardWord], language: str = "en"
) -> tuple[tuple[SpokenWord, ...], list[int]]:
    """Normalize heard words like a script; also return the place in `heard` of each result.

    Examples
    --------
    >>> words, places = spoken_as_heard([HeardWord("It's", 0, 1), HeardWord("$5", 1, 2)])
    >>> [word.text for word in words], places
    (["it's", 'five', 'dollars'], [0, 1, 1])
    """
    starts, at = [], 0
    for word in heard:
        starts.append(at)
        at += len(word.text) + 1
    words = spoken_words(" ".join(word.text for word in heard), language)
    places = np.searchsorted(starts, [word.start for word in words], "right") - 1
    return words, places.tolist()


class _Comparison:
    """Comparison of one recording with its text."""

    def __init__(
        self,
        audio: NDArray[np.float32],
        text: str,
        heard: Sequence[HeardWord],
        recognizer: Recognizer,
        language: str,
        readings: Mapping[str, str],
    ) -> None:
        self.audio, self.text, self.language, self.recognizer = audio, text, language, recognizer
        self.seconds = len(audio) / SAMPLE_RATE
        self.said = spoken_words(text, language)
        self.transcript = " ".join(word.text for word in heard)
        self.heard, places = spoken_as_heard(heard, language)
        self.sources = [heard[place] for place in places]
        self.readings = {word.casefold(): reading for word, reading in readings.items()}
        self.pairs = self._accepted(align([w.text for w in self.said], [w.text for w in self.heard]))
        self.fitted = self._fit()
        self.levels = levels(audio)
        self.silences = silences(audio, LONG_SILENCE)
        self.times = self._word_times()

    def result(self) -> Review:
        found = [*map(self._difference, groups(self.pairs)), *self._sounds()]
        found += self._said_twice(found)
        differences = sorted(found, key=lambda item: item.start_seconds)
        errors = sum(max(len(pair.said), len(pair.heard)) for pair in self.pairs if not pair.same)
        return Review(
            self.text,
            self.transcript,
            tuple(differences),
            self.times,
            errors,
            len(self.said),
            self.recognizer.name,
            self.language,
            self.recognizer.note,
            pace=self._pace(),
            loudness=rounded(measure(self.audio).lufs, 2),
        )

    def _pace(self) -> Pace | None:
        """Return the pace from the first right word to the last: recognizers invent words at the ends."""
        right = [index for pair in self.pairs if pair.same for index in pair.heard]
        if not right:
            return None
        first, last = right[0], right[-1]
        start, _ = trimmed(self.levels, self.sources[first].start, self.sources[first].end)
        _, stop = trimmed(self.levels, self.sources[last].start, self.sources[last].end)
        silent = sum(span.seconds for span in self.silences if start <= span.start and span.end <= stop)
        words = [word.text for word in self.heard[first : last + 1]]
        return pace_of(words, stop - start - silent, self.language)

    def _accepted(self, pairs: list[Pair]) -> list[Pair]:
        """Accept words that were heard as their reading in the lexicon."""
        right = [group for group in groups(pairs) if self._as_read(group)] if self.readings else []
        kept = [pair for pair in pairs if not any(_lies_in(pair, group) for group in right)]
        new = [Pair(group.said, group.heard, True) for group in right]
        return sorted([*kept, *new], key=lambda pair: (pair.said.start, pair.heard.start))

    def _as_read(self, group: Group) -> bool:
        """Return true if a group is one entry of the lexicon, heard as its reading."""
        if not group.said or not group.heard:
            return False
        written = self.text[self.said[group.said[0]].start : self.said[group.said[-1]].end]
        reading = spoken_words(self.readings.get(written.strip(_MARKS).casefold(), ""), self.language)
        expected = "".join(word.text for word in reading)
        heard = "".join(self.heard[index].text for index in group.heard)
        return bool(expected) and similarity(expected, heard) >= _AS_READ

    def _fit(self) -> dict[int, HeardWord]:
        """Return the script's words by their place in the text, as far as the recognizer can fit them."""
        found: dict[int, HeardWord] = {}
        if not isinstance(self.recognizer, AligningRecognizer) or not self.said:
            return found
        for start, stop, begin, end in self._windows():
            if (stop - start) / SAMPLE_RATE > MAX_FIT_SECONDS + 1:
                continue  # hardly a word was recognized: nothing shows what belongs to which part
            part = self.text[begin:end]
            offset = start / SAMPLE_RATE
            at = begin
            for word in self.recognizer.fit(self.audio[start:stop], part, self.language):
                at = self.text.index(word.text, at)
                found[at] = HeardWord(word.text, word.start + offset, word.end + offset, word.confidence)
                at += len(word.text)
        return found

    def _windows(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield pieces that end with recognized words, mostly at most `MAX_FIT_SECONDS` long.

        Each is samples [start, stop) and their range of the text.
        """
        if self.seconds <= MAX_FIT_SECONDS:
            yield 0, len(self.audio), 0, len(self.text)
            return
        start, begin = 0.0, 0
        ends = [
            (self.sources[pair.heard[-1]].end, self.said[pair.said[-1]].end)
            for pair in self.pairs
            if pair.same
        ]
        for at, (seconds, end) in enumerate(ends):
            following = ends[at + 1][0] if at + 1 < len(ends) else self.seconds
            if following - start > MAX_FIT_SECONDS - 1 and seconds > start:
                yield self._piece(start, seconds, begin, end)
                start, begin = seconds, end
        yield self._piece(start, self.seconds, begin, len(self.text))

    def _piece(self, start: float, stop: float, begin: int, end: int) -> tuple[int, int, int, int]:
        return round(start * SAMPLE_RATE), round(stop * SAMPLE_RATE), begin, end

    def _difference(self, group: Group) -> Difference:
        """Describe a group of differing words."""
        kind = kind_of(group, [w.text for w in self.said], [w.text for w in self.heard])
        mine = [self.said[index] for index in group.said]
        theirs = [self.sources[index] for index in group.heard]
        start = mine[0].start if mine else self._place(group.said.start)
        end = mine[-1].end if mine else start
        begin, stop = self._seconds(group)
        heard = " ".join(dict.fromkeys(word.text for word in theirs))
        return Difference(
            kind, self.text[start:end], heard, start, end, begin, stop, self._certain(kind, mine, theirs)
        )

    def _place(self, index: int) -> int:
        """Place in the text before a word."""
        return self.said[index].start if index < len(self.said) else len(self.text)

    def _seconds(self, group: Group) -> tuple[float, float]:
        """Return the time of a group: of the heard words, else between its neighbors."""
        if group.heard:
            return self.sources[group.heard[0]].start, self.sources[group.heard[-1]].end
        before = self.sources[group.heard.start - 1].end if group.heard.start else 0.0
        after = self.sources[group.heard.stop].start if group.heard.stop < len(self.sources) else self.seconds
        return before, max(before, after)

    def _certain(self, kind: Kind, mine: Sequence[SpokenWord], theirs: Sequence[HeardWord]) -> bool:
        """Return true if the script's words are surely absent, or the heard ones surely present."""
        present = _confidence(theirs)
        fits = {word.text: self.fitted[word.start].confidence for word in mine if word.start in self.fitted}
        if any(char.isdigit() for word in theirs for char in word.text):
            # Recognizers write numbers in their own way; the script's words are there if they fit on average.
            return bool(fits) and float(np.mean(list(fits.values()))) < _ABSENT
        if fits:
            heard = spoken_words(" ".join(word.text for word in theirs), self.language)
            alike = similarity("".join(w.text for w in mine), "".join(w.text for w in heard)) >= _ALIKE
            absent = any(
                fit < (_ABSENT if is_known(word, self.language) and not alike else _ABSENT_NAME)
                for word, fit in fits.items()
            )
            return absent and (not theirs or min(fits.values()) < present)
        # Without a fit, words are missing as surely as the others were heard.
        needed = _PRESENT_AGAIN if kind == "repeated" else _PRESENT
        return _confidence(theirs or self.sources) >= needed or not self.sources

    def _said_twice(self, found: Sequence[Difference]) -> Iterator[Difference]:
        """Words said twice that the recognizer wrote once, as it tends to; those in `found` are known."""
        for span in echoes(self.audio):
            stop = span.end + span.seconds  # of the copy
            if any(item.start_seconds < stop and item.end_seconds > span.start for item in found):
                continue
            middle = (span.start + span.end) / 2
            word = next((word for word in self.times if word.end_seconds > middle), None)
            if word is not None:
                heard = word.text.strip(_MARKS)
                yield Difference("repeated", "", heard, word.start, word.start, span.start, span.end)

    def _sounds(self) -> Iterator[Difference]:
        """Silence and sound without words."""
        for span in self.silences:
            if span.start > 0 and span.end < self.seconds:
                yield self._between("silence", span)
        for span in other_sounds(self.audio):
            yield self._between("sound", span)

    def _between(self, kind: Kind, span: Span) -> Difference:
        """Describe a span without words, which lies before the first script's word that begins later."""
        place = next((word.start for word in self.times if word.start_seconds >= span.start), len(self.text))
        return Difference(kind, "", "", place, place, span.start, span.end)

    def _word_times(self) -> tuple[WordTime, ...]:
        """Return the time of each word as written: fitted, or as heard, or interpolated."""
        heard: dict[int, HeardWord] = {}
        starts = [match.start() for match in re.finditer(r"\S+", self.text)]
        for pair in self.pairs:
            for index in pair.said if pair.same else ():
                # Several spoken words may be written as one, and a quotation mark may precede it.
                written = starts[bisect.bisect_right(starts, self.said[index].start) - 1]
                first, last = self.sources[pair.heard[0]], self.sources[pair.heard[-1]]
                known = heard.get(written, first)
                heard[written] = replace(known, end=max(known.end, last.end))
        places = [match.span() for match in re.finditer(r"\S+", self.text)]
        times: list[tuple[float, float] | None] = []
        for start, _ in places:
            fit = self.fitted.get(start)
            word = (
                fit if fit is not None and (start in heard or fit.confidence >= _ABSENT) else heard.get(start)
            )
            times.append(None if word is None else trimmed(self.levels, word.start, word.end))
        filled = _interpolated(times, [end - start for start, end in places], self.seconds)
        return tuple(
            WordTime(self.text[start:end], start, end, *span, heard=was is not None)
            for (start, end), span, was in zip(places, filled, times, strict=True)
        )


def _lies_in(pair: Pair, group: Group) -> bool:
    return not pair.same and all(
        outer.start <= inner.start and inner.stop <= outer.stop
        for inner, outer in ((pair.said, group.said), (pair.heard, group.heard))
    )


def _confidence(words: Sequence[HeardWord]) -> float:
    return float(np.mean([word.confidence for word in words])) if words else 0.0


def _interpolated(
    known: Sequence[tuple[float, float] | None], weights: Sequence[int], seconds: float
) -> list[tuple[float, float]]:
    """Give words without times their shares of the gap they are in, by length; times never decrease.

    >>> _interpolated([(0.0, 1.0), None, None, (3.0, 4.0)], [3, 1, 3, 4], 5.0)
    [(0.0, 1.0), (1.0, 1.5), (1.5, 3.0), (3.0, 4.0)]
    """
    # For each word, where the next known one begins, and the length of the words until then.
    ahead: list[tuple[float, int]] = [(seconds, 0)] * (len(known) + 1)
    for index in reversed(range(len(known))):
        times = known[index]
        begins, rest = ahead[index + 1]
        ahead[index] = (times[0], 0) if times is not None else (begins, rest + weights[index])
    filled: list[tuple[float, float]] = []
    at = 0.0
    for index, times in enumerate(known):
        if times is None:
            begins, rest = ahead[index]
            times = at, at + max(0.0, begins - at) * weights[index] / max(1, rest)
        start = max(at, times[0])
        at = max(start, times[1])
        filled.append((start, at))
    return filled
