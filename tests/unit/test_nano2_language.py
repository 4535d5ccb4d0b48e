"""Nano 2's later stages on a few synthetic seconds: phones, people, what they learn, and distillation."""

from __future__ import annotations

import dataclasses
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from nano2_helpers import logged, quick, thin_shape, write_shard
from safetensors.torch import load_file

from vibevoice_nb.errors import CheckpointError, OptionError
from vibevoice_nb.model.codec import AcousticCodec
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training import batches, common
from vibevoice_nb.training.examples import Example
from vibevoice_nb.training.language import Task, train_language
from vibevoice_nb.training.losses import Losses
from vibevoice_nb.training.nano2 import checkpoints, corpus, distil, language, packs, phones, semantic, speech
from vibevoice_nb.training.nano2.__main__ import CONFIGS, STAGES
from vibevoice_nb.training.semantic import SemanticConfig
from vibevoice_nb.training.student import LanguageTrainingConfig, Student
from vibevoice_nb.training.tokens import VOCAB_SIZE, build_tokenizer


@pytest.fixture(scope="module")
def shape() -> ModelConfig:
    return thin_shape()


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory, shape: ModelConfig) -> Path:
    """Speech of two people, encoded at two paces by an untrained codec."""
    folder = tmp_path_factory.mktemp("nano2-language")
    write_shard(folder / "teacher", count=16)
    speech.unpack(folder / "teacher", folder)
    torch.manual_seed(0)
    codec = AcousticCodec(shape.acoustic)
    common.initialize(codec)
    common.save_weights(codec.state_dict(), folder / "codec.safetensors")
    corpus.encode(speech.Speech(folder), folder, shape, corpus.EncodeConfig((1.0, 1.19)))
    return folder


@pytest.fixture(scope="module")
def people(work_dir: Path) -> corpus.PersonCorpus:
    return corpus.PersonCorpus(work_dir)


def language_config(**loop: float) -> LanguageTrainingConfig:
    config = common.read_config(LanguageTrainingConfig, CONFIGS / "language.json")
    config = dataclasses.replace(config, batch_tokens=300, draws=2, voice_frames=(3, 6, 9), semantic=False)
    return quick(config, **loop)


def make_task(people: corpus.PersonCorpus, work_dir: Path, config: LanguageTrainingConfig) -> Task:
    task = language.make_task(people, work_dir, config)
    features = torch.randn(len(people.voices), 5, generator=torch.Generator().manual_seed(1))
    return dataclasses.replace(task, voice_features=features)


def test_every_character_of_the_teacher_has_a_token() -> None:
    tokenizer = build_tokenizer(phones.ALPHABET)
    assert tokenizer.get_vocab_size() <= VOCAB_SIZE
    for character in phones.ALPHABET:
        (token,) = tokenizer.encode(character).tokens
        assert token == character
    assert len(set(phones.NAMES)) == len(phones.NAMES)


def test_phones_are_aligned_as_in_the_teacher() -> None:
    row = {"phones": "hˈI.", "durations": [4, 2, 2, 4, 2, 6], "begin": 1200, "end": 20_000}
    characters, labels = phones.spoken(row, 3)
    h, vowel = phones.NAMES.index("h"), phones.NAMES.index("I")
    # Ends, less what was cut off: 1200, 2400, 3600, 6000, 7200; a slot is 800 samples.
    assert labels.ravel().tolist() == [0, h, h, vowel, vowel, vowel, vowel, 0, 0, 0, 0, 0]
    assert characters.ravel().tolist() == [0, 0, 0, 1, 2, 2, 2, 3, 3, 3, 3, 3]
    # What is quiet before the last phone ends is silence.
    quiet = phones.spoken(row | {"end": 1200 + 4000 + speech.TAIL}, 3)[1].ravel().tolist()
    assert quiet == labels.ravel().tolist()[:5] + [0] * 7
    faster, _ = phones.spoken(row, 3, ratio=2.0)
    assert faster.ravel().tolist()[:4] == [0, 1, 2, 2]


def test_recordings_are_cut_to_the_transcript() -> None:
    audio = np.zeros(48_000, np.float32)
    audio[12_000:30_000] = 0.1
    row = {"durations": [20, 30, 30]}
    begin, end = speech.spoken_span(row, audio)
    assert begin == 12_000 - speech.LEAD
    assert end == 30_000 + speech.TAIL
    assert speech.spoken_span(row, np.zeros(48_000, np.float32))[1] == 48_000


def test_people_are_persons_at_a_pace(people: corpus.PersonCorpus, work_dir: Path) -> None:
    assert people.voices == ["p0 x 1.0", "p0 x 1.19", "p1 x 1.0", "p1 x 1.19"]
    assert len(people.meta) == 32
    for index, meta in enumerate(people.meta):
        latents = people.latents(index)
        assert latents.shape == (meta["frames"], 64)
        assert people.audio(index).shape == (meta["frames"] * 3200,)
        assert people.phones(index).shape == (meta["frames"], 4)
        text, spoken = people.readings(index)[0]
        assert spoken.max() < len(text)
    everything = np.concatenate([people.latents(i) for i in range(32)])
    assert abs(everything.mean()) < 0.01 and everything.std() == pytest.approx(1, abs=0.01)
    # The same sentence takes less time at a higher pace.
    assert people.meta[16]["frames"] < people.meta[0]["frames"]
    with pytest.raises(OptionError, match="stage encode"):
        corpus.PersonCorpus(work_dir / "teacher")


def test_prompts_are_other_utterances_of_the_same_person(people: corpus.PersonCorpus, work_dir: Path) -> None:
    config = dataclasses.replace(language_config(), null=0.0, voiceless=0.0)
    maker = make_task(people, work_dir, config).maker
    for seed in range(20):
        index = random.Random(seed).choice(people.train)
        rng = random.Random(seed)
        prompt = maker.voice_prompt(people.meta[index]["voice"], rng, [index])
        sources = [
            i for i in people.train
            for first in range(people.meta[i]["frames"] - len(prompt) + 1)
            if np.array_equal(people.latents(i)[first : first + len(prompt)], prompt)
        ]  # fmt: skip
        assert sources and index not in sources
        assert {people.meta[i]["voice"] for i in sources} == {people.meta[index]["voice"]}


def test_conversations_come_back_to_people(people: corpus.PersonCorpus, work_dir: Path) -> None:
    batches = make_task(people, work_dir, language_config()).batches
    sizes = set()
    for seed in range(30):
        group = batches.group(5, 40, 6, random.Random(seed))
        sizes.add(len({people.meta[i]["voice"] for i in group}))
        assert 1 <= len(group) <= 6 and len(set(group)) == len(group)
        assert set(group) <= set(people.train)
    assert min(sizes) == 1 and 1 < max(sizes) <= 4


def test_voiceless_examples_have_no_voice_section(people: corpus.PersonCorpus, work_dir: Path) -> None:
    config = dataclasses.replace(language_config(), null=0.0, voiceless=1.0)
    maker = make_task(people, work_dir, config).maker
    example = maker.make(people.train[:1], random.Random(0))
    text = maker.tokenizer.decode(example.ids.tolist(), skip_special_tokens=False)
    assert "Voice input" not in text and " Text input:\n Speaker 0: hˈəlO." in text
    assert len(example.latents) == example.said == len(example.voices)


def test_semantic_encoder_learns(people: corpus.PersonCorpus, work_dir: Path, shape: ModelConfig) -> None:
    config = common.read_config(SemanticConfig, CONFIGS / "semantic.json")
    config = quick(dataclasses.replace(config, batch=2, frames=3), steps=30, learning_rate=0.02)
    semantic.train(people, work_dir, shape, config)
    curve = [line["loss"] for line in logged(work_dir, "semantic")]
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:5])
    assert semantic.apply(people, work_dir, shape) == sum(m["frames"] for m in people.meta)
    config_with = dataclasses.replace(language_config(), semantic=True)
    sounds, known = language.make_task(people, work_dir, config_with).maker.sounds(20)
    assert known and sounds.shape == (people.meta[20]["frames"], shape.semantic.size)


def test_packed_speech_joins_the_corpus(work_dir: Path, shape: ModelConfig, tmp_path: Path) -> None:
    plain = corpus.PersonCorpus(work_dir)
    count = sum(meta["frames"] for meta in plain.meta)
    features = np.random.default_rng(0).standard_normal((count, shape.semantic.size)).astype(np.float16)
    other = tmp_path / "other"
    shutil.copytree(work_dir, other, ignore=shutil.ignore_patterns("*.state"))
    np.save(other / "semantic.npy", features)
    figures = packs.write(other, tmp_path / "speech-1.npz")
    assert figures["utterances"] == 16 and figures["hours"] > 0
    both = corpus.PersonCorpus(work_dir, [tmp_path / "speech-1.npz"])
    # Each utterance once more, at one of the paces.
    assert len(both.meta) == 32 + 16 and both.voices == plain.voices
    assert {both.items[i][1] for i in range(32, 48)} == {0, 1}
    for index in range(32, 48):
        row, warp, frames = both.items[index]
        same = next(i for i in range(32) if plain.items[i] == (row - 16, warp, frames))
        assert np.abs(both.latents(index) - plain.latents(same)).max() < 0.05
        assert both.meta[index]["voice"] == plain.meta[same]["voice"]
        assert np.array_equal(both.phones(index), plain.phones(same))
        assert both.readings(index)[0][0] == plain.readings(same)[0][0]
    assert {i - 32 for i in both.held_out if i >= 32} <= set(range(16))
    config = dataclasses.replace(language_config(), semantic=True)
    sounds, known = language.make_task(both, other, config).maker.sounds(40)
    row, warp, frames = both.items[40]
    same = plain.items.index((row - 16, warp, frames))
    first = plain.meta[same]["offset"] // 3200
    assert known and np.abs(sounds - features[first : first + frames]).max() < 0.05
    with np.load(tmp_path / "speech-1.npz") as data:
        np.savez(tmp_path / "odd.npz", **{**data, "warps": np.array([1.0, 2.0])})
    with pytest.raises(OptionError, match=r"odd\.npz with other people or paces"):
        corpus.PersonCorpus(work_dir, [tmp_path / "odd.npz"])


def test_landed_weights_go_on_elsewhere(
    people: corpus.PersonCorpus, work_dir: Path, shape: ModelConfig, tmp_path: Path
) -> None:
    config = common.read_config(SemanticConfig, CONFIGS / "semantic.json")
    config = quick(dataclasses.replace(config, batch=2, frames=3), steps=4, learning_rate=0.02)
    landed, there = tmp_path / "landed", tmp_path / "there"
    semantic.train(people, work_dir, shape, config)
    assert checkpoints.land(work_dir, landed)["semantic"] == 4
    common.save_weights(load_file(work_dir / "codec.safetensors"), landed / "codec.safetensors", 9)
    (landed / "pca.npz").write_bytes(b"")
    assert checkpoints.restore(there, landed) == {"codec": 9, "semantic": 4}
    ours, theirs = (load_file(folder / "codec.safetensors") for folder in (work_dir, there))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    more = dataclasses.replace(config, loop=dataclasses.replace(config.loop, steps=6))
    trainer = semantic.train(people, there, shape, more, resume=True)
    assert trainer.progress.step == 6 and [line["step"] for line in logged(there, "semantic")] == [5, 6]
    assert checkpoints.restore(there, landed) == {"codec": 9}  # its own state is newer
    with pytest.raises(CheckpointError, match=r"no language\.state"):
        train_language(
            make_task(people, work_dir, language_config()), there, language_config(), resume=True, shape=shape
        )


def test_decoder_takes_normal_latents(people: corpus.PersonCorpus, shape: ModelConfig) -> None:
    decoder = AcousticCodec(shape.acoustic).decoder
    common.initialize(decoder)
    latents = torch.randn(1, 2, 64)
    normal = torch.from_numpy(people.normal(latents.numpy()))
    made = semantic.NormalDecoder(decoder, people.bias, people.scale)(normal)
    torch.testing.assert_close(made, decoder(latents), rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def trained(work_dir: Path, people: corpus.PersonCorpus, shape: ModelConfig) -> Path:
    """A language model that learned for a moment."""
    config = language_config(steps=30, learning_rate=0.005)
    train_language(make_task(people, work_dir, config), work_dir, config, shape=shape)
    return work_dir


def test_language_learns(trained: Path) -> None:
    lines = logged(trained, "language")
    for name in ("loss", "voice"):
        curve = [line[name] for line in lines]
        assert np.mean(curve[-5:]) < 0.9 * np.mean(curve[:5])


def test_the_unconditional_branch_matches_guidance(people: corpus.PersonCorpus, work_dir: Path) -> None:
    config = dataclasses.replace(language_config(), null=0.0)
    maker = make_task(people, work_dir, config).maker
    examples = [maker.make(people.train[i : i + 1], random.Random(i)) for i in (0, 3)]
    nulls = ExampleNulls(people, work_dir, config)
    batch = batches.collate(examples, maker)
    made = distil.null_branch(batch, maker.start, maker.eos)
    wanted = batches.collate([nulls.make(people.train[i : i + 1]) for i in (0, 3)], maker)
    assert torch.equal(made.rows, wanted.rows) and torch.equal(made.columns, wanted.columns)
    width = made.ids.shape[1]
    assert torch.equal(made.latents, wanted.latents[:, :width])
    assert torch.equal(made.generated, wanted.generated[:, :width])
    assert made.ids[:, 0].tolist() == [maker.start] * 2


class ExampleNulls:
    """Null examples as the maker makes them."""

    def __init__(self, people: corpus.PersonCorpus, folder: Path, config: LanguageTrainingConfig) -> None:
        self.maker = make_task(people, folder, dataclasses.replace(config, null=1.0)).maker

    def make(self, indices: list[int]) -> Example:
        return self.maker.make(indices, random.Random(0))


def test_student_nears_the_guided_teacher(
    trained: Path, people: corpus.PersonCorpus, shape: ModelConfig, tmp_path: Path
) -> None:
    language_settings = dataclasses.replace(language_config(), null=0.0)
    config = common.read_config(distil.DistilConfig, CONFIGS / "distil.json")
    config = dataclasses.replace(config, cfg_scale=4.0, end_from=0.3, teacher_steps=4, num_steps=2)
    config = quick(config, steps=40, learning_rate=0.01, final_learning_rate=0.01)
    # A head whose answer depends on the prompt, so that guidance makes a difference.
    torch.manual_seed(0)
    weights = load_file(trained / "language.safetensors")
    weights |= {k: 0.15 * torch.randn_like(v) for k, v in weights.items() if k.startswith("model.head.")}
    common.save_weights(weights, tmp_path / "language.safetensors")
    task = make_task(people, trained, language_settings)
    distil.train_distil(task, tmp_path, shape, config, language_settings)
    lines = logged(tmp_path, "distil")
    velocity = [line["velocity"] for line in lines]
    assert np.mean(velocity[-5:]) < 0.8 * np.mean(velocity[:3])
    assert ["end" in line for line in lines] == [False] * 12 + [True] * 28
    after = load_file(tmp_path / "distil.safetensors")
    changed = {name.split(".")[0] for name in weights if not torch.equal(weights[name], after[name])}
    assert changed == {"model"}


def test_end_point_reaches_the_student(
    trained: Path, people: corpus.PersonCorpus, shape: ModelConfig
) -> None:
    """The loss on latents after some steps flows back into head and language model."""
    language_settings = language_config()
    config = common.read_config(distil.DistilConfig, CONFIGS / "distil.json")
    config = dataclasses.replace(config, end_weight=1e6, teacher_steps=3, num_steps=2)
    task = make_task(people, trained, language_settings)
    student = Student(shape, task.phones, 5)
    common.load_weights(student, trained / "language.safetensors")
    losses = Losses(task.maker, language_settings, shape.head.train_steps)
    tokens = (task.maker.start, task.maker.eos)
    teacher = Student(shape, task.phones, 5).model.requires_grad_(False)
    distillation = distil.Distillation(teacher, losses, config, tokens)
    batch = task.batches.draw(0, random.Random(0))
    distillation(student.model, batch, 3, ends=True)["loss"].backward()
    assert student.model.head.final.weight.grad.abs().max() > 1
    grads = [p.grad for p in student.model.language_model.parameters()]
    assert any(grad is not None and grad.abs().max() > 1 for grad in grads)


def test_stages_run_in_order() -> None:
    assert list(STAGES) == [
        "speech", "latents", "encoder", "codec", "copy-synthesis", "land", "restore", "encode", "semantic",
        "pack", "voices", "language", "distil", "lexicon", "letters", "names", "agreement", "choose-voices",
        "export", "card",
    ]  # fmt: skip
