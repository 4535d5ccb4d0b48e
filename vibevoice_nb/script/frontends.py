"""Text front ends: the form in which a model reads text, and the part of a text it can speak.

Importing this module does not import torch. Every interface checks text with the model's front end before
generating, so text without a pronunciation is skipped and reported, not turned into noise.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from .turns import Turn


@dataclass(frozen=True)
class TextCheck:
    """The part of a text that a model cannot speak.

    Attributes
    ----------
    empty : bool
        True if nothing is left to speak.
    left_out : tuple of str
        Omitted words, in order.
    """

    empty: bool = False
    left_out: tuple[str, ...] = ()


class Frontend(Protocol):
    """Conversion of text to the tokenizer's input."""

    expects: str
    """Description of the text it can speak."""

    def __call__(self, text: str) -> str:
        """Convert text to the tokenizer's input."""
        ...

    def check(self, text: str) -> TextCheck:
        """Find the parts of a text that it cannot speak."""
        ...

    def seconds(self, text: str) -> float:
        """Estimate how long the text takes to speak."""
        ...


# Invisible letters: Hangul fillers.
_INVISIBLE = "\u115f\u1160\u3164\uffa0"


class PlainText:
    """Unchanged text, for models that read any script; any letter or digit can be spoken.

    Examples
    --------
    >>> frontend = PlainText()
    >>> [frontend.check(text).empty for text in ("...", "🎉", "你好。", "5")]
    [True, True, False, False]
    """

    expects = "letters or digits"

    def __call__(self, text: str) -> str:
        return text

    def check(self, text: str) -> TextCheck:
        return TextCheck(not any(unicodedata.category(c)[0] in "LN" and c not in _INVISIBLE for c in text))

    def seconds(self, text: str) -> float:
        return Turn(1, text, 0).estimated_seconds


class EnglishPhonemes:
    """English text as phones, for nano; see `vibevoice_nb.nano.english`.

    Examples
    --------
    >>> frontend = EnglishPhonemes()
    >>> frontend.check("Hello 你好 world"), frontend.check("?!").empty
    (TextCheck(empty=False, left_out=('你好',)), True)
    """

    expects = "English text"
    # Fitted to 133 utterances of nano, from "I." to 24 words, numbers and spelled words among them: their
    # length is 0.55 to 1.41 times this, but for one that babbled (2.2 times).
    _START, _PHONE, _SPELLED, _PUNCTUATION = 0.25, 0.067, 0.085, 0.245

    def __call__(self, text: str) -> str:
        from ..nano.english import to_phonemes

        return to_phonemes(text)

    def check(self, text: str) -> TextCheck:
        return _english_check(text)

    def seconds(self, text: str) -> float:
        reading = self(text)
        spelled = sum(map(str.isupper, reading))
        stops = sum(char in ",.?!;:-" for char in reading[:-1])
        phones = len(reading) - spelled - stops
        return self._START + self._PHONE * phones + self._SPELLED * spelled + self._PUNCTUATION * stops


@functools.lru_cache(maxsize=4096)  # a page calls it on every keystroke
def _english_check(text: str) -> TextCheck:
    from ..nano.characters import fold

    folded = fold(text)
    return TextCheck(folded.empty, folded.lost)


PLAIN_TEXT = PlainText()
FRONTENDS: dict[str, Frontend] = {"none": PLAIN_TEXT, "english_phonemes": EnglishPhonemes()}
"""Front ends by their name in a checkpoint's `generation.json`."""
