"""Places of a turn's words in the script."""

from __future__ import annotations

import time

import pytest

from vibevoice_nb.script import parse_script
from vibevoice_nb.script.word_places import TextRange, WordPlaces, script_lines


def written(text: str, turn: int, words: str) -> str | None:
    """Return the part of the script that is the place of some words of a turn."""
    one = parse_script(text).turns[turn]
    start = one.words.index(words)
    place = WordPlaces(script_lines(text), one).range(start, start + len(words))
    if place is None:
        return None
    lines = script_lines(text)[place.line - 1 : place.end_line]
    if len(lines) == 1:
        return lines[0][place.column - 1 : place.end_column - 1]
    return "|".join([lines[0][place.column - 1 :], *lines[1:-1], lines[-1][: place.end_column - 1]])


@pytest.mark.parametrize(
    ("text", "turn", "words", "found"),
    [
        ("Anna: One two three.", 0, "two", "two"),
        ("Anna: One 😀 two three.", 0, "two three.", "two three."),
        ("Anna: One *two* three.\nBen: Two.", 0, "two", "two"),
        ("Anna: One\r\n  two.\r\nBen: Two.", 0, "One two.", "One|  two."),
        ("# a\nAnna: One. [pause:300] Two one.", 1, "one.", "one."),
        ("Anna: (a laugh) a laughter a.", 0, "laughter", "laughter"),
        ("Anna: 你好，世界。", 0, "世界", "世界"),
    ],
)
def test_places(text: str, turn: int, words: str, found: str) -> None:
    assert written(text, turn, words) == found


def test_a_place_between_words() -> None:
    [turn] = parse_script("Anna: One two.").turns
    places = WordPlaces(["Anna: One two."], turn)
    assert places.range(4, 4) == TextRange(1, 11, 1, 11)
    assert places.range(8, 8) == TextRange(1, 15, 1, 15)
    assert WordPlaces(["Anna: Other words."], turn).range(4, 7) is None
    assert WordPlaces([], turn).range(0, 3) is None


def test_time_is_linear() -> None:
    seconds = []
    for count in (4_000, 8_000):
        text = "Anna: " + "aa " * count
        turn = parse_script(text).turns[0]
        begin = time.perf_counter()
        places = WordPlaces(script_lines(text), turn)
        assert all(places.range(at, at + 2) for at in range(0, len(turn.words) - 2, 300))
        seconds.append(time.perf_counter() - begin)
    assert seconds[1] < 4 * seconds[0] + 0.05
