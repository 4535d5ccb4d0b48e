"""Damaged checkpoints: they load and generate, or are rejected with a clear error; both are fast."""

from __future__ import annotations

import copy
import functools
import json
import shutil
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import native_config, original_config, write_checkpoint
from fuzz_helpers import generators

from vibevoice_nb import Engine
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.model.loading.weights import build_model, list_tensors, read_config
from vibevoice_nb.system.model_info import describe

LONGEST_CPU = 20.0
"""Seconds of CPU that one small checkpoint may take; an endless one would take more."""

Make = Callable[[np.random.Generator], Any]
_VALUES: list[Make] = [
    lambda rng: None,
    lambda rng: bool(rng.integers(0, 2)),
    lambda rng: int(rng.choice([-(2**63), -1, 0, 1, 2, 3, 64, 1000, 10**6, 2**31, 2**31 + 1])),
    lambda rng: 10 ** int(rng.integers(1, 400)),
    lambda rng: float(rng.choice([-1.0, 0.0, 1e-300, 1e-6, 0.5, 1.5, 1e9, 1e300, np.inf, np.nan])),
    lambda rng: str(
        rng.choice(["", "x", "3-3", "0", "1e9", "-", "true", "\x00", "../x", "x" * 5000, "é\u202e"])
    ),
    lambda rng: [int(rng.integers(-2, 9))] * int(rng.choice([0, 1, 6, 7, 100, 10_000])),
    lambda rng: ["a", None, {}],
    lambda rng: {},
    lambda rng: {"a": {"b": [1]}},
    lambda rng: functools.reduce(lambda inner, _: [inner], range(int(rng.choice([5, 500]))), 0),
]


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything in a JSON value."""
    found = [path]
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        found += _places(value, (*path, key))
    return found


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    return functools.reduce(lambda inner, key: inner[key], path, data)


def changed(data: Any, rng: np.random.Generator) -> Any:
    """A JSON value with one to three changes: another value, a missing key, one twice, one renamed."""
    data = copy.deepcopy(data)
    for _ in range(int(rng.integers(1, 4))):
        places = _places(data)[1:]
        if not places:
            return data
        path = places[int(rng.integers(0, len(places)))]
        holder, key = _at(data, path[:-1]), path[-1]
        choice = rng.random()
        if choice < 0.6:
            holder[key] = _VALUES[int(rng.integers(0, len(_VALUES)))](rng)
        elif choice < 0.75:
            del holder[key]
        elif choice < 0.9:
            holder[key] = copy.deepcopy(_at(data, places[int(rng.integers(0, len(places)))]))
        elif isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
    return data


def broken(text: bytes, rng: np.random.Generator) -> bytes:
    """A text with a few bytes changed, or cut off."""
    data = bytearray(text)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data) + 1))
        if rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + 1] = rng.bytes(1)
    return bytes(data)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "original": write_checkpoint(folder / "original"),
        "native": write_checkpoint(folder / "native", layout="native"),
        "sharded": write_checkpoint(folder / "sharded", shards=3),
    }


def _copy(source: Path, target: Path, name: str) -> Path:
    """A copy whose file `name` may be written; the others are links."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for file in source.iterdir():
        if file.name != name:
            (target / file.name).symlink_to(file)
    return target


def _try(folder: Path, use: Callable[[], object], about: object) -> bool:
    """Use a checkpoint; true if it works. Any error that is not ours fails the test."""
    began = time.process_time()
    fine = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            use()
            fine = True
        except VibeVoiceError as error:
            assert error.got and error.expected and error.remedy
            assert len(str(error)) < 5000 + 2 * len(str(folder))
        except Exception as error:
            raise AssertionError(f"{about}: {type(error).__name__}: {error}") from error
    assert time.process_time() - began < LONGEST_CPU, about
    return fine


def _speak(folder: Path) -> None:
    """Load, and generate two frames."""
    engine = Engine.load(folder, device="cpu", dtype="float32")
    speech = engine.speak("Speaker 1: Hi.", {}, num_steps=1, seed=1, max_seconds=0.27)
    assert np.isfinite(speech.audio).all()


@pytest.mark.parametrize("layout", ["original", "native"])
def test_config_values(layout: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Parsed and built, as `info` does; what passes is also loaded and generates."""
    source = original_config() if layout == "original" else native_config()
    folder = _copy(checkpoints[layout], tmp_path / "copy", "config.json")
    tensors = list_tensors(checkpoints[layout])
    for number, rng in generators(f"config {layout}", 200):
        data = changed(source, rng)
        (folder / "config.json").write_text(json.dumps(data))
        about = f"{layout} {number}: {json.dumps(data)[:3000]}"
        if _try(folder, lambda: build_model(read_config(folder), tensors), about) and number % 5 == 0:
            _try(folder, lambda: _speak(folder), about)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors.index.json"])
def test_broken_text(name: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(checkpoints["sharded"], tmp_path / "copy", name)
    text = (checkpoints["sharded"] / name).read_bytes()
    for number, rng in generators(f"text {name}", 25):
        (folder / name).write_bytes(broken(text, rng))
        _try(folder, lambda: _speak(folder), f"{name} {number}")


def test_index_values(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    name = "model.safetensors.index.json"
    folder = _copy(checkpoints["sharded"], tmp_path / "copy", name)
    index = json.loads((checkpoints["sharded"] / name).read_text())
    for number, rng in generators("index", 60):
        data = changed(index, rng)
        if rng.random() < 0.5:
            made = _VALUES[int(rng.integers(0, len(_VALUES)))](rng)
            data = {"weight_map": {"lm_head.weight": f"{made}.safetensors" if rng.random() < 0.7 else made}}
        (folder / name).write_text(json.dumps(data))
        _try(folder, lambda: list_tensors(folder), f"index {number}: {json.dumps(data)[:2000]}")


def test_weight_headers(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    name = "model.safetensors"
    folder = _copy(checkpoints["original"], tmp_path / "copy", name)
    data = (checkpoints["original"] / name).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    for number, rng in generators("headers", 60):
        text = json.dumps(changed(header, rng)).encode()
        if rng.random() < 0.3:
            text = broken(text, rng)
        claimed = (
            int(rng.choice([len(text)] * 8 + [0, 2**31, 2**63 - 1])) if rng.random() < 0.3 else len(text)
        )
        (folder / name).write_bytes(
            struct.pack("<Q", claimed) + text + body[: int(rng.integers(0, len(body) + 1))]
        )
        if rng.random() < 0.5:
            (folder / name).write_bytes(struct.pack("<Q", claimed) + text + body)
        _try(folder, lambda: describe(str(folder)), f"header {number}")
        if number % 10 == 0:
            _try(folder, lambda: _speak(folder), f"header {number}")


def test_tokenizer_values(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    name = "tokenizer.json"
    folder = _copy(checkpoints["original"], tmp_path / "copy", name)
    source = json.loads((checkpoints["original"] / name).read_text())
    # The vocabulary is a thousand entries among which changes elsewhere would be rare.
    rest = {key: value for key, value in source.items() if key != "model"}
    rest["model"] = {key: value for key, value in source["model"].items() if key != "vocab"}
    for number, rng in generators("tokenizer", 50):
        data = changed(rest, rng)
        if isinstance(data.get("model"), dict):
            data["model"].setdefault("vocab", dict(source["model"]["vocab"]))
            vocabulary = data["model"]["vocab"]
            if rng.random() < 0.4 and isinstance(vocabulary, dict):
                letter = "H" if rng.random() < 0.5 else str(rng.choice(list(vocabulary)))
                vocabulary[letter] = _VALUES[int(rng.integers(0, len(_VALUES)))](rng)
        (folder / name).write_text(json.dumps(data))
        _try(folder, lambda: _speak(folder), f"tokenizer {number}: {json.dumps(rest)[:500]}")


def test_generation_settings(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    name = "generation.json"
    folder = _copy(checkpoints["original"], tmp_path / "copy", name)
    source = {"num_steps": 2, "cfg_scale": 1.5, "temperature": 0.5, "text_frontend": "none", "seed": 1}
    for number, rng in generators("generation", 25):
        data = changed(source, rng)
        (folder / name).write_text(json.dumps(data))
        _try(folder, lambda: Engine.load(folder, device="cpu"), f"generation {number}: {data}")
