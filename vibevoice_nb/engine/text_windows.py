"""Windows of text of a speech: fed from any thread, and read in turn with windows of frames."""

from __future__ import annotations

import threading
from typing import Any

from ..errors import OptionError
from ..model.generation.realtime import SPEECH_WINDOW, TEXT_WINDOW
from ..model.tokenizer import Tokenizer
from ..script.frontends import Frontend
from .interface import Cancelled
from .text_feed import TextFeed

_POLL = 0.05
"""Seconds between two calls of `cancelled` during a wait for text."""


class TextWindows:
    """Text of one turn in windows of five tokens, one before every six frames.

    Parameters
    ----------
    feed : TextFeed
    fed : bool
        Whether the text arrives by `add`.

    Attributes
    ----------
    changed : threading.Condition
        Held while text moves.
    """

    def __init__(self, feed: TextFeed, *, fed: bool = False) -> None:
        self._feed, self._fed = feed, fed
        self._frames = 0  # left before the next window of text
        self.changed = threading.Condition()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "changed": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.changed = threading.Condition()

    def copied(self, tokenizer: Tokenizer | None, frontend: Frontend) -> TextWindows:
        """Return a copy with another tokenizer, or without one to pickle it."""
        with self.changed:
            other = TextWindows(self._feed.copied(tokenizer, frontend), fed=self._fed)
            other._frames = self._frames
            return other

    def add(self, text: str) -> None:
        """Add a portion of text."""
        self._check_fed()
        with self.changed:
            self._feed.add(text)
            self.changed.notify_all()

    def close(self) -> None:
        """End the text."""
        self._check_fed()
        with self.changed:
            self._feed.close()
            self.changed.notify_all()

    @property
    def left(self) -> str:
        """Text that was not read, or not wholly."""
        with self.changed:
            return self._feed.left

    @property
    def due(self) -> bool:
        """True if a window of text is read before the next frame."""
        return not self._frames

    @property
    def ready(self) -> bool:
        """True if the next frame needs no text that is not there yet."""
        with self.changed:
            return not self.due or self._feed.ready(TEXT_WINDOW)

    def wait(self, cancelled: Cancelled) -> int | None:
        """Wait for the next window; return its number of tokens, or None if `cancelled` returned True."""
        with self.changed:
            while not self._feed.ready(TEXT_WINDOW):
                if cancelled():
                    return None
                self.changed.wait(_POLL)
            return min(TEXT_WINDOW, self._feed.waiting)

    def take(self, count: int) -> list[int]:
        """Take the tokens of a window; its frames are due."""
        with self.changed:
            self._frames = SPEECH_WINDOW
            return self._feed.take(count)

    def frame_made(self) -> None:
        """Count a frame of the window."""
        self._frames -= 1

    def end(self) -> tuple[str, int]:
        """End the text where the speech ended; return the text that was not read, and its tokens."""
        with self.changed:
            self._feed.closed = True
            return self._feed.left, self._feed.waiting

    def _check_fed(self) -> None:
        if not self._fed:
            raise OptionError(
                "text for a run that has all of its text", "an open run", "begin one with `open`"
            )
