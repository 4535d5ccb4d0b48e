"""Intro, outro and bed in the assembly: exact places, ducking, loops and fades, in blocks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_timeline import noise, steps, take

from vibevoice_nb.audio.mixing import Envelope, Looped
from vibevoice_nb.audio.peaks import BLOCK
from vibevoice_nb.audio.sources import ArraySource, Layered
from vibevoice_nb.project import Timeline
from vibevoice_nb.project.soundtrack import LOOP_FADE, MusicFile
from vibevoice_nb.project.storage.music import Music, Role

RATE = 24_000
FLAT: dict[str, Any] = {"gain": 0, "fade_in": 0, "fade_out": 0}


def music(role: Role, audio: np.ndarray, **settings: Any) -> MusicFile:
    record = Music(role, "music-0123456789ab", "0" * 64, "hum.wav", len(audio), **settings)
    return MusicFile(record, ArraySource(audio))


def level(samples: int, value: float = 0.25) -> np.ndarray:
    return np.full(samples, value, np.float32)


SECONDS = st.sampled_from([0.0, 0.01, 0.07, 0.3])
MUSIC = st.lists(
    st.tuples(
        st.sampled_from(["intro", "outro", "bed"]),
        st.integers(12_000, 14_000),
        st.fixed_dictionaries({"fade_in": SECONDS, "fade_out": SECONDS}),
        SECONDS,
        SECONDS,
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda drawn: drawn[0],
)
SPEECH = st.lists(st.tuples(st.integers(1, 9000), st.sampled_from([0, 100, 3000, 20_000])), max_size=4)


def files_of(drawn: list[Any]) -> list[MusicFile]:
    files = []
    for index, (role, length, fades, first, second, loop) in enumerate(drawn):
        if role == "bed":
            own = {"attack": first or 0.01, "release": second or 0.01, "loop": loop, "ducking": 20.0}
        else:
            own = {"alone": first, "overlap": second}
        files.append(music(role, noise(length, index), **fades, **own))
    return files


@settings(max_examples=150, deadline=None)
@given(SPEECH, MUSIC, st.integers(-500, 60_000), st.integers(0, 20_000), st.integers(1, 9000))
def test_blocks_of_any_size_are_those_parts_of_the_whole(
    spoken: list[tuple[int, int]], drawn: list[Any], start: int, count: int, size: int
) -> None:
    parts = [(take(f"t{n}", noise(length, 50 + n)), gap) for n, (length, gap) in enumerate(spoken)]
    timeline = Timeline(parts, files_of(drawn))
    whole = timeline.read(0, timeline.samples)
    assert len(whole) == timeline.samples
    assert np.array_equal(timeline.read(start, count), whole[max(0, start) : max(0, start + count)])
    blocks = [timeline.read(at, size) for at in range(0, timeline.samples, size)]
    assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *blocks]), whole)


@settings(max_examples=100, deadline=None)
@given(SPEECH, MUSIC)
def test_the_speech_is_unchanged_and_the_layers_add_up(
    spoken: list[tuple[int, int]], drawn: list[Any]
) -> None:
    parts = [(take(f"t{n}", noise(length, 50 + n)), gap) for n, (length, gap) in enumerate(spoken)]
    plain, mixed = Timeline(parts), Timeline(parts, files_of(drawn))
    assert isinstance(mixed, Layered)
    if not mixed.layers:
        assert not (parts and drawn) and mixed.samples == plain.samples
        return
    begin = mixed.voice.begin
    speech, sound = mixed.layers["speech"], mixed.layers["music"]
    voice = speech.read(0, speech.samples)
    assert np.array_equal(voice[begin:], plain.read(0, plain.samples)) and not voice[:begin].any()
    assert [turn.start - begin for turn in mixed.turns] == [turn.start for turn in plain.turns]
    total = np.zeros(mixed.samples, np.float32)
    total[: speech.samples] += voice
    total[: sound.samples] += sound.read(0, sound.samples)
    assert np.array_equal(mixed.read(0, mixed.samples), total)


def test_an_intro_delays_the_speech_and_an_outro_follows_it() -> None:
    parts = [(take("a", level(2 * RATE, 0.5)), RATE), (take("b", level(RATE, 0.5)), 0)]
    timeline = Timeline(
        parts,
        [
            music("intro", level(9 * RATE), **FLAT, alone=2, overlap=1),
            music("outro", level(9 * RATE), **FLAT, alone=3, overlap=0.5),
        ],
    )
    assert [(turn.start, turn.stop) for turn in timeline.turns] == [
        (2 * RATE, 4 * RATE),
        (5 * RATE, 6 * RATE),
    ]
    assert timeline.samples == 9 * RATE
    heard = timeline.layers["music"].read(0, timeline.samples)
    assert np.flatnonzero(np.diff(heard)).tolist() == [3 * RATE - 1, round(5.5 * RATE) - 1]
    assert heard[0] == heard[-1] == 0.25


def test_a_short_intro_is_played_whole() -> None:
    parts = [(take("a", level(RATE)), 0)]
    timeline = Timeline(parts, [music("intro", level(RATE), **FLAT, alone=10, overlap=10)])
    assert timeline.voice.begin == RATE and timeline.samples == 2 * RATE
    assert timeline.music is not None and timeline.music.samples == RATE


@pytest.mark.parametrize(("seconds", "under", "after"), [(2, 0, 2), (4, 0, 4), (6, 1, 5), (9, 3, 5)])
def test_a_short_outro_ends_after_the_speech(seconds: int, under: int, after: int) -> None:
    timeline = Timeline(
        [(take("a", level(10 * RATE)), 0)],
        [music("outro", level(seconds * RATE), **FLAT, alone=5, overlap=3)],
    )
    assert timeline.samples == (10 + after) * RATE
    heard = np.flatnonzero(timeline.layers["music"].read(0, timeline.samples))
    assert (heard[0], heard[-1] + 1) == ((10 - under) * RATE, timeline.samples)


def test_without_speech_there_is_no_music() -> None:
    timeline = Timeline([], [music("intro", level(RATE))])
    assert timeline.samples == 0 and timeline.layers == {} and timeline.music is None


def test_the_bed_is_quieter_before_the_first_word_and_stays_so_in_short_pauses() -> None:
    parts = [(take("a", level(RATE, 0.0)), RATE // 2), (take("b", level(RATE, 0.0)), 4 * RATE)]
    bed = music("bed", level(20 * RATE, 0.5), **FLAT, ducking=20, attack=0.5, release=1)
    begin = music("intro", level(3 * RATE, 0.0), **FLAT, alone=3, overlap=0)
    timeline = Timeline([*parts, (take("c", level(RATE, 0.0)), 0)], [bed, begin])
    heard = timeline.read(0, timeline.samples)
    assert not heard[: 3 * RATE].any()
    assert np.allclose(heard[3 * RATE : round(5.5 * RATE)], 0.05)
    assert np.isclose(heard[6 * RATE], (0.5 + 0.05) / 2, atol=1e-4)
    assert np.allclose(heard[round(6.5 * RATE) : 9 * RATE], 0.5)
    assert np.allclose(heard[round(9.5 * RATE) : round(10.5 * RATE)], 0.05) and len(heard) == round(
        10.5 * RATE
    )


@pytest.mark.parametrize("loop", [True, False])
def test_the_bed_is_repeated_without_clicks_or_ends(loop: bool) -> None:
    hum = np.sin(np.arange(4 * RATE) * 0.03).astype(np.float32) * 0.5
    parts = [(take("a", level(10 * RATE, 0.0)), 0)]
    timeline = Timeline(parts, [music("bed", hum, **FLAT, ducking=0, loop=loop)])
    heard = timeline.read(0, timeline.samples)
    assert np.array_equal(heard[: 4 * RATE - LOOP_FADE], hum[: 4 * RATE - LOOP_FADE])
    assert heard[5 * RATE :].any() == loop
    if loop:
        assert steps(heard) <= steps(hum) * 1.45


def test_fades_that_do_not_fit_are_shortened_and_none_clicks() -> None:
    parts = [(take("a", level(RATE, 0.0)), 0)]
    hum = np.sin(np.arange(RATE) * 0.03).astype(np.float32) * 0.5
    timeline = Timeline(parts, [music("bed", hum, gain=0, fade_in=30, fade_out=10, ducking=0)])
    heard = timeline.read(0, timeline.samples)
    assert heard[0] == 0 and abs(heard[-1]) < 1e-3 and steps(heard) <= steps(hum) * 1.01
    assert np.abs(heard).max() > 0.45


@given(st.integers(0, 50), st.integers(1, 60), st.integers(0, 90), st.integers(0, 90))
def test_fades_rise_to_full_and_fall(start: int, length: int, fade_in: int, fade_out: int) -> None:
    gains = Envelope.fades(start, start + length, fade_in, fade_out).read(start, length)
    assert ((gains >= 0) & (gains <= 1)).all() and (fade_in > 0 or fade_out > 0 or (gains == 1).all())
    assert gains[0] == 0 or fade_in == 0 or length <= fade_in + fade_out
    top = int(gains.argmax())
    assert (np.diff(gains[: top + 1]) >= 0).all() and (np.diff(gains[top:]) <= 0).all()


def test_the_waveform_shows_the_music_and_the_speech() -> None:
    parts = [(take("a", level(4 * RATE, 0.25)), 0)]
    timeline = Timeline(parts, [music("intro", level(9 * RATE, 0.5), gain=-6, alone=4, overlap=1)])
    shown = timeline.peaks(0, timeline.samples, 40).astype(int)[:, 1] / 32768
    heard = timeline.read(0, timeline.samples).reshape(40, -1).max(axis=1)
    assert np.abs(shown - heard).max() < 0.02
    exact = timeline.peaks(3 * RATE, 3 * RATE + 100, 100)
    assert np.allclose(exact[:, 1] / 32768, timeline.read(3 * RATE, 100), atol=1e-4)


def test_the_peaks_of_a_loop_are_those_of_its_audio() -> None:
    source = ArraySource(noise(10_000, 3))
    looped = Looped(source, 100_000, 0)
    shown = looped.blocks.high[: 100_000 // BLOCK].astype(int)
    heard = np.rint(looped.read(0, 100_000)[: len(shown) * BLOCK] * 32768).reshape(-1, BLOCK).max(axis=1)
    assert (shown >= heard)[: 10_000 // BLOCK - 1].all() and (shown >= heard).mean() > 0.95
