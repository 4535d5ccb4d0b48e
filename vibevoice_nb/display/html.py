"""HTML of a take for a saved notebook: audio and waveform without kernel, JavaScript or network.

Audio and picture are embedded in the HTML, within a budget of bytes: first the MP3's bit rate is reduced,
then the audio is cut to a preview, with a note that names the full file.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vibevoice_nb import display
from vibevoice_nb.audio.encode import encode
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.texts import duration

TAKE_MIME = "application/vnd.vibevoice.take+json"
"""Data of a take for the player of the JupyterLab extension; the audio is only in the HTML."""

_BITRATES = (64_000, 48_000, 40_000, 32_000, 24_000)
_PREVIEW_BITRATE = 32_000
_SHORTEST_PREVIEW = 2.0  # seconds; less is left out
_FADE = SAMPLE_RATE  # at a preview's end
_TAGS_BYTES = 2_000  # of an MP3, besides the audio
_SMALLEST_BUDGET = 2_000
_PICTURE_FRACTION = 0.25  # of the budget
_WORDS_FRACTION = 0.1
_PICTURES = ((1400, 150), (700, 110))  # width and height in pixels, the best first
_BLOCK = "display:block;width:100%;margin:.4em 0"


class Facts(Protocol):
    """Interface of a manifest."""

    def summary(self, seconds: float) -> list[str]: ...


class Showable(Protocol):
    """Interface of a displayed object, such as a `Take`."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> AudioSource: ...
    @property
    def turns(self) -> Sequence[Any]: ...
    @property
    def manifest(self) -> Facts: ...
    @property
    def path(self) -> Path | None: ...


def mimebundle(
    take: Showable, budget: int | None = None, *, longest_preview: float = math.inf
) -> dict[str, Any]:
    """Show a take as HTML with an `<audio>` element and a picture of the waveform, and as text.

    Parameters
    ----------
    take : Take
    budget : int, optional
        Maximum bytes of HTML; by default `display.default_budget`.
    longest_preview : float
        Maximum seconds of audio if it does not fit as a whole.

    Returns
    -------
    dict
        `text/html`, `text/plain`, and with audio `TAKE_MIME`, for the player of the JupyterLab extension.

    Raises
    ------
    OptionError
        If the budget is below 2000 bytes.

    Examples
    --------
    >>> from vibevoice_nb.project.take import Take
    >>> silence = np.zeros(48000, np.float32)
    >>> take = Take.from_audio(silence, name="Silence", manifest={"model": "nano", "seed": 7})
    >>> bundle = mimebundle(take)
    >>> bundle["text/plain"]
    'Silence · generated speech · model nano · seed 7 · 2.0 s'
    >>> "<audio" in bundle["text/html"], len(bundle["text/html"]) < 2_000_000
    (True, True)
    """
    budget = display.default_budget if budget is None else budget
    if budget < _SMALLEST_BUDGET:
        raise OptionError(
            f"a budget of {budget} bytes",
            f"at least {_SMALLEST_BUDGET}",
            f"use {display.DEFAULT_BUDGET}",
        )
    title = take.name or "Take"
    seconds = take.source.samples / take.source.sample_rate
    facts = take.manifest.summary(seconds)
    text = " · ".join([title, *facts])
    head = f"<div><strong>{escape(title)}</strong> · {escape(' · '.join(facts))}</div>"
    words = _words(take, seconds, int(budget * _WORDS_FRACTION))
    room = budget - len(_framed(head).encode()) - len(json.dumps(words))
    body = player_html(take, room, longest_preview)
    bundle: dict[str, Any] = {"text/html": _framed(head + body), "text/plain": text}
    return {TAKE_MIME: words, **bundle} if words and "<audio" in body else bundle


def player_html(take: Showable, room: int, longest_preview: float = math.inf) -> str:
    """Return picture, player and speakers as HTML of at most `room` bytes, or why there is none."""
    try:
        return _body(take, take.source.samples / take.source.sample_rate, room, longest_preview)
    except AudioError as exc:  # the file is gone; the facts are still shown
        return f"<div>{escape(str(exc))}</div>"


def _words(take: Showable, seconds: float, room: int) -> dict[str, Any]:
    """Return the turns and their times for the extension's player; empty if the budget is too small."""
    scale = SAMPLE_RATE / take.source.sample_rate
    words = {
        "version": 1,
        "name": take.name,
        "samples": round(seconds * SAMPLE_RATE),
        "turns": [
            {
                "turn": turn.turn_id,
                "label": turn.label,
                "text": turn.text,
                "color": turn.color,
                "start": round(turn.start * scale),
                "stop": round(turn.stop * scale),
                "confidence": turn.confidence,
            }
            for turn in take.turns
        ],
    }
    return words if len(json.dumps(words)) <= room else {}


def _framed(inner: str) -> str:
    # No colors: the text is dark or light like that of the page.
    return f'<div class="vibevoice-take" style="max-width:720px;line-height:1.5">{inner}</div>'


def _body(take: Showable, seconds: float, room: int, longest_preview: float) -> str:
    """Return picture, player and speakers in at most `room` bytes; parts that do not fit are left out."""
    if not take.source.samples:
        return ""
    picture = _picture(take, int(room * _PICTURE_FRACTION))
    speakers = _speakers(take.turns)
    if len(speakers.encode()) > room * _PICTURE_FRACTION:
        speakers = ""
    room -= len((picture + speakers).encode())
    for rate in _BITRATES:
        if seconds * rate / 8 + _TAGS_BYTES <= _payload(room):
            return picture + _player(_mp3(take, take.source.samples, rate)) + speakers
    room -= len(_note(take.path, seconds, seconds).encode())
    longest = min(longest_preview, (_payload(room) - _TAGS_BYTES) * 8 / _PREVIEW_BITRATE)
    if longest < _SHORTEST_PREVIEW:
        return picture + _fitting(_note(take.path, 0.0, seconds), room) + speakers
    sound = _mp3(take, int(longest * take.source.sample_rate), _PREVIEW_BITRATE)
    return picture + _player(sound) + _note(take.path, longest, seconds) + speakers


def _payload(room: int) -> int:
    """Return the number of audio bytes that fit into `room` bytes of HTML."""
    return (room - len(_player(b""))) * 3 // 4 - 2


def _mp3(take: Showable, samples: int, bitrate: int) -> bytes:
    source = take.source
    audio = source.read(0, samples)
    if source.sample_rate != SAMPLE_RATE:
        import soxr  # type: ignore[import-untyped, unused-ignore]

        audio = soxr.resample(audio, source.sample_rate, SAMPLE_RATE)
    if samples < source.samples:
        fade = min(_FADE, audio.size)
        audio = np.concatenate([audio[:-fade], audio[-fade:] * np.linspace(1, 0, fade, dtype=np.float32)])
    comment = "; ".join(take.manifest.summary(samples / source.sample_rate))
    return encode(audio, "mp3", metadata={"comment": comment}, bitrate=bitrate, quick=True)


def _player(sound: bytes) -> str:
    data = base64.b64encode(sound).decode()
    return f'<audio controls preload="metadata" style="{_BLOCK}" src="data:audio/mpeg;base64,{data}"></audio>'


def _picture(take: Showable, room: int) -> str:
    from vibevoice_nb.display.strip import waveform_strip

    for width, height in _PICTURES:
        data = base64.b64encode(waveform_strip(take.source, take.turns, width, height)).decode()
        tag = f'<img alt="Waveform" style="{_BLOCK};height:auto" src="data:image/png;base64,{data}">'
        if len(tag) <= room:
            return tag
    return ""


def _speakers(turns: Sequence[Any]) -> str:
    if not turns:
        return ""
    from vibevoice_nb.display.colors import colors_of

    dot = '<span style="color:{}" aria-hidden="true">●</span> {}'
    named = [dot.format(color, escape(label)) for label, color in colors_of(turns).items()]
    return f"<div>{' &nbsp; '.join(named)}</div>"


def _note(path: Path | None, heard: float, seconds: float) -> str:
    there = (
        f"The whole take is in <code>{escape(str(path))}</code>."
        if path
        else "Save it with <code>take.save</code>."
    )
    beginning = (
        f"Preview: the first {duration(heard)} of {duration(seconds)}."
        if heard
        else "Too long to embed here."
    )
    return f"<div><em>{beginning}</em> {there}</div>"


def _fitting(html: str, room: int) -> str:
    return html if len(html.encode()) <= room else ""
