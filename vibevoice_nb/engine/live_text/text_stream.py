"""`TextStream`: speech of a text that is still being written.

A model that reads text while it speaks gets every word. Any other speaks clause by clause, each in the
context of those before it. When text is late the stream waits; it ends when the text has ended.
"""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...audio.pcm import SAMPLE_RATE
from ...errors import OptionError
from ...script import Diagnostic, Turn
from ...script.clauses import Clause, ClauseReader, Unit, speaker_names
from ...script.pronunciation import Pronunciation
from ...script.speakable import ScriptWarning
from ..options import GenerationOptions
from .inbox import Inbox, TextSource, check_source, read_async, read_source
from .spoken_words import SpokenWord, WordPacer
from .voices import StreamCast

if TYPE_CHECKING:
    from ..engine import Engine
    from ..loaded_realtime import LoadedRealtime
    from .turn_by_turn import TurnByTurn

StreamEnd = Literal["finished", "cancelled", "length"]
"""Reason that a stream ended: the text is complete; it was cancelled; the length limit was reached."""

SETTLED = 0.15
"""Seconds without new text after which a sentence that seems complete is spoken: no more of it may come."""
_TAKEN_CHARS = 4_096
"""Text taken from the inbox at a time: a long one delays neither the audio nor `cancel`."""
_MOST_DIAGNOSTICS = 1_000
JOINED_SECONDS = 6.0
"""Longest text spoken in one pass, by estimate, if several clauses of a sentence wait."""


@dataclass(frozen=True)
class SpokenAudio:
    """Audio of a text stream.

    Attributes
    ----------
    audio : float32 [N]
        24 kHz; a frame of the model, or a pause that the text asks for.
    start : float
        Seconds of audio before it.
    words : tuple of SpokenWord
        Words that begin in it. Their times are estimated within a clause, and exact at its ends.
    speaker : str
        Label of the speaker.
    """

    audio: NDArray[np.float32] = field(repr=False)
    start: float
    words: tuple[SpokenWord, ...] = ()
    speaker: str = ""

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SAMPLE_RATE


class TextStream:
    r"""Speech of a text that is still being written; iterate it, or `async for`, for `SpokenAudio`.

    See `Engine.stream_text`. Leave the ``with`` block, or call `cancel`, to stop; `unspoken` is the rest of
    the text then.

    Attributes
    ----------
    options : GenerationOptions
        As used, with the seed.
    seconds : float
        Length of the audio so far.
    ended : {"finished", "cancelled", "length"} or None
        Reason that the stream ended; None before.
    diagnostics : list of Diagnostic
        Text that the model cannot speak, with its place in the clause; of an endless stream, the last 1,000.
    first_text, first_audio : float or None
        Clock (`time.perf_counter`) at the end of the first clause, and at the first audio.

    Examples
    --------
    >>> from vibevoice_nb import Engine
    >>> stream = Engine.load("nano").stream_text(iter(["Good mor", "ning. How a", "re you?"]), seed=1)
    >>> [word.text for spoken in stream for word in spoken.words]
    ['Good', 'morning.', 'How', 'are', 'you?']
    >>> stream.ended, stream.unspoken
    ('finished', '')
    """

    def __init__(
        self,
        engine: Engine,
        source: TextSource,
        voices: Any,
        options: GenerationOptions,
        pronunciation: Pronunciation,
        unit: Unit = "clause",
    ) -> None:
        check_source(source)
        if unit not in ("clause", "sentence"):
            raise OptionError(f"unit={unit!r}", "'clause' or 'sentence'", "leave it out for 'clause'")
        self.options = options.seeded()
        self.seconds = 0.0
        self.ended: StreamEnd | None = None
        self.diagnostics: list[Diagnostic] = []
        self.first_text: float | None = None
        self.first_audio: float | None = None
        self.cast = StreamCast(engine, voices)
        self._engine, self._source, self._pronunciation = engine, source, pronunciation
        self._inbox = Inbox()
        self._native = _realtime(engine)
        self.reader = ClauseReader(speaker_names(voices), unit if self._native is None else "word")
        self.clauses: deque[Clause] = deque()
        """Text that waits to be spoken."""
        self.pacer: WordPacer | None = None
        """Words of the turn being spoken."""
        self._later: list[str] = []  # texts of the current clause after the turn being spoken
        self.lock = threading.RLock()
        """Held while text moves, so that `unspoken` finds every word once."""
        self.cancelled = False
        self._feeder: threading.Thread | None = None
        self._reading: asyncio.Task[None] | None = None
        self._walk: Iterator[SpokenAudio] | None = None

    def __repr__(self) -> str:
        return f"<TextStream {self.ended or 'open'}: {self.seconds:.1f} s of audio>"

    def __iter__(self) -> Iterator[SpokenAudio]:
        if self._walk is None:
            self._feeder = threading.Thread(
                target=read_source, args=(self._source, self._inbox), name="vibevoice-text", daemon=True
            )
            self._feeder.start()
            self._walk = self._spoken()
        return self._walk

    async def __aiter__(self) -> AsyncIterator[SpokenAudio]:
        """Speak without blocking the event loop; an async source is read in this loop."""
        if self._walk is None and isinstance(self._source, AsyncIterable):
            self._reading = asyncio.create_task(read_async(self._source, self._inbox))
            self._walk = self._spoken()
        walk, finished = iter(self), object()
        try:
            while (spoken := await asyncio.to_thread(next, walk, finished)) is not finished:
                yield spoken  # type: ignore[misc]
        finally:
            if self.ended is None:
                self.cancel()
            if self._reading is not None:
                self._reading.cancel()

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Stop within a frame, from any thread; audio that was yielded stays."""
        self.cancelled = True
        self._inbox.close()

    @property
    def unspoken(self) -> str:
        """Text that was received and not spoken: the words after the last one that has begun."""
        with self.lock:
            text = self.pacer.rest if self.pacer is not None else ""
            text += "".join(part + " " for part in self._later)
            text += "".join(clause.text + " " * clause.spaced for clause in self.clauses)
            rest = self.reader.uncut + self._inbox.waiting
            return (text + (rest.lstrip() if text.endswith(" ") else rest)).strip()

    def begin_turn(self, pacer: WordPacer, later: list[str]) -> None:
        """Begin a turn of the current clause; `later` are the texts after it."""
        with self.lock:
            self.pacer, self._later = pacer, later

    # --- generation -----------------------------------------------------------------------------------------

    def _spoken(self) -> Iterator[SpokenAudio]:
        try:
            yield from self._turn_by_turn() if self._native is None else self._natively(self._native)
            if self.ended is None and not self.cancelled:
                if self._inbox.error is not None:
                    raise self._inbox.error
                self.ended = "finished"
        finally:
            if self.ended is None:
                self.ended = "cancelled"
            self._inbox.close()

    def _natively(self, model: LoadedRealtime) -> Iterator[SpokenAudio]:
        from .native import speak_words

        return speak_words(self, model)

    def _turn_by_turn(self) -> Iterator[SpokenAudio]:
        from .turn_by_turn import TurnByTurn

        speaker = TurnByTurn(self._engine, self.options, self._pronunciation, self.cast)
        most = self.options.max_seconds
        while (clause := self.next_clause(speaker.seconds_of)) is not None:
            left = None if most is None else most - self.seconds
            if left is not None and left <= 0:
                self.ended = "length"
                return
            pause_ms, turns = self._turns_of(clause, speaker)
            yield from self.pause(pause_ms if self.seconds else 0, clause)
            for number, turn in enumerate(turns, start=1):
                pacer = WordPacer(turn, speaker.seconds_of(turn.text), self.seconds)
                self.begin_turn(pacer, [later.words for later in turns[number:]])
                for audio in speaker.audio(turn, lambda: self.cancelled, left):
                    yield self.delivered(audio, pacer.until(self._after(audio)), clause)
                    if self.cancelled:
                        break
                if self.cancelled:
                    return
                if left is not None and speaker.full:
                    self.ended = "length"
                    return
                yield from self.words_only(pacer.finish(self.seconds), clause)
                yield from self.pause(turn.pause_after_ms, clause)

    def words_only(self, words: tuple[SpokenWord, ...], clause: Clause) -> Iterator[SpokenAudio]:
        """Yield words whose audio was shorter than estimated."""
        if words:
            label = self.cast.label(clause.speaker)
            yield SpokenAudio(np.zeros(0, np.float32), self.seconds, words, label)

    def pause(self, ms: int, clause: Clause) -> Iterator[SpokenAudio]:
        if ms:
            yield self.delivered(np.zeros(ms * SAMPLE_RATE // 1000, np.float32), (), clause)

    def _turns_of(self, clause: Clause, speaker: TurnByTurn) -> tuple[int, list[Turn]]:
        pause_ms, turns, found = speaker.turns(clause)
        with self.lock:
            self.pacer, self._later = None, [turn.words for turn in turns]
        self.diagnostics += found
        del self.diagnostics[:-_MOST_DIAGNOSTICS]
        for item in found:
            warnings.warn(f"{clause.text[:80]!r}: {item.message}", ScriptWarning, stacklevel=4)
        return pause_ms, turns

    def _after(self, audio: NDArray[np.float32]) -> float:
        return self.seconds + len(audio) / SAMPLE_RATE

    def delivered(
        self, audio: NDArray[np.float32], words: tuple[SpokenWord, ...], clause: Clause
    ) -> SpokenAudio:
        self.first_audio = self.first_audio or time.perf_counter()
        spoken = SpokenAudio(audio, self.seconds, words, self.cast.label(clause.speaker))
        self.seconds = self._after(audio)
        return spoken

    # --- text, for the loops above and in `native` ----------------------------------------------------------

    @property
    def text_ended(self) -> bool:
        """True if the source has ended and all of its text was taken."""
        return self._inbox.ended and not self.clauses and not self.reader.pending

    def receive(self) -> None:
        """Take the text that has arrived, without waiting."""
        with self.lock:
            text = self._inbox.take(_TAKEN_CHARS)
            if text:
                self.clauses += self.reader.feed(text)
            if self._inbox.ended and not self.clauses:
                self.clauses += self.reader.close()

    def close_sentence(self) -> None:
        """Take the pending text as complete: what follows it is late."""
        with self.lock:
            self.clauses += self.reader.close()

    def wait(self, settles: bool) -> bool:
        """Wait for text, the end, or `cancel`; return false if a complete sentence has waited long enough."""
        return self._inbox.wait(SETTLED if settles else None)

    def next_clause(self, seconds_of: Callable[[str], float] | None = None) -> Clause | None:
        """Wait for the next clause; join those of a sentence that wait. None at the end of the text."""
        while not self.cancelled:
            self.receive()
            if self.clauses:
                self.first_text = self.first_text or time.perf_counter()
                with self.lock:
                    clause = self.clauses.popleft()
                    if seconds_of is not None:
                        clause = self._joined(clause, seconds_of)
                    # It is unspoken until its first turn begins, also if that fails.
                    self.pacer, self._later = None, [clause.text]
                return clause
            if self.text_ended:
                return None
            if not self.wait(self.reader.complete):
                self.close_sentence()
        return None

    def _joined(self, clause: Clause, seconds_of: Callable[[str], float]) -> Clause:
        while self.clauses and not clause.ends_sentence and self.clauses[0].speaker == clause.speaker:
            longer = clause.joined(self.clauses[0])
            if seconds_of(longer.text) > JOINED_SECONDS:
                break
            clause = longer
            self.clauses.popleft()
        return clause


def _realtime(engine: Engine) -> LoadedRealtime | None:
    """Return the model of an engine if it reads text while it speaks."""
    try:
        return engine.realtime
    except OptionError:
        return None
