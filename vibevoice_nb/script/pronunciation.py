"""Pronunciation: the text that a model is given in place of a script's words.

A lexicon replaces words; spoken forms write out numbers, units, dates and abbreviations of English text. The
script, its subtitles and its exports keep the written words.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import OptionError
from ..ranges import shown
from .frontends import Frontend
from .lexicon import EMPTY, Lexicon, Use, phones_of
from .turns import Script, Turn


@dataclass(frozen=True)
class Reading:
    """Text for a model, and how it came from the written one.

    Attributes
    ----------
    text : str
        Text that the model is given.
    uses : tuple of Use
        Entries of the lexicon that were applied.
    needs_respelling : tuple of Use
        Entries with phones, which the model cannot read: the words stay as they are written.
    not_english : bool
        Spoken forms were not applied, as the text is not English.
    """

    text: str
    uses: tuple[Use, ...] = ()
    needs_respelling: tuple[Use, ...] = ()
    not_english: bool = False


@dataclass(frozen=True)
class Pronunciation:
    """Lexicon and spoken forms.

    Parameters
    ----------
    lexicon : Lexicon or mapping from word to reading
    spoken_forms : bool
        Write out numbers, units, dates and abbreviations of English text for models that read plain text.
        nano's front end always does.

    Examples
    --------
    >>> from vibevoice_nb.script.frontends import FRONTENDS, PLAIN_TEXT
    >>> said = Pronunciation({"Nguyen": "win", "Nice": "/N IY S/"}, spoken_forms=True)
    >>> said.read("Nguyen ran 5 km in Nice.", PLAIN_TEXT).text
    'win ran five kilometers in Nice.'
    >>> said.words("Nguyen ran 5 km in Nice.", FRONTENDS["english_phonemes"])
    'win ran five kilometers in /N IY S/.'
    """

    lexicon: Lexicon | Mapping[str, str] = EMPTY
    spoken_forms: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "lexicon", Lexicon.of(self.lexicon))
        if not isinstance(self.spoken_forms, bool):
            raise OptionError(
                f"spoken_forms={shown(self.spoken_forms)}", "True or False", "leave it out for False"
            )

    @classmethod
    def of(cls, value: Pronunciation | Mapping[str, str] | None) -> Pronunciation:
        """Return a pronunciation as it is, and make one of a lexicon; None changes nothing."""
        return value if isinstance(value, Pronunciation) else AS_WRITTEN if value is None else cls(value)

    def with_readings(self, changes: Mapping[str, str | None]) -> Pronunciation:
        """Return a copy with other readings of some words; see `Lexicon.with_entries`."""
        return replace(self, lexicon=Lexicon.of(self.lexicon).with_entries(changes))

    def read(self, text: str, frontend: Frontend) -> Reading:
        """Return the text that a model with a front end is given."""
        spoken_forms = self.spoken_forms and not frontend.expands
        if not (self.lexicon or spoken_forms):
            return Reading(text)
        return _read(text, Lexicon.of(self.lexicon), spoken_forms, frontend.reads_phones)

    def words(self, text: str, frontend: Frontend) -> str:
        """Return the words that a model reads, for a preview."""
        return frontend.words(self.read(text, frontend).text)

    def script_words(self, script: Script, frontend: Frontend) -> list[str]:
        """Return the words that a model reads for each turn, for a preview."""
        return [self.words(turn.words, frontend) for turn in script.turns]

    def turn(self, turn: Turn, frontend: Frontend) -> Turn:
        """Return a turn with the text for a model; it keeps the written words."""
        text = self.read(turn.words, frontend).text
        return turn if text == turn.text else replace(turn, text=text, written=turn.words)

    def script(self, script: Script, frontend: Frontend) -> Script:
        """Return a script with the texts for a model; it keeps the written words."""
        return replace(script, turns=tuple(self.turn(turn, frontend) for turn in script.turns))


AS_WRITTEN = Pronunciation()
"""Pronunciation that changes nothing."""


@functools.lru_cache(maxsize=8192)  # a page shows every turn on every keystroke
def _read(text: str, lexicon: Lexicon, spoken_forms: bool, reads_phones: bool) -> Reading:
    from ..nano.spoken_forms import is_english

    found = lexicon.find(text)
    uses = tuple(use for use in found if reads_phones or not phones_of(use.reading))
    english = spoken_forms and is_english(text)
    readings = [_for_model(use.reading) for use in uses]
    read = _written_out(text, uses, readings) if english else _joined(_between(text, uses), readings)
    has_both = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    not_english = spoken_forms and not english and has_both
    unread = tuple(use for use in found if use not in uses)
    return Reading(read, uses, unread, not_english)


def _written_out(text: str, uses: Sequence[Use], readings: Sequence[str]) -> str:
    """Write out a text around readings, which stay as they are."""
    from ..nano.spoken_forms import spoken_forms

    # A character for private use takes the place of each reading: the rules see what is before and after it.
    mark = next(char for char in map(chr, range(0xE000, 0xF900)) if char not in text)
    pieces = spoken_forms(mark.join(_between(text, uses))).split(mark)
    return _joined(pieces, readings)


def _between(text: str, uses: Sequence[Use]) -> list[str]:
    """Return the text before, between and after some places."""
    edges = [0, *(edge for use in uses for edge in (use.start, use.stop)), len(text)]
    return [text[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _joined(pieces: Sequence[str], readings: Sequence[str]) -> str:
    return "".join(itertools.chain(*zip(pieces, [*readings, ""], strict=True)))


def _for_model(reading: str) -> str:
    """Return a respelling as it is; phones with hyphens, as a long turn is cut into passages at spaces."""
    phones = phones_of(reading)
    return f"/{'-'.join(phones)}/" if phones else reading
