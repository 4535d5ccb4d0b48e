"""Text front end of nano: numbers as words, words as phones, nothing outside the alphabet."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from cpu_time import least_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.nano import english
from vibevoice_nb.nano.characters import fold
from vibevoice_nb.nano.english import ALPHABET, PHONES, PUNCTUATION, lexicon, normalize, to_phonemes, words


@pytest.mark.filterwarnings("ignore:not English")
@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1999", "nineteen ninety nine"),
        ("2005", "two thousand and five"),
        ("In 2024 it rained.", "in twenty twenty four it rained."),
        ("3:30", "three thirty"),
        ("3:05 p.m. sharp", "three oh five p m sharp"),
        ("12:00", "twelve o'clock"),
        ("at 10 A.M. today", "at ten ay m today"),
        ("We left at 9 a.m. It rained.", "we left at nine ay m. it rained."),
        ("$5.20", "five dollars and twenty cents"),
        ("$0.50", "fifty cents"),
        ("$1", "one dollar"),
        ("£1.01", "one pound and one penny"),
        ("€3.5 million", "three point five million euros"),
        ("¥500", "five hundred yen"),
        ("21st", "twenty first"),
        ("the 3rd of May", "the third of may"),
        ("May 5, 1999", "may fifth, nineteen ninety nine"),
        ("2024-05-01", "may first twenty twenty four"),
        ("50%", "fifty percent"),
        ("3.14", "three point one four"),
        ("1,234", "one thousand two hundred and thirty four"),
        ("-5", "minus five"),
        ("90-95", "ninety to ninety five"),
        ("the 1990s and '80s", "the nineteen nineties and eighties"),
        ("2/3", "two thirds"),
        ("1½ cups", "one and one half cups"),
        ("007", "zero zero seven"),
        ("5km, 1 kg", "five kilometers, one kilogram"),
        ("5 ft.", "five feet."),
        ("100 km/h", "one hundred kilometers per hour"),
        ("24.5°F", "twenty four point five degrees fahrenheit"),
        ("555-1234", "five five five, one two three four"),
        ("U.S.A.", "u s ay."),
        ("the U.S. economy", "the u s economy"),
        ("IBM and NASA", "i b m and nasa"),
        ("WHAT IS THIS", "what is this"),
        ("Dr. Smith", "doctor smith"),
        ("No. 5", "number five"),
        ("No. I won't.", "no. i won't."),
        ("Mr. & Mrs. Jones, 5 Main St.", "mister and missus jones, five main street."),
        ("_Mr_ Smith and Dr_Jones", "mister smith and doctor jones"),
        ("St. John sat. He ran.", "saint john sat. he ran."),
        ("e.g. cats, etc.", "for example cats, et cetera."),
        ("“Well—known,” she said…", "well - known, she said."),
        ("a 5-year-old", "a five year old"),
        ("naïve café", "naive cafe"),
        ("dogs’ tails, isn’t it", "dogs tails, isn't it"),
        ("hello 😀", "hello"),
        ("α ray", "alpha ray"),
        ("visit www.example.com", "visit example dot com"),
        ("٣", "three"),
        ("What?!", "what?"),
        ("", ""),
        ("...", "."),
    ],
)
def test_writing_becomes_speech(written: str, spoken: str) -> None:
    assert normalize(written) == spoken


READINGS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parents[1] / "data/readings.tsv").read_text("utf-8").splitlines()
    if not line.startswith("# ")
]


@pytest.mark.filterwarnings("ignore:not English")
@pytest.mark.parametrize(("written", "spoken"), READINGS)
def test_readings(written: str, spoken: str) -> None:
    assert normalize(written) == spoken
    # Inside a sentence it is read the same.
    if written[0].isalnum() and written[-1].isalnum() and "." not in spoken:
        assert normalize(f"so {written}, yes") in (f"so {spoken}, yes", f"so {spoken}. yes")


def test_there_are_readings_enough() -> None:
    assert len(READINGS) >= 150


REPEATED = [
    *("7", "1,", "1,,", "1.", "1 ", "1-", "1/", "1:", "1x", "1^", "1,234,", "1st", "1 km", "1 1/2 ", "½"),
    *("$", "$1", "°", "%", "5%-", "5'", "5'1\"", "555-1234 ", "3-4", "12:30", "12:", "'9", "May ", "May 5"),
    *("a.", "a.com", "a@", "@", "http://", "/", "I", "IV ", "A ", "AA", "U.S.", "St. ", "Mr. ", "No. 5"),
    *("你", "你 ", "😀", "α", "β ", "é", "\u0301", "\u200b", "#a", "&", "''", "a'", "-", "...", "!?", "  "),
]


@pytest.mark.parametrize("piece", REPEATED)
def test_time_grows_with_length_and_no_faster(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        return least_seconds(lambda: to_phonemes(text), rounds=2)

    seconds(500)
    # Four times the length: a quadratic pattern takes sixteen times as long. Short times say nothing.
    assert seconds(8000) < max(0.4, 8 * seconds(2000))


def test_every_phone_is_one_character_of_its_own() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert all(len(c) == 1 and c.islower() for c in PHONES.values())
    assert set(english.VOWELS) < set(PHONES.values())


def test_the_lexicon_is_wide_and_holds_only_phones() -> None:
    table = lexicon()
    assert len(table) > 50_000
    assert set("".join(table.values())) <= set(PHONES.values())
    assert all(re.fullmatch(r"[a-z']+", w) for w in table)


def test_known_words_become_phones() -> None:
    assert to_phonemes("The dog, the apple and I.") == "ðə dɔg, ði æpəl ænd á."
    # The vowels of these differ.
    assert len({to_phonemes(w) for w in ("cut", "cot", "cat", "caution", "kit", "kite")}) == 6


def test_endings_of_known_words_are_worked_out() -> None:
    assert to_phonemes("Alice's") == lexicon()["alice"] + "əz"
    assert to_phonemes("Maya's") == lexicon()["maya"] + "z"
    assert to_phonemes("Scott's") == lexicon()["scott"] + "s"
    assert "podcasted" not in lexicon() and to_phonemes("podcasted") == lexicon()["podcast"] + "əd"
    assert to_phonemes("blogging's") != "" and to_phonemes("podcasting") == lexicon()["podcast"] + "ɪŋ"


def test_unknown_words_are_spelled_in_capitals() -> None:
    assert to_phonemes("a zorblax!") == "ə ZORBLAX!"


def test_spelling_some_known_words_is_seeded_and_near_the_wanted_rate() -> None:
    text = "many common words are spelled here so that the model learns to read them " * 40
    first = to_phonemes(text, spell_probability=0.12, rng=random.Random(3))
    assert first == to_phonemes(text, spell_probability=0.12, rng=random.Random(3))
    parts = first.split()
    assert 0.08 < sum(p.isupper() for p in parts) / len(parts) < 0.16
    assert to_phonemes("plain words", spell_probability=1.0, rng=random.Random(0)) == "PLAIN WORDS"


def test_spelling_needs_a_generator() -> None:
    with pytest.raises(TypeError, match="rng"):
        to_phonemes("hello", spell_probability=0.5)


def test_other_scripts_are_named_not_dropped_in_silence() -> None:
    with pytest.warns(UserWarning, match="不"):
        assert normalize("hello 不") == "hello"


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("Hello 你好 world", ("你好",)),
        ("你好。再见", ("你好", "再见")),
        ("مرحبا بك", ("مرحبا", "بك")),
        ("नमस्ते", ("नमस्ते",)),
        ("Привет, мир", ("Привет", "мир")),
        ("Καλημέρα", ("Καλημέρα",)),
        ("α ray", ()),
        ("hello 🎉🎉 👨‍👩‍👧", ("🎉🎉", "👨‍👩‍👧")),
        ("naïve Ｈｅｌｌｏ ① ½ → • ★ cafe\u0301 zero\u200bwidth", ("★",)),
    ],
)
def test_characters_without_an_english_reading_are_named(text: str, lost: tuple[str, ...]) -> None:
    assert fold(text).lost == lost


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.text(st.sampled_from("-.…?!&%@#你مα😀\u0301\u200b 'https:/w.1²½"))))
def test_text_is_empty_if_and_only_if_it_has_no_words(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fold(text).empty == (not words(text))


def test_words_have_no_punctuation() -> None:
    assert words("It's 5 o'clock - isn't it?") == ["it's", "five", "o'clock", "isn't", "it"]


_TRICKY = st.text(st.sampled_from("0123456789$€£%&@#.,:;-–—/'\"’ aAmMpPsStTdDrRoOeE()½°K\n"), max_size=40)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), _TRICKY))
def test_any_text_gives_only_the_alphabet(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = normalize(text)
        assert re.fullmatch(r"[a-z',.?!;:\- ]*", plain) and "  " not in plain and plain == plain.strip()
        assert set(to_phonemes(text)) <= set(ALPHABET)
        # Speaking out what is already plain words changes nothing.
        assert words(plain) == words(text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**18))
def test_every_whole_number_is_read(number: int) -> None:
    for written in (str(number), f"{number:,}", f"${number}", f"{number}%", f"{number}th"):
        assert not re.search(r"\d", normalize(written)) and words(written)


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_is_read_as_known_words(hour: int, minute: int) -> None:
    assert not any(c.isupper() for c in to_phonemes(f"{hour}:{minute:02d}"))


def test_punctuation_is_kept() -> None:
    assert [
        c for c in to_phonemes("one, two. three? four! five; six: seven - eight") if c in PUNCTUATION
    ] == list(",.?!;:-")


def test_import_is_light() -> None:
    code = (
        "import sys, vibevoice_nb.nano.english as e; assert 'torch' not in sys.modules; "
        "assert e.lexicon.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    def read() -> None:
        lexicon.cache_clear()
        lexicon()

    assert least_seconds(read) < 0.5
