"""Speakable parts of a script: front ends, positions of diagnostics, limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb import ScriptError, parse_script
from vibevoice_nb.engine.defaults import PUBLISHED, known_settings, model_settings
from vibevoice_nb.engine.model_limits import ModelLimits
from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.script import Turn
from vibevoice_nb.script.frontends import FRONTENDS, PLAIN_TEXT
from vibevoice_nb.script.passages import cut
from vibevoice_nb.script.speakable import check_script, speakable
from vibevoice_nb.voices import Voice, resolve_voice
from vibevoice_nb.voices.casting import stand_ins

ENGLISH = FRONTENDS["english_phonemes"]
NOTHING = [
    "-",
    "—",
    "...",
    "…",
    "?!",
    ".",
    "🎉",
    "👨‍👩‍👧",
    "\u0301",
    "\u200b",
    "'",
    "\u3164",
    "•",
    "🎉 ... ✅",
]
FOREIGN = ["你好。", "مرحبا بك", "नमस्ते", "Привет, мир!", "Καλημέρα", "こんにちは", "한국어", "שלום"]
SPOKEN = ["a", "I", "X.", "5", "٣", "½", "①", "Hello 你好", "naïve", "Ｈｅｌｌｏ", "a" * 3000, "n\u0303"]


@pytest.mark.parametrize("text", NOTHING)
def test_text_without_letters_and_digits_is_nothing_to_any_model(text: str) -> None:
    assert PLAIN_TEXT.check(text).empty and ENGLISH.check(text).empty


@pytest.mark.parametrize("text", FOREIGN)
def test_other_scripts_are_nothing_to_nano_only(text: str) -> None:
    assert not PLAIN_TEXT.check(text).empty and ENGLISH.check(text).empty
    assert ENGLISH.check(text).left_out


@pytest.mark.parametrize("text", SPOKEN)
def test_all_other_text_is_speakable(text: str) -> None:
    assert not PLAIN_TEXT.check(text).empty and not ENGLISH.check(text).empty
    assert any(char.isalpha() for char in ENGLISH(text))


def test_diagnostics_are_at_their_lines() -> None:
    script = parse_script("Anna: Hello 你好 world.\nBen: 你好。\nAnna: -\nBen: Bye 🎉.", cast=["Anna", "Ben"])
    found = check_script(script, ENGLISH, "nano")
    lines = (
        "Anna: Hello 你好 world.",
        "Ben: 你好。",
        "Anna: -",
        "Ben: Bye 🎉.",
    )
    marked = {(item.line, lines[item.line - 1][item.column - 1 : item.end_column - 1]) for item in found}
    assert {(1, "你好"), (2, "你好。"), (3, "-")} <= marked
    assert all(item.severity == "warning" for item in found)
    assert [item.fix for item in script.diagnostics if "🎉" in item.message] == [
        ""
    ]  # the quick fix deletes it
    assert "nano leaves out '你好'" in found[0].message and "skipped" in found[1].message


def test_many_words_of_a_turn_are_one_diagnostic() -> None:
    text = "Hello и это очень длинный текст без конца."
    (found,) = check_script(parse_script(f"Speaker 1: {text}"), ENGLISH, "nano")
    assert found.message == "nano leaves out 7 words: 'и', 'это', 'очень', 'длинный' and others"
    assert (found.line, found.column, found.end_column, found.fix) == (1, 18, 19, None)


def test_nothing_at_all_is_an_error() -> None:
    script = parse_script("Anna: 你好。\nBen: 再见。", cast=["Anna", "Ben"])
    assert [item.severity for item in check_script(script, ENGLISH, "nano")] == ["error", "warning"]
    with pytest.raises(ScriptError, match=r"line 1: nano cannot speak '你好。'\. Expected English text"):
        speakable(script, ENGLISH, "nano")
    assert not check_script(script, PLAIN_TEXT, "VibeVoice")
    assert len(speakable(script, PLAIN_TEXT, "VibeVoice").turns) == 2


def test_pieces_of_a_turn_are_never_left_without_words() -> None:
    text = "A rather long sentence for a passage. 你好你好你好你好你好你好。 ... And another one."
    for seconds in (1.0, 2.0, 4.0):
        pieces = [turn.text for passage in cut([Turn(1, text, 0)], seconds, ENGLISH) for turn in passage]
        assert not any(ENGLISH.check(piece).empty for piece in pieces)
        assert " ".join(pieces) == text


def test_a_word_without_an_end_is_cut() -> None:
    for text in ("a" * 5000, "7" * 8000):
        passages = cut([Turn(1, text, 0)], 8.0, ENGLISH)
        assert len(passages) > 10 and "".join(passage[0].text for passage in passages) == text
    assert len(cut([Turn(1, "a" * 90, 0)], 1.0)) == 1


def test_lengths_far_from_the_estimate_are_odd() -> None:
    limits = known_settings("nano").limits
    for text, seconds in (("I.", 0.53), ("Hm.", 0.27), ("Yes.", 0.67), ("Good morning.", 0.8)):
        assert limits.odd_length(seconds, ENGLISH.seconds(text)) == ""
    assert limits.odd_length(5.5, ENGLISH.seconds("Bye.")) == "long"
    assert limits.odd_length(0.13, ENGLISH.seconds("She told me that the bridge was built.")) == "short"
    generous = ModelLimits()
    assert generous.odd_length(9.0, 4.0) == generous.odd_length(1.5, 4.0) == ""
    assert generous.odd_length(34.0, 2.0) == "long"


def test_a_checkpoint_names_its_limits(tmp_path: Path) -> None:
    file = tmp_path / "generation.json"
    file.write_text(json.dumps({"languages": ["en", "zh"], "follows_voices": True, "length_ratio": [0.4, 3]}))
    settings = model_settings(tmp_path)
    assert settings.limits == ModelLimits(("en", "zh"), True, length_ratio=(0.4, 3))
    assert settings.limits.sentences("it") == ["it speaks English and Chinese only."]
    assert known_settings(str(tmp_path)) == settings
    file.write_text(json.dumps({"follows_voices": "no"}))
    with pytest.raises(CheckpointError, match="follows_voices='no'"):
        model_settings(tmp_path)
    assert known_settings("somebody/some-model") is PUBLISHED


def test_nano_reports_its_limits() -> None:
    said = " ".join(known_settings("nano").limits.sentences("nano"))
    assert "English only" in said and "cannot follow" not in said and "passages" in said
    said = " ".join(ModelLimits(follows_voices=False).sentences("it"))
    assert "it cannot follow a recording" in said
    assert ModelLimits(max_seconds=5400).sentences("big") == ["big speaks up to 90 minutes in one pass."]


def test_recordings_get_unused_built_in_voices() -> None:
    hum = Voice("hum", np.zeros(48000, np.float32), "array")
    ada = resolve_voice("Ada")
    replaced = stand_ins({"A": hum, "B": ada, "C": hum, "D": Voice("copy", ada.audio, "library")})
    assert {speaker: voice.name for speaker, voice in replaced.items()} == {"A": "Ruben", "C": "Mira"}
    assert not stand_ins({0: ada, 1: resolve_voice("Kai")})
