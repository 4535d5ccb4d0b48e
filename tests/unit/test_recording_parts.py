"""Division of a recording among the turns of its script."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cpu_time import least_seconds

from vibevoice_nb.review import HeardWord, recordings


def parts_of(owners: Sequence[int], turns: int, monkeypatch: pytest.MonkeyPatch) -> list[recordings._Part]:
    """Divide a recording of 100 s; its words last 1 s, the first from 2 to 3 s, the next from 4 to 5 s."""
    heard = [HeardWord("word", 2.0 * at, 2.0 * at + 1, 0.9) for at in range(1, len(owners) + 1)]
    monkeypatch.setattr(recordings, "_owners", lambda *asked: list(owners))
    return recordings._parts(["word"] * turns, heard, 100.0, "en")


@pytest.mark.parametrize(
    ("owners", "turns", "expected"),
    [
        ([], 0, []),
        ([], 2, [(0, 100), (0, 100)]),
        ([0], 1, [(0, 100)]),
        ([0, 0, 1], 2, [(0, 5.5), (5.5, 100)]),
        ([1, 4], 6, [(0, 2), (0, 3.5), (3, 4), (3, 4), (3.5, 100), (5, 100)]),
    ],
)
def test_turns_without_words_have_the_time_between_their_neighbors(
    owners: list[int], turns: int, expected: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(owners, turns, monkeypatch)
    assert [(part.start, part.stop) for part in parts] == expected
    assert [len(part.heard) for part in parts] == [owners.count(number) for number in range(turns)]


def test_the_time_grows_with_the_number_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(parts_of([], 600, monkeypatch)) == 600
    # A search for neighbors from each turn takes 45 s.
    assert least_seconds(lambda: parts_of([], 60_000, monkeypatch), rounds=2) < 5
