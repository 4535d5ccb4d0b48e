"""Lines of a script with the place of every character in the source, and the spelling of names.

Places inside a line are indices into `Line.text`; `Line.span` turns them into columns of the source. A line
can be cut and edited without losing them, so that an importer may rewrite what it reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_NAME_CHARS = 40

# Editors count these line ends. Unicode's other ones split a line without increasing the line number.
NEW_LINE = re.compile(r"\r\n|\r|\n")
_LINE_END = re.compile("[\v\f\x85\u2028\u2029]")

# Control characters, invisible format characters, direction overrides, lone surrogates: rarely intended, and
# a tokenizer would treat them as content. Joiners stay: Persian, Hindi and emoji need them.
_UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc\ud800-\udfff]"
)
_NUMBERED = re.compile(r"speaker (\d{1,9})|\[ ?(\d{1,9}) ?\]", re.IGNORECASE)
_COMMENT = re.compile(r"#+\Z|#\s")
_NAME_PUNCTUATION = frozenset(".'’-_&/")
# Blocks of pictographs: faces, flags, animals, signs. Digits with an emoji form stay text.
PICTURE = "\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff"
EMOJI = re.compile(f"[{PICTURE}][{PICTURE}\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]*|\ufe0f?\u20e3")


@dataclass(frozen=True)
class Line:
    """One line of the source, without unspeakable characters.

    `columns[i]` is the 1-based column of `text[i]`, with one entry more for the end. `entry`, for text that
    has no columns of its own (a value in a JSON file), is the span to give instead.
    """

    number: int
    text: str
    columns: Sequence[int]
    entry: tuple[int, int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the columns of `text[start:end]`, the second one exclusive."""
        if self.entry:
            return self.entry
        # The next character may have a later column, if characters in between were removed.
        last = self.columns[end - 1] + 1 if start < end else self.columns[end]
        return self.columns[start], max(self.columns[start], min(last, self.columns[-1]))

    def part(self, start: int, end: int) -> Line:
        """Return the line made of `text[start:end]`."""
        end = max(start, end)
        columns = [*self.columns[start:end], self.columns[end - 1] + 1 if start < end else self.columns[end]]
        return Line(self.number, self.text[start:end], columns, self.entry)

    def edit(self, changes: Iterable[tuple[int, int, str]]) -> Line:
        """Replace ranges of the text, given in order; replacements keep the column of their range.

        >>> line = Line(1, "<v Ben>Hi", range(1, 11)).edit([(0, 3, ""), (6, 7, ": ")])
        >>> line.text, list(line.columns)
        ('Ben: Hi', [4, 5, 6, 7, 7, 8, 9, 10])
        """
        texts, columns, at = [], [], 0
        for start, end, new in changes:
            texts += [self.text[at:start], new]
            columns += [*self.columns[at:start], *(self.columns[start] for _ in new)]
            at = end
        texts.append(self.text[at:])
        return Line(self.number, "".join(texts), [*columns, *self.columns[at:]], self.entry)

    def edited_part(self, start: int, end: int, changes: Iterable[tuple[int, int, str]]) -> Line:
        """Return `part(start, end)` with changes, given by their positions in the whole line."""
        return self.part(start, end).edit((begin - start, stop - start, new) for begin, stop, new in changes)

    @property
    def indent(self) -> int:
        """Number of blanks before the first word."""
        return len(self.text) - len(self.text.lstrip())


def split_lines(text: str) -> Iterator[tuple[int, int, str]]:
    r"""Split a text at every line end of Unicode: the line's number, its first column less one, its text.

    >>> list(split_lines("a\u2028b\r\nc"))
    [(1, 0, 'a'), (1, 2, 'b'), (2, 0, 'c')]
    """
    for number, raw in enumerate(NEW_LINE.split(text), 1):
        start = 0
        for match in _LINE_END.finditer(raw):
            yield number, start, raw[start : match.start()]
            start = match.end()
        yield number, start, raw[start:]


def joined_lines(text: str) -> str:
    r"""Join the lines of a text.

    >>> joined_lines("one\r\ntwo")
    'one two'
    """
    return " ".join(raw for _, _, raw in split_lines(text))


def clean_line(
    number: int, raw: str, entry: tuple[int, int] | None = None, offset: int = 0
) -> tuple[Line, list[int]]:
    r"""Replace control characters by spaces and drop invisible ones; also return their positions.

    Examples
    --------
    >>> line, where = clean_line(1, "a\u200bb\x07c")
    >>> line.text, list(line.columns), where
    ('ab c', [1, 3, 4, 5, 6], [1, 3])
    """
    where = [match.start() for match in _UNSPEAKABLE.finditer(raw)]
    if not where:
        return Line(number, raw, range(offset + 1, offset + len(raw) + 2), entry), where
    bad = set(where)
    kept = [
        i for i, char in enumerate(raw) if i not in bad or unicodedata.category(char) in ("Cc", "Zl", "Zp")
    ]
    text = "".join(" " if i in bad else raw[i] for i in kept)
    columns = [*(offset + i + 1 for i in kept), offset + len(raw) + 1]
    return Line(number, text, columns, entry), where


def is_comment(text: str) -> bool:
    """Return true if a line is a comment: `# ` at its start, or only `#`.

    >>> is_comment("# a note"), is_comment("#"), is_comment("#metoo was mentioned"), is_comment("## Part two")
    (True, True, False, False)
    """
    return _COMMENT.match(text.strip()) is not None


def folded(text: str) -> str:
    """Replace every run of blanks by one space, and strip the text."""
    return " ".join(text.split())


def quoted(text: str) -> str:
    """Quote a text in a message, shortened if it is long.

    >>> quoted("Hello"), len(quoted("x" * 100))
    ("'Hello'", 42)
    """
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def name_key(name: str) -> str:
    """Return the key of a name; case, spacing and the kind of apostrophe do not matter.

    >>> name_key("D’Arcy  Jones") == name_key("d'arcy jones")
    True
    """
    plain = unicodedata.normalize("NFKC", name).replace("’", "'").replace("‘", "'")
    return " ".join(plain.casefold().split())


def is_name(text: str) -> bool:
    """Return true if a text can be used as a label and is parsed back to the same name."""
    return (
        0 < len(text) <= MAX_NAME_CHARS
        and text == folded(text)
        and not any(char in text for char in ":：[]{}*")
        and text[0] not in "#_"
        and not _UNSPEAKABLE.search(text)
    )


def speaker_number(text: str) -> int | None:
    """Return the N of `Speaker N` or `[N]`, None for anything else.

    >>> speaker_number("SPEAKER  2"), speaker_number("[ 3 ]"), speaker_number("Anna")
    (2, 3, None)
    """
    match = _NUMBERED.fullmatch(folded(text))
    return int(match[1] or match[2]) if match else None


def looks_like_a_name(text: str) -> bool:
    """Return true if a text has one to three words, none of which begins in lower case.

    >>> [looks_like_a_name(text) for text in ("Dr. Smith", "Host 2", "Ben 😀", "I mean")]
    [True, True, True, False]
    """
    words = EMOJI.sub(" ", text).split() if not text.isascii() else text.split()
    if not words:
        return bool(EMOJI.fullmatch(text.strip()))
    if not 1 <= len(words) <= 3 or not words[0][0].isalpha():
        return False
    return all(
        (word[0].isalpha() and not word[0].islower()) or (word.isdigit() and word is not words[0])
        for word in words
    ) and all(
        char.isalnum() or char in _NAME_PUNCTUATION or unicodedata.combining(char) for char in "".join(words)
    )
