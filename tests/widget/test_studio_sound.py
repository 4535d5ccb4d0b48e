"""Sound of turns in the Studio without a page: adjustments, silence, and the loudness of exports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from widget_helpers import FakePage

from vibevoice_nb import Studio
from vibevoice_nb.audio.io import read_audio

SCRIPT = "Anna: Hello there.\nBen: Good morning."


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


def test_adjustments_are_heard_at_once_and_undone(studio: Studio, page: FakePage) -> None:
    studio.generate().result(180)
    turn, chosen = studio.turns[0]["id"], studio.turns[0]["chosen"]
    assert chosen
    samples, seconds = studio.take["samples"], studio.turns[0]["seconds"]
    episode = studio.episode.audio
    page.call("adjust_turn", turn=turn, gain=-6.0, pace=1.25, pause=None)
    assert (studio.turns[0]["gain"], studio.turns[0]["pace"], studio.turns[0]["gap_ms"]) == (-6.0, 1.25, None)
    assert studio.turns[0]["seconds"] == pytest.approx(seconds / 1.25, abs=0.001)
    end = studio.take["turns"][0]["stop"]
    (pcm,) = page.call("samples", source="episode", start=0, count=end)["buffers"]
    heard = np.frombuffer(pcm, "<i2") / 32768
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(episode[:samples] ** 2)) / 2, rel=0.4)
    page.call("adjust_speaker", speaker=studio.turns[0]["speaker"], gain=12.0, pace=1.0)
    assert studio.speakers[0]["gain"] == 12.0 and studio.turns[0]["gain_limit"] is None
    page.call("adjust_turn", turn=turn, gain=12.0, pace=1.0, pause=None)
    assert 0 < (studio.turns[0]["gain_limit"] or 0) < 24 and np.abs(studio.episode.audio).max() < 1
    take = studio.takes[chosen]
    page.call("trim_take", take=chosen, start=2400, stop=take["samples"] - 4800)
    assert (studio.takes[chosen]["trim_start"], studio.takes[chosen]["trim_stop"]) == (
        2400,
        take["samples"] - 4800,
    )
    revision = studio.take["revision"]
    for _ in range(4):
        page.call("undo")
    assert studio.take["samples"] == samples and studio.take["revision"] > revision
    assert np.array_equal(studio.episode.audio, episode)
    answer = page.call("adjust_turn", turn=turn, gain=0.0, pace=3.0, pause=None)
    assert "0.7 (slower) to 1.4 (faster)" in answer["expected"]


def test_the_preview_of_the_loudness_is_what_is_exported(
    studio: Studio, page: FakePage, tmp_path: Path
) -> None:
    studio.generate().result(180)
    measured = page.call("loudness", target=-16.0)["result"]
    assert -40 < measured["lufs"] < -20 and measured["gain_db"] > 0
    summary = page.call("describe", source="episode:-16")
    assert summary["result"]["source"] == "episode:-16" and summary["result"]["turns"]
    reply = page.call("samples", source="episode:-16", start=9000, count=24_000)
    heard = np.frombuffer(reply["buffers"][0], "<i2") / 32768
    studio.episode.save(tmp_path / "loud.wav", loudness=-16.0)
    exported = read_audio(tmp_path / "loud.wav")[0][9000:33_000]
    assert len(heard) == len(exported) > 1000 and np.abs(heard - exported).max() < 1e-4
    for wrong in ("episode:loud", "episode:9", "episode:nan"):
        assert page.call("samples", source=wrong, start=0, count=10)["kind"] == "failed"


def test_silence_at_the_ends_of_turns_is_a_setting(studio: Studio, page: FakePage) -> None:
    studio.generate().result(180)
    before = studio.take["samples"]
    studio.set_state({"edge_silence": 0.05})
    assert studio.project.settings["edge_silence"] == 0.05 and studio.take["samples"] < before
    studio.set_state({"edge_silence": None})
    assert studio.take["samples"] == before
