"""Training speech of nano: sentences spoken by flite's voices, in resumable shards.

``python -m vibevoice_nb.training.nano1.corpus --work-dir nano-work`` writes ``shards/0000.pcm`` (int16,
24 kHz, mono) and ``shards/0000.json`` (texts, voices, offsets, and each phone with its times). Existing
shards are kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.training.frames import HOP_LENGTH

from .texts import Writer

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "corpus.json"


@dataclasses.dataclass(frozen=True)
class FliteVoice:
    """A flite voice, its pace, and the factor by which pitch and formants are raised together."""

    name: str
    flite: str
    stretch: float
    shift: float


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """Contents of ``configs/corpus.json``. `shard` is the number of utterances; the voices take turns."""

    seed: int
    utterances: int
    shard: int
    processes: int
    loudness_dbfs: float
    lead_seconds: float
    tail_seconds: float
    voices: tuple[FliteVoice, ...]

    @classmethod
    def load(cls, path: Path) -> CorpusConfig:
        """Read a configuration.

        Raises
        ------
        OptionError
            If a name is missing or unknown.
        """
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = {f.name for f in dataclasses.fields(cls)}
        if set(data) != names:
            odd = ", ".join(sorted(set(data) ^ names))
            raise OptionError(
                f"{path.name} with {odd} missing or unknown", ", ".join(sorted(names)), "correct the file"
            )
        data["voices"] = tuple(FliteVoice(**v) for v in data["voices"])
        return cls(**data)


def say(text: str, voice: FliteVoice) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """Synthesize `text` with flite.

    Parameters
    ----------
    text : str
        English.
    voice : FliteVoice

    Returns
    -------
    audio : ndarray [N] float32
        24 kHz, as flite gives it.
    phones : list of (str, float)
        Each phone with its end in seconds.

    Raises
    ------
    OptionError
        If flite isn't installed.
    """
    flite = shutil.which("flite")
    if flite is None:
        raise OptionError(
            "no flite on this machine", "the flite program", "install it: apt-get install flite"
        )
    handle, name = tempfile.mkstemp(suffix=".wav")
    os.close(handle)
    try:
        command = [flite, "-voice", voice.flite, "--setf", f"duration_stretch={voice.stretch}", "-psdur"]
        # The leading space: flite takes a text without a space for a file name.
        listing = subprocess.run(
            [*command, "-t", " " + text, "-o", name], capture_output=True, text=True, check=True
        )
        audio, rate = soundfile.read(name, dtype="float32")
    finally:
        os.unlink(name)
    # Played back `shift` times as fast: pitch and formants rise, times shrink.
    audio = soxr.resample(audio, rate * voice.shift, SAMPLE_RATE)
    phones: list[tuple[str, float]] = []
    base = 0.0
    for item in listing.stdout.split():
        phone, _, end = item.rpartition(":")
        if phones and base + float(end) < phones[-1][1] * voice.shift - 1e-6:
            base = phones[-1][1] * voice.shift  # times of a new utterance start at zero
        phones.append((phone, (base + float(end)) / voice.shift))
    return audio, phones


def finish(
    audio: np.ndarray, phones: list[tuple[str, float]], config: CorpusConfig
) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """Trim, level and pad one utterance to whole frames; the last partial frame is silence.

    Parameters
    ----------
    audio : ndarray [N] float32
        24 kHz.
    phones : list of (str, float)
        With end times in seconds.
    config : CorpusConfig
        Loudness and length of the silence kept.

    Returns
    -------
    audio : ndarray [frames * 3200] int16
    phones : list of (str, float)
        With the times of the trimmed audio.
    """
    spoken = [i for i, (phone, _) in enumerate(phones) if phone != "pau"]
    if not spoken:
        return np.zeros(0, np.int16), []
    begin = phones[spoken[0] - 1][1] if spoken[0] else 0.0
    end = phones[spoken[-1]][1]
    start = max(0.0, begin - config.lead_seconds)
    stop = min(len(audio) / SAMPLE_RATE, end + config.tail_seconds)
    cut = audio[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)].astype(np.float64)
    edge = min(240, len(cut) // 2)
    cut[:edge] *= np.linspace(0, 1, edge)
    cut[len(cut) - edge :] *= np.linspace(1, 0, edge)
    level = np.sqrt(np.mean(cut**2) + 1e-12)
    cut *= 10 ** (config.loudness_dbfs / 20) / level
    cut *= min(1.0, 0.97 / max(1e-9, float(np.abs(cut).max())))
    frames = -(-len(cut) // HOP_LENGTH)
    padded = np.zeros(frames * HOP_LENGTH)
    padded[: len(cut)] = cut
    moved = [(phone, round(max(0.0, t - start), 4)) for phone, t in phones]
    return (padded * 32767).round().astype(np.int16), moved


def make_shard(texts: list[str], *, index: int, folder: Path, config: CorpusConfig) -> float:
    """Synthesize `texts`, the voices in turn, and write one shard; return its length in hours."""
    stem = folder / f"{index:04d}"
    if stem.with_suffix(".json").exists():
        return float(json.loads(stem.with_suffix(".json").read_text())["hours"])
    parts: list[np.ndarray] = []
    meta: list[dict[str, Any]] = []
    offset = 0
    for i, text in enumerate(texts):
        voice = i % len(config.voices)
        audio, phones = finish(*say(text, config.voices[voice]), config)
        if not len(audio):
            continue
        meta.append({"text": text, "voice": voice, "offset": offset, "samples": len(audio), "phones": phones})
        parts.append(audio)
        offset += len(audio)
    temporary = stem.with_suffix(".pcm.tmp")
    np.concatenate(parts).tofile(temporary)
    temporary.replace(stem.with_suffix(".pcm"))
    # The list is written last: if it exists, the shard is complete.
    hours = offset / SAMPLE_RATE / 3600
    temporary = stem.with_suffix(".json.tmp")
    temporary.write_text(json.dumps({"hours": hours, "utterances": meta}), encoding="utf-8")
    temporary.replace(stem.with_suffix(".json"))
    return hours


def shards(config: CorpusConfig, held_out: list[str]) -> Iterator[list[str]]:
    """Yield the sentences of one shard at a time."""
    sentences = islice(Writer(config.seed, held_out).sentences(), config.utterances)
    while chunk := list(islice(sentences, config.shard)):
        yield chunk


def make(config: CorpusConfig, work_dir: Path, held_out: list[str]) -> float:
    """Generate every missing shard.

    Parameters
    ----------
    config : CorpusConfig
    work_dir : Path
        Gets ``shards/`` and ``corpus.json``, the configuration used.
    held_out : list of str
        Sentences that must not be in the corpus.

    Returns
    -------
    float
        Hours of speech.
    """
    folder = work_dir / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    (work_dir / "corpus.json").write_text(json.dumps(dataclasses.asdict(config), indent=2), encoding="utf-8")
    job = functools.partial(make_shard, folder=folder, config=config)
    total = 0.0
    with ProcessPoolExecutor(config.processes) as pool:
        running = [pool.submit(job, texts, index=i) for i, texts in enumerate(shards(config, held_out))]
        for i, future in enumerate(running):
            total += future.result()
            print(f"shard {i + 1} of {len(running)}: {total:.2f} hours", flush=True)
    return total


def main() -> None:
    """Generate a corpus from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument(
        "--held-out", type=Path, help="sentences, one per line, that must not be in the corpus"
    )
    options = parser.parse_args()
    held_out = options.held_out.read_text(encoding="utf-8").splitlines() if options.held_out else []
    hours = make(CorpusConfig.load(options.config), options.work_dir, held_out)
    print(json.dumps({"hours": round(hours, 3)}))


if __name__ == "__main__":
    main()
