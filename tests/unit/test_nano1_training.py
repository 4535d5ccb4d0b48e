"""The trainers on a corpus of a few synthetic seconds: they learn, resume exactly, and export what loads."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("diffusers")

from safetensors.torch import load_file  # noqa: E402

from vibevoice_nb.errors import CheckpointError, OptionError  # noqa: E402
from vibevoice_nb.model.loading.weights import build_model, list_tensors, load_model, read_config  # noqa: E402
from vibevoice_nb.model.vibevoice import VibeVoiceModel  # noqa: E402
from vibevoice_nb.nano.english import ALPHABET  # noqa: E402
from vibevoice_nb.training import batches, common, examples, losses, student  # noqa: E402
from vibevoice_nb.training import language as shared_language  # noqa: E402
from vibevoice_nb.training import semantic as shared_semantic  # noqa: E402
from vibevoice_nb.training.nano1 import codec, evaluate, export, features, language, semantic  # noqa: E402
from vibevoice_nb.training.nano1.alignment import spoken_characters  # noqa: E402
from vibevoice_nb.training.nano1.shape import CONFIGS, nano_config  # noqa: E402
from vibevoice_nb.training.tokens import SPEAKERS, SYSTEM, build_tokenizer, speaker_piece  # noqa: E402

HOP = 3200
PHONES = ["hh", "ax", "l", "ow"]


def tone(length: int, pitch: float) -> np.ndarray:
    t = np.arange(length) / 24_000
    return (0.1 * np.sin(2 * np.pi * pitch * t) * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.float32)


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of tones that pretend to say "hello", by four voices."""
    folder = tmp_path_factory.mktemp("nano")
    voices = [{"name": name} for name in export.DESCRIPTIONS]
    (folder / "corpus.json").write_text(json.dumps({"voices": voices}))
    (folder / "shards").mkdir()
    for shard in range(2):
        audio, metas, offset = [], [], 0
        for i in range(12):
            frames = 26 + i % 3
            sound = tone(frames * HOP, 110.0 * (1 + i % 4))
            step = frames * HOP / 24_000 / 8
            phones = [(phone, (k + 1) * step) for k, phone in enumerate(PHONES * 2)]
            metas.append({"text": f"Hello, hello{'!' * (shard + 1)}", "voice": i % 4, "offset": offset,
                          "samples": len(sound), "phones": phones})  # fmt: skip
            audio.append((sound * 32767).astype(np.int16))
            offset += len(sound)
        np.concatenate(audio).tofile(folder / "shards" / f"{shard:04d}.pcm")
        (folder / "shards" / f"{shard:04d}.json").write_text(json.dumps({"hours": 0, "utterances": metas}))
    features.make(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(work_dir: Path) -> features.Corpus:
    return features.Corpus(work_dir)


@pytest.fixture
def small_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nano's layout, thinner, wherever a trainer asks for nano's shape."""
    data = json.loads((CONFIGS / "nano.json").read_text())
    acoustic, heard = data["acoustic_tokenizer_config"], data["semantic_tokenizer_config"]
    acoustic |= {"encoder_n_filters": 2, "decoder_n_filters": 2}
    heard["encoder_n_filters"] = 2
    data["decoder_config"] |= {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4}
    data["diffusion_head_config"] |= {"hidden_size": 32, "head_layers": 1}
    path = tmp_path / "nano.json"
    path.write_text(json.dumps(data))
    shape = common.read_shape(path)
    for module in (codec, semantic, language, export):
        monkeypatch.setattr(module, "nano_config", lambda: shape)
    monkeypatch.setattr(export, "MODEL_CONFIG", path)


def quick(config, **loop):
    loop = {"log_every": 1, "save_minutes": 60.0, "warmup": 2, "ema": 0.5} | loop
    return dataclasses.replace(config, loop=dataclasses.replace(config.loop, **loop))


def loss_curve(folder: Path, name: str) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / f"{name}.log.jsonl").read_text().splitlines()]


def codec_config(part: str, **loop) -> codec.CodecConfig:
    config = common.read_config(codec.CodecConfig, CONFIGS / f"{part}.json")
    return quick(dataclasses.replace(config, batch=2, frames=3), **loop)


def language_config(**loop) -> student.LanguageTrainingConfig:
    config = common.read_config(student.LanguageTrainingConfig, CONFIGS / "language.json")
    return quick(dataclasses.replace(config, batch_tokens=300), **loop)


def train_language(corpus: features.Corpus, folder: Path, config, **options) -> None:
    task = language.make_task(corpus, folder, config)
    shared_language.train_language(task, folder, config, language.nano_config(), **options)


@pytest.mark.usefixtures("small_shape")
def test_decoder_learns(corpus: features.Corpus, tmp_path: Path) -> None:
    codec.train_decoder(corpus, tmp_path, codec_config("decoder", steps=25, learning_rate=0.01))
    curve = loss_curve(tmp_path, "decoder")
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:3])


@pytest.mark.usefixtures("small_shape")
def test_encoder_learns(corpus: features.Corpus, tmp_path: Path) -> None:
    codec.train_encoder(corpus, tmp_path, codec_config("encoder", steps=60, learning_rate=0.01))
    curve = loss_curve(tmp_path, "encoder")
    assert np.mean(curve[-20:]) < 0.9 * np.mean(curve[:10])


@pytest.mark.usefixtures("small_shape")
def test_semantic_learns_and_applies(corpus: features.Corpus, work_dir: Path) -> None:
    config = common.read_config(shared_semantic.SemanticConfig, CONFIGS / "semantic.json")
    config = quick(dataclasses.replace(config, batch=2, frames=3), steps=40, learning_rate=0.02)
    shape, phones = semantic.nano_config(), len(features.PHONE_NAMES)
    shared_semantic.train_semantic(corpus, work_dir, config, shape, phones=phones)
    curve = loss_curve(work_dir, "semantic")
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:5])
    assert semantic.apply(work_dir, shards=1) == 1
    written = semantic.load_semantic(work_dir)
    assert len(written) == 1
    frames = sum(m["frames"] for m in corpus.meta if m["shard"] == 0)
    assert written[0].shape == (frames, nano_config().semantic.size)


@pytest.mark.usefixtures("small_shape")
def test_only_the_connector_is_trained_where_asked(
    corpus: features.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, frames = (
        nano_config().semantic.size,
        sum(m["frames"] for m in corpus.meta if m["shard"] == 0),
    )
    heard = np.random.default_rng(0).normal(size=(frames, size)).astype(np.float16)
    monkeypatch.setattr(language, "load_semantic", lambda folder: [heard])
    train_language(corpus, tmp_path, language_config(steps=1))
    config = dataclasses.replace(language_config(steps=8), semantic=True, only="model.semantic_connector.")
    first = tmp_path / "language.safetensors"
    train_language(corpus, tmp_path, config, start_from=first, name="connector")
    before, after = load_file(first), load_file(tmp_path / "connector.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("model.semantic_connector.") for name in changed)


@pytest.mark.usefixtures("small_shape")
def test_language_learns(corpus: features.Corpus, tmp_path: Path) -> None:
    train_language(corpus, tmp_path, language_config(steps=30, learning_rate=0.005))
    curve = loss_curve(tmp_path, "language")
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:3])


@pytest.mark.usefixtures("small_shape")
@pytest.mark.parametrize("part", ["decoder", "language"])
def test_a_resumed_run_is_the_same_run(corpus: features.Corpus, tmp_path: Path, part: str) -> None:
    def train(folder: Path, resume: bool = False, until: int | None = None) -> None:
        if part == "decoder":
            codec.train_decoder(corpus, folder, codec_config(part, steps=4), resume=resume, until=until)
        else:
            train_language(corpus, folder, language_config(steps=4), resume=resume, until=until)

    train(tmp_path / "whole")
    train(tmp_path / "parts", until=2)
    train(tmp_path / "parts", resume=True)
    assert loss_curve(tmp_path / "whole", part) == loss_curve(tmp_path / "parts", part)
    whole = load_file(tmp_path / "whole" / f"{part}.safetensors")
    for name, tensor in load_file(tmp_path / "parts" / f"{part}.safetensors").items():
        assert torch.equal(tensor, whole[name]), name


@pytest.mark.usefixtures("small_shape")
def test_resuming_nothing_is_an_error(corpus: features.Corpus, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"without --resume"):
        codec.train_decoder(corpus, tmp_path, codec_config("decoder", steps=1), resume=True)


@pytest.mark.usefixtures("small_shape")
def test_export_loads_strictly(corpus: features.Corpus, work_dir: Path, tmp_path: Path) -> None:
    codec.train_decoder(corpus, work_dir, codec_config("decoder", steps=1))
    codec.train_encoder(corpus, work_dir, codec_config("encoder", steps=1))
    train_language(corpus, work_dir, language_config(steps=1))
    out = tmp_path / "nano"
    size = export.export(work_dir, out)
    assert size == (out / "model.safetensors").stat().st_size
    model = load_model(out, torch.device("cpu"), torch.float32)
    assert isinstance(model, VibeVoiceModel)
    build_model(read_config(out), list_tensors(out))
    trained = load_file(work_dir / "language.safetensors")
    torch.testing.assert_close(
        model.head.final.weight, trained["model.head.final.weight"].half().float(), rtol=0, atol=0
    )
    entries = json.loads((out / "voices" / "voices.json").read_text())
    assert [entry["name"] for entry in entries] == list(export.DESCRIPTIONS)
    assert all((out / "voices" / entry["file"]).exists() for entry in entries)
    voices = evaluate.voice_latents(corpus)
    spoken = evaluate.speak_all(
        model, ["Hello.", "Hello, hello."], voices[:2], cfg_scale=2.0, num_steps=2, temperature=0.5, seed=1
    )
    assert [sound.ndim for sound in spoken] == [1, 1]


def test_examples_have_the_prompt_format(corpus: features.Corpus) -> None:
    config = examples.ExampleConfig(
        null=0.0, spelled=0.1, voice_frames=(5, 10, 24), voiceless=0.0, canned_prompts=2
    )
    maker = language.make_examples(corpus, config)
    rng = random.Random(0)
    for _ in range(20):
        picks = rng.sample(corpus.train, rng.randint(1, 4))
        example = maker.make(picks, rng)
        text = maker.tokenizer.decode(example.ids.tolist(), skip_special_tokens=False)
        head, _, said = text.partition(" Speech output:\n")
        assert head.startswith(SYSTEM + " Voice input:\n Speaker 0:<|vision_start|><|vision_pad|>")
        assert head.count("\n Speaker ") >= len(picks)
        assert said == "<|vision_start|>" + "<|vision_pad|>" * example.said + "<|vision_end|><|endoftext|>"
        assert (example.ids == maker.frame).sum() == len(example.latents)
        assert example.phones.shape == example.pointers.shape == (example.said, 4)
        # A pointer leads to a character of the text, before anything is said.
        pointed = {maker.tokenizer.id_to_token(int(i)) for i in example.ids[example.pointers.ravel()]}
        assert all(len(token) == 1 and token != "\n" for token in pointed)


def test_null_examples_are_start_and_frames(corpus: features.Corpus) -> None:
    config = examples.ExampleConfig(
        null=1.0, spelled=0.1, voice_frames=(5, 10, 24), voiceless=0.0, canned_prompts=2
    )
    maker = language.make_examples(corpus, config)
    example = maker.make(corpus.train[:1], random.Random(0))
    assert example.ids[0] == maker.start
    assert (example.ids[1:-2] == maker.frame).all()
    assert (example.pointers == -1).all()


def test_last_layer_shortcut_equals_the_whole_model() -> None:
    shape = nano_config()
    lm = student.Student(shape, len(features.PHONE_NAMES)).model.language_model
    embeds = torch.randn(2, 9, shape.language.hidden_size)
    rows, columns = torch.tensor([0, 1, 1]), torch.tensor([3, 0, 8])
    hidden, kept = losses.hidden_states(lm, embeds, rows, columns, (1, 2))
    torch.testing.assert_close(hidden, lm(embeds)[rows, columns], rtol=1e-4, atol=1e-5)
    assert len(kept) == 2


def test_pointer_loss_is_small_when_heads_look_there() -> None:
    keys = 30 * torch.eye(4)[None, None].repeat(1, 2, 1, 1)
    batch = batches.Batch(*[torch.zeros(0)] * 4, rows=torch.zeros(1, dtype=torch.long),
                           columns=torch.tensor([3]), target=torch.zeros(0), phones=torch.zeros(0),
                           pointers=torch.tensor([[1, 1, 2, 2]]), semantic=torch.zeros(0),
                           heard=torch.zeros(0), voices=torch.zeros(0))  # fmt: skip
    queries = torch.zeros(1, 4, 4, 4)
    queries[0, 0, 3, 1], queries[0, 3, 3, 2] = 30, 30
    assert losses.pointer_loss(queries, keys, batch) < 1e-3
    assert losses.pointer_loss(-queries, keys, batch) > 10
    without_text = dataclasses.replace(batch, pointers=torch.full((1, 4), -1))
    assert losses.pointer_loss(queries, keys, without_text) == 0


@pytest.mark.parametrize("text", ["", "中文 \U0001f600", "Plain ASCII 123 ~", "həlo ðɛr!", "\x00\n\t"])
def test_tokenizer_takes_any_text(text: str) -> None:
    tokenizer = build_tokenizer(ALPHABET)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert len(ids) == len(text)
    assert all(0 <= i < 160 for i in ids)


def test_fixed_pieces_take_one_token() -> None:
    tokenizer = build_tokenizer(ALPHABET)
    pieces = [
        SYSTEM,
        " Voice input:\n",
        " Text input:\n",
        " Speech output:\n",
        "<|vision_start|>",
        "<|vision_end|>",
    ]
    pieces += ["<|vision_pad|>", "<|endoftext|>", "<|image_pad|>", *map(speaker_piece, range(SPEAKERS))]
    for piece in pieces:
        ids = tokenizer.encode(piece, add_special_tokens=False).ids
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=False) == piece


def test_alignment_spreads_spelled_words() -> None:
    phones = [("hh", 0.1), ("ax", 0.2), ("l", 0.3), ("ow", 0.4)]
    said = spoken_characters("hABCo", phones, 3).ravel()
    assert said[0] == 0
    assert said[-1] == 4
    assert (np.diff(said) >= 0).all()


def test_unknown_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "decoder.json"
    data = json.loads((CONFIGS / "decoder.json").read_text()) | {"bacth": 3}
    path.write_text(json.dumps(data))
    with pytest.raises(OptionError, match="bacth"):
        common.read_config(codec.CodecConfig, path)


def test_nano_fits_into_twenty_megabytes() -> None:
    with torch.device("meta"):
        model = VibeVoiceModel(nano_config(), tied=True)
    assert 2 * sum(p.numel() for p in model.parameters()) < 19_000_000
