"""Clauses of a text that is still being written: cut as it arrives, by speaker, whole words only."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import ScriptError
from ..ranges import shown
from .labels import NOT_NAMES, find_label
from .lines import clean_line, is_name, looks_like_a_name, name_key
from .reader import MAX_SPEAKERS
from .turns import label_of

Unit = Literal["clause", "sentence", "word"]
"""Places where text is cut: after every clause, only after sentences, or after every word."""

MAX_CLAUSE_CHARS = 240
"""Longest clause; a longer one is cut at a space."""
_ENDLESS = 400
"""Longest clause without a space in its first `MAX_CLAUSE_CHARS`; a longer one is cut anywhere."""
_PART = 2_048
"""Characters that are cut at a time: the cost of long lines stays linear."""
_LABEL_REACH = 60
"""Characters at the start of a line in which a label may end."""
_LABEL_WORDS = 4
"""Words in which a label may end, if text is read word by word."""
_SHORT_CLAUSE = 12
"""A clause within a sentence has at least this many characters, so "Well," stays with what follows."""
_SENTENCE_ENDS, _CLAUSE_ENDS = ".?!…", ",;:—–"
_WIDE_SENTENCE_ENDS, _WIDE_CLAUSE_ENDS = "。！？", "，；：、"
_STRONG_ENDS = "?!…" + _WIDE_SENTENCE_ENDS
_CLOSING = "\"'”’»)]*_"
_WIDE_CLOSING = "」』）】》"
_AFTER_ENDS = _CLOSING + _WIDE_CLOSING + _SENTENCE_ENDS + _WIDE_SENTENCE_ENDS + _WIDE_CLAUSE_ENDS
_ABBREVIATED = frozenset(
    "mr mrs ms dr prof st jr sr vs etc e.g i.e a.m p.m no nos vol fig dept approx gen col rev hon capt sgt "
    "bzw z.b d.h usw ca nr hr fr".split()
)


@dataclass(frozen=True)
class Clause:
    """Part of a text for one speaker, cut at the end of a clause.

    Attributes
    ----------
    speaker : str
        Label of the speaker; empty before the first label.
    text : str
        As written, without the label and the spaces around it.
    ends_sentence : bool
        Whether a sentence, or a paragraph, ends with it.
    spaced : bool
        Whether a space, the end of the line or of the text follows it.
    """

    speaker: str
    text: str
    ends_sentence: bool = True
    spaced: bool = field(default=True, repr=False)

    def joined(self, other: Clause) -> Clause:
        """Return this clause and the one after it as one."""
        text = self.text + (" " if self.spaced else "") + other.text
        return Clause(self.speaker, text, other.ends_sentence, other.spaced)


class ClauseReader:
    r"""Cuts a text into clauses while it is written.

    A line may begin with the label of a speaker ("Anna: ..."), which holds until the next label. With names,
    those and numbered speakers are labels. Without, every name at the start of a line is a speaker, except
    words such as "Note".

    Parameters
    ----------
    names : iterable of str, optional
        Names of the speakers, if they are known; empty if all of them have numbers.
    unit : {"clause", "sentence", "word"}

    Raises
    ------
    ScriptError
        If a name or a piece of text is not text.

    Examples
    --------
    >>> reader = ClauseReader()
    >>> reader.feed("Anna: Good mor"), reader.feed("ning, everybody. How")
    ([], [Clause(speaker='Anna', text='Good morning,', ends_sentence=False),
          Clause(speaker='Anna', text='everybody.', ends_sentence=True)])
    >>> reader.pending, reader.close()
    ('How', [Clause(speaker='Anna', text='How', ends_sentence=True)])
    """

    def __init__(self, names: Iterable[str] | None = None, unit: Unit = "clause") -> None:
        self.unit = unit
        self.speaker = ""
        self._names: dict[str, str] = {name_key(name): name for name in names or ()}
        self._given = names is not None
        self._found: dict[str, str] = {}
        self._text = ""  # of the current line, not cut yet
        self._scanned = 0  # characters of it in which no clause ends
        self._at: Literal["line", "sentence", ""] = "line"
        """What begins where the text begins: a label may stand there."""

    @property
    def pending(self) -> str:
        """Text that was received and is not part of a clause yet."""
        return self._text.strip()

    @property
    def uncut(self) -> str:
        """The pending text with the spaces around it."""
        return self._text

    @property
    def complete(self) -> bool:
        """True if the pending text ends a sentence, as far as is known before the next character."""
        text = self._text.rstrip(_CLOSING + _WIDE_CLOSING + " ")
        return (bool(text) and text[-1] in _STRONG_ENDS) or _ends_with_stop(text)

    def feed(self, text: str) -> list[Clause]:
        """Add text; return the clauses that it completes."""
        if not isinstance(text, str):
            raise ScriptError(
                f"a piece of text of type {type(text).__name__} ({shown(text)})",
                "text (str)",
                "yield strings, such as the text of each token",
            )
        found: list[Clause] = []
        *lines, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            found += self._added(line) + self._clauses(whole=True)
            self._text, self._scanned, self._at = "", 0, "line"
        return found + self._added(last)

    def close(self) -> list[Clause]:
        """Return the clauses of the pending text; the text is complete, or nothing follows for a while.

        A label may still follow where it could before, so a late line may begin with one.
        """
        found = self._clauses(whole=True)
        self._text, self._scanned = "", 0
        return found

    def _added(self, text: str) -> list[Clause]:
        """Add text without a line end; return the clauses that it completes."""
        found: list[Clause] = []
        for start in range(0, len(text), _PART):
            self._text += text[start : start + _PART]
            found += self._clauses(whole=False)
        return found

    def _clauses(self, *, whole: bool) -> list[Clause]:
        """Cut clauses off the current line; `whole` if the line is complete."""
        found: list[Clause] = []
        while not self._at or self._read_label(whole=whole):
            end = self._next_end(whole=whole)
            if end is None:
                break
            stop, ends_sentence = end
            piece = _clean(self._text[:stop])
            self._text, self._scanned = self._text[stop:], 0
            rest = bool(self._text) and not self._text.isspace()
            spaced = not rest or self._text[0].isspace()
            if piece:
                found.append(Clause(self.speaker, piece, ends_sentence or (whole and not rest), spaced))
            self._at = "sentence" if ends_sentence else ""
        return found

    # --- labels ---------------------------------------------------------------------------------------------

    def _read_label(self, *, whole: bool) -> bool:
        """Take the label off the start of the text; return false while it is not known whether there is one.

        Within a line, only known speakers are labels.
        """
        text = self._text = self._text.lstrip()
        if not text:
            return False
        head = text[: 2 * _LABEL_REACH]
        colon = min((place for place in map(head.find, ":：") if place >= 0), default=-1)
        if colon < 0 and not whole and len(head) < _LABEL_REACH and not self._has_end(head):
            return False
        # A label such as "**Anna:**" may end after its colon.
        if colon >= 0 and not whole and len(head) < colon + 4 and not head[colon + 1 :].strip(" *_"):
            return False
        begins_line, self._at = self._at == "line", ""
        label = (
            find_label(head, self._names if self._given else self._found)
            if 0 <= colon < _LABEL_REACH
            else None
        )
        if label is None or not (begins_line or label.kind == "speaker"):
            return True
        speaker = self._speaker_of(label.kind, label.speaker, label.plain)
        if speaker is not None:
            self.speaker = speaker
            self._text = text[label.text :]
        return True

    def _speaker_of(self, kind: str, speaker: int | str, plain: str) -> str | None:
        if kind in ("speaker", "joint"):
            label = label_of(speaker)
        elif kind == "misspelt" and plain:
            label = plain.rstrip(":")
        elif kind == "unknown" and not self._given and self._may_be_new(str(speaker)):
            label = str(speaker)
        else:
            return None
        if not self._given and isinstance(speaker, str):
            if len(self._found) >= MAX_SPEAKERS and name_key(label) not in self._found:
                return None
            self._found.setdefault(name_key(label), label)
        return label

    def _has_end(self, text: str) -> bool:
        """Return true if no label can follow: a sentence or clause ends, or there are too many words."""
        if self.unit == "word" and len(text.split()) > _LABEL_WORDS:
            return True
        return any(mark + " " in text for mark in ".?!…,;") and not _abbreviated(text, text.find(". "))

    def _may_be_new(self, name: str) -> bool:
        first = name_key(name).split()[0] if name.strip() else ""
        return is_name(name) and looks_like_a_name(name) and first not in NOT_NAMES

    # --- ends of clauses ------------------------------------------------------------------------------------

    def _next_end(self, *, whole: bool) -> tuple[int, bool] | None:
        """Return where the first clause of the line ends, and whether a sentence does."""
        text, stop = self._text, 0
        # No end is searched beyond this: what is cut must not depend on the portions in which text arrives.
        limit = MAX_CLAUSE_CHARS if text.find(" ", 1, MAX_CLAUSE_CHARS) > 0 else _ENDLESS
        for at in range(self._scanned, min(len(text), limit)):
            after = text[at + 1 : at + 2]
            if self.unit == "word" and after.isspace():
                end = text[: at + 1].rstrip(_CLOSING + _WIDE_CLOSING)
                return at + 1, end[-1:] in tuple(_STRONG_ENDS) or _ends_with_stop(end)
            wide = self._wide_end(at)
            if not (wide or after.isspace() or (after and after in _CLOSING)):
                continue
            if at >= stop:  # else within the marks that were skipped already
                stop = self._closed(at)
            if stop > limit or (stop >= len(text) and not whole):
                break  # a closing quotation mark may follow
            if wide:
                return stop, any(mark in _WIDE_SENTENCE_ENDS for mark in text[at:stop])
            if text[at] in _SENTENCE_ENDS and text[stop : stop + 1].isspace():
                if not _abbreviated(text, at):
                    return stop, True
            elif text[at] in _CLAUSE_ENDS and self._cuts_clauses(at) and text[stop : stop + 1].isspace():
                return stop, False
        if len(text) > limit:
            space = text.rfind(" ", 1, limit)
            return (space if space > 0 else limit), False
        # The last characters are seen again: what follows them decides.
        self._scanned = max(0, len(text) - 1 - _trailing(text))
        return (len(text), True) if whole and text else None

    def _wide_end(self, at: int) -> bool:
        """Return true if a place ends a clause of text that has no spaces between words."""
        char = self._text[at]
        if char in _WIDE_SENTENCE_ENDS:
            return True
        if self.unit == "word":
            return unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) != "Ps"
        return char in _WIDE_CLAUSE_ENDS and self._cuts_clauses(at)

    def _cuts_clauses(self, at: int) -> bool:
        wide = unicodedata.east_asian_width(self._text[max(0, at - 1)]) == "W"
        return self.unit == "clause" and at + 1 >= (_SHORT_CLAUSE // 3 if wide else _SHORT_CLAUSE)

    def _closed(self, at: int) -> int:
        """Return the place after an end mark and the closing marks behind it."""
        stop = at + 1
        while stop < min(len(self._text), _ENDLESS + 1) and self._text[stop] in _AFTER_ENDS:
            stop += 1
        return stop


def speaker_names(voices: object) -> list[str] | None:
    """Return the names of speakers in a mapping from speaker to voice; numbers need no name.

    >>> speaker_names({"Anna": "Ada", 2: "Kai"}), speaker_names(["Ada"])
    (['Anna'], None)
    """
    if not isinstance(voices, Mapping):
        return None
    return [key for key in voices if isinstance(key, str) and not key.strip().isdecimal()]


def _trailing(text: str) -> int:
    """Return how many closing marks a text ends with."""
    return len(text) - len(text.rstrip(_AFTER_ENDS + _CLAUSE_ENDS))


def _ends_with_stop(text: str) -> bool:
    return text.endswith(".") and not _abbreviated(text, len(text) - 1)


def _abbreviated(text: str, at: int) -> bool:
    """Return true if the full stop at a place belongs to an abbreviation, an initial or an item's number."""
    if at < 0 or text[at] != ".":
        return False
    start = max(text.rfind(" ", max(0, at - 20), at), text.rfind("(", max(0, at - 20), at)) + 1
    word = text[start:at]
    if word.isdecimal():
        return not text[:start].strip() and len(word) <= 3  # "1. First"
    return word.casefold() in _ABBREVIATED or (
        len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    )


def _clean(text: str) -> str:
    line, _ = clean_line(1, text)
    return line.text.strip()
