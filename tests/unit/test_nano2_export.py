"""Export of nano 2 on a few synthetic seconds: it loads and speaks, voices resolve, following is measured."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from nano2_helpers import thin_config, thin_shape, write_shard
from safetensors import safe_open

from vibevoice_nb.bench import following, intelligibility
from vibevoice_nb.bench.references import Clip
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.codec import AcousticCodec
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.training import common
from vibevoice_nb.training.nano2 import corpus, export, speech, voices
from vibevoice_nb.training.student import Student
from vibevoice_nb.voices.builtin import voices_in


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of all stages, untrained, and the lists that the export reads."""
    folder, shape = tmp_path_factory.mktemp("nano2-export"), thin_shape()
    write_shard(folder / "teacher", count=8)
    speech.unpack(folder / "teacher", folder)
    torch.manual_seed(0)
    codec = AcousticCodec(shape.acoustic)
    common.initialize(codec)
    common.save_weights(codec.state_dict(), folder / "codec.safetensors")
    corpus.encode(speech.Speech(folder), folder, shape, corpus.EncodeConfig((1.0,)))
    semantic = VibeVoiceModel(shape, tied=True).semantic
    common.initialize(semantic)
    named = {f"encoder.{name}": value for name, value in semantic.state_dict().items()}
    common.save_weights(named, folder / "semantic.safetensors")
    common.save_weights(Student(shape, 5, 3).state_dict(), folder / "language.safetensors")
    (folder / "language.log.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    (folder / "config.json").write_text(json.dumps(thin_config()))
    listed = [
        {"name": "Ada", "person": "p0", "words": "low", "description": "a tone", "seconds": [0.5, 8]},
        {"name": "Bo", "person": "p1", "words": "high", "description": "a tone", "seconds": [0.5, 8]},
    ]
    (folder / "voices.json").write_text(json.dumps(listed))
    return folder


def exported(work_dir: Path, out: Path) -> dict[str, float]:
    return export.export(work_dir, out, config=work_dir / "config.json", voices=work_dir / "voices.json")


def test_exported_checkpoint_speaks(work_dir: Path, tmp_path: Path) -> None:
    report = exported(work_dir, tmp_path)
    assert report == {"bytes": (tmp_path / "model.safetensors").stat().st_size, "voices": 2}
    engine = Engine.load(str(tmp_path), device="cpu", dtype="float32")
    with np.load(work_dir / "encode.npz") as data:
        assert engine.model.latent_scale.item() == pytest.approx(float(data["scale"]), rel=1e-3)
        assert engine.model.latent_bias.item() == pytest.approx(float(data["bias"]), abs=1e-3)
    assert engine.limits.follows_voices and engine.defaults.cfg_scale == 2.0
    found = voices_in(tmp_path / "voices")
    assert list(found) == ["Ada", "Bo"]
    for path in found.values():
        assert soundfile.info(path).samplerate == 24_000
        take = engine.speak("Speaker 1: The record.", voices={1: str(path)}, seed=1, max_seconds=0.3)
        assert take.seconds > 0
    assert json.loads((tmp_path / "TRAINING_LOG.jsonl").read_text())["part"] == "language"


def test_only_the_encoder_has_weights_in_eight_bits(work_dir: Path, tmp_path: Path) -> None:
    exported(work_dir, tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        dtypes = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    eight = [name for name, dtype in dtypes.items() if dtype != torch.float16]
    assert len(eight) == 2 * (2 + 1 + 1 + 1)  # two matrices in each block: depths 0-2-1-1-1
    assert all(name.startswith("model.acoustic_tokenizer.encoder.") and ".ffn." in name for name in eight)


def test_size_of_the_real_model_is_within_the_limit() -> None:
    with torch.device("meta"):
        model = VibeVoiceModel(common.read_shape(export.CONFIGS / "nano.json"), tied=True)
    weights = export.half_weights(model, in_eight_bits=export.in_eight_bits)
    assert sum(tensor.nbytes for tensor in weights.values()) < 23.9e6


def test_distilled_weights_come_first_and_need_no_guidance(work_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "language.safetensors").touch()
    assert export.language_weights(tmp_path).name == "language.safetensors"
    (tmp_path / "distil.safetensors").touch()
    assert export.language_weights(tmp_path).name == "distil.safetensors"
    settings = export.generation_settings(distilled=True)
    assert (settings["cfg_scale"], settings["num_steps"]) == (1.0, 3)
    with pytest.raises(OptionError, match=r"no distil\.safetensors and no language\.safetensors"):
        export.language_weights(tmp_path / "gone")
    with pytest.raises(OptionError, match="no prompt of p0"):
        export.named_voices(speech.Speech(work_dir), export_list(work_dir, tmp_path))


def export_list(work_dir: Path, folder: Path) -> Path:
    """The list of voices without the exception for short prompts."""
    listed = json.loads((work_dir / "voices.json").read_text())
    for entry in listed:
        del entry["seconds"]
    (folder / "voices.json").write_text(json.dumps(listed))
    return folder / "voices.json"


def test_card_is_filled_in_as_figures_come(tmp_path: Path) -> None:
    assert "wer" in export.write_card(tmp_path, {"millions": 12.2})
    assert "12.2 million" in (tmp_path / "MODEL_CARD.md").read_text()
    figures = tmp_path / "figures.txt"
    figures.write_text('Ada wer 1\n{"wer": 4.5, "wer_se": 1.0}\n')
    left = export.fill_card(tmp_path, figures)["missing"]
    text = (tmp_path / "MODEL_CARD.md").read_text()
    assert "| 4.5 +- 1.0 |" in text and left == len(set(export._FIELD.findall(text)))


def test_chosen_voices_differ(work_dir: Path) -> None:
    rng = np.random.default_rng(0)
    people = []
    for i in range(20):
        direction = rng.normal(size=8)
        sex = ("female", "male", "")[i % 3]
        people.append(
            voices.Candidate(f"p{i}", i, direction / np.linalg.norm(direction), 200 - 90 * (i % 3), sex)
        )
    chosen = voices.choose(people, 6)
    assert [one.sex for one in chosen] == ["female", "male"] * 3
    assert len({one.person for one in chosen}) == 6

    def closest(group: list[voices.Candidate]) -> float:
        return max(float(a.embedding @ b.embedding) for a in group for b in group if a is not b)

    women = [one for one in people if one.sex == "female"]
    assert closest([one for one in chosen if one.sex == "female"]) < closest(women)
    with pytest.raises(OptionError, match="7 women and 7 men"):
        voices.choose(people, 20)
    assert voices.prompt_of(speech.Speech(work_dir), range(8)) is None


def test_following_compares_with_prompts_and_the_other_voices() -> None:
    def tone(pitch: float) -> np.ndarray:
        wave = sum(np.sin(2 * np.pi * pitch * k * np.arange(24_000) / 24_000) / k for k in range(1, 8))
        return (0.1 * wave).astype(np.float32)

    pytest.importorskip("librosa")
    clips = [
        Clip(f"v{pitch}", "x", tone(pitch), Path(f"{pitch}-{i}")) for pitch in (110, 220) for i in range(4)
    ]
    asked: list[tuple[str, str, int]] = []

    class Follower:
        def speak(self, script: str, *, voices: dict[int, str], seed: int) -> Any:
            asked.append((script, voices[1], seed))
            return SimpleNamespace(audio=tone(1.0595 * float(voices[1].split("-")[0])))

    class Ear:
        def transcribe(self, audio: np.ndarray, sample_rate: int = 24_000) -> str:
            return "one"

    panel: Any = SimpleNamespace(
        listener=Ear(), embed=lambda audio: np.eye(2)[int(following.mean_pitch([audio]) > 150)]
    )
    report = following.measure_following(Follower(), clips, ["One.", "Two."], 5, panel, {})
    assert [voice for _, voice, _ in asked] == ["110-0", "110-1", "220-0", "220-1"]
    assert [seed for *_, seed in asked] == [5, 6, 7, 8]
    assert report["follow_own"] == 1.0 and report["follow_others"] == 0.0 and report["follow_gap"] == 1.0
    assert report["follow_pitch_error"] == pytest.approx(1.0, abs=0.3)
    assert report["follow_wer"] == 50.0


def test_benchmark_uses_the_voices_of_a_folder(
    work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(work_dir, tmp_path)
    asked: dict[str, Any] = {}

    def measure(model: str, texts: Any, names: dict[str, str], *rest: Any) -> dict[str, float]:
        asked.update(names)
        return {"clips": len(rest[-1])}

    monkeypatch.setattr(intelligibility, "measure", measure)
    monkeypatch.setattr(intelligibility, "Panel", lambda whisper, references: None)
    monkeypatch.setattr("sys.argv", ["bench", "--model", str(tmp_path), "--limit", "1"])
    intelligibility.main()
    assert asked == {name: str(path) for name, path in voices_in(tmp_path / "voices").items()}
    assert json.loads(capsys.readouterr().out)["clips"] == 24
