"""Pronunciation: what a model is given for a text, spoken forms, diagnostics, the project's lexicon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from generation_helpers import QUICK, engine, spoken
from hypothesis import given, settings
from hypothesis import strategies as st
from project_helpers import speak_all

from vibevoice_nb import Lexicon, LexiconError, OptionError, Project, Pronunciation, parse_script
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.nano.english import to_phonemes
from vibevoice_nb.nano.spoken_forms import is_english, spoken_forms
from vibevoice_nb.project.storage.undo import UndoStep
from vibevoice_nb.script import Turn
from vibevoice_nb.script.frontends import FRONTENDS, PLAIN_TEXT
from vibevoice_nb.script.lexicon import MAX_ENTRIES
from vibevoice_nb.script.passages import cut
from vibevoice_nb.script.speakable import check_script

__all__ = ["engine"]  # fixture

NANO = FRONTENDS["english_phonemes"]
BOTH = Pronunciation({"Nguyen": "win", "Nice": "/N IY S/"}, spoken_forms=True)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        (
            "Dr. Smith paid $5.20 at 3:30 p.m.",
            "Doctor Smith paid five dollars and twenty cents at three thirty P M.",
        ),
        ("5 people left. 4 stayed.", "Five people left. Four stayed."),
        ("He's 5'10\" and weighs 80 kg!", "He's five foot ten and weighs eighty kilograms!"),
        ("On May 5, 2024, 50% came.", "On May fifth, twenty twenty four, fifty percent came."),
        ("½ a cup, 3–5 days", "One half a cup, three to five days"),
        ("The U.S.A., AT&T, Ph.D., “naïve” — yes…", "The U.S.A., AT&T, Ph.D., “naïve” — yes…"),
        ("No change  here", "No change  here"),
        ("Ask Mr. X, e.g. me.", "Ask Mister X, for example me."),
    ],
)
def test_spoken_forms_change_only_what_they_write_out(written: str, spoken: str) -> None:
    assert spoken_forms(written) == spoken
    assert Pronunciation(spoken_forms=True).read(written, PLAIN_TEXT).text == spoken
    assert Pronunciation(spoken_forms=True).read(written, NANO).text == written  # its front end does that


@pytest.mark.parametrize(
    "text",
    [
        "Das kostet 5 Euro und die Kinder gehen um 3 Uhr nach Hause.",
        "Le prix est de 20 euros, il faut venir avant 10 heures.",
        "El precio es de 20 euros y hay que venir antes de las 10.",
        "De prijs is 20 euro en we moeten om 10 uur komen.",
        "我有5个苹果。",
        "У меня 5 яблок.",
        "2024",
    ],
)
def test_text_in_other_languages_stays_as_it_is(text: str) -> None:
    assert not is_english(text)
    reading = Pronunciation(spoken_forms=True).read(text, PLAIN_TEXT)
    assert reading.text == text and reading.not_english == (text != "2024")


def test_a_lexicon_goes_before_spoken_forms_and_its_readings_stay() -> None:
    reading = Pronunciation({"v2": "version 2", "km": "K M"}, spoken_forms=True).read(
        "v2 has 5 km", PLAIN_TEXT
    )
    assert reading.text == "version 2 has five K M"
    assert [use.word for use in reading.uses] == ["v2", "km"]
    said = Pronunciation({"x": "win"}, spoken_forms=True)
    read = said.read("Dr. x: x, 5 times x. 2!", PLAIN_TEXT)
    assert read.text == "Doctor win: win, five times win. Two!"
    assert said.read("https://a.com/x/5 is \ue000x", PLAIN_TEXT).text.count("win") == 2


@given(st.text(st.sampled_from("x .,5$%:/-AP\ue000é重")), st.booleans())
@settings(deadline=None)
def test_any_text_has_a_reading(text: str, phones: bool) -> None:
    said = Pronunciation({"x": "/N IY S/" if phones else "zed"}, spoken_forms=True)
    for frontend in (PLAIN_TEXT, NANO):
        reading = said.read(f"the x is {text}", frontend)
        assert reading.text.count("zed") == (0 if phones else len(reading.uses))
        assert said.words(text, frontend) is not None and frontend(reading.text) is not None


def test_phones_are_read_by_nano_and_need_a_respelling_elsewhere() -> None:
    text = "In Nice’s port, Nguyen said: Nice!"
    assert NANO(BOTH.read(text, NANO).text) == "ɪn nisəz pɔrt, wɪn sɛd: nis!"
    assert BOTH.read(text, PLAIN_TEXT).text == "In Nice’s port, win said: Nice!"
    script = parse_script(f"Speaker 1: {text}\nSpeaker 2: Nice.")
    found = check_script(script, PLAIN_TEXT, "VibeVoice", BOTH)
    assert [(item.line, item.column, item.end_column) for item in found] == [(1, 15, 19), (2, 12, 16)]
    assert "cannot read phones, so 'Nice' is read as it is written" in found[0].message
    assert "respelling" in found[0].suggestion and found[0].severity == "warning"
    assert not check_script(script, NANO, "nano", BOTH)


def test_a_script_in_another_language_is_reported() -> None:
    script = parse_script("Speaker 1: Das kostet 5 Euro und mehr.\nSpeaker 2: It costs 5 dollars.")
    (found,) = check_script(script, PLAIN_TEXT, "VibeVoice", Pronunciation(spoken_forms=True))
    assert (found.severity, found.line) == ("info", 1) and "not English" in found.message


def test_a_reading_can_make_a_turn_speakable() -> None:
    script = parse_script("Speaker 1: 你好")
    assert check_script(script, NANO, "nano")
    assert not check_script(script, NANO, "nano", Pronunciation({"你好": "nee how"}))


@pytest.mark.parametrize("text", ["/N IY S/", "the /N-IY-S/, (/N IY S/) and/or /K/", "/QQ/ /nice/ a/K/b"])
def test_only_phones_between_slashes_are_phones(text: str) -> None:
    read = to_phonemes(text)
    assert read.count("nis") == text.count("IY") and ("k" in read.split()) == ("/K/" in text.split())


def test_phones_are_not_cut_into_passages() -> None:
    said = Pronunciation({"x": "/" + " ".join(["N IY"] * 12) + "/"})
    turn = said.turn(Turn(1, "a x b", 0), NANO)
    assert turn.words == "a x b"
    assert "".join(piece.text for passage in cut([turn], 0.1) for piece in passage).count("/") == 2


def test_a_model_of_plain_text_needs_a_boolean() -> None:
    with pytest.raises(OptionError, match="spoken_forms='yes'"):
        Pronunciation(spoken_forms="yes")  # type: ignore[arg-type]


def test_the_engine_reads_another_text_and_keeps_the_written_one(engine: Engine) -> None:
    script = "Speaker 1: Ask Nguyen now."
    respelled = engine.speak("Speaker 1: Ask win now.", **QUICK)
    speech = engine.speak(script, pronunciation={"Nguyen": "win"}, **QUICK)
    assert (speech.audio == respelled.audio).all()
    assert [turn.text for turn in speech.turns] == ["Ask Nguyen now."]
    assert "Nguyen" in speech.to_srt() and speech.summary()["readings"] == {"1": "Ask win now."}
    assert engine.read_as(script, {"Nguyen": "/W IH N/"}) == ["ask /W IH N/ now."]
    frames = list(engine.stream(script, pronunciation=Pronunciation({"Nguyen": "win"}), **QUICK))
    assert sum(map(len, frames)) == len(speech.audio)
    with pytest.raises(LexiconError, match="not a phone"):
        engine.speak(script, pronunciation={"Nguyen": "/WIN/"}, **QUICK)


def test_only_turns_with_the_word_are_changed(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Ask Nguyen.\nBen: Who?\nAnna: In Nice, at 5.") as project:
        speak_all(project)
        states = lambda: [turn.state for turn in project.turns]  # noqa: E731
        assert states() == ["spoken"] * 3
        reasons: list[str] = []
        project.observe(reasons.append)
        project.lexicon["Nguyen"] = "win"
        assert states() == ["changed", "spoken", "spoken"] and reasons == ["lexicon"]
        assert project.undo() == "set the pronunciation of “Nguyen”" and states() == ["spoken"] * 3
        project.settings["spoken_forms"] = True
        assert states() == ["spoken"] * 3  # the takes are nano's, which always reads numbers
        project.lexicon.update({"Nice": "/N IY S/", "Who": "hoo"})
        assert states() == ["spoken", "changed", "changed"]
        assert project.read_as(project.turns[2].id) == "in /N IY S/, at five."
        project.settings["model"] = "vibevoice/VibeVoice-1.5B-hf"
        assert project.read_as(project.turns[2].id) == "In Nice, at five."
        assert any("cannot read phones" in item.message for item in project.diagnostics)
    again = Project.open(project.path)
    assert dict(again.lexicon) == {"Nice": "/N IY S/", "Who": "hoo"} and again.settings["spoken_forms"]
    assert again.undo() == "changed the pronunciation of 2 words" and not again.lexicon
    again.close()


def test_a_lexicon_is_imported_and_exported(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("Nguyen = win\nNice = /N IY S/\n", "utf-8")
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.lexicon["Nguyen"] = "nwin"
        assert project.lexicon.load(file) == ["Nguyen", "Nice"]
        assert project.lexicon.load(file) == []
        assert project.lexicon.save(tmp_path / "out.txt").read_text("utf-8") == file.read_text("utf-8")
        project.undo()
        assert dict(project.lexicon) == {"Nguyen": "nwin"}
        with pytest.raises(LexiconError):
            project.lexicon["Nice"] = "/NICE/"
        with pytest.raises(KeyError):
            del project.lexicon["Nice"]
        del project.lexicon["Nguyen"]
        assert project.can_undo == "removed the pronunciation of “Nguyen”" and len(project.lexicon) == 0


def test_words_of_a_project_are_looked_up_as_they_are_stored(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.lexicon["O’Brien  Ré"] = "oh bry en"
        assert project.lexicon["O’Brien  Ré"] == "oh bry en"
        del project.lexicon["O’Brien  Re\u0301"]
        assert not project.lexicon


def test_a_change_of_a_whole_lexicon_is_undone_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ({f"{name}{number}": "win" for number in range(MAX_ENTRIES)} for name in "xa")
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.lexicon.update(first)
        project.lexicon.change(dict.fromkeys(first) | second)
        assert dict(project.lexicon) == second
    with Project.open(project.path) as again:
        applied: list[int] = []
        with_entries = Lexicon.with_entries

        def counted(lexicon: Lexicon, changes: Mapping[str, str | None]) -> Lexicon:
            applied.append(len(changes))
            return with_entries(lexicon, changes)

        monkeypatch.setattr(Lexicon, "with_entries", counted)
        again.undo()
        assert dict(again.lexicon) == first and applied == [2 * MAX_ENTRIES]


def test_undo_steps_of_earlier_versions_and_damaged_ones(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.lexicon["Nguyen"] = "win"
        project.lexicon.update({"Nguyen": "nwin", "Nice": "niece"})
    file = project.path / "project.json"
    data = json.loads(file.read_text("utf-8"))
    assert data["undo"][-1]["back"] == [["lexicon", "", {"Nguyen": "win", "Nice": None}]]
    data["undo"][-1]["back"] = [["lexicon", "Nguyen", "win"], ["lexicon", "Nice", None]]
    file.write_text(json.dumps(data), "utf-8")
    with Project.open(project.path) as again:
        assert again.undo() == "changed the pronunciation of 2 words"
        assert dict(again.lexicon) == {"Nguyen": "win"}
    for damaged in (
        {"": None},
        {"Nice": "/NICE/"},
        {"Nice": 5},
        {f"x{n}": "a" for n in range(MAX_ENTRIES + 1)},
    ):
        with pytest.raises(ValueError):
            UndoStep("changed", [["lexicon", "", damaged]])


def test_a_damaged_lexicon_is_recovered_from_the_backup(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.lexicon["Nguyen"] = "win"
        project.settings["seed"] = 1
    file = project.path / "project.json"
    data = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**data, "lexicon": {"Nguyen": "/WIN/"}}), "utf-8")
    with pytest.warns(UserWarning), Project.open(project.path) as again:
        assert dict(again.lexicon) == {"Nguyen": "win"}
    del data["lexicon"]  # as written by an earlier version
    file.write_text(json.dumps(data), "utf-8")
    with Project.open(project.path) as again:
        assert not again.lexicon


def test_a_take_keeps_the_text_that_was_read(tmp_path: Path, engine: Engine) -> None:
    with Project.create(tmp_path / "talk", "Anna: Ask Nguyen.\nBen: Why Nguyen?") as project:
        project.set_voice("Anna", "Ada")
        project.set_voice("Ben", "Kai")
        project.lexicon["Nguyen"] = "win"
        spoken(project, engine)
        takes = [project.take(turn.chosen) for turn in project.turns]
        assert [(take.manifest.text, take.manifest.read_as) for take in takes] == [
            ("Ask Nguyen.", "Ask win."),
            ("Why Nguyen?", "Why win?"),
        ]
        assert takes[1].manifest.context[0].text == "Ask Nguyen."
        (context,) = project.context_for(project.turns[1].id)
        assert context.spoken.turn.text == "Ask win." and context.spoken.turn.words == "Ask Nguyen."
        assert [turn.state for turn in project.turns] == ["spoken"] * 2
        assert "Nguyen" in project.assemble().to_srt()
        whole = spoken(project, engine, mode="whole").takes
        assert [take.manifest.read_as for take in whole] == ["Ask win.", "Why win?"]
        del project.lexicon["Nguyen"]
        assert [turn.state for turn in project.turns] == ["changed"] * 2


def test_a_preview_makes_no_take(tmp_path: Path, engine: Engine) -> None:
    with Project.create(tmp_path / "talk", "Anna: Ask Nguyen.\nBen: ...\nOops") as project:
        turn = project.turns[0].id
        line = project.preview(engine, turn, readings={"Nguyen": "win"}, **QUICK).result(60)
        word = project.preview(engine, turn, words="Nguyen", readings={"Nguyen": "win"}, **QUICK).result(60)
        assert line.seconds > word.seconds > 0.2
        assert not project.turns[0].takes and not project.lexicon and not project.can_undo
        with pytest.raises(Exception, match="characters to preview"):
            project.preview(engine, turn, words="x" * 501)
        stopped = project.preview(engine, turn, **QUICK)
        stopped.cancel()
        assert stopped.result(60).seconds < line.seconds or stopped.state == "finished"


def test_a_lexicon_is_a_mapping() -> None:
    assert Pronunciation.of(Lexicon({"a": "b"})) == Pronunciation({"a": "b"})
