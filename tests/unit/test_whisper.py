"""Reviews by a real Whisper: set VIBEVOICE_NB_WHISPER to a folder with a model in CTranslate2's format."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb.bench.references import Clip, read_clips
from vibevoice_nb.review import review
from vibevoice_nb.review.whisper import WINDOW_SECONDS, windows

CLIPS = Path(__file__).parents[1] / "data" / "reserved_voices"
FOLDER = os.environ.get("VIBEVOICE_NB_WHISPER", "")
needs_whisper = pytest.mark.skipif(not FOLDER, reason="VIBEVOICE_NB_WHISPER names no folder")


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return read_clips(CLIPS)


@needs_whisper
def test_recordings_without_a_fault_are_not_flagged(clips: list[Clip]) -> None:
    found = [review(clip.audio, clip.text, recognizer=FOLDER) for clip in clips]
    assert sum(item.flagged for item in found) <= 1
    assert np.mean([item.wer for item in found]) < 5
    for clip, item in zip(clips, found, strict=True):
        assert [word.text for word in item.words] == clip.text.split()
        assert np.mean([word.heard for word in item.words]) > 0.9
        assert item.words[-1].end_seconds <= len(clip.audio) / 24_000


@needs_whisper
def test_planted_faults_are_found(clips: list[Clip]) -> None:
    rng = np.random.default_rng(0)
    for clip in clips[::4]:
        words = clip.text.split()
        cut = review(clip.audio[: len(clip.audio) * 6 // 10], clip.text, recognizer=FOLDER)
        assert any(item.end >= len(clip.text) - 1 for item in cut.certain)
        other = review(clip.audio, " ".join([*words[:2], "umbrella", *words[2:]]), recognizer=FOLDER)
        assert any("umbrella" in item.said for item in other.certain)
        noise = rng.normal(0, float(np.std(clip.audio)), 48_000).astype(np.float32)
        noisy = review(np.concatenate([clip.audio, noise]), clip.text, recognizer=FOLDER)
        assert any(item.kind == "sound" for item in noisy.certain)


@needs_whisper
def test_a_minute_is_reviewed_in_windows(clips: list[Clip]) -> None:
    gap = np.zeros(12_000, np.float32)
    chosen = clips[:20]
    audio = np.concatenate([part for clip in chosen for part in (clip.audio, gap)])
    text = " ".join(clip.text for clip in chosen)
    assert len(audio) > 2 * WINDOW_SECONDS * 24_000
    result = review(audio, text, recognizer=FOLDER)
    assert result.wer < 8 and np.mean([word.heard for word in result.words]) > 0.9
    at = 0
    begins = iter(np.cumsum([0, *(len(clip.text.split()) for clip in chosen)]))
    for clip in chosen:
        first = result.words[next(begins)]
        assert not first.heard or abs(first.start_seconds - at / 24_000) < 0.35
        at += len(clip.audio) + len(gap)


def test_windows_are_cut_at_silence() -> None:
    tone = (0.1 * np.sin(np.arange(24_000 * 70) * 0.1)).astype(np.float32)
    for second in (22, 45):
        tone[24_000 * second : 24_000 * second + 12_000] = 0
    parts = list(windows(tone))
    assert [round(stop / 24_000, 1) for _, stop in parts[:2]] == [22.1, 45.1]
    assert parts[0][0] == 0 and parts[-1][1] == len(tone)
    assert all(first[1] == second[0] for first, second in itertools.pairwise(parts))
