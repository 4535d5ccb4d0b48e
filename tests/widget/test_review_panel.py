"""Reviews in the Studio without a page: listening, fixing, the best of several, the recognizer's state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from told import Told, priorities  # noqa: F401
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio
from vibevoice_nb.errors import OptionError
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.review import recognizers
from vibevoice_nb.widgets import recognizer_part
from vibevoice_nb.widgets.payloads import fault_in_trait

SCRIPT = "Anna: Hello there 😀 my friend.\nBen: Good morning.\nAnna: How\n are you?"
RIGHT = ("Hello there my friend", "Good morning", "How are you")


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Told:
    ears = Told(*RIGHT)
    ears.nbytes = 1_000_000
    monkeypatch.setattr(recognizers, "_LOADED", {"told": ears})
    return ears


@pytest.fixture
def studio(tmp_path: Path, ears: Told) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1, recognizer="told")
    studio.project.set_voice("Anna", "Ada")
    studio.project.set_voice("Ben", "Kai")
    yield studio
    studio.close()
    studio.project.close()


@pytest.fixture
def page(studio: Studio) -> FakePage:
    studio.generate().result(180)
    return FakePage(studio)


def reviewed(studio: Studio, page: FakePage, **params: Any) -> None:
    answer = page.call("review", **params)
    assert answer["kind"] == "reply", answer
    page.until(lambda: studio.review_state["state"] == "ready", 60)
    for name in ("reviews", "review_state", "recognizers"):
        assert not fault_in_trait(name, studio.get_state([name])[name])


def of_turn(studio: Studio, index: int) -> dict[str, Any]:
    return studio.reviews[studio.turns[index]["chosen"]]


def words(review: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["kind"], one["said"], one["heard"]) for one in review["differences"] if one["said"]]


def test_listen_on_demand(studio: Studio, page: FakePage, ears: Told) -> None:
    assert studio.listen_back == "on demand" and studio.reviews == {}
    assert studio.review_state["state"] == "ready" and studio.review_state["memory"] == 1_000_000
    ears.transcripts[0], ears.transcripts[2] = "Hello there my fiend", "How are"
    reviewed(studio, page)
    first = of_turn(studio, 0)
    assert words(first) == [("different", "friend.", "fiend")] and first["flagged"] and first["wer"] == 25.0
    (one,) = [item for item in first["differences"] if item["said"]]
    assert one["place"] == {"line": 1, "column": 24, "end_line": 1, "end_column": 31}
    assert one["offset"] == pytest.approx(one["start"] * 24_000, abs=30)
    (cut,) = [item for item in of_turn(studio, 2)["differences"] if item["said"]]
    assert cut["kind"] == "cut off" and cut["place"]["line"] == 4 and cut["place"]["column"] == 6
    assert not words(of_turn(studio, 1))
    assert first["words_per_minute"] > 30 and first["loudness"] < 0
    assert first["relative_pace"] is None  # two turns do not show what is usual for a speaker
    page.call("review", takes=None)
    assert ears.calls == 3  # known


def test_places_follow_the_script_and_the_sound(studio: Studio, page: FakePage, ears: Told) -> None:
    ears.transcripts[1] = "Good evening"
    reviewed(studio, page)
    studio.set_state({"script": "# Opening\n" + SCRIPT.replace("Hello", "Hey")})
    assert of_turn(studio, 0)["differences"] == [] or of_turn(studio, 0)["differences"][0]["place"] is None
    (evening,) = [one for one in of_turn(studio, 1)["differences"] if one["said"]]
    assert evening["place"] == {"line": 3, "column": 11, "end_line": 3, "end_column": 19}
    before = evening["offset"]
    page.call("adjust_turn", turn=studio.turns[1]["id"], gain=0.0, pace=1.25)
    (evening,) = [one for one in of_turn(studio, 1)["differences"] if one["said"]]
    assert evening["offset"] == pytest.approx(before / 1.25, abs=2)
    chosen, samples = studio.turns[1]["chosen"], studio.takes[studio.turns[1]["chosen"]]["samples"]
    page.call("trim_take", take=chosen, start=0, stop=samples // 4)
    (evening,) = [one for one in of_turn(studio, 1)["differences"] if one["said"]]
    assert evening["offset"] is None
    studio.set_state({"script": SCRIPT.replace("morning", "evening")})
    (evening,) = [one for one in of_turn(studio, 1)["differences"] if one["said"]]
    assert evening["place"] is None  # the script has other words now


def test_each_take_is_reviewed_after_it_was_generated(
    studio: Studio,
    ears: Told,
    priorities: dict[int, int],  # noqa: F811
) -> None:
    studio.set_state({"listen_back": "each take"})
    ears.holds = threading.Event()
    studio.generate().result(180)  # does not wait for the reviews
    assert studio.review_state["state"] == "listening" and studio.review_state["total"] == 3
    assert ears.calls == 0
    ears.holds.set()
    FakePage.until(lambda: len(studio.reviews) == 3 and studio.review_state["state"] == "ready", 60)
    assert {priorities[thread] for thread in ears.threads} == {19} and studio.review_state["done"] == 0
    reopened = shared_project(studio.project.path)
    assert (reopened.settings["listen_back"], reopened.settings["recognizer"]) == ("each take", "told")


def test_a_review_is_cancelled_by_the_page_and_by_closing(studio: Studio, page: FakePage, ears: Told) -> None:
    for stop in (lambda: page.call("cancel_review"), studio.close):
        ears.holds = threading.Event()
        job = studio.review()
        page.until(lambda: studio.review_state["state"] == "listening", 20)
        stop()
        ears.holds.set()
        job.result(60)
        assert job.state == "cancelled" and studio.reviews == {}


def test_fix_and_undo(studio: Studio, page: FakePage, ears: Told) -> None:
    ears.transcripts[0] = "Hello"
    reviewed(studio, page)
    turn, before = studio.turns[0]["id"], studio.turns[0]["chosen"]
    ears.calls, ears.transcripts = 0, ["Hello there", RIGHT[0]]
    assert page.call("fix", turns=[turn], takes=3)["result"]["job"] == studio.generation.id
    studio.generation.result(180)
    assert len(studio.turns[0]["takes"]) == 3 and studio.turns[0]["chosen"] == studio.turns[0]["takes"][2]
    assert not of_turn(studio, 0)["flagged"] and len(studio.reviews) == 5
    assert ears.calls == 2  # the judge's reviews are not made twice
    page.call("undo")
    assert studio.turns[0]["chosen"] == before and of_turn(studio, 0)["flagged"]
    failed = page.call("fix", turns=[turn], takes=99)
    assert failed["kind"] == "failed" and "20" in failed["expected"] + failed["got"]


def test_the_best_of_several(studio: Studio, page: FakePage, ears: Told) -> None:
    ears.transcripts = ["Good", RIGHT[1], "Good evening", "morning"]
    turn = studio.turns[1]["id"]
    page.call("best_of", turns=[turn], takes=3)
    studio.generation.result(180)
    assert studio.turns[1]["chosen"] == studio.turns[1]["takes"][2]
    ears.calls, ears.transcripts = 0, [RIGHT[1]]
    page.call("choose_take", turn=turn, take=studio.turns[1]["takes"][0])
    studio.best_of([turn], takes=1).result(180)
    assert studio.turns[1]["chosen"] == studio.turns[1]["takes"][0]  # a person chose it


def test_nothing_is_downloaded_without_being_asked(
    studio: Studio, page: FakePage, ears: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recognizer_part.availability

    def elsewhere(name: str) -> Any:
        return recognizer_part.Availability("download", 145_000_000, "MIT") if name == "base" else found(name)

    monkeypatch.setattr(recognizer_part, "availability", elsewhere)
    loaded: list[str] = []
    monkeypatch.setattr(recognizer_part, "load_recognizer", lambda name: loaded.append(name))
    studio.set_state({"recognizer": "base", "listen_back": "each take"})
    state = studio.review_state
    assert (state["state"], state["download"], state["license"]) == ("download", 145_000_000, "MIT")
    failed = page.call("review")
    assert failed["kind"] == "failed" and "MIT license, 145 MB" in failed["expected"]
    assert page.call("best_of", turns=[studio.turns[0]["id"]], takes=2)["kind"] == "failed"
    studio.regenerate(studio.turns[1]["id"]).result(180)
    assert studio.reviews == {} and not loaded
    page.call("load_recognizer")
    page.until(lambda: loaded == ["base"])


def test_the_state_of_a_recognizer(
    studio: Studio, page: FakePage, ears: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.call("unload_recognizer")
    assert recognizers.loaded_recognizers() == {}
    monkeypatch.setattr(
        recognizer_part,
        "availability",
        lambda name: recognizer_part.Availability("missing", remedy="pip install it"),
    )
    studio.set_state({"recognizer": "small"})
    assert studio.review_state["state"] == "missing" and studio.review_state["message"] == "pip install it"
    failed = page.call("review")
    assert failed["kind"] == "failed" and failed["remedy"] == "pip install it"

    def refuse(name: str) -> None:
        raise OptionError("no such model", "another", "name another")

    monkeypatch.setattr(recognizer_part, "load_recognizer", refuse)
    page.call("load_recognizer")
    page.until(lambda: studio.review_state["state"] == "failed")
    assert studio.review_state["message"].startswith("no such model")
    before = studio.recognizer
    for name, value in (("recognizer", " "), ("listen_back", "always")):
        with pytest.raises(OptionError, match=name):
            setattr(studio, name, value)
    assert (studio.recognizer, studio.listen_back) == (before, "on demand")


def test_a_language_that_the_recognizer_does_not_know(studio: Studio, page: FakePage, ears: Told) -> None:
    def hear(audio: Any, language: str, cancelled: Any = None) -> list[Any]:
        ears.calls += 1
        if ears.calls == 1:
            raise OptionError("the language", "English", "another recognizer")
        return []

    ears.hear = hear  # type: ignore[method-assign]
    page.call("review")
    page.until(lambda: studio.review_state["state"] == "failed", 60)
    assert "the language" in studio.review_state["message"] and len(studio.reviews) == 2


def test_a_read_only_project_can_be_reviewed(studio: Studio, page: FakePage, ears: Told) -> None:
    with Project.open(studio.project.path, read_only=True) as project:
        other = Studio(project)
        other.recognizer = "told"
        own = FakePage(other)
        reviewed(other, own)
        assert len(other.reviews) == 3
        assert own.call("fix", turns=[other.turns[0]["id"]], takes=1)["kind"] == "failed"
        other.close()
    assert studio.reviews == {}
