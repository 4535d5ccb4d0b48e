"""Subtitles, read back by small parsers of our own; chapters."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.export.subtitles import chapters, chapters_json, to_srt, to_vtt

RATE = 24_000


@dataclass
class Turn:
    label: str
    text: str
    start: int
    stop: int


def clock(text: str, point: str) -> int:
    hours, minutes, seconds, milliseconds = re.fullmatch(
        rf"(\d\d+):([0-5]\d):([0-5]\d){re.escape(point)}(\d{{3}})", text
    ).groups()
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(milliseconds)


def parse_srt(text: str) -> list[tuple[int, int, list[str]]]:
    cues = []
    for number, block in enumerate(text.rstrip("\n").split("\n\n") if text else [], 1):
        counted, times, *lines = block.split("\n")
        assert int(counted) == number
        start, stop = times.split(" --> ")
        assert lines and all(line.strip() for line in lines)
        cues.append((clock(start, ","), clock(stop, ","), [line.replace("\u2060", "") for line in lines]))
    return cues


def parse_vtt(text: str) -> list[tuple[int, int, str, list[str]]]:
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        start, stop = times.split(" --> ")
        assert "-->" not in "".join(lines)
        match = re.fullmatch(r"(?:<v ([^>\n]*)>)?([^<>]*?)(</v>)?", "\n".join(lines), re.DOTALL)
        assert match is not None and bool(match[1]) == bool(match[3])
        said = html.unescape(match[2]).split("\n")
        cues.append((clock(start, "."), clock(stop, "."), html.unescape(match[1] or ""), said))
    return cues


def width(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(char) in "WF" for char in line)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text))


TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            ["so", "wonderful.", "Really?", "你好，世界。", "<b>", "-->", "&amp;", "{\\an8}", "a" * 90]
        ),
        max_size=40,
    ).map(" ".join),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    turns, place = [], draw(st.integers(0, 400_000_000))
    for _ in range(draw(st.integers(0, 6))):
        place += draw(st.integers(0, 30_000))
        stop = place + draw(st.integers(3_200, 2_000_000))
        turns.append(Turn(draw(st.text(max_size=12)), draw(TEXTS), place, stop))
        place = stop
    return turns


@given(conversations())
def test_both_formats_have_all_the_text(turns: list[Turn]) -> None:
    vtt, srt = parse_vtt(to_vtt(turns)), parse_srt(to_srt(turns))
    assert squeezed("".join("".join(cue[3]) for cue in vtt)) == squeezed("".join(turn.text for turn in turns))
    assert len(srt) >= len([turn for turn in turns if squeezed(turn.text)])
    for cues in (vtt, srt):
        assert all(one[1] <= two[0] for one, two in pairwise(cues))
        for cue in cues:
            assert cue[0] < cue[1]
            assert len(cue[-1]) <= 2
            assert all(width(line) <= 42 for line in cue[-1])


@given(conversations())
def test_cues_stay_in_their_turns(turns: list[Turn]) -> None:
    for start, stop, _, said in parse_vtt(to_vtt(turns)):
        assert any(
            round(turn.start / 24) - 1 <= start
            and stop <= round(turn.stop / 24) + 1
            and squeezed("".join(said)) in squeezed(turn.text)
            for turn in turns
        )


def test_times_are_shared_by_length_and_cut_at_sentences() -> None:
    text = "One short sentence here. " + "Then comes a much longer one that fills the screen with its words."
    (first, second) = parse_vtt(to_vtt([Turn("Ada", text, 0, 9 * RATE)]))
    assert first[3] == ["One short sentence here."]
    assert second[3][0].startswith("Then comes")
    assert first[1] / 9000 == second[0] / 9000
    assert abs(first[1] / 9000 - 24 / 90) < 0.02


def test_the_speaker_is_named_once_for_each_turn_in_srt() -> None:
    turns = [Turn("Ada", "word " * 60, 0, 20 * RATE), Turn("Eve", "Yes.", 20 * RATE, 21 * RATE)]
    named = [cue[2][0] for cue in parse_srt(to_srt(turns)) if ":" in cue[2][0]]
    assert [name.split(":")[0] for name in named] == ["Ada", "Eve"]


def test_hours_and_hostile_names() -> None:
    turns = [
        Turn("<i>&\n-->\nEve</v>", "1 < 2 --> 3 & 4\n\n00:00:01", 100 * 3600 * RATE, 100 * 3600 * RATE + RATE)
    ]
    ((start, _, label, said),) = parse_vtt(to_vtt(turns))
    assert start == 360_000_000 and label == "<i>& --> Eve</v>" and said == ["1 < 2 --> 3 & 4 00:00:01"]
    assert len(parse_srt(to_srt(turns))) == 1
    assert not re.search(r"<i|-->.*-->", to_srt(turns))


def test_overlapping_silent_and_tiny_turns() -> None:
    turns = [
        Turn("A", "First.", 0, RATE),
        Turn("B", "Over it.", RATE // 2, 2 * RATE),
        Turn("C", "Inside.", RATE, RATE + 100),
        Turn("D", "", 2 * RATE, 3 * RATE),
        Turn("E", "No time.", 3 * RATE, 3 * RATE),
        Turn("F", "word " * 500, 3 * RATE, 3 * RATE + 240),
    ]
    cues = parse_vtt(to_vtt(turns))
    assert [cue[2] for cue in cues][:2] == ["A", "B"]
    assert all(one[0] < one[1] <= two[0] for one, two in pairwise(cues))
    assert len([cue for cue in cues if cue[2] == "F"]) == 10  # ten milliseconds are all there is


def test_no_turns() -> None:
    assert (to_srt([]), to_vtt([]), chapters([])) == ("", "WEBVTT\n", [])


@given(st.lists(st.integers(1, 100 * RATE), min_size=1, max_size=60))
def test_chapters_cover_the_episode(lengths: list[int]) -> None:
    turns, place = [], 0
    for length in lengths:
        turns.append(Turn("Ada", "So it goes, on and on. " * 9, place, place + length))
        place += length
    parts = chapters(turns, place + 5)
    assert parts[0].start == 0 and parts[-1].stop == place + 5
    assert all(one.stop == two.start for one, two in pairwise(parts))
    assert {part.start for part in parts} <= {turn.start for turn in turns}
    assert all(part.stop - part.start >= 60 * RATE for part in parts[:-1])
    assert all(len(part.title) <= 70 for part in parts)


def test_three_hundred_turns_have_a_chapter_a_minute() -> None:
    turns = [Turn("Ada", f"Turn {n}.", n * 18 * RATE, (n + 1) * 18 * RATE) for n in range(300)]
    assert len(chapters(turns)) == 75  # 90 minutes; each begins with the first turn after 60 s, here 72
    entries = json.loads(chapters_json(chapters(turns), "Title"))
    assert entries["version"] == "1.2.0" and entries["title"] == "Title"
    assert entries["chapters"][1] == {"startTime": 72.0, "endTime": 144.0, "title": "Ada: Turn 4."}
