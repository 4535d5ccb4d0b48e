"""Auditions in the Studio without a page: the trait, the audio of each line, cancellation, outdated lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from widget_helpers import FakePage

from vibevoice_nb import ScriptError, Studio
from vibevoice_nb.project.jobs.audition import AuditionVoice
from vibevoice_nb.voices import builtin_voices, load_voice
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.widgets.payloads import fault_in_trait

SCRIPT = "Anna: Hello there.\nBen: Good morning."


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=1)
    yield studio
    studio.close()
    studio.project.close()


@pytest.fixture
def page(studio: Studio) -> FakePage:
    return FakePage(studio)


def voices(studio: Studio) -> list[dict[str, Any]]:
    return list(studio.audition_state["voices"])


def finished(studio: Studio) -> bool:
    return studio.audition_state["state"] in ("finished", "cancelled", "failed")


def test_an_audition_fills_its_trait_with_playable_lines(studio: Studio, page: FakePage) -> None:
    seen: list[str] = []

    def changed(change: Any) -> None:
        seen.append(fault_in_trait("audition_state", change["new"]))

    studio.observe(changed, "audition_state")
    assert page.call("audition", speaker="Anna")["kind"] == "reply"
    page.until(lambda: finished(studio), 120)
    state = studio.audition_state
    assert (state["speaker"], state["text"], state["state"]) == ("Anna", "Hello there.", "finished")
    assert [(row["name"], row["state"]) for row in voices(studio)] == [
        (name, "finished") for name in builtin_voices()
    ]
    assert set(seen) == {""} and len(seen) >= 6
    assert len({row["source"] for row in voices(studio)}) == len(builtin_voices()) and not studio.takes
    for row in voices(studio):
        answer = page.call("samples", source=row["source"], start=0, count=24_000)
        assert answer["kind"] == "reply" and len(answer["buffers"][0]) > 10_000
        described = page.call("describe", source=row["source"])["result"]
        assert described["samples"] == pytest.approx(24_000 * row["seconds"], abs=12)
    sources = [row["source"] for row in voices(studio)]
    studio.audition("Anna").result(120)
    assert [row["source"] for row in voices(studio)] == sources  # from memory


def test_lines_that_are_not_in_the_script_any_more_are_forgotten(studio: Studio, page: FakePage) -> None:
    studio.audition("Anna").result(120)
    studio.script = SCRIPT + "\nBen: One more."
    assert studio.audition_state["state"] == "finished"
    source = voices(studio)[0]["source"]
    studio.script = SCRIPT.replace("Hello", "Goodbye")
    assert studio.audition_state["state"] == "idle" and not voices(studio)
    assert "start the audition again" in page.call("samples", source=source, start=0, count=10)["remedy"]


def test_a_generation_stops_an_audition(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    held, load = threading.Event(), AuditionVoice.__init__

    def slow(self: AuditionVoice, name: str, kind: str, get: Any, **more: Any) -> None:
        def wait() -> Any:
            held.wait(60)
            return get()

        load(self, name, kind, wait, **more)

    monkeypatch.setattr(AuditionVoice, "__init__", slow)
    audition = studio.audition("Ben")
    job = studio.generate()
    held.set()
    audition.result(120)
    assert audition.state == "cancelled"
    job.result(180)
    assert [turn["state"] for turn in studio.turns] == ["spoken", "spoken"]


def test_cancel_and_mistakes_from_the_page(studio: Studio, page: FakePage) -> None:
    page.call("audition", speaker="Anna")
    page.call("cancel_audition")
    page.until(lambda: finished(studio), 120)
    assert studio.audition_state["state"] == "cancelled"
    assert page.call("audition", speaker="Eve")["got"] == "'Eve' has no lines"
    with pytest.raises(ScriptError):
        studio.audition("Eve")


def test_voices_added_elsewhere_are_listed_when_the_gallery_opens(studio: Studio, page: FakePage) -> None:
    assert {voice["kind"] for voice in studio.voices} == {"built-in"}
    VoiceLibrary().add(
        load_voice(0.2 * np.sin(np.arange(96_000) / 20).astype(np.float32)), name="Grandfather", consent=True
    )
    assert page.call("list_voices")["kind"] == "reply"
    assert [voice["name"] for voice in studio.voices if voice["kind"] == "library"] == ["Grandfather"]
    assert [voice["words"] for voice in studio.voices][:2] == ["woman, low", "man, deep"]
