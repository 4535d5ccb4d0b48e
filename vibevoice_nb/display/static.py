"""Static form of a widget, for notebooks that are opened without a kernel: HTML and text.

The HTML needs no script and no network. Its colors are those of JupyterLab's theme where there is one, and
otherwise light or dark as the system is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")

MAX_BYTES = 500_000
"""Maximum size of the audio in the static HTML of a widget; encoding more would delay the widget."""
PREVIEW_SECONDS = 30.0
"""Length of the audio in the static HTML of a widget whose whole audio does not fit."""
MAX_TURNS, MAX_CHARACTERS = 400, 100_000
"""Maximum number of turns, and of characters of their texts, in the static HTML of a widget."""

_STYLE = """
.vibevoice-static{--ink:var(--jp-ui-font-color1,#1c2126);--quiet:var(--jp-ui-font-color2,#566173);
--page:var(--jp-layout-color1,#fff);--line:var(--jp-border-color2,#d5dbe5);--error:#b3261e;--warning:#e29400;
color-scheme:light;max-width:60rem;padding:.7em .9em;border:1px solid var(--line);border-radius:8px;
background:var(--page);color:var(--ink);font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){.vibevoice-static{--ink:var(--jp-ui-font-color1,#e8eaed);
--quiet:var(--jp-ui-font-color2,#a3aec0);--page:var(--jp-layout-color1,#1b1d21);
--line:var(--jp-border-color2,#364153);--error:#ffaba2;--warning:#f3c063;color-scheme:dark}}
.vibevoice-static p{margin:.35em 0;padding:0}
.vibevoice-static .q{color:var(--quiet);font-size:.92em}
.vibevoice-static .t{border-inline-start:3px solid var(--c,var(--line));padding-inline-start:.6em}
.vibevoice-static .d{border-inline-start:3px solid var(--line);padding-inline-start:.6em}
.vibevoice-static .d.error{border-color:var(--error)}
.vibevoice-static .d.warning{border-color:var(--warning)}
.vibevoice-static .s{overflow-x:auto}
.vibevoice-static table{overflow-wrap:normal;border-collapse:collapse;margin:.4em 0;
color:inherit;font-size:1em}
.vibevoice-static :is(th,td){padding:.25em .7em .25em 0;border:0;border-bottom:1px solid var(--line);
text-align:start;vertical-align:top;background:none;white-space:normal;max-width:none}
.vibevoice-static td.w{min-width:15rem}
.vibevoice-static .o::before{content:"";display:inline-block;width:.7em;height:.7em;margin-inline-end:.4em;
border-radius:50%;background:var(--c)}
""".replace("\n", "")


class Html(str):
    """Text that is HTML already; any other text is escaped."""


@dataclass(frozen=True)
class Static:
    """Static form of a widget.

    Attributes
    ----------
    html : str
        Content of the frame.
    text : str
        The same as plain text.
    data : mapping
        Further representations by MIME type.
    """

    html: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def bundle(self, title: str) -> dict[str, Any]:
        r"""Return the representations by MIME type, with `title` as the first line of the text.

        Examples
        --------
        >>> bundle = Static(paragraph("Hello <you>"), "Hello").bundle("Greeting")
        >>> bundle["text/plain"], "<p>Hello &lt;you&gt;</p>" in bundle["text/html"]
        ('Greeting\nHello', True)
        """
        kind = escape(title.partition("(")[0])
        head = f'<p class="q">{kind} as it was when this output was displayed</p>'
        html = f'<div class="vibevoice-static"><style>{_STYLE}</style>{head}{self.html}</div>'
        return {**self.data, "text/html": html, "text/plain": f"{title}\n{self.text}".rstrip()}


class Line(NamedTuple):
    """Turn in a static transcript; `note` is a time, or the reason why there is no audio."""

    label: str
    text: str
    color: str = ""
    note: str = ""


def paragraph(text: str, kind: str = "") -> Html:
    """Return a paragraph; `kind` is a class of the style, such as "q" for quiet text."""
    attribute = f' class="{kind}"' if kind else ""
    return Html(f"<p{attribute}>{_inner(text)}</p>")


def dot(label: str, color: str) -> Html:
    """Return a speaker's label behind a dot in the speaker's color."""
    return Html(f'<span class="o" style="--c:{_color(color)}" dir="auto">{escape(label)}</span>')


def transcript(lines: Sequence[Line]) -> Static:
    """Return turns, each with a bar in its speaker's color.

    Examples
    --------
    >>> shown = transcript([Line("Anna", "Hello!", "#0072b2", "0:00")])
    >>> shown.text
    '0:00  Anna: Hello!'
    """
    rows: list[str] = []
    texts: list[str] = []
    room = MAX_CHARACTERS
    for line in lines[:MAX_TURNS]:
        room -= len(line.label) + len(line.text)
        if room < 0:
            break
        note = f' <span class="q">{escape(line.note)}</span>' if line.note else ""
        rows.append(
            f'<p class="t" style="--c:{_color(line.color)}"><b dir="auto">{escape(line.label)}</b>{note}'
            f' <span dir="auto">{escape(line.text)}</span></p>'
        )
        texts.append(f"{line.note}  {line.label}: {line.text}".strip())
    if (more := len(lines) - len(rows)) > 0:
        rows.append(paragraph(f"… and {more} more turns", "q"))
        texts.append(f"... and {more} more turns")
    return Static("".join(rows), "\n".join(texts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kinds: Sequence[str] = ()) -> Html:
    """Return a table; cells that are not `Html` are escaped, and `kinds` are classes of the columns.

    Examples
    --------
    >>> table(["Name"], [["<Ada>"]])
    '<div class="s"><table><thead><tr><th>Name</th></tr></thead><tbody><tr><td>&lt;Ada&gt;</td></tr>...'
    """

    def cell(text: str, column: int) -> str:
        kind = kinds[column] if column < len(kinds) else ""
        return f'<td class="{kind}">{_inner(text)}</td>' if kind else f"<td>{_inner(text)}</td>"

    titles = "".join(f"<th>{_inner(title)}</th>" for title in head)
    body = "".join(
        f"<tr>{''.join(cell(text, column) for column, text in enumerate(row))}</tr>" for row in rows
    )
    return Html(f'<div class="s"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>')


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as plain text, its columns aligned.

    Examples
    --------
    >>> print(text_table(["Speaker", "Voice"], [["Anna", "Ada"], ["Ben", "-"]]))
    Speaker  Voice
    Anna     Ada
    Ben      -
    """
    every = [list(head), *(list(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*every, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]
    return "\n".join(lines)


def _inner(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def _color(color: str) -> str:
    """Return a color such as #0072b2, or that of a line: nothing else may reach the style."""
    return color if _COLOR.fullmatch(color) else "var(--line)"
