"""Pronunciation in the Studio without a page: the lexicon, previews, spoken forms."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio
from vibevoice_nb.widgets.payloads import fault_in_trait

SCRIPT = "Anna: Ask Nguyen at 5.\nBen: In Nice?\nBen: Yes."


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1)
    studio.project.set_voice("Anna", "Ada")
    studio.project.set_voice("Ben", "Kai")
    yield studio
    studio.close()
    studio.project.close()


@pytest.fixture
def page(studio: Studio) -> FakePage:
    return FakePage(studio)


def call(page: FakePage, method: str, **params: Any) -> dict[str, Any]:
    answer = page.call(method, **params)
    assert answer["kind"] == "reply", answer
    return answer["result"]


def heard(page: FakePage, **params: Any) -> tuple[str, int]:
    """Source and number of samples of a preview."""
    page._calls += 1
    content = {
        "v": 1,
        "n": page._calls,
        "kind": "call",
        "id": page._calls,
        "method": "hear",
        "params": params,
    }
    page.widget._from_page(page.widget, content, [])
    answer = page.until(lambda: page._answer(page._calls), 60)
    assert answer["kind"] == "reply", answer
    source = answer["result"]["source"]
    return source, call(page, "describe", source=source)["samples"] if source else 0


def test_an_entry_is_saved_shown_and_undone(studio: Studio, page: FakePage) -> None:
    assert studio.lexicon == [] and studio.read_words == []
    call(page, "set_reading", word="Nguyen", reading="win")
    call(page, "set_reading", word="Nice", reading="/n iy1 s/")
    assert studio.lexicon == [
        {"word": "Nguyen", "reading": "win"},
        {"word": "Nice", "reading": "/N IY S/"},
    ]
    assert studio.read_words == [
        {"line": 1, "column": 11, "end_column": 17, "word": "Nguyen", "reading": "win"},
        {"line": 2, "column": 9, "end_column": 13, "word": "Nice", "reading": "/N IY S/"},
    ]
    assert not fault_in_trait("lexicon", studio.lexicon) and not fault_in_trait(
        "read_words", studio.read_words
    )
    assert call(page, "undo")["undone"] == "set the pronunciation of “Nice”"
    assert studio.read_words[-1]["word"] == "Nguyen"
    call(page, "set_reading", word="Nguyen", reading=None)
    assert studio.lexicon == [] and studio.can_undo == "removed the pronunciation of “Nguyen”"
    failed = page.call("set_reading", word="Nice", reading="/NICE/")
    assert failed["kind"] == "failed" and "'NICE' is not a phone" in failed["got"]
    assert studio.lexicon == []


def test_a_published_model_gets_no_phones_and_says_so(studio: Studio, page: FakePage) -> None:
    call(page, "set_reading", word="Nice", reading="/N IY S/")
    studio.model = "vibevoice/VibeVoice-1.5B-hf"
    studio._refresh()
    assert studio.read_words == []
    (found,) = studio.diagnostics
    assert "cannot read phones" in found["message"] and (found["line"], found["column"]) == (2, 9)


def test_spoken_forms_are_a_setting_of_the_project(studio: Studio, page: FakePage) -> None:
    turn = studio.turns[0]["id"]
    studio.model = "vibevoice/VibeVoice-1.5B-hf"
    assert call(page, "read_as", turn=turn)["text"] == "Ask Nguyen at 5."
    studio.set_state({"spoken_forms": True})
    assert studio.project.settings["spoken_forms"] is True
    assert call(page, "read_as", turn=turn)["text"] == "Ask Nguyen at five."
    trial = call(page, "read_as", turn=turn, word="Nguyen", reading="win")
    assert trial["text"] == "Ask win at five." and studio.lexicon == []
    other = Studio(Project.open(studio.project.path, read_only=True))
    assert other.spoken_forms
    other.close()
    failed = page.call("read_as", turn="none", word=None)
    assert failed["kind"] == "failed" and "not in the script" in failed["got"]


def test_a_lexicon_is_imported_and_exported(studio: Studio, page: FakePage) -> None:
    assert call(page, "import_lexicon", text="Nguyen,win\nNice\t/N IY S/\n")["changed"] == 2
    result = call(page, "export_lexicon")
    assert result == {"name": "show-lexicon.txt", "text": "Nguyen = win\nNice = /N IY S/\n"}
    assert call(page, "import_lexicon", text=result["text"])["changed"] == 0
    failed = page.call("import_lexicon", text="Nguyen = win\nNice")
    assert failed["kind"] == "failed" and failed["got"].startswith("line 2: ")
    failed = page.call("import_lexicon", text="#" * 1_000_001)
    assert failed["kind"] == "failed" and "1,000,001" in failed["got"]


def test_a_word_and_its_turn_are_heard_without_a_take(studio: Studio, page: FakePage) -> None:
    turn = studio.turns[0]["id"]
    source, line = heard(page, turn=turn)
    other, both = heard(page, turn=turn, words="Nguyen", word="Nguyen", reading="win")
    assert source == "preview:1" and other == "preview:2" and both > line > 12_000
    assert call(page, "describe", source=other)["name"] == "Nguyen"
    answer = page.call("samples", source=other, start=0, count=24_000)
    audio = np.frombuffer(answer["buffers"][0], "<i2")
    assert np.abs(audio).max() > 300
    gone = page.call("samples", source=source, start=0, count=100)
    assert gone["kind"] == "failed" and "no longer kept" in gone["got"]
    assert studio.takes == {} and studio.lexicon == [] and studio.turns[0]["state"] == "unspoken"


def test_a_preview_is_stopped_and_replaced(studio: Studio, page: FakePage, monkeypatch: Any) -> None:
    turn = studio.turns[0]["id"]
    loading, go = threading.Event(), threading.Event()
    engine = studio._pronunciation._engine

    def slow(model: str) -> Any:
        loading.set()
        go.wait(20)
        return engine(model)

    monkeypatch.setattr(studio._pronunciation, "_engine", slow)
    answers: list[tuple[str, int]] = []
    thread = threading.Thread(target=lambda: answers.append(heard(page, turn=turn, words="Nguyen")))
    thread.start()
    assert loading.wait(20)
    studio._pronunciation._stop_hearing()
    go.set()
    thread.join(60)
    assert answers == [("", 0)]


def test_nothing_is_heard_during_a_generation(studio: Studio, page: FakePage, monkeypatch: Any) -> None:
    monkeypatch.setattr(studio._pronunciation, "_busy", lambda: True)
    failed = page.call("hear", turn=studio.turns[0]["id"])
    assert failed["kind"] == "failed" and "generating" in failed["got"]


def test_a_changed_entry_marks_the_turns_with_the_word(studio: Studio, page: FakePage) -> None:
    studio.generate().result(180)
    assert {turn["state"] for turn in studio.turns} == {"spoken"}
    call(page, "set_reading", word="Nguyen", reading="win")
    assert [turn["state"] for turn in studio.turns] == ["changed", "spoken", "spoken"]


def test_a_read_only_project_keeps_its_lexicon(studio: Studio) -> None:
    with Project.open(studio.project.path, read_only=True) as project:
        other = Studio(project)
        page = FakePage(other)
        failed = page.call("set_reading", word="Nguyen", reading="win")
        assert failed["kind"] == "failed" and "read-only" in failed["got"]
        assert heard(page, turn=other.turns[0]["id"], word="Nguyen", reading="win")[1] > 0
        other.close()
