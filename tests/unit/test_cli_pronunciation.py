"""Pronunciation on the command line: a lexicon, spoken forms, and the text that will be read."""

from __future__ import annotations

import json
import pickle

from cli_helpers import Bench, bench, models

from vibevoice_nb import Lexicon

__all__ = ["bench", "models"]  # fixtures


def test_the_reading_is_shown_and_nothing_is_generated(bench: Bench) -> None:
    script = bench.write("ask.txt", "Anna: Dr. Nguyen has 5 km to Nice.\nBen: No.")
    lexicon = bench.write("names.txt", "Nguyen = win\nNice = /N IY S/\n")
    found = bench.run(
        "speak", script, "--lexicon", lexicon, "--show-reading", "--out", bench.folder / "a.wav"
    )
    assert found.exit_code == 0, found.output
    assert found.stdout == "Anna: doctor win has five kilometers to /N IY S/.\nBen: no.\n"
    assert not (bench.folder / "a.wav").exists()
    other = [
        "--model",
        "vibevoice/VibeVoice-1.5B-hf",
        "--lexicon",
        lexicon,
        "--spoken-forms",
        "--show-reading",
    ]
    found = bench.run("speak", script, *other, "--json")
    (read,) = json.loads(found.stdout)["scripts"]
    assert read["turns"][0]["text"] == "Dr. Nguyen has 5 km to Nice."
    assert read["turns"][0]["read_as"] == "Doctor win has five kilometers to Nice."
    assert "cannot read phones, so 'Nice' is read as it is written" in found.stderr


def test_a_lexicon_is_applied(bench: Bench) -> None:
    lexicon = bench.write("names.txt", "hello = good day\n")
    out = bench.folder / "talk.wav"
    found = bench.speak("--lexicon", lexicon, "--out", out, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["readings"] == {"1": "good day."} and out.exists()


def test_a_faulty_lexicon_is_reported_before_anything_is_loaded(bench: Bench) -> None:
    lexicon = bench.write("names.txt", "# names\nNice = /N II S/\n")
    found = bench.speak("--lexicon", lexicon)
    assert found.exit_code == 2 and "line 2: 'II' is not a phone" in " ".join(found.stderr.split())
    found = bench.speak("--lexicon", bench.folder / "none.txt")
    assert found.exit_code == 2


def test_a_lexicon_goes_to_other_processes() -> None:
    lexicon = Lexicon({"Nguyen": "win"})
    again = pickle.loads(pickle.dumps(lexicon))
    assert again == lexicon and again.find("Nguyen")
