"""The corpus nano learns from: repeatable sentences, whole frames, labels that fit."""

from __future__ import annotations

import json
import re
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.nano.english import lexicon, words

pytest.importorskip("librosa")
pytest.importorskip("soxr")

from vibevoice_nb.training import latent_space
from vibevoice_nb.training.nano1 import corpus, features, texts

HELD_OUT = (
    (Path(__file__).parents[1] / "data" / "heldout_sentences.txt").read_text(encoding="utf-8").splitlines()
)
LIGHT = {"template": 0.7, "rare": 0.3}
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite isn't installed")


def test_sentences_are_the_same_for_a_seed_and_differ_for_another() -> None:
    first, again, other = (list(islice(texts.Writer(s, sources=LIGHT).sentences(), 200)) for s in (1, 1, 2))
    assert first == again
    assert len(set(first) & set(other)) < 5


def test_sentences_are_clean_distinct_and_speakable() -> None:
    drawn = list(islice(texts.Writer(5, HELD_OUT, sources=LIGHT).sentences(), 1500))
    plain = [" ".join(words(s)) for s in drawn]
    assert len(set(plain)) == len(plain)
    assert not any(re.search(r"\d", s) for s in drawn)
    assert all(s[-1] in ".?!" and s[0].isupper() for s in drawn)
    assert {s[-1] for s in drawn} == set(".?!")
    assert all(1 < len(s.split()) < 25 for s in drawn)
    assert not set(plain) & {" ".join(words(s)) for s in HELD_OUT}
    assert len({w for s in plain for w in s.split()}) > 1500
    assert not any(texts._BLOCKED.search(s) for s in plain)


def test_a_held_out_sentence_is_never_written() -> None:
    free = list(islice(texts.Writer(9, sources=LIGHT).sentences(), 30))
    kept = list(islice(texts.Writer(9, free[:10], sources=LIGHT).sentences(), 30))
    assert not {" ".join(words(s)) for s in free[:10]} & {" ".join(words(s)) for s in kept}


def test_chains_are_common_words() -> None:
    pytest.importorskip("pocketsphinx")
    drawn = list(islice(texts.Writer(3, HELD_OUT, sources={"chain": 1.0}).sentences(), 60))
    again = list(islice(texts.Writer(3, HELD_OUT, sources={"chain": 1.0}).sentences(), 60))
    assert drawn == again
    assert all(w in lexicon() for s in drawn for w in words(s))


def test_the_benchmark_set_is_forty_sentences() -> None:
    assert (
        len(HELD_OUT) == 40
        and HELD_OUT[0].startswith("Welcome back")
        and HELD_OUT[39].startswith("Good night")
    )


def config(**changes: object) -> corpus.CorpusConfig:
    base = corpus.CorpusConfig.load(corpus.DEFAULT_CONFIG)
    import dataclasses

    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_the_shipped_configuration_has_four_voices_of_different_names() -> None:
    voices = config().voices
    assert len({v.name for v in voices}) == len({v.flite for v in voices}) == 4


def test_an_unknown_name_in_a_configuration_is_an_error(tmp_path: Path) -> None:
    data = json.loads(corpus.DEFAULT_CONFIG.read_text()) | {"hours": 3}
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(OptionError, match="hours"):
        corpus.CorpusConfig.load(tmp_path / "c.json")


def test_finishing_trims_levels_and_pads() -> None:
    rate = SAMPLE_RATE
    tone = np.concatenate([np.zeros(rate), 0.01 * np.sin(np.arange(rate) * 0.1), np.zeros(rate)]).astype(
        np.float32
    )
    audio, phones = corpus.finish(tone, [("pau", 1.0), ("aa", 2.0), ("pau", 3.0)], config())
    assert audio.dtype == np.int16 and len(audio) % corpus.HOP_LENGTH == 0
    assert len(audio) < 1.4 * rate
    spoken = audio[: int(1.18 * rate)] / 32767
    assert 20 * np.log10(np.sqrt(np.mean(spoken**2))) == pytest.approx(-25, abs=0.2)
    assert phones[0][1] == pytest.approx(0.06, abs=1e-3) and phones[1][1] == pytest.approx(1.06, abs=1e-3)
    assert not audio[int(1.2 * rate) :].any()


def test_finishing_silence_gives_nothing() -> None:
    audio, phones = corpus.finish(np.zeros(8000, np.float32), [("pau", 0.3)], config())
    assert len(audio) == 0 and phones == []


def test_phone_labels_name_the_middle_of_each_quarter() -> None:
    labels = features.phone_labels([("pau", 0.034), ("s", 0.09), ("iy", 0.5)], 2)
    assert [features.PHONE_NAMES[i] for i in labels.ravel()] == [
        "pau",
        "s",
        "s",
        "iy",
        "iy",
        "iy",
        "iy",
        "iy",
    ]


def test_a_latent_covers_its_own_samples() -> None:
    audio = np.zeros(5 * 3200, np.float32)
    audio[2 * 3200 + 600 : 3 * 3200 - 600] = np.random.default_rng(0).normal(0, 0.1, 2000)
    frames = features.log_mel(audio).reshape(5, -1)
    loud = frames.max(1) > np.log(latent_space.FLOOR) + 1
    assert list(loud) == [False, False, True, False, False]


def test_the_latent_space_comes_back() -> None:
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(40, 1280)).astype(np.float32)
    frames = rng.normal(size=(400, 40)).astype(np.float32) @ basis + 3
    space, kept = latent_space.LatentSpace.fit(iter([frames[:200], frames[200:]]))
    assert kept > 0.999
    latents = space.encode(frames)
    assert np.abs(space.decode(latents) - frames).max() < 0.15 and latents[:, :40].std() > 0.5


@needs_flite
def test_a_small_corpus_is_generated_resumed_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = config(utterances=12, shard=8, processes=1)
    monkeypatch.setattr(corpus, "shards", lambda c, h: iter([HELD_OUT[:8], HELD_OUT[8:12]]))
    hours = corpus.make(small, tmp_path, [])
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir()}
    assert corpus.make(small, tmp_path, []) == pytest.approx(hours)
    assert stamps == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir()}

    features.make(tmp_path)
    data = features.Corpus(tmp_path)
    assert len(data) == 12 and sorted(data.train + data.held_out) == list(range(12))
    for i in range(12):
        frames = data.meta[i]["frames"]
        assert data.meta[i]["text"] == HELD_OUT[i] and data.meta[i]["voice"] == i % 4
        assert data.latents(i).shape == (frames, 64) and data.phones(i).shape == (frames, 4)
        assert data.audio(i).shape == (frames * 3200,) and np.abs(data.audio(i)).max() > 0.1
        assert data.phones(i).max() > 0
    # Labels fit the sound: pauses are quieter than phones.
    quarter = np.concatenate([np.sqrt((data.audio(i).reshape(-1, 800) ** 2).mean(1)) for i in range(12)])
    label = np.concatenate([data.phones(i).ravel() for i in range(12)])
    assert quarter[label == 0].mean() < 0.2 * quarter[label > 0].mean()
