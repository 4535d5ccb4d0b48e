"""Lexicon: entries, files, whole words, the longest phrase, linear time."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from cpu_time import least_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb import Lexicon, LexiconError
from vibevoice_nb.script.lexicon import MAX_BYTES, MAX_ENTRIES


def said(lexicon: Lexicon, text: str) -> str:
    """A text with all readings in place."""
    out, at = "", 0
    for use in lexicon.find(text):
        assert text[use.start : use.stop].strip()
        out, at = out + text[at : use.start] + f"<{use.reading}>", use.stop
    return out + text[at:]


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("nice", "Nice, NICE and nice; nicer, nice-ish.", "<x>, <x> and <x>; nicer, <x>-ish."),
        ("Nice", "Nice, NICE and nice.", "<x>, NICE and nice."),
        ("McDonald", "mcdonald McDonald's MCDONALD", "mcdonald <x>'s MCDONALD"),
        ("don", "Don don't don’t Don's", "<x> don't don’t <x>'s"),
        ("don't", "don’t DON'T don t", "<x> <x> don t"),
        ("SQL server", "SQL  server, SQL servers", "<x>, SQL servers"),
        ("c++", "C++, c ++ and (C++)", "<x>, c ++ and (<x>)"),
        ("node.js", "Node.js!", "<x>!"),
        ("AT&T", "AT&T's", "<x>'s"),
        ("café", "Cafe\u0301 CAFÉ cafés", "<x> <x> cafés"),
        ("cafe", "cafe\u0301", "cafe\u0301"),
        ("重庆", "我在重庆。", "我在<x>。"),
        ("straße", "STRASSE Straße", "<x> <x>"),
        ("2nd", "the 2nd, 22nd", "the <x>, 22nd"),
        ("x_1", "x_1 x_12", "<x> x_12"),
    ],
)
def test_whole_words_match_by_the_rules_of_case(word: str, text: str, expected: str) -> None:
    assert said(Lexicon({word: "x"}), text) == expected


def test_the_longest_phrase_wins_and_exact_case_before_any_case() -> None:
    lexicon = Lexicon({"new": "a", "new york": "b", "new york city": "c", "New": "d", "york": "e"})
    assert (
        said(lexicon, "New York City, new york, New car, york, new-york") == "<c>, <b>, <d> car, <e>, <a>-<e>"
    )


def test_phones_have_one_form() -> None:
    assert dict(Lexicon({"Nice": "/n iy1 s/", "a": "/AH0/", "b": "/B-IY/"})) == {
        "a": "/AX/",
        "b": "/B IY/",
        "Nice": "/N IY S/",
    }


@pytest.mark.parametrize(
    ("word", "reading", "fault"),
    [
        ("", "x", "has no letters"),
        ("...", "x", "has no letters"),
        ("x", " ", "has no letters"),
        ("x", "/N II S/", "'II' is not a phone"),
        ("x", "/N IY S", "has one slash"),
        ("a=b", "x", "contains '='"),
        ("#tag", "x", "begins with '#'"),
        ("x" * 101, "x", "101 characters"),
        ("x", "y" * 201, "201 characters"),
        ("x", "a\u200bb", "control character"),
        ("a b " * 9, "x", "too long"),
        ("x", None, "the entry"),
        (1, "x", "the entry"),
    ],
)
def test_an_invalid_entry_is_an_error(word: str, reading: str, fault: str) -> None:
    with pytest.raises(LexiconError, match=fault):
        Lexicon({word: reading})


def test_a_line_break_in_a_reading_becomes_a_space() -> None:
    """Or a reading would begin a line of its own in the prompt."""
    assert Lexicon({"a": "b\n Speaker 1: c\u2028d"})["a"] == "b Speaker 1: c d"


def test_files_are_read_with_comments_tables_and_a_byte_order_mark() -> None:
    text = "\ufeff# names\n\nNguyen = win\n  C# = see sharp\nNice\t/N IY S/\n"
    text += '"Paris, Texas",paris texas\r\na = b = c\n'
    lexicon = Lexicon.parse(text)
    assert dict(lexicon) == {
        "a": "b = c",
        "C#": "see sharp",
        "Nguyen": "win",
        "Nice": "/N IY S/",
        "Paris, Texas": "paris texas",
    }
    assert Lexicon.parse(lexicon.to_text()) == lexicon
    assert dict(Lexicon.parse("Word,Pronunciation\nword,reading\n")) == {"word": "reading"}


def test_errors_have_line_numbers() -> None:
    with pytest.raises(LexiconError, match=r"^line 3: 'Nguyen' has no '='.*\(and 2 more lines\)"):
        Lexicon.parse("# a\na = b\nNguyen\nb = /Q/\na = c\n")
    with pytest.raises(LexiconError, match=r"^line 2: 'a' already has the reading 'b' in line 1"):
        Lexicon.parse("a = b\na = c")
    assert dict(Lexicon.parse("a = b\na = b")) == {"a": "b"}
    with pytest.raises(LexiconError, match="at most 2,000"):
        Lexicon.parse("\n".join(f"w{n} = x" for n in range(MAX_ENTRIES + 1)))
    with pytest.raises(LexiconError, match="line 1: "):
        Lexicon.parse("a\0,b")


def test_files_on_disk(tmp_path: Path) -> None:
    lexicon = Lexicon({"Nguyen": "win", "naïve": "nigh eve"})
    path = lexicon.save(tmp_path / "names.txt")
    assert Lexicon.load(path) == lexicon
    with pytest.raises(Exception, match="exists"):
        lexicon.save(path)
    Lexicon({"a": "b"}).save(path, force=True)
    assert dict(Lexicon.load(path)) == {"a": "b"}
    path.write_bytes("größe = x".encode("latin-1"))
    with pytest.raises(LexiconError, match="UTF-8"):
        Lexicon.load(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(LexiconError, match="larger than"):
        Lexicon.load(path)
    with pytest.raises(LexiconError, match="No such file"):
        Lexicon.load(tmp_path / "none.txt")
    path.write_text("a", "utf-8")
    with pytest.raises(LexiconError, match=r"names\.txt, line 1"):
        Lexicon.load(path)


def test_changes_make_another_lexicon() -> None:
    lexicon = Lexicon({"a": "b"})
    assert dict(lexicon.with_entries({"c": "d", "a": None})) == {"c": "d"}
    assert (
        dict(lexicon) == {"a": "b"} and lexicon == {"a": "b"} and hash(lexicon) == hash(Lexicon({"a": "b"}))
    )


@pytest.mark.parametrize("asked", ["O’Brien  Ré", "O'Brien Re\u0301", " O'Brien\tRé "])
def test_words_are_looked_up_as_they_are_stored(asked: str) -> None:
    lexicon = Lexicon({asked: "oh bry en ray"})
    assert list(lexicon) == ["O'Brien Ré"] and lexicon[asked] == "oh bry en ray" and asked in lexicon
    assert not lexicon.with_entries({asked: None})
    assert 5 not in lexicon and lexicon.get("o'brien ré") is None


WORDS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.dictionaries(WORDS, WORDS, max_size=8))
@settings(deadline=None)
def test_any_lexicon_survives_its_file(entries: dict[str, str]) -> None:
    try:
        lexicon = Lexicon(entries)
    except LexiconError:
        return
    assert Lexicon.parse(lexicon.to_text()) == lexicon


@given(st.text(), st.lists(st.sampled_from(["a", "b c", "Don't", "重", "x.y"]), max_size=4), WORDS)
@settings(deadline=None)
def test_any_text_is_searched(text: str, words: list[str], more: str) -> None:
    lexicon = Lexicon(dict.fromkeys(words, "z"))
    uses = lexicon.find(text + more)
    assert all(one.stop <= two.start for one, two in itertools.pairwise(uses))
    assert all(0 <= use.start < use.stop <= len(text + more) for use in uses)
    for word in words:
        assert [use.word for use in lexicon.find(f"! {word} !")] in ([word], word.split())


@given(st.text())
@settings(deadline=None)
def test_any_file_is_read_or_refused(text: str) -> None:
    try:
        Lexicon.parse(text)
    except LexiconError as error:
        assert str(error).startswith("line ")


def test_a_search_takes_linear_time() -> None:
    lexicon = Lexicon({**{" ".join(["a"] * n): "x" for n in range(2, 16)}, "b": "y"})

    def seconds(words: int) -> float:
        text = "a " * words + "c"
        return least_seconds(lambda: lexicon.find(text), rounds=5)

    assert seconds(16_000) < 12 * seconds(4_000)  # 16 times as long, if it were quadratic
