"""Inbox of a text stream: pieces of text from any source, in order, with a limit on what waits."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, Iterable
from typing import Any, TypeAlias

from ...errors import OptionError, ScriptError
from ...ranges import shown

TextSource: TypeAlias = "Iterable[str] | AsyncIterable[str] | queue.Queue[str | None]"
"""Iterator, async iterator, or queue of pieces of text; None in a queue ends the text."""

MAX_WAITING_CHARS = 20_000
"""Characters that may wait; a source with more of them is read later."""


class Inbox:
    """Pieces of text between the thread that receives them and the one that speaks them.

    Examples
    --------
    >>> inbox = Inbox()
    >>> inbox.put("Hello "), inbox.put("there."), inbox.end()
    (True, True, None)
    >>> inbox.take(), inbox.ended
    ('Hello there.', True)
    """

    def __init__(self, limit: int = MAX_WAITING_CHARS) -> None:
        self._limit, self._pieces, self._chars = limit, deque[str](), 0
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self.received = 0.0
        """Clock (`time.perf_counter`) at the last piece."""

    def put(self, piece: object) -> bool:
        """Add a piece, waiting for room; return false if the inbox is closed."""
        if not isinstance(piece, str):
            raise ScriptError(
                f"a piece of text of type {type(piece).__name__} ({shown(piece)})",
                "text (str)",
                "yield strings, such as the text of each token",
            )
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._chars < self._limit)
            # A piece that arrives after a cancellation is kept: it belongs to the unspoken rest.
            self._pieces.append(piece)
            self._chars += len(piece)
            self.received = time.perf_counter()
            self._changed.notify_all()
            return not self._closed

    def end(self, error: BaseException | None = None) -> None:
        """Mark the end of the text; an error is raised once the text before it is spoken."""
        with self._changed:
            self._ended, self._error = True, self._error or error
            self._changed.notify_all()

    def close(self) -> None:
        """Stop reading: end all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for text, the end, or `close`; return false after the time."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._pieces) or self._ended or self._closed, timeout)

    def take(self, most: int | None = None) -> str:
        """Return the text that waits, at most so many characters of it."""
        with self._changed:
            taken, left = [], self._chars if most is None else most
            while self._pieces and left > 0:
                piece = self._pieces.popleft()
                if len(piece) > left:
                    self._pieces.appendleft(piece[left:])
                    piece = piece[:left]
                taken.append(piece)
                left -= len(piece)
                self._chars -= len(piece)
            self._changed.notify_all()
            return "".join(taken)

    @property
    def waiting(self) -> str:
        """Text that was not taken yet."""
        with self._changed:
            return "".join(self._pieces)

    @property
    def ended(self) -> bool:
        """True once the source has ended and everything was taken."""
        with self._changed:
            return self._ended and not self._pieces

    @property
    def error(self) -> BaseException | None:
        """Error of the source."""
        return self._error


def check_source(source: object) -> None:
    """Reject what is no source of text.

    Raises
    ------
    OptionError
        If it is a text, or neither an iterator nor a queue.
    """
    if isinstance(source, (str, bytes)) or not (
        isinstance(source, (Iterable, AsyncIterable)) or callable(getattr(source, "get", None))
    ):
        raise OptionError(
            f"a text source {shown(source)}",
            "an iterator or async iterator of text, or a queue.Queue",
            "use `speak` for a text that is complete",
        )


def read_source(source: Any, inbox: Inbox) -> None:
    """Read a source into an inbox until either ends; runs in a thread of its own."""
    error: BaseException | None = None
    try:
        if isinstance(source, AsyncIterable):
            asyncio.run(read_async(source, inbox))
            return
        pieces = source if isinstance(source, Iterable) else _from_queue(source, inbox)
        for piece in pieces:
            if not inbox.put(piece):
                return
    except BaseException as exc:  # whatever the source raises belongs to the reader of the stream
        error = exc
    finally:
        inbox.end(error)


async def read_async(source: AsyncIterable[str], inbox: Inbox) -> None:
    """Read an async source into an inbox, in the loop that it belongs to."""
    error: BaseException | None = None
    try:
        async for piece in source:
            # The inbox may wait for room, and the loop must not.
            if not await asyncio.to_thread(inbox.put, piece):
                return
    except asyncio.CancelledError as exc:
        # The text is not complete; a stream that was cancelled itself raises nothing.
        error = exc
        raise
    except Exception as exc:
        error = exc
    finally:
        inbox.end(error)


def _from_queue(source: Any, inbox: Inbox) -> Iterable[str]:
    """Yield the pieces of a queue until None, or its shutdown."""
    while not inbox._closed:
        try:
            piece = source.get(timeout=0.25)
        except queue.Empty:
            continue
        except Exception as error:
            if type(error).__name__ == "ShutDown":  # Python 3.13 and later
                return
            raise
        if piece is None:
            return
        yield piece
