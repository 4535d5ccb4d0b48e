"""A few synthetic seconds of teacher speech, and a thin model, to train nano 2 with."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training import common
from vibevoice_nb.training.nano2.__main__ import CONFIGS

PHONES = "hˈəlO."


def tone(samples: int, pitch: float) -> np.ndarray:
    """A tone that swells three times a second."""
    t = np.arange(samples) / 24_000
    return (0.1 * np.sin(2 * np.pi * pitch * t) * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def write_shard(folder: Path, count: int = 8) -> None:
    """A shard of tones that say "hello", by two people."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    with tarfile.open(folder / "speech-0-000.tar", "w") as tar:
        for i in range(count):
            durations = [6, 4, 4, 8, 10, 30 + i, 8, 9]
            audio = tone(600 * sum(durations), 110.0 * (1 + i % 4))
            buffer = io.BytesIO()
            soundfile.write(buffer, audio, 24_000, format="OGG", subtype="OPUS")
            info = tarfile.TarInfo(f"u{i}.opus")
            info.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(info, buffer)
            row = {"id": f"u{i}", "person": f"p{i % 2}", "text": f"Hello {i}.", "phones": PHONES}
            lines.append(json.dumps(row | {"durations": durations, "samples": len(audio)}))
    (folder / "speech-0-000.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def thin_config() -> dict[str, Any]:
    """Nano 2's config.json, thinner."""
    data: dict[str, Any] = json.loads((CONFIGS / "nano.json").read_text())
    data["acoustic_tokenizer_config"] |= {"encoder_n_filters": 2, "decoder_n_filters": 2}
    data["semantic_tokenizer_config"]["encoder_n_filters"] = 2
    data["decoder_config"] |= {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4}
    data["diffusion_head_config"] |= {"hidden_size": 32, "head_layers": 1}
    return data


def thin_shape() -> ModelConfig:
    """Nano 2's layout, thinner."""
    return common.parse_config(thin_config())


def quick(config: Any, **loop: Any) -> Any:
    """A configuration whose loop is short, and logs every step."""
    loop = {"log_every": 1, "save_minutes": 60.0, "warmup": 2, "ema": 0.5} | loop
    return dataclasses.replace(config, loop=dataclasses.replace(config.loop, **loop))


def logged(folder: Path, name: str) -> list[dict[str, float]]:
    """The lines of a log."""
    return [json.loads(line) for line in (folder / f"{name}.log.jsonl").read_text().splitlines()]
