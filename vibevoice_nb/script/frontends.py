"""Text front ends: the form in which a model reads text, and the part of a text it can speak.

Importing this module does not import torch. Every interface checks text with the model's front end before
generating, so text without a pronunciation is skipped and reported, not turned into noise.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, Protocol

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
    reads_phones: bool
    """True if it reads phones between slashes."""
    expands: bool
    """True if it writes out numbers and abbreviations itself."""

    def __call__(self, text: str) -> str:
        """Convert text to the tokenizer's input."""
        ...

    def check(self, text: str) -> TextCheck:
        """Find the parts of a text that it cannot speak."""
        ...

    def seconds(self, text: str) -> float:
        """Estimate how long the text takes to speak."""
        ...

    def words(self, text: str) -> str:
        """Return the words that are read, for a preview."""
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
    reads_phones = expands = False

    def __call__(self, text: str) -> str:
        return text

    def check(self, text: str) -> TextCheck:
        return TextCheck(not any(unicodedata.category(c)[0] in "LN" and c not in _INVISIBLE for c in text))

    def seconds(self, text: str) -> float:
        return Turn(1, text, 0).estimated_seconds

    def words(self, text: str) -> str:
        return text


class PlainQuotes(PlainText):
    r"""Unchanged text but for straight quotes, as VibeVoice-Realtime's demonstrations convert it.

    Examples
    --------
    >>> PlainQuotes()("It’s “fine”.")
    'It\'s "fine".'
    """

    _STRAIGHT: ClassVar = {0x2019: "'", 0x201C: '"', 0x201D: '"'}

    def __call__(self, text: str) -> str:
        return text.translate(self._STRAIGHT)


@dataclass(frozen=True)
class Pace:
    """Seconds for an utterance, and for each phone, spelled letter and punctuation mark in it."""

    utterance: float
    phone: float
    spelled: float
    punctuation: float

    def seconds(self, reading: str) -> float:
        """Estimate how long phones take; capitals are letters that are spelled."""
        spelled = sum("A" <= char <= "Z" for char in reading) if self.spelled else 0
        marks = sum(char in ",.?!;:-" for char in reading[:-1])
        phones = sum(char not in "ˈˌ" for char in reading) - spelled - marks
        return self.utterance + self.phone * phones + self.spelled * spelled + self.punctuation * marks


class English:
    """English text as phones.

    Parameters
    ----------
    module : str
        Module with a function that converts text and one that returns the words read, imported when needed.
    convert : str
        Name of the first; the other is ``spoken_words``.
    pace : Pace

    Examples
    --------
    >>> frontend = FRONTENDS["english_stress"]
    >>> frontend("Hello, world!")
    'həlˈO, wˈɜɹld!'
    >>> frontend.check("Hello 你好 world"), frontend.check("?!").empty
    (TextCheck(empty=False, left_out=('你好',)), True)
    """

    expects = "English text"
    reads_phones = expands = True

    def __init__(self, module: str, convert: str, pace: Pace) -> None:
        self.module, self.convert, self.pace = module, convert, pace

    def __call__(self, text: str) -> str:
        reading: str = getattr(import_module(self.module), self.convert)(text)
        return reading

    def check(self, text: str) -> TextCheck:
        return _english_check(text)

    def seconds(self, text: str) -> float:
        return self.pace.seconds(self(text))

    def words(self, text: str) -> str:
        read: str = import_module(self.module).spoken_words(text)
        return read


@functools.lru_cache(maxsize=4096)  # a page calls it on every keystroke
def _english_check(text: str) -> TextCheck:
    from ..nano.characters import fold

    folded = fold(text)
    return TextCheck(folded.empty, folded.lost)


PLAIN_TEXT, PLAIN_QUOTES = PlainText(), PlainQuotes()
# Fitted to 133 utterances of the first nano, from "I." to 24 words, numbers and spelled words among them:
# their length is 0.55 to 1.41 times this, but for one that babbled (2.2 times).
_NANO_PACE = Pace(0.25, 0.067, 0.085, 0.245)
# Fitted to the 1,752 utterances of nano 2's teacher, from one to 25 words: their length is 0.72 to 1.84 times
# this.
_TEACHER_PACE = Pace(0.37, 0.06, 0.0, 0.09)
FRONTENDS: dict[str, Frontend] = {
    "none": PLAIN_TEXT,
    "plain_quotes": PLAIN_QUOTES,
    "english_phonemes": English("vibevoice_nb.nano.english", "to_phonemes", _NANO_PACE),
    "english_stress": English("vibevoice_nb.nano.stress.sentences", "to_phones", _TEACHER_PACE),
}
"""Front ends by their name in a checkpoint's `generation.json`."""
