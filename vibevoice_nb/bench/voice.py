"""How well nano is understood: word error rate by an independent recogniser, and what its voices sound like.

``make bench-voice``, which is ``python -m vibevoice_nb.bench.voice``, speaks every held-out sentence in every
voice, has pocketsphinx (its stock US English models, which know nothing of nano) write down what it hears,
and does the same with flite's own recordings of the sentences: nano learned from flite, so their error is
the floor. ``--width bfloat16``, or float16, int8, int4, given once or several times, measures what computing
or keeping the weights in fewer bits does to it, with the same sentences and seeds. The last line is one flat
JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from vibevoice_nb.bench.hearing import SAMPLE_RATE, Recogniser, Score, score
from vibevoice_nb.engine.linear import Dense, derived_values
from vibevoice_nb.engine.placement import DTYPES
from vibevoice_nb.engine.quantized import Int4Kernel, Int8Kernel, Quantize
from vibevoice_nb.engine_api import Engine
from vibevoice_nb.errors import OptionError

WIDTHS = (*DTYPES, *get_args(Quantize))
"""What a model can compute in, or keep its language model's layers in."""
Figures = dict[str, float | int | str]
_ROOT = Path(__file__).resolve().parents[2]
SENTENCES = _ROOT / "tests" / "data" / "heldout_sentences.txt"
# What flite's recordings scored where the model was trained; used where flite isn't installed.
RECORDED = Path(__file__).parents[1] / "nano" / "flite_scores.json"


def mean_pitch(audio: Sequence[np.ndarray]) -> float:
    """Median over the voiced frames of 24 kHz recordings, in hertz; 0 where nothing is voiced."""
    import librosa

    found: list[np.ndarray] = []
    for sound in audio:
        if len(sound) < 2048:
            continue
        pitch = librosa.yin(sound, fmin=60, fmax=400, sr=SAMPLE_RATE, frame_length=2048, hop_length=512)
        level = librosa.feature.rms(y=sound, frame_length=2048, hop_length=512)[0][: len(pitch)]
        # Loud frames are vowels; yin answers its limits where it finds no period.
        found.append(pitch[(level > 0.5 * level.max()) & (pitch > 62) & (pitch < 390)])
    voiced = np.concatenate(found) if found else np.zeros(0)
    return float(np.median(voiced)) if len(voiced) else 0.0


def spectral_centroid(audio: Sequence[np.ndarray]) -> float:
    """Mean frequency of 24 kHz recordings, weighted by magnitude, in hertz."""
    import librosa

    def one(sound: np.ndarray) -> float:
        spectrum = np.abs(librosa.stft(sound, n_fft=1024))
        return float(
            (spectrum.sum(1) * librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=1024)).sum() / spectrum.sum()
        )

    values = [one(s) for s in audio if len(s) >= 1024 and np.abs(s).max() > 0]
    return float(np.mean(values)) if values else 0.0


def flite_recordings(texts: Sequence[str], name: str) -> list[np.ndarray]:
    """`texts` said by the flite voice that the voice `name` learned from, as the corpus has it.

    Raises
    ------
    OptionError
        No voice of that name, or no flite.
    """
    from vibevoice_nb.training.corpus import DEFAULT_CONFIG, CorpusConfig, finish, say

    config = CorpusConfig.load(DEFAULT_CONFIG)
    voices = {v.name: v for v in config.voices}
    if name not in voices:
        raise OptionError(f"voice {name!r}", f"one of {', '.join(voices)}", "use one of those")
    return [finish(*say(t, voices[name]), config)[0] / np.float32(32767) for t in texts]


def flite_scores(texts: Sequence[str], names: Sequence[str], recogniser: Recogniser) -> dict[str, float]:
    """Word error rate of flite's recordings per voice and in ``total``; without flite, those on record."""
    if shutil.which("flite") is None:
        recorded: dict[str, float] = (
            json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
        )
        return recorded
    scores = {n: score(flite_recordings(texts, n), texts, recogniser=recogniser) for n in names}
    total = sum(scores.values(), Score())
    return {n: round(s.wer, 2) for n, s in scores.items()} | {"total": round(total.wer, 2)}


@dataclasses.dataclass
class Spoken:
    """What the engine said in one voice, and how."""

    audio: list[np.ndarray]
    ended: int
    rtf: float
    ttfa: float


def speak(engine: Any, texts: Sequence[str], name: str, seed: int) -> Spoken:
    """Have `engine` say each text on its own in the voice `name`; the seed goes up by one for each."""
    takes = [engine.speak(f"Speaker 1: {t}", voices={1: name}, seed=seed + i) for i, t in enumerate(texts)]
    return Spoken(
        audio=[np.asarray(t.audio, np.float32).reshape(-1) for t in takes],
        # The rest was cut off at the length limit.
        ended=sum(t.ended == "finished" for t in takes),
        rtf=float(np.mean([t.rtf for t in takes])),
        ttfa=float(np.median([t.ttfa for t in takes if t.ttfa is not None] or [np.nan])),
    )


def read_sentences(path: Path, limit: int | None = None) -> list[str]:
    """The sentences of a file, one a line.

    Raises
    ------
    OptionError
        No such file, or nothing in it.
    """
    if not path.is_file():
        raise OptionError(
            f"no file {path.name}", "a list of sentences", "run this in a checkout, or give --sentences"
        )
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise OptionError(f"{path.name} is empty", "one sentence a line", "give another --sentences")
    return lines[:limit]


def voice_names() -> list[str]:
    """The voices nano learned, in the order of the corpus."""
    from vibevoice_nb.training.corpus import DEFAULT_CONFIG, CorpusConfig

    return [v.name for v in CorpusConfig.load(DEFAULT_CONFIG).voices]


def load(model: str, width: str) -> Engine:
    """Load a model that computes in `width`, or keeps its language model's layers in it, on the CPU.

    The other half of what int8 and int4 compute with is float32.
    """
    quantize: Quantize | None = next((bits for bits in get_args(Quantize) if bits == width), None)
    engine = Engine.load(model, device="cpu", dtype="float32" if quantize else width, quantize=quantize)
    assert engine.dtype == DTYPES["float32" if quantize else width]
    layers = [value for layer in engine.model.language_model.layers for value in derived_values(layer)]
    if quantize:
        kept = {"int8": Int8Kernel, "int4": Int4Kernel}[quantize]
        assert all(isinstance(value._kernel, kept) for value in layers if isinstance(value, Dense))
    return engine


def measure(
    model: str, texts: Sequence[str], names: Sequence[str], seed: int, widths: Sequence[str] = WIDTHS[:1]
) -> Figures:
    """Speak, listen and compare; a line is printed for each voice.

    Parameters
    ----------
    model : str
        What ``Engine.load`` takes.
    texts : sequence of str
        To say in every voice.
    names : sequence of str
        The voices.
    seed : int
        Of the first sentence of each voice.
    widths : sequence of str
        Some of `WIDTHS`. Everything is told of the first, of all ``wer_int8`` and its standard error
        ``wer_int8_se``, and of the others how far that is from the first, ``wer_int8_change`` and
        ``wer_int8_change_se``, of which the same utterances are compared.

    Returns
    -------
    dict
        Flat: word error rates in percent, pitch and centroid in hertz, times in seconds.
    """
    recogniser = Recogniser()
    report: Figures = {
        "model": model,
        "seed": seed,
        "sentences": len(texts) * len(names),
        "width": widths[0],
    }
    first: Score | None = None
    for width in widths:
        figures, total = _measure_width(load(model, width), texts, names, seed, recogniser)
        report |= {f"wer_{width}": round(total.wer, 2), f"wer_{width}_se": round(total.standard_error, 2)}
        if first is None:
            first = total
            report |= figures
        else:
            change, error = total.wer - first.wer, total.standard_error_of_change(first)
            report |= {f"wer_{width}_change": round(change, 2), f"wer_{width}_change_se": round(error, 2)}
            report |= {f"{key}_{width}": figures[key] for key in ("ended", "rtf")}
        print(f"{width}: {total.wer:.2f} +- {total.standard_error:.2f} % of words wrong", flush=True)
    return report


def _measure_width(
    engine: Engine, texts: Sequence[str], names: Sequence[str], seed: int, recogniser: Recogniser
) -> tuple[Figures, Score]:
    floor = flite_scores(texts, names, recogniser)
    report: Figures = {}
    total, spoken = Score(), []
    for name in names:
        voice = speak(engine, texts, name, seed)
        result = score(voice.audio, texts, recogniser=recogniser)
        total, key = total + result, name.lower()
        spoken.append(voice)
        figures: Figures = {
            f"wer_{key}": round(result.wer, 2),
            f"wer_flite_{key}": floor.get(name, float("nan")),
            f"pitch_{key}": round(mean_pitch(voice.audio), 1),
            f"centroid_{key}": round(spectral_centroid(voice.audio)),
            f"ended_{key}": voice.ended,
        }
        report |= figures
        print(name, " ".join(f"{k.rsplit('_', 1)[0]} {v}" for k, v in figures.items()), flush=True)
    report |= {
        "wer": round(total.wer, 2),
        "wer_se": round(total.standard_error, 2),
        "wer_flite": floor.get("total", float("nan")),
        "ended": sum(v.ended for v in spoken),
        "rtf": round(float(np.mean([v.rtf for v in spoken])), 4),
        "ttfa": round(float(np.median([v.ttfa for v in spoken])), 4),
    }
    return report, total


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description="Word error rate, pitch, endings and speed of nano's voices."
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--sentences", type=Path, default=SENTENCES)
    parser.add_argument("--limit", type=int, help="only the first so many sentences")
    parser.add_argument("--voice", action="append", help="only this voice; can be given again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--width", action="append", choices=WIDTHS, help="what to compute in or to keep; can be given again"
    )
    parser.add_argument(
        "--flite-only", action="store_true", help="measure flite's recordings and nothing else"
    )
    options = parser.parse_args()
    texts = read_sentences(options.sentences, options.limit)
    names = options.voice or voice_names()
    if options.flite_only:
        print(json.dumps(flite_scores(texts, names, Recogniser())))
    else:
        report = measure(options.model, texts, names, options.seed, options.width or WIDTHS[:1])
        # JSON has no NaN: what couldn't be measured is null.
        print(json.dumps({k: None if v != v else v for k, v in report.items()}))


if __name__ == "__main__":
    main()
