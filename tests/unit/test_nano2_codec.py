"""Nano 2's first stages on a few synthetic seconds: speech is read, the codec learns and is judged."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nano2_helpers import logged, quick, thin_shape, tone, write_shard
from safetensors.torch import load_file

from vibevoice_nb.bench.references import read_clips
from vibevoice_nb.errors import CheckpointError, OptionError
from vibevoice_nb.model.codec import AcousticCodec, Decoder
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training import common
from vibevoice_nb.training.latent_space import LatentSpace
from vibevoice_nb.training.nano2 import checkpoints, codec, copy_synthesis, linear_tail, mel, speech
from vibevoice_nb.training.nano2.__main__ import CONFIGS
from vibevoice_nb.training.nano2.discriminators import Critic

RESERVED = Path(__file__).parents[1] / "data" / "reserved_voices"


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nano2")
    write_shard(folder / "teacher")
    speech.unpack(folder / "teacher", folder)
    config = common.read_config(mel.LatentsConfig, CONFIGS / "latents.json")
    crops = dataclasses.replace(config.crops, batch=4, samples=4 * 3200)
    mel.fit(speech.Speech(folder), folder, dataclasses.replace(config, batches=12, crops=crops))
    return folder


@pytest.fixture(scope="module")
def shape() -> ModelConfig:
    """Nano 2's layout, thinner."""
    return thin_shape()


def codec_config(adversarial_begin: int = 10**6, free_from: int = 5, **loop: Any) -> codec.CodecConfig:
    config = common.read_config(codec.CodecConfig, CONFIGS / "codec.json")
    adversarial = dataclasses.replace(
        config.adversarial, begin=adversarial_begin, ramp=2, channels=2, samples=1600, n_ffts=(256,)
    )
    crops = dataclasses.replace(config.crops, batch=2, samples=3 * 3200)
    return quick(
        dataclasses.replace(config, crops=crops, free_from=free_from, adversarial=adversarial), **loop
    )


def test_speech_is_read_back_at_one_level(work_dir: Path) -> None:
    data = speech.Speech(work_dir)
    assert sorted(data.train + data.held_out) == list(range(8))
    for index, row in enumerate(data.rows):
        audio = data.audio(index)
        assert len(audio) == row["samples"] == 600 * sum(row["durations"])
        assert np.sqrt(np.mean(audio**2)) == pytest.approx(speech.LEVEL, rel=0.02)
        np.testing.assert_array_equal(data.audio(index, 100, 900), audio[100:900])


def test_speech_of_another_length_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path, count=1)
    listing = tmp_path / "speech-0-000.jsonl"
    row = json.loads(listing.read_text())
    listing.write_text(json.dumps(row | {"samples": 5}) + "\n")
    with pytest.raises(OptionError, match="u0"):
        speech.unpack(tmp_path, tmp_path / "work")
    with pytest.raises(OptionError, match="speech-"):
        speech.unpack(tmp_path / "nowhere", tmp_path / "work")
    with pytest.raises(OptionError, match="stage speech"):
        speech.Speech(tmp_path / "work")


def test_warped_crops_are_higher_or_lower(work_dir: Path) -> None:
    data = speech.Speech(work_dir)
    config = speech.CropConfig(batch=1, samples=24_000, warp=1.0, warp_range=1.19, gain_db=0.0)
    crops = speech.Crops(data, config)
    index = next(i for i in data.train if i % 4 == 1)  # 220 Hz
    found = set()
    for seed in range(6):
        spectrum = np.abs(np.fft.rfft(crops.crop(index, random.Random(seed))))
        found.add(int(spectrum.argmax()))
    assert len(found) > 3 and all(220 / 1.25 < pitch < 220 * 1.25 for pitch in found)


def test_projection_is_the_pca(work_dir: Path) -> None:
    space = LatentSpace.load(work_dir / "pca.npz")
    audio = torch.from_numpy(speech.Speech(work_dir).audio(0)[:9600])[None]
    columns = mel.LogMel()(audio)
    assert columns.shape == (1, 3 * mel.COLUMNS, mel.BANDS)
    latents = mel.Projection(space)(columns)
    np.testing.assert_allclose(latents[0], space.encode(columns.reshape(3, -1).numpy()), atol=1e-3)


def test_tail_multiplied_out_is_the_decoder(shape: ModelConfig) -> None:
    torch.manual_seed(0)
    decoder = Decoder(shape.acoustic.decoder)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for frames in (1, 3):
        latents = torch.randn(2, frames, 64)
        wanted, made = decoder(latents), linear_tail.decode(decoder, latents)
        torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-4 * float(wanted.detach().abs().max()))


def test_codec_learns(work_dir: Path, shape: ModelConfig, tmp_path: Path) -> None:
    (tmp_path / "pca.npz").write_bytes((work_dir / "pca.npz").read_bytes())
    config = codec_config(free_from=15, steps=40, learning_rate=0.01)
    codec.train_codec(speech.Speech(work_dir), tmp_path, shape, config)
    lines = logged(tmp_path, "codec")
    assert np.mean([line["mel"] for line in lines[-5:]]) < 0.8 * np.mean([line["mel"] for line in lines[:3]])


def test_a_resumed_codec_is_the_same(work_dir: Path, shape: ModelConfig, tmp_path: Path) -> None:
    """The discriminators and their optimizer come back too."""

    def train(folder: Path, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "pca.npz").write_bytes((work_dir / "pca.npz").read_bytes())
        config = codec_config(adversarial_begin=0, free_from=2, steps=6)
        codec.train_codec(speech.Speech(work_dir), folder, shape, config, **options)

    train(tmp_path / "whole")
    train(tmp_path / "parts", until=3)
    train(tmp_path / "parts", resume=True)
    whole, parts = (
        [{k: v for k, v in line.items() if k != "seconds"} for line in logged(tmp_path / part, "codec")]
        for part in ("whole", "parts")
    )
    assert whole == parts
    assert [("critic" in line) for line in whole] == [True, False] * 3
    ours, theirs = (load_file(tmp_path / part / "codec.safetensors") for part in ("whole", "parts"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_landed_codec_goes_on_elsewhere(
    work_dir: Path, shape: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, landed = tmp_path / "here", tmp_path / "there", tmp_path / "landed"
    for folder in (here, there):
        folder.mkdir()
    (here / "pca.npz").write_bytes((work_dir / "pca.npz").read_bytes())
    config = codec_config(adversarial_begin=0, free_from=1, steps=6)
    data = speech.Speech(work_dir)
    monkeypatch.setattr(checkpoints, "FOLDER", landed)
    with pytest.raises(CheckpointError, match="without --resume"):
        codec.train_codec(data, there, shape, config, resume=True)
    codec.train_codec(data, here, shape, config, until=4)
    assert checkpoints.land(here, landed)["codec"] == 4
    weights, critic, step = checkpoints.read(landed)
    assert step == 4 and critic and not any(name.startswith("critic") for name in weights)
    codec.train_codec(data, there, shape, config, resume=True)
    assert [line["step"] for line in logged(there, "codec")] == [5, 6]
    assert (there / "pca.npz").read_bytes() == (work_dir / "pca.npz").read_bytes()
    first = logged(there, "codec")[0]["loss"]
    assert first < 1.5 * logged(here, "codec")[-1]["loss"]
    loaded = copy_synthesis.load_codec(landed / "codec.safetensors", shape)
    assert torch.equal(loaded.decoder.head.weight, weights["decoder.head.weight"])


def test_critic_learns_and_leaves_the_codec_alone() -> None:
    torch.manual_seed(0)
    critic = Critic((256,), 4, 0.01, torch.device("cpu"))
    real = 0.1 * torch.randn(4, 3200)
    made = (0.1 * torch.sin(torch.arange(3200) / 20)).expand(4, -1).clone().requires_grad_()
    curve = [float(critic.learn(real, made)) for _ in range(25)]
    assert made.grad is None and curve[-1] < 0.5 * curve[0]
    before = [p.detach().clone() for p in critic.judges.parameters()]
    fooling, matching = critic.judge(real, made)
    (fooling + matching).backward()
    assert made.grad is not None and made.grad.abs().max() > 0
    assert all(
        p.grad is None or torch.equal(a, p) for a, p in zip(before, critic.judges.parameters(), strict=True)
    )
    assert all(p.requires_grad for p in critic.judges.parameters())


def test_copies_are_judged(shape: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ear:
        def transcribe(self, audio: np.ndarray, sample_rate: int = 24_000) -> str:
            return "nothing"

    monkeypatch.setattr(copy_synthesis, "Naturalness", lambda: lambda audio: 3.0)
    monkeypatch.setattr(copy_synthesis, "SpeakerEmbedding", lambda: lambda audio: np.eye(4)[0])
    clips = read_clips(RESERVED)
    assert len(clips) == 24 and len({clip.voice for clip in clips}) == 4
    monkeypatch.setattr(copy_synthesis, "through_codec", lambda codec, audio: audio[::2])
    net = AcousticCodec(shape.acoustic)
    figures = copy_synthesis.measure(clips, net, Ear(), tmp_path / "out")
    assert figures["clips"] == 12 and figures["wer"] == 100 and figures["mos"] == 3.0
    assert figures["own"] == figures["others"] == 1.0
    # Half of the samples: an octave up.
    assert figures["pitch_error"] > 7
    assert len(list((tmp_path / "out").glob("*.wav"))) == 12


def test_a_codec_in_half_precision_is_loaded(shape: ModelConfig, tmp_path: Path) -> None:
    net = AcousticCodec(shape.acoustic)
    common.initialize(net)
    common.save_weights(
        {name: value.half() for name, value in net.state_dict().items()}, tmp_path / "c.safetensors"
    )
    loaded = copy_synthesis.load_codec(tmp_path / "c.safetensors", shape)
    copied = copy_synthesis.through_codec(loaded, tone(5000, 200.0))
    assert copied.shape == (5000,) and np.isfinite(copied).all()
