"""HTML of the page, before and after the audio. All text is escaped, and nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Protocol

from vibevoice_nb import __version__
from vibevoice_nb.audio.cover import Cover
from vibevoice_nb.audio.encode import Chapter
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.audio.turns import TakeTurn
from vibevoice_nb.display.colors import colors_of
from vibevoice_nb.display.strip import waveform_strip
from vibevoice_nb.texts import clock

from ..files import safe_name
from ..manifest import ExportManifest
from .colors import DARK, LIGHT, readable

_WAVEFORM = (1800, 180)  # width and height in pixels


class PageTake(Protocol):
    """Take of a page."""

    @property
    def source(self) -> AudioSource: ...
    @property
    def turns(self) -> Sequence[TakeTurn]: ...


def head(
    take: PageTake,
    *,
    title: str,
    facts: str,
    artist: str,
    chapters: Sequence[Chapter],
    cover: Cover | None,
) -> str:
    """Return the page up to the audio.

    Parameters
    ----------
    take : PageTake
    title : str
    facts : str
        Line that begins with "generated speech".
    artist : str
        May be empty.
    chapters : sequence of Chapter
    cover : Cover or None
    """
    title = title.strip() or "Episode"
    seconds = take.source.samples / take.source.sample_rate
    colors = colors_of(take.turns)
    style = _resource("page.css") + _speaker_rules(colors)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; media-src blob:; "
        f"style-src {_hash(style)}; script-src {_hash(_resource('page.js'))}"
    )
    picture = f'<img class="cover" alt="" src="{_data(cover.data, cover.mime)}">' if cover else ""
    shown = facts[:1].upper() + facts[1:]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="vibevoice-nb {__version__}">
<meta name="description" content="{escape(facts)}">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
{picture}<div>
<h1 dir="auto">{escape(title)}</h1>
{f'<p dir="auto">{escape(artist)}</p>' if artist else ""}<p class="facts">{escape(shown)}</p>
</div>
</header>
{_player(take, seconds, safe_name(title) or "episode")}
<main>
{_speakers(colors)}{_chapters(chapters)}{_transcript(take, colors, hours=seconds >= 3600)}</main>
"""


def foot(manifest: ExportManifest) -> str:
    """Return the page after the audio: the manifest and the script."""
    # "<" in a string would end the element; JSON allows it as an escape.
    data = json.dumps(manifest.to_json(), ensure_ascii=False, default=str).replace("<", "\\u003c")
    return f"""<script type="application/json" id="manifest">{data}</script>
<script>{_resource("page.js")}</script>
</body>
</html>
"""


def _player(take: PageTake, seconds: float, name: str) -> str:
    wave = _data(waveform_strip(take.source, take.turns, *_WAVEFORM), "image/png")
    whole = clock(seconds, hours=seconds >= 3600)
    return f"""<section class="player" aria-label="Player">
<button id="play" type="button" aria-label="Play"></button>
<div class="wave">
<img alt="" src="{wave}">
<input id="position" type="range" aria-label="Position" min="0" max="{seconds:.3f}" step="any" value="0">
</div>
<div class="time"><span id="time">{clock(0, hours=seconds >= 3600)}</span> / {whole}</div>
<a id="download" download="{name}.mp3" hidden>Download audio</a>
<noscript>The player needs JavaScript.</noscript>
</section>"""


def _speakers(colors: Mapping[str, str]) -> str:
    if not colors:
        return ""
    items = [
        f'<li class="speaker-{number}" dir="auto">{escape(label)}</li>' for number, label in enumerate(colors)
    ]
    return f'<ul class="speakers" aria-label="Speakers">{"".join(items)}</ul>\n'


def _chapters(chapters: Sequence[Chapter]) -> str:
    if not chapters:
        return ""
    items = [
        f'<li><button type="button" data-start="{_time(chapter.start)}">'
        f'<time>{clock(chapter.start // SAMPLE_RATE)}</time> <span dir="auto">{escape(chapter.title)}</span>'
        "</button></li>"
        for chapter in chapters
    ]
    return f'<nav aria-label="Chapters"><h2>Chapters</h2><ol>{"".join(items)}</ol></nav>\n'


def _transcript(take: PageTake, colors: Mapping[str, str], *, hours: bool) -> str:
    numbers = {label: number for number, label in enumerate(colors)}
    turns = [
        f'<p class="turn speaker-{numbers[turn.label]}" data-start="{_time(turn.start)}">'
        f'<button type="button"><time>{clock(turn.start // SAMPLE_RATE, hours=hours)}</time></button> '
        f'<b dir="auto">{escape(turn.label)}</b> <span dir="auto">{_words(turn)}</span></p>'
        for turn in sorted(take.turns, key=lambda turn: turn.start)
    ]
    if not turns:
        return ""
    # The language of the script is not known.
    return (
        '<section aria-labelledby="transcript"><h2 id="transcript">Transcript</h2>'
        f'<div lang="">{"".join(turns)}</div></section>\n'
    )


def _words(turn: TakeTurn) -> str:
    """Return the words of a turn as HTML; each one with a known time is an element with `data-start`."""
    parts, at = [], 0
    for word in turn.words:
        parts.append(escape(turn.text[at : word.text_start]))
        spoken = escape(turn.text[word.text_start : word.text_stop])
        parts.append(f'<i data-start="{_time(word.start)}">{spoken}</i>')
        at = word.text_stop
    return "".join([*parts, escape(turn.text[at:])])


def _speaker_rules(colors: Mapping[str, str]) -> str:
    def rules(background: str) -> str:
        return "".join(
            f".speaker-{number}{{--color:{color};--name:{readable(color, background)}}}"
            for number, color in enumerate(colors.values())
        )

    return (
        f":root{{--current:{LIGHT}}}{rules(LIGHT)}\n"
        f"@media (prefers-color-scheme:dark){{:root{{--current:{DARK}}}{rules(DARK)}}}\n"
    )


def _time(samples: int) -> str:
    return f"{max(0, samples) / SAMPLE_RATE:.3f}"


def _data(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _hash(text: str) -> str:
    """Return the source expression of an inline style or script for the Content Security Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
