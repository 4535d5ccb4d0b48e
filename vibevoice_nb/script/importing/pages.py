"""HTML pages: their paragraphs and headings as lines, and the messages of Telegram's export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading
from vibevoice_nb.script.importing.html_tokens import Token, tokens
from vibevoice_nb.script.lines import folded

_BLOCKS = frozenset(
    "address article aside blockquote body br caption dd details div dl dt figcaption figure footer form h1 "
    "h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tbody td tfoot th thead title "
    "tr ul".split()
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_NOT_READ = frozenset(
    "script style template noscript nav head svg math audio video form button select textarea iframe "
    "rt rp".split()
)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_HTML = re.compile(
    r"<!doctype html|<\?xml|<(?:html|head|body|div|article|section|main|h[1-6]|ul|ol|table|meta)"
    r"(?:\s[^<>]{0,500})?>|<p(?:\s[^<>]{0,500})?>",
    re.IGNORECASE,
)
_NAME_CLASSES = frozenset(("from_name", "author", "username", "sender", "speaker"))
_DETAIL_CLASSES = frozenset(("date", "details", "time", "timestamp"))
_DEPTH = 64
_HEADING_PAUSE_MS = 800


@dataclass
class Block:
    """Text of a paragraph, a heading or a cell; `kind` is its tag, or "name" for the name of a speaker."""

    kind: str
    text: str


@dataclass
class Page:
    """Blocks of a page, with its title."""

    title: str = ""
    blocks: list[Block] = field(default_factory=list)


def is_html(text: str) -> bool:
    """Decide if a text is HTML; tags that name speakers, such as `<Anna>`, are not.

    >>> is_html("<!DOCTYPE html><p>Hello."), is_html("<Anna> Hello.")
    (True, False)
    """
    return _HTML.match(text.lstrip("\ufeff \t\r\n")) is not None


class _Reader:
    """Collects the blocks of a page from its tokens."""

    def __init__(self) -> None:
        self.page = Page()
        self._open: list[str] = []
        self._hidden = 0
        self._words: list[str] = []
        self._kind = "p"

    def read(self, token: Token) -> None:
        """Take the next token."""
        if token.kind == "text":
            if not self._hidden:
                self._words.append(token.text)
        elif token.kind == "start":
            self._start(token.text, token.attributes)
        else:
            self._end(token.text)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _BLOCKS:
            self.end_block()
        if tag in _VOID:
            return
        self._open.append(tag)
        self._hidden += tag in _NOT_READ
        if tag in _BLOCKS:
            self._kind = tag
        classes = set(attributes.get("class", "").split())
        if classes & _NAME_CLASSES:
            self._kind = "name"
        elif classes & _DETAIL_CLASSES:
            self._kind = "details"

    def _end(self, tag: str) -> None:
        if tag not in self._open[-_DEPTH:]:
            return
        while True:
            closed = self._open.pop()
            self._hidden -= closed in _NOT_READ
            if closed in _BLOCKS:
                self.end_block()
            if closed == tag:
                break

    def end_block(self) -> None:
        """Finish the block with the words so far."""
        text = folded("".join(self._words))
        self._words.clear()
        if self._kind == "title":
            self.page.title = text or self.page.title
        elif text:
            self.page.blocks.append(Block(self._kind, text))
        self._kind = "p"


def parse_page(text: str) -> Page:
    """Return the blocks of a page.

    >>> [block.text for block in parse_page("<h1>One</h1><p>It <b>rained</b>.<script>x</script>").blocks]
    ['One', 'It rained.']
    """
    reader = _Reader()
    for token in tokens(text):
        reader.read(token)
    reader.end_block()
    return reader.page


def lines_of(page: Page) -> str:
    """Return the blocks of a page as lines, headings as in Markdown."""
    return "\n".join(f"## {block.text}\n" if block.kind in _HEADINGS else block.text for block in page.blocks)


def read_messages(page: Page, reading: Reading) -> list[Entry]:
    """Read a chat in which an element names the speaker of those below it, such as Telegram's export."""
    entries: list[Entry] = []
    name = ""
    left_out = 0
    for block in page.blocks:
        if block.kind == "name":
            name = block.text
        elif block.kind == "details" or not name:
            left_out += 1
        else:
            entries.append(Entry(name, block.text))
    reading.count(left_out, "a date or title is left out", "dates and titles are left out")
    return entries


def has_messages(page: Page) -> bool:
    """Decide if a page has the names of speakers in elements of their own."""
    return sum(1 for block in page.blocks if block.kind == "name") >= 2


def narration(page: Page) -> list[Entry]:
    """Return the blocks of a page as turns of a narrator, with a pause after each heading."""
    return [
        Entry(NARRATOR, block.text, pause_ms=_HEADING_PAUSE_MS if block.kind in _HEADINGS else 0)
        for block in page.blocks
    ]
