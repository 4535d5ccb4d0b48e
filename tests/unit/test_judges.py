"""Whisper, DistilMOS, the speaker embedding: a plain error where they are missing, sense where they are."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch

from vibevoice_nb.bench import judges
from vibevoice_nb.bench.references import read_clips
from vibevoice_nb.errors import OptionError
from vibevoice_nb.review import speakers

RESERVED = Path(__file__).parents[1] / "data" / "reserved_voices"


def pretend(monkeypatch: pytest.MonkeyPatch, package: str, spec: ModuleSpec | None) -> None:
    """Let the import system find a package elsewhere, or not at all; librosa loads its own modules by it."""
    real = importlib.util.find_spec

    def find(name: str, parent: str | None = None) -> ModuleSpec | None:
        return spec if name == package else real(name, parent)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.mark.parametrize(
    ("judge", "package"),
    [
        (judges.WhisperRecognizer, "faster_whisper"),
        (judges.Naturalness, "distillmos"),
        (judges.SpeakerEmbedding, "resemblyzer"),
    ],
)
def test_a_missing_judge_is_reported_with_its_installation(
    judge: type, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    pretend(monkeypatch, package, None)
    with pytest.raises(OptionError, match=r"vibevoice-nb\[(evaluate|review)\]"):
        judge()


def test_a_judge_whose_libraries_do_not_fit_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "distillmos"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError('Could not load this library: _torchaudio.so')")
    monkeypatch.delitem(sys.modules, "distillmos", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(OptionError, match="torchaudio was built for another torch"):
        judges.Naturalness()


def test_embedding_of_a_short_recording_is_a_direction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With random weights: what goes in, and the length of what comes out."""
    torch.manual_seed(0)
    weights = speakers._Embedder().state_dict() | {"similarity_weight": torch.ones(1)}
    torch.save({"model_state": weights, "step": 1}, tmp_path / "pretrained.pt")
    spec = importlib.util.spec_from_file_location("resemblyzer", tmp_path / "__init__.py")
    pretend(monkeypatch, "resemblyzer", spec)
    embed = judges.SpeakerEmbedding()
    noise = np.random.default_rng(0).normal(0, 0.1, 72_000).astype(np.float32)
    for length in (100, 24_000, 72_000):
        found = embed(noise[:length])
        assert found.shape == (speakers.EMBEDDING_SIZE,)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(embed(noise), embed(3 * noise), atol=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("resemblyzer") is None, reason="resemblyzer isn't installed")
def test_the_embedding_distinguishes_voices() -> None:
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
