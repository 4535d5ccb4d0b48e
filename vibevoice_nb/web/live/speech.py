"""Speech of a live room: text goes in from any thread, and its audio into the playout.

What is said between two interruptions is one `_Speech`: its text, its stream and its number in the playout
begin and end together. An interruption is a new `_Speech`, so text after it never meets the one before.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import VibeVoiceError

from .playout import Playout

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.live_text.text_stream import TextStream
    from vibevoice_nb.script.clauses import Clause

_READ = 2.0
"""Most seconds that the reader of a text needs to notice its end."""
_log = logging.getLogger(__name__)


class Pieces:
    """Pieces of text between `say` and the one stream that reads them.

    Examples
    --------
    >>> pieces = Pieces()
    >>> pieces.put("Good "), pieces.put("morning."), pieces.chars
    (True, True, 13)
    >>> next(iter(pieces)), pieces.close(), list(pieces), pieces.put("More.")
    ('Good ', ['morning.'], [], False)
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: deque[str] = deque()
        self._closed = False
        self._readers = 0
        self.chars = 0
        """Number of characters that were not read."""

    def put(self, piece: str) -> bool:
        """Add a piece; return false if they are closed."""
        with self._changed:
            if not self._closed:
                self._pieces.append(piece)
                self.chars += len(piece)
                self._changed.notify_all()
            return not self._closed

    def close(self) -> list[str]:
        """End the text; return the pieces that were not read."""
        with self._changed:
            self._closed = True
            left = list(self._pieces)
            self._pieces.clear()
            self.chars = 0
            self._changed.notify_all()
            return left

    def wait_read(self) -> bool:
        """Wait, once they are closed, until their reader has passed on the last piece."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._readers, _READ)

    def __iter__(self) -> Iterator[str]:
        with self._changed:
            self._readers += 1
        try:
            while (piece := self._next()) is not None:
                yield piece
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._pieces))
            if not self._pieces:
                return None
            piece = self._pieces.popleft()
            self.chars -= len(piece)
            return piece


class _Speech:
    """Text, its stream, and the number of its audio in the playout."""

    def __init__(self, pieces: Pieces, stream: TextStream, generation: int) -> None:
        self.pieces, self.stream, self.generation = pieces, stream, generation

    def end(self) -> list[str]:
        """Stop; return the pieces that the stream has not received."""
        left = self.pieces.close()
        self.stream.cancel()
        self.pieces.wait_read()
        return left

    def unspoken(self, left: list[str]) -> str:
        """Return the text that the stream has not spoken, and the pieces after it."""
        begun, rest = self.stream.unspoken, "".join(left)
        between = " " if begun and rest and not self.stream.reader.pending else ""
        return (begun + between + rest).strip()


class Speech:
    """Thread that speaks the text of a live room.

    Parameters
    ----------
    name : str
    engine : Engine
    playout : Playout
    voices : voices, optional
        As for `Engine.stream_text`. Speakers keep their voices as long as the live room is open.
    options : mapping, optional
        Options of the generation.
    """

    def __init__(
        self, name: str, engine: Engine, playout: Playout, voices: Any, options: Mapping[str, Any]
    ) -> None:
        self._engine, self._playout, self._options = engine, playout, dict(options)
        self._lock = threading.Lock()
        self._closed = False
        self._failed: Clause | None = None
        self.problem = ""
        """Last error, for the listeners."""
        self._now = self._begun(voices)
        self._thread = threading.Thread(target=self._run, name=f"live-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of characters that wait to be spoken."""
        now = self._now
        return now.pieces.chars + len(now.stream.unspoken)

    def say(self, text: str) -> None:
        """Add text."""
        with self._lock:
            self._now.pieces.put(text)

    def interrupt(self) -> str:
        """Stop speaking at once; return the text that was not heard."""
        with self._lock:
            old = self._now
            heard_not = " ".join(word.text for word in self._playout.clear())
            left = old.end()
            rest = old.unspoken(left)
            if not self._closed:
                self._now = self._begun(None, old)
        return " ".join(part for part in (heard_not, rest) if part)

    def close(self) -> None:
        """Stop speaking for good."""
        with self._lock:
            self._closed = True
        self.interrupt()
        self._playout.close()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread after `close`."""
        self._thread.join(timeout)

    # --- in the thread --------------------------------------------------------------------------------------

    def _begun(self, voices: Any, before: _Speech | None = None) -> _Speech:
        pieces = Pieces()
        stream = self._engine.stream_text(pieces, voices, **self._options)
        if before is not None:
            stream.cast = before.stream.cast
        return _Speech(pieces, stream, self._playout.generation)

    def _run(self) -> None:
        before: _Speech | None = None
        while True:
            with self._lock:
                if self._closed:
                    return
                now = self._now
                if before is not None:
                    _follow(now.stream, before.stream)
            self._speak(now)
            before = now
            with self._lock:
                if self._now is now and not self._closed:
                    self._now, before = self._resumed(now), None

    def _speak(self, now: _Speech) -> None:
        try:
            for spoken in now.stream:
                if not self._playout.write(spoken.audio, spoken.words, spoken.start, now.generation):
                    break
        except VibeVoiceError as error:
            self.problem = str(error)
        except Exception:
            _log.exception("a live room failed to speak")
            self.problem = "The speech failed; the server's log has the reason."

    def _resumed(self, failed: _Speech) -> _Speech:
        """Return the speech of the text that a failed one has left.

        The clause that failed may be the first of it. If that is so twice, it is left out.
        """
        left = failed.end()
        now = self._begun(None, failed)
        failed.stream.receive()
        waiting = failed.stream.clauses
        if waiting and waiting[0] is self._failed:
            waiting.popleft()
        self._failed = waiting[0] if waiting else None
        now.stream.clauses.extend(waiting)
        waiting.clear()
        now.stream.reader = failed.stream.reader
        for piece in left:
            now.pieces.put(piece)
        return now


def _follow(stream: TextStream, before: TextStream) -> None:
    """Let a stream go on with the speaker of the one before, at a new line."""
    before.reader.feed("\n")
    stream.reader = before.reader
