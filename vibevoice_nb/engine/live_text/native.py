"""Text streams with VibeVoice-Realtime: every word is read as it arrives, while others are spoken."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...model.config import SAMPLE_RATE
from ...script import Turn
from ...script.clauses import Clause
from ...script.speakable import ScriptWarning
from .spoken_words import WordPacer
from .turn_by_turn import leading_pause

if TYPE_CHECKING:
    from ..loaded_realtime import LoadedRealtime
    from .text_stream import SpokenAudio, TextStream

_MOST_CHARS = 2_000
"""Text after which a run ends with its sentence: far from the end of the model's context."""
_MARKUP = re.compile(r"[*_`#~]{1,3}")


def speak_words(stream: TextStream, model: LoadedRealtime) -> Iterator[SpokenAudio]:
    """Speak a stream; a run of the model lasts until the speaker changes, or the text is late."""
    while (word := stream.next_clause()) is not None:
        pause_ms, text = leading_pause(word.text)
        yield from stream.pause(pause_ms if stream.seconds else 0, word)
        if text and not stream.cancelled:
            yield from _Utterance(stream, model, replace(word, text=text)).spoken()
        if stream.ended is not None or stream.cancelled:
            return


class _Utterance:
    """One run of the model, fed with the words of one speaker."""

    def __init__(self, stream: TextStream, model: LoadedRealtime, first: Clause) -> None:
        self._stream, self._speaker = stream, first.speaker
        index, label = stream.cast.index(first.speaker), stream.cast.label(first.speaker)
        most = stream.options.max_seconds
        options = replace(
            stream.options, max_seconds=None if most is None else max(0.1, most - stream.seconds)
        )
        voice = stream.cast.voices[index]
        self._run = model.open(voice, options, lambda: stream.cancelled, speaker=label)
        self._seconds_of = model.frontend.seconds
        self._pacer = WordPacer(Turn(label, "", index), 0.0, stream.seconds)
        self._fed, self._last, self._open = "", first, True
        self._words: list[tuple[Clause, int, int]] = []  # with their places in the text that was fed
        with stream.lock:
            self._feed(first)
            stream.begin_turn(self._pacer, [])

    def spoken(self) -> Iterator[SpokenAudio]:
        stream, run = self._stream, self._run
        while not (run.done or run.full or stream.cancelled):
            if self._open:
                self._feed_waiting()
            if self._open and run.waiting:
                if not stream.wait(self._settles):
                    self._settle()
                continue
            sounds = run.advance(lambda: stream.cancelled)
            if not sounds:
                break
            for audio in sounds:
                unread = len(self._unread(run.unread))
                words = self._pacer.until(stream.seconds + len(audio) / SAMPLE_RATE, unread)
                yield stream.delivered(audio, words, self._last)
        if stream.cancelled:
            return
        if run.full and not run.done and not run.context_full:
            stream.ended = "length"  # the words that have not begun stay unspoken
        elif self._return_unspoken():
            yield from stream.words_only(self._pacer.finish(stream.seconds), self._last)

    @property
    def _settles(self) -> bool:
        """True if a sentence is complete, as far as its text has arrived."""
        pending = self._stream.reader.pending
        return self._stream.reader.complete if pending else self._last.ends_sentence

    def _feed_waiting(self) -> None:
        """Feed the words that wait; close the text where something else than a word of the speaker comes."""
        stream = self._stream
        with stream.lock:
            stream.receive()
            while stream.clauses:
                word = stream.clauses[0]
                long = len(self._fed) > _MOST_CHARS and self._last.ends_sentence
                if word.speaker != self._speaker or long or leading_pause(word.text)[0]:
                    self._close()
                    return
                self._feed(stream.clauses.popleft())
            if stream.text_ended:
                self._close()

    def _feed(self, word: Clause) -> None:
        text = _MARKUP.sub("", word.text)
        self._last = word
        if text:
            start = len(self._fed)
            self._words.append((word, start, start + len(text)))
            text += " " * word.spaced
            self._run.feed(text)
            self._fed += text
            self._pacer.add(word.text, self._seconds_of(text), self._stream.seconds, word.spaced)

    def _settle(self) -> None:
        """Speak what is there: the text is late, and its last sentence is complete."""
        stream = self._stream
        with stream.lock:
            stream.close_sentence()
            while stream.clauses and stream.clauses[0].speaker == self._speaker:
                self._feed(stream.clauses.popleft())
            self._close()

    def _close(self) -> None:
        self._run.close_text()
        self._open = False

    def _unread(self, rest: str) -> list[Clause]:
        """Return the words that the model has not read, or not wholly, when `rest` of the text is unread."""
        if not any(char.isalnum() for char in rest):
            return []  # punctuation is not audible
        read = len(self._fed.rstrip()) - len(rest)
        found: list[Clause] = []
        for word, start, end in reversed(self._words):
            if end <= read:
                break
            if start >= read or any(char.isalnum() for char in self._fed[read:end]):
                found.append(word)
        return found[::-1]

    def _return_unspoken(self) -> bool:
        """Give words that the model left out to the next run.

        Return false if the model ended the speech within its first word. Trying that again could last for
        ever, so it is reported, and stays unspoken.
        """
        again = self._unread(self._run.unspoken[-1].text) if self._run.unspoken else []
        refused = bool(again) and len(again) == len(self._words)
        if refused:
            got = again.pop(0).text
            warnings.warn(f"{got[:80]!r}: the model does not speak this text", ScriptWarning, stacklevel=2)
        with self._stream.lock:
            self._pacer.drop(len(again))
            self._stream.clauses.extendleft(reversed(again))
        return not refused
