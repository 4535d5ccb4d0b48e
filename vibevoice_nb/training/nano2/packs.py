"""More teacher speech as it is for the language model: encoded, in one small file.

``python -m vibevoice_nb.training.nano2 pack --work-dir nano-work-2 --out checkpoints/speech-1.npz`` writes
what the stages ``speech``, ``encode`` and ``semantic`` left in ``nano-work-2``. Each utterance is kept at one
pace, every second one at the original. `PersonCorpus` reads such files beside its own speech.

Shapes: T frames in all, 64 latents and C semantic features a frame.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .speech import Speech

_ROW = ("id", "person", "text", "phones", "durations", "samples", "begin", "end")


@dataclasses.dataclass(frozen=True)
class Pack:
    """Encoded speech.

    Attributes
    ----------
    rows : list of dict
        One for each utterance; see "Teacher speech" in README.md.
    items : ndarray [N, 3] int
        Index into `rows`, index into `warps`, and number of frames of each.
    warps : list of float
        Playback rates.
    latents : ndarray [T, 64] float16
        Of the codec, not normalized.
    semantic : ndarray [T, C] float16
    """

    rows: list[dict[str, Any]]
    items: np.ndarray
    warps: list[float]
    latents: np.ndarray
    semantic: np.ndarray


def write(work_dir: Path, path: Path) -> dict[str, float]:
    """Write the encoded speech of `work_dir` to a file, in 8 bits a number.

    Returns
    -------
    dict
        ``utterances``, ``hours`` and ``megabytes``.
    """
    rows = Speech(work_dir).rows
    with np.load(work_dir / "encode.npz", allow_pickle=False) as data:
        items, warps = data["items"], data["warps"]
    original, others = warps.tolist().index(1.0), [i for i, warp in enumerate(warps) if warp != 1.0]
    paces = []
    for number, row in enumerate(rows):
        chance = zlib.crc32(row["id"].encode())
        paces.append(original if number % 2 == 0 or not others else others[chance % len(others)])
    ends = np.cumsum(items[:, 2])
    chosen = [i for i, (row, warp, _) in enumerate(items.tolist()) if warp == paces[row]]
    frames = np.concatenate([np.arange(ends[i] - items[i, 2], ends[i]) for i in chosen])
    arrays: dict[str, np.ndarray] = {"items": items[chosen], "warps": warps}
    for name in ("latents", "semantic"):
        values = np.load(work_dir / f"{name}.npy", mmap_mode="r")[frames].astype(np.float32)
        scale = np.maximum(np.abs(values).max(0), 1e-6) / 127
        arrays |= {name: np.round(values / scale).astype(np.int8), f"{name}_scale": scale}
    kept = [{name: row[name] for name in _ROW} for row in rows]
    text = json.dumps(kept, ensure_ascii=False).encode()
    np.savez_compressed(path, rows=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]
    hours = len(frames) * 3200 / 24_000 / 3600
    return {
        "utterances": len(rows),
        "hours": round(hours, 3),
        "megabytes": round(path.stat().st_size / 1e6, 2),
    }


def read(path: Path) -> Pack:
    """Read a file that `write` made."""
    with np.load(path, allow_pickle=False) as data:
        latents, semantic = (
            (data[name].astype(np.float32) * data[f"{name}_scale"]).astype(np.float16)
            for name in ("latents", "semantic")
        )
        rows = json.loads(data["rows"].tobytes())
        return Pack(rows, data["items"], data["warps"].tolist(), latents, semantic)
