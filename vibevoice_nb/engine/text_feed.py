"""Text of one speech, tokenized as it arrives."""

from __future__ import annotations

import copy
import unicodedata
from collections import deque
from collections.abc import Iterator

from ..errors import OptionError
from ..model.tokenizer import Tokenizer
from ..ranges import shown
from ..script.frontends import Frontend


class TextFeed:
    r"""Text that is tokenized as it arrives, in any portions: the tokens are those of the whole text.

    The last word is held back until the next character shows that it is finished. As the model was trained,
    the text is stripped and ends with a newline.

    Parameters
    ----------
    tokenizer : Tokenizer
        One that never merges a word with what follows it, as Qwen's.
    frontend : Frontend
        Applied to each portion.
    text : str, optional
        The whole text; the feed is then closed.

    Attributes
    ----------
    closed : bool
        Whether the text has ended.
    read : int
        Tokens taken so far.

    Examples
    --------
    >>> safe_length("The last word"), safe_length("The last words."), safe_length("in 2024 we")
    (8, 14, 7)
    """

    def __init__(self, tokenizer: Tokenizer, frontend: Frontend, text: str | None = None) -> None:
        self._tokenizer: Tokenizer | None = tokenizer
        self._frontend = frontend
        self._held = ""
        self._ids: deque[int] = deque()
        self._pieces: deque[tuple[str, int]] = deque()  # text and number of tokens not taken
        self.closed = False
        self.read = 0
        if text is not None:
            self.add(text)
            self.close()

    def add(self, text: str) -> None:
        """Add a portion of text.

        Raises
        ------
        OptionError
            If it is not text, or the feed is closed.
        ScriptError
            If the tokenizer cannot encode it.
        """
        if not isinstance(text, str):
            raise OptionError(f"text of type {type(text).__name__}", "a string", "pass text")
        if self.closed:
            raise OptionError(f"the text {shown(text)} after the end", "an open text", "begin another run")
        held = self._held + text
        if not self._pieces and not self.read:
            held = held.lstrip()
        safe = safe_length(held)
        self._encode(held[:safe])
        self._held = held[safe:]

    def close(self) -> None:
        """End the text."""
        if not self.closed:
            rest, self._held = self._held.rstrip(), ""
            self.closed = True
            self._encode(rest + "\n")

    def ready(self, count: int) -> bool:
        """Return true if so many tokens, or the end of the text, are there."""
        return self.closed or len(self._ids) >= count

    def take(self, count: int) -> list[int]:
        """Take at most so many tokens."""
        taken = [self._ids.popleft() for _ in range(min(count, len(self._ids)))]
        self.read += len(taken)
        left = len(taken)
        while left:
            text, tokens = self._pieces.popleft()
            if tokens > left:
                self._pieces.appendleft((text, tokens - left))
            left = max(0, left - tokens)
        return taken

    @property
    def waiting(self) -> int:
        """Tokens not taken yet."""
        return len(self._ids)

    @property
    def left(self) -> str:
        """Text whose tokens were not all taken, by words, and the text held back."""
        return ("".join(text for text, _ in self._pieces) + self._held).strip()

    def copied(self, tokenizer: Tokenizer | None, frontend: Frontend) -> TextFeed:
        """Return a copy with another tokenizer, or without one to pickle it."""
        other = copy.copy(self)
        other._tokenizer, other._frontend = tokenizer, frontend
        other._ids, other._pieces = deque(self._ids), deque(self._pieces)
        return other

    def _encode(self, text: str) -> None:
        assert self._tokenizer is not None
        # Word by word: each cut is one at which the tokenizer parts words too.
        for word in words_of(text):
            ids = self._tokenizer.encode(self._frontend(word))
            self._ids.extend(ids)
            if ids:
                self._pieces.append((word, len(ids)))


def safe_length(text: str) -> int:
    """Return the length of a beginning whose tokens no later text can change.

    A tokenizer of Qwen's kind never joins a letter or digit with a following character that is neither, nor a
    mark on it. The beginning ends before the last such character.
    """
    for index in range(len(text) - 1, 0, -1):
        if _parts(text[index - 1], text[index]):
            return index
    return 0


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text, each with the spaces and punctuation before it.

    Examples
    --------
    >>> list(words_of("Well, it's 12."))
    ['Well', ', it', "'s", ' 12', '.']
    """
    start = 0
    for index in range(1, len(text)):
        if _parts(text[index - 1], text[index]):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _parts(before: str, after: str) -> bool:
    return unicodedata.category(before)[0] in "LN" and unicodedata.category(after)[0] not in "LNM"
