"""Whisper, DistilMOS, the speaker embedding: a plain error where they are missing, sense where they are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vibevoice_nb.bench import judges
from vibevoice_nb.errors import OptionError
from vibevoice_nb.training.nano.copy_synthesis import read_clips

RESERVED = Path(__file__).parents[1] / "data" / "reserved_voices"


@pytest.mark.parametrize(
    ("judge", "package"),
    [
        (judges.WhisperRecognizer, "faster_whisper"),
        (judges.Naturalness, "distillmos"),
        (judges.SpeakerEmbedding, "resemblyzer"),
    ],
)
def test_a_missing_judge_says_how_to_get_it(
    judge: type, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"evaluate"):
        judge()


def test_embedding_of_a_short_recording_is_a_direction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With random weights: what goes in, and the length of what comes out."""
    torch.manual_seed(0)
    weights = judges._Embedder().state_dict() | {"similarity_weight": torch.ones(1)}
    torch.save({"model_state": weights, "step": 1}, tmp_path / "pretrained.pt")
    spec = importlib.util.spec_from_file_location("resemblyzer", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    embed = judges.SpeakerEmbedding()
    noise = np.random.default_rng(0).normal(0, 0.1, 72_000).astype(np.float32)
    for length in (100, 24_000, 72_000):
        found = embed(noise[:length])
        assert found.shape == (judges.EMBEDDING_SIZE,)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(embed(noise), embed(3 * noise), atol=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("resemblyzer") is None, reason="resemblyzer isn't installed")
def test_embedding_tells_voices_apart() -> None:
    embed = judges.SpeakerEmbedding()
    clips = read_clips(RESERVED)
    voices = sorted({clip.voice for clip in clips})
    first, second = (
        [embed([c for c in clips if c.voice == voice][place].audio) for voice in voices] for place in (0, 1)
    )
    own, others = judges.own_and_others(first, second)
    assert own > others + 0.15


def test_naturalness_prefers_speech_to_noise() -> None:
    pytest.importorskip("distillmos")
    natural = judges.Naturalness()
    noise = np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32)
    assert natural(read_clips(RESERVED)[0].audio) > natural(noise) + 1
