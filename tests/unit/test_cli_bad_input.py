"""Every slip gets a message, an exit code that isn't 0, and nothing is written over."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from audio_helpers import nobody
from checkpoints import write_checkpoint
from cli_helpers import Bench, bench, models
from safetensors.torch import load_file, save_file

__all__ = ["bench", "models"]  # fixtures


def refused(bench: Bench, *said: str, code: int = 2, **kwargs: Any) -> str:
    """Speak over an existing file, which must stay; returns what stderr says."""
    target = bench.folder / "old.wav"
    target.write_bytes(b"precious")
    before = sorted(bench.folder.iterdir())
    args = kwargs.pop("args", ())
    result = bench.speak("--out", target, "--force", *args, **kwargs)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for text in said:
        assert text in result.stderr
    assert target.read_bytes() == b"precious" and sorted(bench.folder.iterdir()) == before
    return str(result.stderr)


# --- scripts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no text to speak"),
        ("# only a comment\n", "no text to speak"),
        ("".join(f"Speaker {number}: a\n" for number in range(1, 34)), "line 33"),
        ("Speaker one: Hello.\n", "write 'Speaker 1:'"),
    ],
)
def test_scripts(bench: Bench, text: str, said: str) -> None:
    script = bench.write("bad.txt", text)
    assert "loading" not in refused(bench, said, script=script)


def test_every_error_of_a_script_is_reported(bench: Bench) -> None:
    script = bench.write("bad.txt", "Speaker one: Hello.\nSpeaker two: Hi.\n")
    refused(bench, "line 1", "bad.txt:2: error:", script=script)


def test_script_that_is_missing_or_no_text(bench: Bench) -> None:
    refused(bench, "No such file", script="nowhere.txt")
    binary = bench.folder / "b.txt"
    binary.write_bytes(b"\0\1\2")
    refused(bench, "binary", script=binary)
    result = bench.run(*bench.command(script="-"), stdin="Speaker 1: \udcff".encode(errors="surrogateescape"))
    assert result.exit_code == 2 and "UTF-8" in result.stderr


def test_unreadable_folder(bench: Bench) -> None:
    locked = bench.folder / "locked"
    shutil.copytree(bench.brief, locked)
    assert bench.run("info", locked).exit_code == 0  # and all that it needs is imported
    locked.chmod(0)
    try:
        with nobody():
            result = bench.run("info", locked)
    finally:
        locked.chmod(0o755)
    assert result.exit_code == 2 and "ermission denied" in result.stderr


# --- voices and options -------------------------------------------------------------------------------------


def test_unknown_speaker(bench: Bench) -> None:
    args = ("--voice", f"Speaker 11={bench.voice}")
    assert "loading" not in refused(bench, "Speaker 11", "did you mean Speaker 1?", args=args)
    refused(bench, "Carl", "Speaker 1, Speaker 2", args=("--voice", f"Carl={bench.voice}"))


def test_voice_that_is_text(bench: Bench) -> None:
    text = bench.write("voice.wav", "this is a text\n")
    args = ("--voice", f"1={text}", "--voice", f"2={bench.voice}")
    assert "loading" not in refused(bench, "a text file", args=args)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--voice", "Ada"), "SPEAKER=VOICE"),
        (("--voice", "=Ada"), "SPEAKER=VOICE"),
        (("--voice", "1=hum.wav", "--voice", "speaker 1=hum.wav"), "--voice was given twice for Speaker 1"),
        (("--voice", "1=Adda"), "Adda"),
        (("--voice", "1=nowhere.wav"), "nowhere.wav"),
        (("--cfg-scale", "0.5"), "cfg_scale=0.5"),
        (("--num-steps", "0"), "num_steps=0"),
        (("--solver", "euler"), "dpmsolver++"),
        (("--max-seconds", "-1"), "max_seconds"),
        (("--device", "tpu"), "cpu"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--dtype", "int3"), "int3"),
        (("--quantize", "int3"), "int3"),
        (("--num-steps", "many"), "--num-steps"),
    ],
)
def test_options(bench: Bench, args: tuple[str, ...], said: str) -> None:
    refused(bench, said, args=args)


@pytest.mark.parametrize("name", ["x.xyz", "x", "missing/x.wav", "."])
def test_outputs(bench: Bench, name: str) -> None:
    result = bench.speak("--out", name)
    assert result.exit_code == 2 and "loading" not in result.stderr


def test_debug_shows_the_traceback(bench: Bench) -> None:
    result = bench.speak("--solver", "euler", "--debug")
    assert result.exit_code == 2 and "Traceback" in result.stderr


# --- checkpoints --------------------------------------------------------------------------------------------


def edit_config(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        file = folder / "config.json"
        config = json.loads(file.read_text())
        change(config)
        file.write_text(json.dumps(config))

    return apply


def truncate(size: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        os.truncate(folder / "model.safetensors", size)

    return apply


def poison(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.prediction_head.cond_proj.weight"][3, 3] = float("nan")
    save_file(weights, folder / "model.safetensors")


def drop_key(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.stranger"] = weights.pop("model.prediction_head.cond_proj.weight")
    save_file(weights, folder / "model.safetensors")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def pickled_under_another_name(folder: Path) -> None:
    torch.save({}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncate(0), "0 bytes"),
        (truncate(100_000), "damaged"),
        (edit_config(lambda c: c["decoder_config"].pop("num_hidden_layers")), "num_hidden_layers is missing"),
        (edit_config(lambda c: c["decoder_config"].update(hidden_size=128)), "contradicts itself"),
        (edit_config(lambda c: c.update(acoustic_vae_dim=8)), "acoustic_vae_dim"),
        (poison, "model.prediction_head.cond_proj.weight"),
        (drop_key, "model.stranger"),
        (pickled, "pickle"),
        (pickled_under_another_name, "pickle"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json"),
    ],
)
def test_checkpoints(bench: Bench, spoil: Callable[[Path], object], said: str) -> None:
    model = bench.folder / "spoilt"
    shutil.copytree(bench.brief, model)
    spoil(model)
    refused(bench, said, model=model)


def test_an_unknown_key_only_warns_by_name(bench: Bench) -> None:
    model = write_checkpoint(bench.folder / "odd", ends=True, decoder_config={"novelty": 1})
    result = bench.speak(model=model)
    assert result.exit_code == 0, result.output
    assert "decoder_config.novelty is unknown" in result.stderr


def test_no_such_model(bench: Bench) -> None:
    refused(bench, "no folder here/or/there", model="here/or/there")
    refused(bench, "somebody/nothing", model="somebody/nothing")  # offline, as all tests are


@pytest.mark.parametrize("command", ["info", "speak"])
def test_mirrors_can_be_switched_off(bench: Bench, command: str) -> None:
    name = "vibevoice/VibeVoice-7B"
    args = [command, name] if command == "info" else [command, bench.script, "--model", name]
    known = bench.run(*args)
    assert known.exit_code == 2 and "aoi-ot/VibeVoice-Large: " in known.stderr
    alone = bench.run(*args, "--mirror", "none")
    assert alone.exit_code == 2 and f"{name}: " in alone.stderr and "aoi-ot" not in alone.stderr
