"""Latents for nano, computed from the corpus: log-mel frames, reduced to 64 numbers by PCA.

A codec trained from random weights on a CPU takes days to find a latent space; this one takes a minute.
nano's decoder learns to map it to audio, the encoder to compute it from audio, and the language model to
predict it, each separately. ``python -m vibevoice_nb.training.nano1.features --work-dir nano-work``

T frames of 3200 samples (133 ms), 16 mel columns a frame, 64 latent dimensions.
"""

from __future__ import annotations

import argparse
import functools
import json
import zlib
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import scipy.fft

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.nano.english_tables import PHONES
from vibevoice_nb.training.frames import HOP_LENGTH, PHONE_SLOTS
from vibevoice_nb.training.latent_space import FLOOR, LatentSpace

N_FFT, MEL_HOP, N_MELS, F_MIN, F_MAX = 1024, 200, 80, 40.0, 8000.0
COLUMNS = HOP_LENGTH // MEL_HOP
# Silence is 0.
PHONE_NAMES = ("pau", *PHONES)
_PHONE_IDS = {name: i for i, name in enumerate(PHONE_NAMES)}


@functools.cache
def mel_filters() -> np.ndarray:
    """Return mel filters [80, 513] float32, each with sum 1."""
    filters = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=F_MIN, fmax=F_MAX, htk=True, norm=None
    )
    centers = librosa.mel_frequencies(N_MELS + 2, fmin=F_MIN, fmax=F_MAX, htk=True)[1:-1]
    # The lowest filters can fall between two bins; use the nearest one.
    for row, center in zip(filters, centers, strict=True):
        if row.sum() < 1e-3:
            row[round(center * N_FFT / SAMPLE_RATE)] = 1.0
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Compute the log-mel frames of `audio`.

    Parameters
    ----------
    audio : ndarray [T * 3200] float32
        24 kHz.

    Returns
    -------
    ndarray [T, 1280] float32
        16 columns of 80 bands for each frame, natural logarithm of magnitude, floor 1e-4.

    Examples
    --------
    >>> log_mel(np.zeros(6400, np.float32)).shape
    (2, 1280)
    """
    padded = np.pad(audio.astype(np.float32), N_FFT // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[: len(audio) : MEL_HOP]
    hann = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    spectrum = scipy.fft.rfft(windows * hann, axis=1)
    magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-10) / (N_FFT / 4)
    return np.log(np.maximum(magnitude @ mel_filters().T, FLOOR)).reshape(-1, COLUMNS * N_MELS)


def phone_labels(phones: list[tuple[str, float]], frames: int) -> np.ndarray:
    """Find the phone in the middle of each quarter of a frame.

    Parameters
    ----------
    phones : list of (str, float)
        With end times in seconds.
    frames : int
        T.

    Returns
    -------
    ndarray [T, 4] int8
        Indices into `PHONE_NAMES`.

    Examples
    --------
    >>> [PHONE_NAMES[i] for i in phone_labels([("pau", 0.05), ("ay", 0.1)], 1)[0]]
    ['pau', 'ay', 'ay', 'pau']
    """
    step = HOP_LENGTH / PHONE_SLOTS / SAMPLE_RATE
    middles = (np.arange(frames * PHONE_SLOTS) + 0.5) * step
    ids = np.array([_PHONE_IDS.get(name, 0) for name, _ in phones] + [0], np.int8)
    # Rounding to 1e-6: a middle exactly on a boundary belongs to the next phone.
    return ids[np.searchsorted([end for _, end in phones], middles + 1e-6)].reshape(frames, PHONE_SLOTS)


def _utterances(stem: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    pcm = np.memmap(stem.with_suffix(".pcm"), np.int16, "r")
    return pcm, json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))["utterances"]


def _shard_frames(stem: Path) -> np.ndarray:
    """Compute log-mel frames [T, 1280] of a shard, for each utterance separately."""
    pcm, meta = _utterances(stem)
    parts = [log_mel(pcm[m["offset"] : m["offset"] + m["samples"]] / np.float32(32767)) for m in meta]
    return np.concatenate(parts)


def make(work_dir: Path, fit_shards: int = 6) -> dict[str, float]:
    """Write latents and phone labels beside every finished shard without them.

    Parameters
    ----------
    work_dir : Path
        Folder of the corpus. ``pca.npz`` is computed once, from the first `fit_shards` shards, and kept, so
        that existing latents stay valid when shards are added.
    fit_shards : int
        Number of shards for the PCA.

    Returns
    -------
    dict
        ``frames`` and, if the PCA was computed, ``variance_kept``.

    Raises
    ------
    OptionError
        If there is no corpus.
    """
    stems = [p.with_suffix("") for p in sorted((work_dir / "shards").glob("[0-9]*.json"))]
    if not stems:
        raise OptionError(
            f"no shards in {work_dir.name}", "a corpus", "run vibevoice_nb.training.nano1.corpus first"
        )
    report: dict[str, float] = {}
    path = work_dir / "pca.npz"
    if not path.exists():
        space, report["variance_kept"] = LatentSpace.fit(_shard_frames(s) for s in stems[:fit_shards])
        space.save(path)
    space = LatentSpace.load(path)
    report["frames"] = 0
    for stem in stems:
        target = stem.with_suffix(".latents.npy")
        if not target.exists():
            latents = space.encode(_shard_frames(stem)).astype(np.float16)
            _, meta = _utterances(stem)
            labels = [phone_labels(m["phones"], m["samples"] // HOP_LENGTH) for m in meta]
            np.save(stem.with_suffix(".phones.npy"), np.concatenate(labels))
            # Latents are written last and renamed: if they exist, they are complete.
            temporary = stem.with_suffix(".tmp.npy")
            np.save(temporary, latents)
            temporary.replace(target)
        report["frames"] += len(np.load(target, mmap_mode="r"))
    return report


class Corpus:
    """Output of `corpus` and `features`, read by the trainers.

    Parameters
    ----------
    work_dir : Path
        Shards without latents are left out, so a corpus can be used while it grows.

    Attributes
    ----------
    meta : list of dict
        For each utterance: ``text``, ``voice`` (index into `voices`), ``frames``, ``samples``, ``phones``
        (name and end time), ``shard``, ``offset`` (samples into the shard).
    voices : list of str
        Their names.
    silence : ndarray [64]
        A silent frame.
    held_out, train : list of int
        About 1 % of the utterances and the rest; the split is fixed.
    """

    def __init__(self, work_dir: Path | str) -> None:
        work_dir = Path(work_dir)
        config = json.loads((work_dir / "corpus.json").read_text(encoding="utf-8"))
        self.voices: list[str] = [v["name"] for v in config["voices"]]
        self.phone_names = PHONE_NAMES
        self.space = LatentSpace.load(work_dir / "pca.npz")
        self.silence = self.space.encode(log_mel(np.zeros(2 * HOP_LENGTH, np.float32)))[0]
        self.meta: list[dict[str, Any]] = []
        self._pcm: list[np.ndarray] = []
        self._latents: list[np.ndarray] = []
        self._phones: list[np.ndarray] = []
        for path in sorted((work_dir / "shards").glob("*.latents.npy")):
            stem = path.with_suffix("").with_suffix("")
            pcm, meta = _utterances(stem)
            self.meta += [m | {"shard": len(self._pcm), "frames": m["samples"] // HOP_LENGTH} for m in meta]
            self._pcm.append(pcm)
            self._latents.append(np.load(path))
            self._phones.append(np.load(stem.with_suffix(".phones.npy")))
        sides = [zlib.crc32(m["text"].encode()) % 100 == 0 for m in self.meta]
        self.held_out = [i for i, out in enumerate(sides) if out]
        self.train = [i for i, out in enumerate(sides) if not out]

    def __len__(self) -> int:
        return len(self.meta)

    def latents(self, i: int) -> np.ndarray:
        """Return latents [T, 64] float32 of utterance `i`."""
        m = self.meta[i]
        first = m["offset"] // HOP_LENGTH
        return self._latents[m["shard"]][first : first + m["frames"]].astype(np.float32)

    def audio(self, i: int) -> np.ndarray:
        """Return audio [T * 3200] float32 of utterance `i`, 24 kHz."""
        m = self.meta[i]
        return self._pcm[m["shard"]][m["offset"] : m["offset"] + m["samples"]] / np.float32(32767)

    def phones(self, i: int) -> np.ndarray:
        """Return phone labels [T, 4] int8 of utterance `i`, indices into `phone_names`."""
        m = self.meta[i]
        first = m["offset"] // HOP_LENGTH
        return self._phones[m["shard"]][first : first + m["frames"]]


def main() -> None:
    """Compute latents from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    print(json.dumps(make(parser.parse_args().work_dir)))


if __name__ == "__main__":
    main()
