"""Turns keep their ids through edits of the script."""

from __future__ import annotations

import itertools

from cpu_time import least_seconds
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.project.turn_matching import Words, match_turns

WORDS = st.builds(
    Words,
    st.sampled_from(["Anna", "Ben"]),
    st.lists(st.sampled_from("a b c d e".split()), max_size=4).map(" ".join),
)
SCRIPTS = st.lists(WORDS, max_size=12)
DISTINCT = st.lists(WORDS, max_size=12, unique=True)


def known(words: list[Words], prefix: str = "old") -> list[tuple[str, Words]]:
    return [(f"{prefix}{i}", item) for i, item in enumerate(words)]


def match(
    old: list[tuple[str, Words]], new: list[Words], retired: list[tuple[str, Words]] | None = None
) -> list[str]:
    numbers = itertools.count()
    return match_turns(old, new, lambda: f"new{next(numbers)}", retired or [])


@given(SCRIPTS, SCRIPTS, SCRIPTS)
def test_every_turn_has_an_id_of_its_own(old: list[Words], new: list[Words], gone: list[Words]) -> None:
    ids = match(known(old), new, known(gone, "gone"))
    assert len(ids) == len(new) == len(set(ids))


@given(SCRIPTS)
def test_unedited_lines_keep_their_ids(old: list[Words]) -> None:
    assert match(known(old), old) == [turn_id for turn_id, _ in known(old)]


@given(SCRIPTS, st.data())
def test_inserted_lines_leave_all_ids_in_order(old: list[Words], data: st.DataObject) -> None:
    new = list(old)
    for _ in range(data.draw(st.integers(0, 4))):
        new.insert(data.draw(st.integers(0, len(new))), data.draw(WORDS))
    ids = match(known(old), new)
    assert [turn_id for turn_id in ids if turn_id.startswith("old")] == [turn_id for turn_id, _ in known(old)]


@given(DISTINCT, st.data())
def test_deleted_lines_leave_the_other_ids(old: list[Words], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(old), max_size=len(old)))
    left = list(itertools.compress(known(old), kept))
    assert match(known(old), [words for _, words in left]) == [turn_id for turn_id, _ in left]


@given(SCRIPTS, st.data())
def test_deleted_lines_leave_the_words_their_ids_had(old: list[Words], data: st.DataObject) -> None:
    """With repeated lines it is ambiguous which was deleted, but an id never gets other words."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(old), max_size=len(old)))
    new = list(itertools.compress(old, kept))
    before = dict(known(old))
    assert [before[turn_id] for turn_id in match(known(old), new)] == new


@given(st.lists(WORDS, min_size=1, max_size=12), WORDS, st.data())
def test_an_edited_line_keeps_its_id(old: list[Words], edited: Words, data: st.DataObject) -> None:
    new = list(old)
    new[data.draw(st.integers(0, len(old) - 1))] = edited
    assert match(known(old), new) == [turn_id for turn_id, _ in known(old)]


@given(DISTINCT, st.randoms(use_true_random=False))
def test_moved_lines_take_their_ids_along(old: list[Words], random: object) -> None:
    moved = known(old)
    random.shuffle(moved)  # type: ignore[attr-defined]
    assert match(known(old), [words for _, words in moved]) == [turn_id for turn_id, _ in moved]


@given(DISTINCT, SCRIPTS)
def test_restored_lines_get_their_ids_again(gone: list[Words], between: list[Words]) -> None:
    """Select all, type, undo: the previous lines have their takes again."""
    between = [words for words in between if words not in gone]
    assert match(known(between), gone, known(gone, "gone")) == [turn_id for turn_id, _ in known(gone, "gone")]


def test_an_edit_beside_a_deletion_goes_to_the_line_most_like_it() -> None:
    old = known([Words("Anna", "Good morning, everybody."), Words("Anna", "The weather is fine today.")])
    assert match(old, [Words("Anna", "The weather was fine today.")]) == ["old1"]
    assert match(old, [Words("Anna", "Good evening, everybody.")]) == ["old0"]


def test_a_line_moved_and_edited_is_found() -> None:
    old = known([Words("Anna", f"This is the line with number {i}.") for i in "one two three four".split()])
    new = [words for _, words in old[1:]] + [Words("Anna", "This was the line with number one.")]
    assert match(old, new) == ["old1", "old2", "old3", "old0"]


def test_long_scripts_are_matched_fast() -> None:
    same = [Words("Anna", "Yes."), Words("Ben", "No.")] * 2000
    other = [Words("Ben", "No."), Words("Cleo", "Well."), Words("Anna", "Yes.")] * 1500
    assert len(set(match(known(same), other))) == len(other)
    assert least_seconds(lambda: match(known(same), other)) < 2.0
