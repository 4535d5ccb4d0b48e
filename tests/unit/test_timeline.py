"""An episode is its takes, put together without a click and without touching a sample beyond the joins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_helpers import FRAME, SCRIPT, speak, speak_all, tone

from vibevoice_nb.audio.peaks import BLOCK
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.engine.frames import LEAD_SAMPLES
from vibevoice_nb.project import Project, Take, TakeTurn, Timeline


class LedTake(Take):
    """A take with a lead that was never on disk."""

    @property
    def lead(self) -> np.ndarray:
        return self.manifest.kept["lead"]


def take(name: str, audio: np.ndarray, lead: np.ndarray | None = None, follows: str | None = None) -> Take:
    manifest: dict[str, Any] = {
        "follows": follows,
        "lead": np.zeros(LEAD_SAMPLES, np.float32) if lead is None else lead,
    }
    made = Take.from_audio(audio, turns=[TakeTurn(name, "Anna", "Words.", 0, len(audio))], manifest=manifest)
    return LedTake(**{**vars(made), "id": name})


def noise(samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def parts_of(lengths: list[int], gaps: list[int], follows: list[bool]) -> list[tuple[Take, int]]:
    parts = []
    for index, (length, gap, led) in enumerate(zip(lengths, gaps, follows, strict=True)):
        before = f"t{index - 1}" if led else None
        parts.append((take(f"t{index}", noise(length, index), noise(LEAD_SAMPLES, 100 + index), before), gap))
    return parts


PARTS = st.lists(
    st.tuples(st.integers(1, 2000), st.sampled_from([0, 1, 200, 479, 480, 3000]), st.booleans()), max_size=6
)


@settings(max_examples=150)
@given(PARTS, st.integers(-500, 15_000), st.integers(0, 6000))
def test_any_piece_is_that_part_of_the_whole(
    pieces: list[tuple[int, int, bool]], start: int, count: int
) -> None:
    timeline = Timeline(parts_of(*map(list, zip(*pieces, strict=True))) if pieces else [])
    whole = timeline.read(0, timeline.samples)
    assert len(whole) == timeline.samples
    assert np.array_equal(timeline.read(start, count), whole[max(0, start) : max(0, start + count)])


@settings(max_examples=100)
@given(PARTS)
def test_only_the_last_20_ms_before_a_join_are_changed(pieces: list[tuple[int, int, bool]]) -> None:
    parts = parts_of(*map(list, zip(*pieces, strict=True))) if pieces else []
    timeline = Timeline(parts)
    whole = timeline.read(0, timeline.samples)
    assert isinstance(timeline, AudioSource)
    for index, segment in enumerate(timeline.segments):
        later = parts[index + 1 :]
        joined = bool(segment.gap) or (bool(later) and later[0][0].follows != segment.take.id)
        kept = max(0, segment.take.samples - LEAD_SAMPLES) if joined else segment.take.samples
        heard = whole[segment.start : segment.start + kept]
        assert np.array_equal(heard, segment.take.read(0, kept))


def test_a_take_that_goes_on_from_the_one_before_is_put_behind_it() -> None:
    sound = tone(6000)
    timeline = Timeline([(take("a", sound[:2500]), 0), (take("b", sound[2500:], sound[2020:2500], "a"), 0)])
    assert np.array_equal(timeline.read(0, 6000), sound)


def steps(audio: np.ndarray) -> float:
    """The largest step from a sample to the next."""
    return float(np.abs(np.diff(audio.astype(np.float64))).max())


@pytest.mark.parametrize("gap", [0, 100, 480, 2400])
@pytest.mark.parametrize("phase", [0.0, 0.5, 1.0, 2.0, np.pi, 4.5])
def test_joins_do_not_click(phase: float, gap: int) -> None:
    """Two tones, each in the middle of a swing; the second had sounded for 20 ms before it begins."""
    one, other = tone(4800, phase=1.0), tone(4800, phase=1.0 + phase)
    timeline = Timeline(
        [
            (take("a", one), gap),
            (take("b", other, tone(LEAD_SAMPLES, phase=1.0 + phase, at=-LEAD_SAMPLES)), 0),
        ]
    )
    around = timeline.read(4800 - 1000, gap + 2000)
    # At equal power two tones in phase add up to 1.41 of one; out of phase, to one and the fades' own slopes.
    assert steps(around) <= steps(one) * (1.42 if np.cos(phase) > 0.01 and gap < LEAD_SAMPLES else 1.07)
    bare = np.concatenate([one, np.zeros(gap, np.float32), other])
    if gap or phase in (2.0, np.pi):
        assert steps(bare[3800:]) > 2 * steps(one)  # what the ear would have heard


def test_a_first_take_cut_out_of_its_context_begins_softly() -> None:
    sound = take("b", tone(4800, phase=1.5), tone(LEAD_SAMPLES, phase=1.5, at=-LEAD_SAMPLES), "gone")
    timeline = Timeline([(sound, 0)])
    assert timeline.samples == 4800 + LEAD_SAMPLES and timeline.turns[0].start == LEAD_SAMPLES
    assert steps(np.concatenate([[0.0], timeline.read(0, 4000)])) <= steps(sound.audio) * 1.02


def test_peaks_are_those_of_the_takes_in_their_places() -> None:
    loud, soft = tone(BLOCK * 40 + 77, level=0.8), tone(BLOCK * 60 + 3, level=0.2)
    timeline = Timeline([(take("a", loud), 24_000), (take("b", soft), 0)])
    buckets = 20
    peaks = timeline.peaks(0, timeline.samples, buckets).astype(int)
    audio = timeline.read(0, timeline.samples)
    for bucket in range(buckets):
        first, last = (timeline.samples * i // buckets for i in (bucket, bucket + 1))
        inner = np.rint(
            audio[first + LEAD_SAMPLES : last - LEAD_SAMPLES] * 32768
        )  # leaves out what a join may have made softer
        assert peaks[bucket, 0] <= inner.min() and peaks[bucket, 1] >= inner.max()
        wide = np.rint(audio[max(0, first - 2 * BLOCK) : last + 2 * BLOCK] * 32768)
        assert peaks[bucket, 1] <= wide.max() + 32768 * 0.01
    exact = timeline.peaks(500, 900, 400)
    assert np.array_equal(exact[:, 0], exact[:, 1]) and exact[7, 0] == np.rint(audio[507] * 32768)


def test_a_turn_regenerated_leaves_all_others_as_they_were(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        speak_all(project)
        before = project.timeline()
        fourth = project.turns[3].id
        speak(project, fourth, count=5, phase=1.0)
        after = project.timeline()
        for old, new in zip(before.segments, after.segments, strict=True):
            if old.take.turns[0].turn_id != fourth:
                assert np.array_equal(before.read(old.start, old.stop - old.start), old.take.audio)
                assert np.array_equal(after.read(new.start, new.stop - new.start), old.take.audio)
        third, spoken, fifth = after.segments[2:5]
        heard = after.read(spoken.start, spoken.take.samples)
        assert spoken.take.samples == 5 * FRAME and spoken.take.follows == third.take.id
        assert np.array_equal(heard[:-LEAD_SAMPLES], spoken.take.audio[:-LEAD_SAMPLES])
        assert not np.array_equal(
            heard[-LEAD_SAMPLES:], spoken.take.audio[-LEAD_SAMPLES:]
        )  # joined to the fifth
        assert steps(after.read(spoken.start, fifth.stop - spoken.start)) <= steps(tone(4800)) * 1.42


def test_gaps_are_changed_without_new_audio(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: One. [pause:250]\nBen: Two.\nAnna: Three.") as project:
        takes = speak_all(project)
        one, two, three = (turn.id for turn in project.turns)
        files = sorted(path.stat().st_mtime_ns for path in (project.path / "takes").rglob("*.flac"))

        def gaps() -> list[int]:
            return [segment.gap * 1000 // 24_000 for segment in project.timeline().segments]

        assert gaps() == [250, 0, 0]
        project.settings["gap_ms"] = 400
        assert gaps() == [250, 400, 0]  # none after the last turn
        project.set_gap(one, 100)
        project.set_gap(two, 0)
        assert gaps() == [100, 0, 0]
        project.set_gap(three, 600)
        assert gaps() == [100, 0, 600]
        project.set_gap(one, None)
        assert gaps() == [250, 0, 600]
        timeline = project.timeline()
        assert timeline.samples == sum(take.samples for take in takes) + 850 * 24
        silence = timeline.read(timeline.segments[0].stop, 250 * 24 - LEAD_SAMPLES)
        assert not silence.any()
        assert files == sorted(path.stat().st_mtime_ns for path in (project.path / "takes").rglob("*.flac"))
        assert [turn.state for turn in project.turns] == ["spoken"] * 3


def test_the_episode_is_a_take_that_holds_no_audio(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        takes = speak_all(project)
        episode = project.assemble()
        assert episode.samples == sum(take.samples for take in takes) and episode.name == "talk"
        assert np.array_equal(episode.audio, np.concatenate([take.audio for take in takes]))
        assert [turn.start for turn in episode.turns] == [i * 3 * FRAME for i in range(8)]
        assert {turn.label: turn.color for turn in episode.turns} == {
            label: member.color for label, member in project.cast.items()
        }
        assert [part.text for part in episode.manifest.takes or ()] == [
            turn.turn.text for turn in project.turns
        ]
        project.script_text = SCRIPT.replace("Anna: Three.\n", "")
        assert len(project.timeline().segments) == 7


def test_an_empty_timeline_is_silence() -> None:
    timeline = Timeline([])
    assert timeline.samples == 0 and timeline.turns == () and not len(timeline.read(0, 10))
    assert timeline.peaks(0, 1000, 3).tolist() == [[0, 0]] * 3
    assert replace(take("a", tone(10)), name="x").name == "x"
