"""Training data of the language model: latents of every person at the original pace and at other paces.

``python -m vibevoice_nb.training.nano2 encode --work-dir nano-work`` writes ``latents.npy`` (float16 [frames,
64]) with the codec's own encoder, and ``encode.npz`` with their owners. A person played back at another
pace counts as another person, since pitch and formants move together.

Shapes: T frames of an utterance, 4 slots a frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.codec import Encoder
from vibevoice_nb.model.config import SAMPLE_RATE, ModelConfig
from vibevoice_nb.training.examples import Reading
from vibevoice_nb.training.frames import HOP_LENGTH

from . import packs
from .copy_synthesis import load_codec
from .phones import spoken
from .speech import Speech, is_held_out


@dataclasses.dataclass(frozen=True)
class EncodeConfig:
    """Contents of ``configs/encode.json``: the playback rates."""

    warps: tuple[float, ...]


def played(speech: Speech, utterance: int, warp: float) -> np.ndarray:
    """Return an utterance without the silence around it, `warp` times as fast: audio [T * 3200] float32."""
    row = speech.rows[utterance]
    audio = speech.audio(utterance, row["begin"], row["end"])
    if warp != 1.0:
        audio = soxr.resample(audio, SAMPLE_RATE * warp, SAMPLE_RATE)
    return np.pad(audio, (0, -len(audio) % HOP_LENGTH))


@torch.inference_mode()
def _latents(encoder: Encoder, audio: np.ndarray) -> np.ndarray:
    return encoder(torch.from_numpy(audio)[None, None])[0].numpy()


def encode(speech: Speech, work_dir: Path, shape: ModelConfig, config: EncodeConfig) -> dict[str, float]:
    """Encode all speech at every playback rate.

    Returns
    -------
    dict
        ``frames``, and ``bias`` and ``scale`` that normalize latents: (latent + bias) x scale.
    """
    encoder = load_codec(work_dir / "codec.safetensors", shape).encoder
    items, parts = [], []
    for warp_index, warp in enumerate(config.warps):
        for utterance in range(len(speech.rows)):
            latents = _latents(encoder, played(speech, utterance, warp)).astype(np.float16)
            items.append((utterance, warp_index, len(latents)))
            parts.append(latents)
    everything = np.concatenate(parts)
    bias, scale = -float(everything.mean(dtype=np.float64)), 1 / float(everything.std(dtype=np.float64))
    temporary = work_dir / "latents.tmp.npy"
    np.save(temporary, everything)
    temporary.replace(work_dir / "latents.npy")
    silence = _latents(encoder, np.zeros(2 * HOP_LENGTH, np.float32))[-1]
    np.savez(
        work_dir / "encode.npz", items=np.array(items), warps=np.array(config.warps),
        silence=silence, bias=bias, scale=scale,
    )  # fmt: skip
    return {"frames": len(everything), "bias": round(bias, 4), "scale": round(scale, 4)}


class PersonCorpus:
    """Output of `encode`, and packs of more encoded speech, read by the later stages (a `SpokenCorpus`).

    Latents are normalized as for the language model: (latent + `bias`) x `scale`.

    Parameters
    ----------
    work_dir : Path
    extra : sequence of Path
        Files of the stage ``pack``: speech of the same people at the same paces.

    Attributes
    ----------
    voices : list of str
        A person at one playback rate.
    semantic : list of ndarray [frames, C]
        Semantic features of each pack; a pack's ``shard`` in `meta` is its number from 1.
    """

    def __init__(self, work_dir: Path, extra: Sequence[Path] = ()) -> None:
        path = work_dir / "encode.npz"
        if not path.exists():
            raise OptionError(
                f"no encode.npz in {work_dir.name}", "encoded speech", "run the stage encode first"
            )
        self.speech = Speech(work_dir)
        with np.load(path, allow_pickle=False) as data:
            items, self.warps = data["items"], data["warps"].tolist()
            self.bias, self.scale = float(data["bias"]), float(data["scale"])
            self.silence = self.normal(data["silence"])
        self.rows = list(self.speech.rows)
        self._people = sorted({row["person"] for row in self.rows})
        self.voices = [f"{person} x {warp}" for person in self._people for warp in self.warps]
        self._latents = [np.load(work_dir / "latents.npy", mmap_mode="r")]
        self.items: list[tuple[int, int, int]] = []
        self.meta: list[dict[str, Any]] = []
        self._add(items.tolist())
        self.semantic: list[np.ndarray] = []
        for file in extra:
            pack = packs.read(file)
            if pack.warps != self.warps or not {row["person"] for row in pack.rows} <= set(self._people):
                raise OptionError(
                    f"{file.name} with other people or paces", "those of the corpus", "encode it again"
                )
            first = len(self.rows)
            self.rows += pack.rows
            self._latents.append(pack.latents)
            self.semantic.append(pack.semantic)
            self._add([(first + row, warp, frames) for row, warp, frames in pack.items.tolist()])
        out = [is_held_out(row) for row in self.rows]
        self.train = [i for i, item in enumerate(self.items) if not out[item[0]]]
        self.held_out = [i for i, item in enumerate(self.items) if out[item[0]]]

    def _add(self, items: list[tuple[int, int, int]]) -> None:
        """Add the utterances of the newest latents."""
        end, shard = 0, len(self._latents) - 1
        for row, warp, frames in items:
            voice = self._people.index(self.rows[row]["person"]) * len(self.warps) + warp
            offset, end = end, end + frames
            self.items.append((row, warp, frames))
            self.meta.append(
                {"voice": voice, "frames": frames, "shard": shard, "offset": offset * HOP_LENGTH}
            )

    def normal(self, latents: np.ndarray) -> np.ndarray:
        """Normalize the codec's latents for the language model."""
        return np.asarray((latents.astype(np.float32) + self.bias) * self.scale, np.float32)

    def latents(self, i: int) -> np.ndarray:
        """Return latents [T, 64] float32."""
        meta = self.meta[i]
        first = meta["offset"] // HOP_LENGTH
        return self.normal(self._latents[meta["shard"]][first : first + meta["frames"]])

    def audio(self, i: int) -> np.ndarray:
        """Return audio [T * 3200] float32 of an utterance that is not in a pack."""
        row, warp, _ = self.items[i]
        return played(self.speech, row, self.warps[warp])

    def _spoken(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        row, warp, frames = self.items[i]
        return spoken(self.rows[row], frames, self.warps[warp])

    def phones(self, i: int) -> np.ndarray:
        """Return labels [T, 4] int8, indices into `phones.NAMES`."""
        return self._spoken(i)[1].astype(np.int8)

    def readings(self, i: int) -> tuple[Reading, Reading]:
        """Return the phones of utterance `i` and the character spoken in each slot, twice."""
        reading = self.rows[self.items[i][0]]["phones"], self._spoken(i)[0]
        return reading, reading
