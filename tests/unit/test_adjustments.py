"""Adjustments of turns, speakers and takes: exact in the assembly, saved, undone, and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_helpers import FRAME, SCRIPT, frames, project, speak, speak_all, tone
from test_timeline import noise, steps, take

from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.engine.frames import LEAD_SAMPLES
from vibevoice_nb.errors import OptionError, ProjectError
from vibevoice_nb.export.take_entries import AdjustmentsEntry
from vibevoice_nb.project import Adjustments, Piece, Project, SpeakerAdjustments, Timeline

__all__ = ["project"]  # a fixture

PIECES = st.lists(
    st.tuples(
        st.integers(300, 4000),
        st.sampled_from([0, 1, 300, 480, 3000]),
        st.booleans(),
        st.sampled_from([0, 1, 200]),
        st.sampled_from([0, 7, 290]),
        st.sampled_from([0.7, 0.9, 1.0, 1.4]),
        st.sampled_from([-24.0, -3.0, 0.0, 12.0]),
    ),
    max_size=5,
)


def pieces_of(drawn: list[Any]) -> list[Piece]:
    pieces = []
    for index, (length, gap, led, start, cut, pace, gain) in enumerate(drawn):
        follows = f"t{index - 1}" if led else None
        made = take(f"t{index}", noise(length, index), noise(LEAD_SAMPLES, 100 + index), follows)
        pieces.append(Piece(made, gap, start, max(start + 1, length - cut), pace, gain))
    return pieces


@settings(max_examples=100, deadline=None)
@given(PIECES, st.integers(-500, 15_000), st.integers(0, 6000))
def test_any_part_is_that_part_of_the_whole(drawn: list[Any], start: int, count: int) -> None:
    pieces = pieces_of(drawn)
    timeline = Timeline(pieces)
    whole = timeline.read(0, timeline.samples)
    assert len(whole) == timeline.samples
    assert np.array_equal(timeline.read(start, count), whole[max(0, start) : max(0, start + count)])
    lead = LEAD_SAMPLES if pieces and pieces[0].begins_inside else 0
    assert timeline.samples == lead + sum(
        round(piece.stop / piece.pace) - round(piece.start / piece.pace) + piece.gap for piece in pieces
    )
    for segment, turn in zip(timeline.segments, timeline.turns, strict=True):
        assert (turn.start, turn.stop) == (segment.start, segment.stop)
        piece, kept = segment.piece, max(0, segment.piece.samples - LEAD_SAMPLES)
        heard = whole[segment.start : segment.start + kept]
        assert np.array_equal(heard, piece.read(0, kept))
        assert np.abs(piece.read(0, piece.samples)).max(initial=0) <= 1.0


def test_neutral_adjustments_change_no_sample() -> None:
    made = [take("a", noise(4000, 1)), take("b", noise(3000, 2), noise(480, 3), "a")]
    plain = Timeline([(made[0], 100), (made[1], 0)])
    adjusted = Timeline([Piece(made[0], 100, 0, 4000, 1.0, 0.0), Piece(made[1])])
    assert np.array_equal(plain.read(0, plain.samples), adjusted.read(0, adjusted.samples))


def test_a_change_of_level_within_continuous_audio_has_no_bump() -> None:
    sound = tone(9600)
    one, two = take("a", sound[:4800]), take("b", sound[4800:], sound[4320:4800], "a")
    audio = Timeline([Piece(one, gain_db=-6.0), Piece(two)]).read(0, 9600)
    assert np.allclose(audio[:4320], sound[:4320] * 10 ** (-6 / 20), atol=1e-6)
    assert np.array_equal(audio[4800:], sound[4800:])
    ramp = audio[4320:4800] / np.where(np.abs(sound[4320:4800]) < 1e-3, np.nan, sound[4320:4800])
    assert np.nanmin(np.diff(ramp)) > -1e-3 and np.nanmax(ramp) <= 1.001


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("gain", [-12.0, 0.0, 6.0])
def test_trimmed_and_stretched_takes_join_without_clicks(pace: float, gain: float) -> None:
    sound = take("a", tone(9600, phase=1.0))
    follower = take("b", tone(9600, phase=1.0, at=9600), tone(480, phase=1.0, at=9120), "a")
    pieces = [Piece(sound, 0, 1000, 7777, pace, gain), Piece(follower, 0, 333, 8000, 1.0, 0.0)]
    timeline = Timeline(pieces)
    audio = np.concatenate([[0.0], timeline.read(0, timeline.samples), [0.0]])
    assert steps(audio) <= steps(tone(4800)) * 1.42 * max(1.0, 10 ** (gain / 20))


def test_a_gain_is_limited_to_what_the_peak_allows() -> None:
    quiet, loud = take("a", tone(4800, level=0.2)), take("b", tone(4800, level=0.9))
    assert Piece(quiet, gain_db=12.0).applied_db == 12.0
    piece = Piece(loud, gain_db=12.0)
    assert 0 < piece.applied_db < 1 and 0.97 < np.abs(piece.read(0, 4800)).max() < 1.0
    assert Piece(take("c", tone(4800, level=1.0)), gain_db=3.0).applied_db == 0.0
    timeline = Timeline([piece])
    assert abs(timeline.peaks(0, 4800, 1)[0, 1] / 32768 - np.abs(piece.read(0, 4800)).max()) < 1e-3


def test_turns_are_adjusted_exactly_and_everything_agrees(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        takes = speak_all(project)
        one, two, three = (turn.id for turn in project.turns[:3])
        project.adjust(two, gain=-6, pace=1.25, pause=0.5)
        project.adjust_speaker("Ben", gain=-2, pace=1.1)
        project.trim_take(takes[2].id, 0.05, 0.3)
        lengths = [round(3 * FRAME / (1.1 if at % 2 else 1.0)) for at in range(8)]
        lengths[1], lengths[2] = round(3 * FRAME / 1.375), 6000
        episode = project.assemble()
        assert [turn.stop - turn.start for turn in episode.turns] == lengths
        assert episode.samples == sum(lengths) + 12_000
        third = episode.turns[2]
        assert third.start == lengths[0] + lengths[1] + 12_000
        heard = episode.read(third.start, 6000 - LEAD_SAMPLES)
        assert np.array_equal(heard, takes[2].read(1200, 6000 - LEAD_SAMPLES))
        gap = episode.read(episode.turns[1].stop, 12_000 - LEAD_SAMPLES)
        assert not gap.any()
        level = np.sqrt(np.mean(episode.read(episode.turns[1].start, 4000) ** 2))
        assert level == pytest.approx(0.3 / np.sqrt(2) * 10 ** (-8 / 20), rel=0.05)

        stems = project.export(tmp_path / "stems", parts="stems", format="wav", subtitles=["srt", "vtt"])
        audio = [read_audio(path)[0] for path in stems if path.suffix == ".wav"]
        assert np.allclose(sum(audio), episode.audio, atol=3e-4)
        vtt = next(path for path in stems if path.suffix == ".vtt").read_text("utf-8")
        seconds = third.start / 24_000
        assert f"00:00:0{seconds:.3f} -->" in vtt
        made = [entry.adjustments for entry in episode.manifest.takes or ()]
        changed, trimmed = AdjustmentsEntry(-8.0, 1.375), AdjustmentsEntry(start=1200, stop=7200)
        assert made[:3] == [None, changed, trimmed]
        manifest = json.loads(next(path for path in stems if path.suffix == ".json").read_text("utf-8"))
        assert manifest["takes"][1]["adjustments"] == {"gain_db": -8.0, "pace": 1.375}
        assert project.turn(one).state == project.turn(three).state == "spoken"
        assert project.context_for(three)[0].spoken.frames.latent.shape[0] == 3


def test_adjustments_follow_their_turn_and_trims_their_take(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        takes = speak_all(project)
        turn = project.turns[2].id
        project.adjust(turn, gain=3, pace=0.9, pause=1)
        project.trim_take(takes[2].id, 0.1, 0.3)
        lines = SCRIPT.splitlines()
        project.script_text = "\n".join(["Ben: New.", lines[2], *lines[:2], *lines[3:]])
        assert project.turns[1].id == turn
        assert project.turns[1].adjustments == Adjustments(3.0, 1.0, 0.9)
        assert project.turns[0].adjustments == Adjustments()
        new = speak(project, turn)
        assert project.adjustments.trim_of(new) == (0, new.samples)
        assert project.adjustments.trim_of(takes[2]) == (2400, 7200)
        project.script_text = "Ben: New."
        project.undo()
        assert project.turns[1].adjustments == Adjustments(3.0, 1.0, 0.9)
    with Project.open(project.path) as again:
        assert again.turns[1].adjustments == Adjustments(3.0, 1.0, 0.9)
        assert again.adjustments.trim_of(again.take(takes[2].id)) == (2400, 7200)


def test_adjustments_are_undone_also_after_opening_again(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        takes = speak_all(project)
        first, second = project.turns[0].id, project.turns[1].id
        reasons: list[str] = []
        project.observe(reasons.append)
        before = project.assemble().audio
        for gain in range(1, 6):  # a slider that is moved
            project.adjust(first, gain=gain)
        project.adjust(second, pause=0.25)
        project.adjust_speaker("Ben", gain=-3)
        project.trim_take(takes[0].id, 0.1)
        project.delete_take(takes[0].id)
        words = [step.words for step in project.history.steps][-5:]
        assert words == [
            "adjusted “Anna: One.”",
            "adjusted “Ben: Two.”",
            "adjusted Ben",
            "trimmed a take of Anna",
            "deleted a take of “Anna: One.”",
        ]
        assert set(reasons) == {"adjustments", "takes"}
    with Project.open(project.path) as again:
        assert again.store.state.trims == {}
        again.undo()
        assert again.adjustments.trim_of(again.take(takes[0].id)) == (2400, 3 * FRAME)
        for _ in range(4):
            again.undo()
        assert np.array_equal(again.assemble().audio, before)
        assert again.can_undo == "" or "adjusted" not in again.can_undo


def test_values_out_of_range_are_reported_and_change_nothing(project: Project) -> None:
    made, turn = speak(project, project.turns[0].id), project.turns[0].id
    for changes, got in (
        ({"gain": 13}, "gain=13"),
        ({"gain": "loud"}, "gain='loud'"),
        ({"pace": 0.5}, "pace=0.5"),
        ({"pace": float("nan")}, "pace=nan"),
        ({"pause": -1}, "pause=-1"),
        ({"speed": 1}, "the adjustment 'speed'"),
    ):
        with pytest.raises(OptionError) as refused:
            project.adjust(turn, **changes)  # type: ignore[arg-type]
        assert refused.value.got == got and refused.value.expected and refused.value.remedy
    for start, stop in ((0.0, 0.01), (-0.1, 0.2), (0.2, 0.1), (0.0, 9.0), ("a", None), (float("nan"), 0.2)):
        with pytest.raises(OptionError, match=r"inside the take's 0\.40 s"):
            project.trim_take(made.id, start, stop)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="one of Anna, Ben"):
        project.adjust_speaker("Carla", gain=1)
    for wrong in (lambda: project.adjust("nothing", gain=1), lambda: project.trim_take("nothing")):
        with pytest.raises(ProjectError):
            wrong()
    with pytest.raises(OptionError):
        Adjustments(pace=2)
    assert project.turns[0].adjustments == Adjustments() and not project.store.state.trims
    assert project.adjust(turn, gain=np.float32(1.5), pause=2) == Adjustments(1.5, 2.0, 1.0)
    assert project.adjust(turn) == Adjustments()
    assert project.adjust_speaker("anna", pace=1.2) == SpeakerAdjustments(0.0, 1.2)
    assert project.cast["Anna"].pace == 1.2
    assert project.trim_take(made.id, 0.1, 0.2) == (0.1, 0.2) and project.store.state.trims
    assert project.trim_take(made.id) == (0.0, 0.4) and not project.store.state.trims


def test_silence_at_the_ends_of_turns_is_shortened(tmp_path: Path) -> None:
    silence = np.zeros(12_000, np.float32)
    audio = np.concatenate([silence, tone(24_000), silence, silence])
    with Project.create(tmp_path / "talk", "Anna: One.\nBen: Two.") as project:
        for turn in project.turns:
            with project.takes.begin(turn.id) as writer:
                writer.write(audio)
                writer.finish(frames(2), None, {"ended": "finished"})
        whole = project.timeline().samples
        assert whole == 2 * 60_000
        project.settings["edge_silence"] = 0.1
        episode = project.assemble()
        assert [turn.stop - turn.start for turn in episode.turns] == [28_800, 28_800]
        middle = episode.read(episode.turns[1].start + 2400, 24_000 - LEAD_SAMPLES)
        assert np.allclose(middle, tone(24_000)[: 24_000 - LEAD_SAMPLES], atol=1e-6)
        assert project.assemble(edge_silence=0.25).samples > episode.samples
        files = project.export(tmp_path / "out", parts="turns", edge_silence=0.05)
        assert read_audio(files[0])[0].size == 26_400
        project.settings["edge_silence"] = None
        assert project.timeline().samples == whole
        with pytest.raises(OptionError, match="edge_silence"):
            project.assemble(edge_silence=50)


def test_a_damaged_take_keeps_the_project_usable(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        made = speak_all(project)[0]
        project.adjust(project.turns[0].id, gain=6)
        project.settings["edge_silence"] = 0.1
        assert made.path
        (made.path / "audio.flac").unlink()
    with pytest.warns(UserWarning), Project.open(project.path) as again:
        assert again.timeline().samples
