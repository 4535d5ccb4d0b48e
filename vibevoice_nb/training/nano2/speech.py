"""Teacher speech for training: shards of Ogg Opus files, decoded once into one int16 array.

``python -m vibevoice_nb.training.nano2 speech --source teacher --work-dir nano-work`` writes ``speech.pcm``
(int16, 24 kHz, mono, memory-mapped by `Speech`) and ``speech.jsonl`` (one utterance per line: the line of the
shard's list, and the offset of its audio).
"""

from __future__ import annotations

import dataclasses
import io
import json
import random
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SAMPLE_RATE

LEVEL = 10 ** (-25 / 20)
"""RMS that every utterance is normalized to, as the engine does with voices."""
HELD_OUT_PERCENT = 2
LEAD, TAIL = round(0.06 * SAMPLE_RATE), round(0.12 * SAMPLE_RATE)
"""Silence kept before the first phone and after the last sound."""
_BLOCK = 240
_QUIET = 10 ** (-40 / 20)


def read_shards(source: Path) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield the utterances of all finished shards in `source`: their lines and their audio [N] float32.

    Raises
    ------
    OptionError
        If there are no shards, or an audio file's length differs from the one in its list.
    """
    lists = sorted(source.glob("speech-*.jsonl"))
    if not lists:
        raise OptionError(
            f"no speech-*.jsonl in {source.name}", "a folder of teacher speech", "give its path"
        )
    for path in lists:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        with tarfile.open(path.with_suffix(".tar")) as tar:
            for row in rows:
                member = tar.extractfile(f"{row['id']}.opus")
                assert member is not None
                audio, rate = soundfile.read(io.BytesIO(member.read()), dtype="float32")
                if rate != SAMPLE_RATE or len(audio) != row["samples"]:
                    raise OptionError(
                        f"{row['id']} with {len(audio)} samples at {rate} Hz",
                        f"{row['samples']} at {SAMPLE_RATE}",
                        "download the shard again",
                    )
                yield row, audio


def spoken_span(row: dict[str, Any], audio: np.ndarray) -> tuple[int, int]:
    """Find the begin and end of speech in `audio`, with a little silence around it.

    The teacher counts a pause as part of the last phone, so the end is found by loudness.
    """
    begin = max(0, 600 * row["durations"][0] - LEAD)
    blocks = audio[: len(audio) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loud = np.sqrt(np.square(blocks).mean(1)) > _QUIET * np.sqrt(np.square(audio).mean())
    end = _BLOCK * (1 + int(np.flatnonzero(loud)[-1])) + TAIL if loud.any() else len(audio)
    return begin, max(begin + _BLOCK, min(len(audio), end))


def unpack(source: Path, work_dir: Path) -> dict[str, float]:
    """Decode all shards into ``speech.pcm`` and ``speech.jsonl``.

    Returns
    -------
    dict
        ``utterances`` and ``hours``.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    samples, lines = 0, []
    pcm, listing = work_dir / "speech.pcm", work_dir / "speech.jsonl"
    temporary = pcm.with_suffix(".tmp")
    with temporary.open("wb") as file:
        for row, audio in read_shards(source):
            rms = float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
            begin, end = spoken_span(row, audio)
            row |= {"offset": samples, "rms": round(rms, 6), "begin": begin, "end": end}
            lines.append(json.dumps(row, ensure_ascii=False))
            file.write((audio * 32767).round().astype(np.int16).tobytes())
            samples += len(audio)
    temporary.replace(pcm)
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"utterances": len(lines), "hours": round(samples / SAMPLE_RATE / 3600, 3)}


def is_held_out(row: dict[str, Any]) -> bool:
    """Return true for the utterances that are kept for evaluation, by their text."""
    return zlib.crc32(row["text"].encode()) % 100 < HELD_OUT_PERCENT


class Speech:
    """Output of `unpack`.

    Parameters
    ----------
    work_dir : Path

    Attributes
    ----------
    rows : list of dict
        One for each utterance; see "Teacher speech" in README.md.
    train, held_out : list of int
        Indices of the utterances for training, and of about 2 % for evaluation; the split is fixed.
    """

    def __init__(self, work_dir: Path) -> None:
        listing = work_dir / "speech.jsonl"
        if not listing.exists():
            raise OptionError(
                f"no speech.jsonl in {work_dir.name}", "teacher speech", "run the stage speech first"
            )
        self.rows: list[dict[str, Any]] = [
            json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()
        ]
        self._pcm = np.memmap(work_dir / "speech.pcm", np.int16, "r")
        self.held_out = [i for i, row in enumerate(self.rows) if is_held_out(row)]
        self.train = [i for i, row in enumerate(self.rows) if not is_held_out(row)]

    def audio(self, index: int, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return samples [first:last] float32 of an utterance that is normalized to -25 dBFS."""
        row = self.rows[index]
        last = row["samples"] if last is None else min(last, row["samples"])
        cut = self._pcm[row["offset"] + first : row["offset"] + last]
        return cut.astype(np.float32) * np.float32(LEVEL / max(row["rms"], 1e-4) / 32767)


@dataclasses.dataclass(frozen=True)
class CropConfig:
    """Settings of the excerpts of speech for training.

    `warp` is the fraction that is played back faster or slower by up to `warp_range`, with pitch and formants
    shifted together, as if by another person. `gain_db` is the largest change of loudness.
    """

    batch: int
    samples: int
    warp: float
    warp_range: float
    gain_db: float


class Crops:
    """Random excerpts of the utterances, padded with silence."""

    def __init__(self, speech: Speech, config: CropConfig, indices: list[int] | None = None) -> None:
        self.speech, self.config = speech, config
        self.indices = speech.train if indices is None else indices
        self.ends = np.cumsum([speech.rows[i]["samples"] for i in self.indices])

    def draw(self, rng: random.Random) -> Tensor:
        """Return audio [batch, samples]; long utterances are drawn more often."""
        places = [rng.randrange(int(self.ends[-1])) for _ in range(self.config.batch)]
        picks = np.searchsorted(self.ends, places, side="right")
        return torch.from_numpy(np.stack([self.crop(self.indices[pick], rng) for pick in picks]))

    def crop(self, index: int, rng: random.Random) -> np.ndarray:
        """Return an excerpt [samples] float32 of an utterance."""
        config, total = self.config, self.speech.rows[index]["samples"]
        warped = rng.random() < config.warp
        ratio = config.warp_range ** rng.uniform(-1, 1) if warped else 1.0
        needed = round(config.samples * ratio)
        # A little of the silence around an utterance is included.
        first = rng.randint(-SAMPLE_RATE // 8, max(0, total - needed + SAMPLE_RATE // 8))
        audio = self.speech.audio(index, max(0, first), max(0, first + needed))
        audio = np.pad(audio, (max(0, -first), 0))
        if warped:
            audio = soxr.resample(audio, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="MQ")
        audio = np.pad(audio[: config.samples], (0, max(0, config.samples - len(audio))))
        gain: float = 10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20)
        return (audio * np.float32(gain)).astype(np.float32)
