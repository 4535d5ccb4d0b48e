"""Tokens of HTML and of simple XML: tags, their attributes, and text.

The parsers of the standard library are not used because they take quadratic time for some malformed texts,
raise errors for others, or expand entities.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# No part can cross a "<", so that every start costs no more than the text up to the next one.
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]{0,60})((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>")
_ATTRIBUTE = re.compile(r"([\w:-]{1,60})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>=]{1,1000}))")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{0,31});")
_RAW_ENDS = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea")}


@dataclass(frozen=True)
class Token:
    """A tag (`kind` "start" or "end", `text` its name in lower case without a prefix), or "text"."""

    kind: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict)


def unescaped(text: str) -> str:
    """Replace character references.

    >>> unescaped("1 &lt; 2 &#8211; &bogus;")
    '1 < 2 – &bogus;'
    """
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text; comments, declarations, scripts and styles are left out.

    >>> [(token.kind, token.text) for token in tokens('<p class="a">1 &lt; 2<br/><!-- x -->')]
    [('start', 'p'), ('text', '1 < 2'), ('start', 'br')]
    """
    at = 0
    while at < len(text):
        begin = text.find("<", at)
        if begin != at:
            yield Token("text", unescaped(text[at:begin] if begin > 0 else text[at:]))
        if begin < 0:
            return
        match = _TAG.match(text, begin)
        if match is not None:
            name = match[2].rpartition(":")[2].lower()
            at = match.end()
            if match[1]:
                yield Token("end", name)
                continue
            yield Token("start", name, _attributes(match[3]))
            if name in _RAW_ENDS:  # "<" inside a script does not begin a tag
                end = _RAW_ENDS[name].search(text, at)
                at = end.start() if end else len(text)
        elif text.startswith(("<!", "<?"), begin):
            at = _end_of_declaration(text, begin)
        else:
            yield Token("text", "<")
            at = begin + 1


def _attributes(text: str) -> dict[str, str]:
    return {
        match[1].lower(): unescaped(next(filter(None, match.groups()[1:]), ""))
        for match in _ATTRIBUTE.finditer(text)
    }


def _end_of_declaration(text: str, begin: int) -> int:
    """Return the end of a comment, a CDATA section or a declaration; without one, the rest belongs to it."""
    closing = "-->" if text.startswith("<!--", begin) else "]]>" if text.startswith("<![", begin) else ">"
    end = text.find(closing, begin + 2)
    return len(text) if end < 0 else end + len(closing)
