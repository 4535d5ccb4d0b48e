"""SRT and WebVTT subtitles, and chapter marks.

A turn becomes one cue or several: at most two lines of about 42 columns (a Chinese, Japanese or Korean
character takes two), broken at the end of sentences and phrases (see `line_breaks`). With the times of its
words, cues also break at pauses, begin with their first word and end with their last one. Without them, the
turn's time is divided among its cues in proportion to the width of their text. Chapters begin at a turn: the
first one, then the first turn a minute or more after the beginning of the last chapter, so an episode has
about one chapter a minute.
"""

from __future__ import annotations

import html
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from vibevoice_nb.audio.encode import Chapter
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.turns import TurnWord
from vibevoice_nb.texts import timestamp

from .line_breaks import break_screens, pieces_of, text_width
from .word_times import WordClock

CHAPTER_SECONDS = 60.0
_LAST_CHAPTER_SECONDS = 20.0  # a shorter rest is merged into the chapter before
_TITLE_WIDTH = 60
_HOLD_MS = 500  # a cue stays until the next one if that comes sooner, and else this long
_WORD_JOINER = "\u2060"  # invisible; keeps players from reading characters as markup


class SpokenTurn(Protocol):
    """Turn with its text and place; `start` and `stop` in samples at 24 kHz. It may have `words`."""

    @property
    def label(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...


@dataclass(frozen=True)
class Cue:
    """Text shown at a time.

    Attributes
    ----------
    start, stop : int
        In milliseconds; never empty, never overlapping the next cue.
    label : str
        Name of the speaker.
    lines : tuple of str
    words : tuple of (int, int, int)
        Line, column and start in milliseconds of each word; empty if they are unknown.
    """

    start: int
    stop: int
    label: str
    lines: tuple[str, ...]
    words: tuple[tuple[int, int, int], ...] = ()


def words_of(turn: SpokenTurn) -> Sequence[TurnWord]:
    """Return the words of a turn with their times; none if they are unknown."""
    words: Sequence[TurnWord] = getattr(turn, "words", ())
    return words


def cues(turns: Iterable[SpokenTurn], *, named: bool = False) -> Iterator[Cue]:
    """Divide turns into cues, ordered by time.

    A turn without text, or shorter than a millisecond, has none.

    Parameters
    ----------
    turns : iterable of TakeTurn
    named : bool
        Begin each turn's text with its speaker's name.

    Yields
    ------
    Cue
    """
    free = 0  # end of the last cue, in milliseconds
    for turn in sorted(turns, key=lambda turn: (turn.start, turn.stop)):
        start = max(free, _milliseconds(turn.start))
        stop = _milliseconds(turn.stop)
        label, text = _one_line(turn.label), _one_line(turn.text)
        if not text or stop <= start:
            continue
        prefix = f"{label}: " if named and label else ""
        words = WordClock.of(text, words_of(turn))
        if words is not None:
            yield from _timed_cues(label, prefix, text, words, start, stop)
        else:
            blocks = break_screens(text, prefix)[: stop - start]
            times = _divided(start, stop, [sum(map(text_width, block)) for block in blocks])
            for number, block in enumerate(blocks):
                yield Cue(times[number], times[number + 1], label, tuple(block))
        free = stop


def _timed_cues(label: str, prefix: str, text: str, words: WordClock, start: int, stop: int) -> Iterator[Cue]:
    """Yield the cues of a turn whose words have times."""
    blocks = break_screens(text, prefix, words.pauses)[: stop - start]
    whole, at, places = prefix + text, 0, []
    for block in blocks:
        lines = []
        for line in block:
            first = whole.index(line, at)
            at = first + len(line)
            lines.append((first, at))
        places.append(lines)
    begins = [words.at(max(0, lines[0][0] - len(prefix))) for lines in places]
    times = [*_increasing(begins, start, stop), stop]
    for number, (block, lines) in enumerate(zip(blocks, places, strict=True)):
        begin, following = times[number : number + 2]
        end = max(begin + 1, min(following, words.until(lines[-1][1] - len(prefix)) + _HOLD_MS))
        starts = tuple(
            (row, place + len(prefix) - first, time)
            for row, (first, last) in enumerate(lines)
            for place, time in words.between(first - len(prefix), last - len(prefix))
        )
        yield Cue(begin, end, label, tuple(block), starts)


def to_srt(turns: Iterable[SpokenTurn]) -> str:
    r"""Format turns as SubRip; each turn begins with its speaker's name.

    Parameters
    ----------
    turns : iterable of TakeTurn

    Returns
    -------
    str
        Text to save as UTF-8. SRT has no escapes: characters that players may read as markup are followed
        by an invisible word joiner.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> print(to_srt([SimpleNamespace(label="Ada", text="Hello!", start=0, stop=36000)]), end="")
    1
    00:00:00,000 --> 00:00:01,500
    Ada: Hello!
    """
    return "\n".join(
        f"{number}\n{timestamp(cue.start, ',')} --> {timestamp(cue.stop, ',')}\n{_srt_text(cue)}\n"
        for number, cue in enumerate(cues(turns, named=True), 1)
    )


def to_vtt(turns: Iterable[SpokenTurn], *, words: bool = False) -> str:
    r"""Format turns as WebVTT, each cue with its speaker as voice.

    Parameters
    ----------
    turns : iterable of TakeTurn
    words : bool
        Write the time of each word into the text, where it is known: players can show the words as they are
        spoken.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> print(to_vtt([SimpleNamespace(label="Ada", text="1 < 2", start=0, stop=36000)]), end="")
    WEBVTT
    <BLANKLINE>
    00:00:00.000 --> 00:00:01.500
    <v Ada>1 &lt; 2</v>
    """
    return "WEBVTT\n" + "".join(
        f"\n{timestamp(cue.start, '.')} --> {timestamp(cue.stop, '.')}\n{_vtt_text(cue, words)}\n"
        for cue in cues(turns)
    )


def chapters(
    turns: Iterable[SpokenTurn], samples: int | None = None, every: float = CHAPTER_SECONDS
) -> list[Chapter]:
    """Divide an episode into chapters that begin with a turn.

    Parameters
    ----------
    turns : iterable of TakeTurn
    samples : int, optional
        Length of the episode; by default the end of the last turn.
    every : float
        Shortest chapter, in seconds.

    Returns
    -------
    list of Chapter
        Their titles are their first words. They cover the episode from 0 to the end without gaps.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> turns = [SimpleNamespace(label="Ada", text=f"Part {n}.", start=n * 960000, stop=(n + 1) * 960000)
    ...          for n in range(4)]  # 40 s each
    >>> [(chapter.start // 24000, chapter.title) for chapter in chapters(turns)]
    [(0, 'Ada: Part 0.'), (80, 'Ada: Part 2.')]
    """
    spoken = sorted((turn for turn in turns if turn.stop > turn.start), key=lambda turn: turn.start)
    if not spoken:
        return []
    end = max(samples or 0, spoken[-1].stop)
    first = [spoken[0]]
    for turn in spoken[1:]:
        begun = 0 if len(first) == 1 else first[-1].start
        rest = end - turn.start
        if turn.start - begun >= every * SAMPLE_RATE and rest >= _LAST_CHAPTER_SECONDS * SAMPLE_RATE:
            first.append(turn)
    starts = [0, *(turn.start for turn in first[1:]), end]
    return [Chapter(starts[n], starts[n + 1], _title(turn)) for n, turn in enumerate(first)]


def chapters_json(parts: Sequence[Chapter], title: str = "") -> str:
    """Format chapters as the JSON that podcast players read (Podcasting 2.0, version 1.2.0).

    Examples
    --------
    >>> print(chapters_json([Chapter(0, 24000, "Opening")]))
    {
      "version": "1.2.0",
      "chapters": [
        {
          "startTime": 0.0,
          "endTime": 1.0,
          "title": "Opening"
        }
      ]
    }
    """
    entries = [
        {
            "startTime": round(part.start / SAMPLE_RATE, 3),
            "endTime": round(part.stop / SAMPLE_RATE, 3),
            "title": part.title,
        }
        for part in parts
    ]
    return json.dumps(
        {"version": "1.2.0", **({"title": title} if title else {}), "chapters": entries},
        ensure_ascii=False,
        indent=2,
    )


def _one_line(text: str) -> str:
    """Remove line ends and control characters, which would end a cue or a tag."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).split())


def _milliseconds(samples: int) -> int:
    return round(samples * 1000 / SAMPLE_RATE)


def _divided(start: int, stop: int, weights: Sequence[int]) -> list[int]:
    """Divide a time by weights, each part at least 1 ms; return the starts and the end, in ms."""
    total, ends = sum(weights), itertools.accumulate(weights[:-1], initial=0)
    return [*_increasing([start + (stop - start) * end // total for end in ends], start, stop), stop]


def _increasing(times: Sequence[int], start: int, stop: int) -> Iterator[int]:
    """Move times into `[start, stop)` such that each is at least 1 ms after the one before."""
    least = start
    for number, time in enumerate(times):
        time = min(max(time, least), stop - (len(times) - number))
        least = time + 1
        yield time


def _wrap(text: str, width: int) -> list[str]:
    """Wrap text at a width: between words, between wide characters, and inside words that are too long."""
    lines, line = [], ""
    for piece in pieces_of(text, width):
        if line and text_width(line) + text_width(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _title(turn: SpokenTurn) -> str:
    label, words = _one_line(turn.label), _wrap(_one_line(turn.text), _TITLE_WIDTH)
    start = words[0] + ("…" if len(words) > 1 else "") if words else ""
    return f"{label}: {start}" if label and start else label or start


def _srt_text(cue: Cue) -> str:
    return "\n".join(re.sub(r"([<{]|--(?=>))", rf"\1{_WORD_JOINER}", line) for line in cue.lines)


def _vtt_text(cue: Cue, words: bool) -> str:
    lines = []
    stamps = _stamps(cue) if words else {}
    for row, line in enumerate(cue.lines):
        cuts = sorted({0, len(line), *(column for at, column in stamps if at == row)})
        lines.append(
            "".join(
                # html.escape also replaces ">", so no arrow and no end of a tag remains
                stamps.get((row, first), "") + html.escape(line[first:last], quote=False)
                for first, last in itertools.pairwise(cuts)
            )
        )
    text = "\n".join(lines)
    return f"<v {html.escape(cue.label, quote=False)}>{text}</v>" if cue.label else text


def _stamps(cue: Cue) -> dict[tuple[int, int], str]:
    """Return the time stamps inside a cue, by line and column; they must increase, and be inside its time."""
    stamps, last = {}, cue.start
    for row, column, time in cue.words:
        if last < time < cue.stop:
            stamps[row, column] = f"<{timestamp(time, '.')}>"
            last = time
    return stamps
