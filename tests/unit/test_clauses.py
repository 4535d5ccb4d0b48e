"""Text that is still being written, cut into clauses."""

from __future__ import annotations

import itertools
import random

import pytest
from cpu_time import least_seconds

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script.clauses import Clause, ClauseReader, Unit

TEXT = (
    "Well, Dr. Smith paid $3.50 at 3:30, e.g. for tea. **Anna:** hi there (really)!\n"
    "Anna: How are you today, my friend? Fine.\n\nNote: this is text, not a speaker.\n"
    "Speaker 2: She said “no.” Then she left… And J. R. Tolkien came — late; very late: at ten.\n"
    "安娜：你好，世界。今天天气很好！"
)


def read(text: str, cuts: list[int], **options: object) -> list[Clause]:
    reader = ClauseReader(**options)  # type: ignore[arg-type]
    edges = [0, *cuts, len(text)]
    found = [clause for a, b in itertools.pairwise(edges) for clause in reader.feed(text[a:b])]
    return found + reader.close()


@pytest.mark.parametrize("unit", ["clause", "sentence"])
def test_the_same_text_has_the_same_clauses_however_it_arrives(unit: str) -> None:
    whole = read(TEXT, [], unit=unit)
    random.seed(1)
    for _ in range(60):
        cuts = sorted(random.sample(range(len(TEXT)), random.randint(1, 60)))
        assert read(TEXT, cuts, unit=unit) == whole
    assert read(TEXT, list(range(1, len(TEXT))), unit=unit) == whole


def test_clauses_of_abbreviations_numbers_and_quotations() -> None:
    texts = [clause.text for clause in read(TEXT, [])]
    assert texts[0] == "Well, Dr. Smith paid $3.50 at 3:30,"  # no cut at "Dr.", "3.50", "3:30," is one
    assert texts[1] == "e.g. for tea."
    assert "She said “no.”" in texts and "Then she left…" in texts
    assert [clause.text for clause in read("It is 5. 3. Go", [])] == ["It is 5.", "3. Go"]
    speakers = {clause.speaker for clause in read(TEXT, [])}
    assert speakers == {"", "Anna", "Speaker 2", "安娜"}
    assert any(clause.text.startswith("Note: this is text") for clause in read(TEXT, []))


def test_no_word_is_lost() -> None:
    text = (
        TEXT.replace("Anna: ", "").replace("**Anna:** ", "").replace("Speaker 2: ", "").replace("安娜：", "")
    )
    clauses = read(text, list(range(3, len(text), 7)), names=())
    assert "".join("".join(clause.text for clause in clauses).split()) == "".join(text.split())


def test_given_names_are_the_only_speakers() -> None:
    found = read("Ben: Hi. Anna: Hello there. Speaker 3: Hm.\nCarla: No.", [], names=["Anna"])
    assert [(one.speaker, one.text) for one in found] == [
        ("", "Ben: Hi."),
        ("Anna", "Hello there."),
        ("Speaker 3", "Hm."),
        ("Speaker 3", "Carla: No."),
    ]


def test_long_text_without_punctuation_is_cut_at_spaces_in_linear_time() -> None:
    def cut(words: int) -> None:
        reader = ClauseReader()
        found = [clause for _ in range(words) for clause in reader.feed("word ")] + reader.close()
        assert all(len(clause.text) <= 240 and "wordw" not in clause.text for clause in found)
        assert sum(len(clause.text.split()) for clause in found) == words

    def seconds(words: int) -> float:
        return least_seconds(lambda: cut(words))

    seconds(500)
    assert seconds(8000) < 8 * seconds(2000) + 0.05
    assert all(len(one.text) <= 400 for one in read("x" * 5000, []))


@pytest.mark.parametrize("unit", ["clause", "sentence", "word"])
def test_a_late_line_may_begin_with_a_label(unit: Unit) -> None:
    for text in ("Anna: Hello there my friend.\n", "Anna: Hello there my friend.\n  "):
        reader = ClauseReader(unit=unit)
        first = [*reader.feed(text), *reader.close(), *reader.close()]
        second = [*reader.feed("Ben: Hi you.\n"), *reader.close()]
        assert " ".join(one.text for one in first) == "Hello there my friend."
        assert {one.speaker for one in first} == {"Anna"} and {one.speaker for one in second} == {"Ben"}
        assert " ".join(one.text for one in second) == "Hi you."


def test_long_clauses_do_not_depend_on_the_portions() -> None:
    for text in (
        "word " * 60 + "at last. And " + "x" * 300 + ". Yes." + "z" * 300 + " a. No " + "y" * 500,
        "好" * 300 + "。" + "好" * 900 + "。」好",
        "word " * 47 + 'four." Yes. ' + '"' * 900 + " a.",
    ):
        whole = read(text, [])
        assert all(len(clause.text) <= 400 for clause in whole)
        for size in (1, 3, 50, 239, 240, 241, 399, 401):
            assert read(text, list(range(size, len(text), size))) == whole
        assert "".join(one.text + " " * one.spaced for one in whole).strip() == text


def test_wide_text_is_cut_by_character_without_spaces_in_word_by_word_reading() -> None:
    text = "你好。」今天，（很好）我们 go now, 走吧！"
    clauses = read(text, [], unit="word")
    assert [clause.text for clause in clauses][:5] == ["你", "好。」", "今", "天，", "（很"]
    assert [clause.ends_sentence for clause in clauses][:4] == [False, True, False, False]
    assert "".join(one.text + " " * one.spaced for one in clauses).strip() == text
    assert read(text, list(range(1, len(text))), unit="word") == clauses


@pytest.mark.parametrize(
    "text",
    [
        '"' * 40_000 + "x y. ",
        '."' * 20_000 + "x y. ",
        "\n" * 600_000,
        "So, my dear, " * 10_000,
    ],
)
def test_marks_lines_and_long_lines_cost_linear_time(text: str) -> None:
    # Of 40,000 quotation marks alone it were minutes.
    assert least_seconds(lambda: read(text, []), rounds=1) < 8


def test_a_piece_that_is_no_text_is_refused() -> None:
    with pytest.raises(ScriptError, match="type bytes"):
        ClauseReader().feed(b"Hello")  # type: ignore[arg-type]
