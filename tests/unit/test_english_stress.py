"""Front end with stress: the teacher's phones, words outside the lexicon, phones given in a text."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from cpu_time import least_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb import Pronunciation
from vibevoice_nb.nano.english import normalize
from vibevoice_nb.nano.english_tables import PHONES
from vibevoice_nb.nano.stress import lexicon as lexicons
from vibevoice_nb.nano.stress.letters import letter_to_sound, units_of
from vibevoice_nb.nano.stress.sentences import phones_of, spoken_words, to_phones
from vibevoice_nb.nano.stress.symbols import ALPHABET, CONSONANTS, PRIMARY, STRESS, VOWELS
from vibevoice_nb.script.frontends import FRONTENDS

STRESSED = FRONTENDS["english_stress"]
SPOKEN = Path(__file__).parents[1] / "data" / "teacher_phones.json"


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("Do you think so?", "dˈu ju θˈɪŋk sˌO?"),
        ("A man, an apple.", "ɐ mˈæn, ɐn ˈæpᵊl."),
        ("The end of the road.", "ði ˈɛnd ʌv ðə ɹˈOd."),
        ("I want to eat, to run, not to.", "ˌI wˈɑnt tʊ ˈit, tə ɹˈʌn, nˌɑt tu."),
        ("Come in. Go in there.", "kˈʌm ˈɪn. ɡˌO ɪn ðˈɛɹ."),
        ("This is his, is this his house?", "ðˌɪs ɪz hˌɪz, ɪz ðɪs hɪz hˈWs?"),
        ("They record a record.", "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd."),
        ("They live in a live show.", "ðˌA lˈɪv ɪn ɐ lˈIv ʃˈO."),
        ("I used to use it; the use is clear.", "ˌI jˈust tə jˈuz ɪt; ðə jˈus ɪz klˈɪɹ."),
        ("I have read it. I read.", "ˌI hæv ɹˈɛd ɪt. ˌI ɹˈid."),
        ("That cup, that I saw.", "ðˈæt kˈʌp, ðæt ˌI sˈɔ."),
        ("The FBI and NASA", "ði ˌɛfbˌiˈI ænd nˈæsə"),
        ("The FBI's man - an agent", "ði ˌɛfbˌiˈIz mˈæn, ɐn ˈAʤᵊnt"),
        ("An end - really? - yes", "ɐn ˈɛnd, ɹˈiᵊli? jˈɛs"),
        ("Plan B, vitamin A.", "plˈæn bˈi, vˈITəmən ˈA."),
        ("a well-known do-it-yourself man", "ɐ wˌɛlnˈOn dˈuɪtjəɹsˈɛlf mˈæn"),
        ("$5.20", "fˈIv dˈɑləɹz ænd twˈɛnti sˈɛnts"),
        ("Emily and Paul's aunt", "ˈɛmɪli ænd pˈɔlz ˈænt"),
        ("", ""),
        ("?!", "?"),
    ],
)
def test_sentences(text: str, phones: str) -> None:
    assert to_phones(text) == phones


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("zips", "zˈɪps"),
        ("boxes", "bˈɑksᵻz"),
        ("waited", "wˈATᵻd"),
        ("waiting", "wˈATɪŋ"),
        ("googling", "ɡˈuɡᵊlɪŋ"),
        ("rubens'", "ɹˈubənz"),
        ("couldn't've", "kˌʊdᵊntəv"),
    ],
)
def test_endings(word: str, phones: str) -> None:
    assert phones_of(word) == phones


def test_teacher_says_the_same() -> None:
    """Sixty of the teacher's sentences; all 1,752 agree in 99.6 % of the characters."""
    from vibevoice_nb.training.nano2.agreement import compare

    figures, _ = compare(json.loads(SPOKEN.read_text(encoding="utf-8")))
    assert figures["utterances"] == 60
    assert figures["characters"] > 98.5 and figures["without_stress"] > 98.5


def test_words_outside_the_lexicon_are_read() -> None:
    entries = lexicons.lexicon()
    read = letter_to_sound()
    sample = random.Random(0).sample([word for word in entries if len(word) > 3 and word.isalpha()], 300)
    right = sum(read(word) == entries[word].split(" ")[0] for word in sample)
    assert right > 150  # the network has learned most of them
    for word in ("zorblax", "q", "xx", "a" * 200):
        phones = read(word)
        assert phones.count(PRIMARY) == any(char in VOWELS for char in phones)
        assert set(phones) <= set(ALPHABET)
    assert phones_of("zorblaxes").endswith("ksᵻz") and phones_of("Zorblax's").endswith("ksᵻz")


def test_lexicon_holds_only_known_symbols() -> None:
    for table in (lexicons.lexicon(), lexicons.names()):
        for word, entry in table.items():
            for phones in (part.rpartition(":")[2] for part in entry.split(" ")):
                assert set(phones) <= set(VOWELS + CONSONANTS + STRESS), (word, entry)
    assert not lexicons.lexicon().keys() & lexicons.names().keys()
    assert sum(len((Path(lexicons.__file__).parent / name).read_bytes()) for name in
               ("lexicon.txt.gz", "names.txt.gz", "letters.npz")) < 1_500_000  # fmt: skip


@settings(max_examples=30)
@given(st.dictionaries(st.text("ab éê' \r", max_size=12), st.text(VOWELS)))
def test_lexicon_files_are_read_as_written(entries: dict[str, str]) -> None:
    assert dict(lexicons.Entries(lexicons.encode(entries))) == entries


@pytest.mark.filterwarnings("ignore:left out")
@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_text_has_phones_of_the_alphabet(text: str) -> None:
    phones = to_phones(text)
    assert set(phones) <= set(ALPHABET)
    assert bool(phones) == bool(normalize(text)) or not normalize(text).strip(".,?!;:- '")


@given(st.lists(st.sampled_from("the a to in use that live record FBI don't x-y Zorb , . - 's".split())))
def test_words_in_any_order(words: list[str]) -> None:
    assert set(to_phones(" ".join(words))) <= set(ALPHABET)


def test_phones_in_the_text_are_read_as_given() -> None:
    assert to_phones("In /N IY S/, /N IY S/'s sun") == "ɪn nˈis, nˈisᵻz sˈʌn".replace("nˈisᵻz", "nˈisəz")
    assert to_phones("/AX B AW T/ /B ER D/ /B EH T ER/") == "əbˈWt bˈɜɹd bˈɛtəɹ"
    every = " ".join(f"/{name.upper()}/" for name in PHONES)
    assert len(to_phones(every).split()) == len(PHONES)
    assert spoken_words("5 x /N IY S/") == "five x /N IY S/"


def test_lexicon_of_the_user() -> None:
    said = Pronunciation({"Nguyen": "win", "Nice": "/N IY S/"})
    assert STRESSED(said.read("Nguyen left Nice.", STRESSED).text) == "wˈɪn lˈɛft nˈis."
    assert said.words("Nguyen left Nice.", STRESSED) == "win left /N IY S/."
    assert STRESSED.check("Hi 你好").left_out == ("你好",)


def test_estimates_are_those_of_the_teacher() -> None:
    seconds = [STRESSED.seconds("word " * count) for count in (1, 10, 20)]
    assert seconds[0] < 1 < 2 < seconds[1] < seconds[2] < 8


def test_time_is_linear() -> None:
    for piece in ("zorb", "so ", "x-", "f b i ", "never ", "/N IY S/", "'s", "a."):
        to_phones(piece * 10)
        short, long = (least_seconds(partial(to_phones, piece * count), rounds=1) for count in (400, 1600))
        assert long < 12 * short + 0.3, piece


def test_import_is_light() -> None:
    code = (
        "import sys, vibevoice_nb.nano.stress.sentences; assert 'torch' not in sys.modules; "
        "from vibevoice_nb.nano.stress.lexicon import lexicon; assert not lexicon.cache_info().currsize"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_units_keep_their_stress() -> None:
    assert "".join(units_of("bˌækɡɹˈWnd")) == "bˌækɡɹˈWnd"
