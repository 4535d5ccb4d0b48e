"""Quality of nano or of another small model: words, naturalness, distinct voices, following of recordings.

``make bench-voice`` (``python -m vibevoice_nb.bench.intelligibility``) generates every sentence of the
reporting set in every voice. If the extra ``evaluate`` is installed, Whisper base transcribes the audio
(``--whisper``: a hub id or a folder), DistilMOS predicts its naturalness, and a speaker embedding compares
voices. Otherwise pocketsphinx transcribes, which recognizes natural voices poorly. ``--dtype`` (bfloat16,
float16, int8, int4), ``--num-steps`` and ``--attempts``, given once or several times, measure what fewer
bits or diffusion steps do, or several reviewed attempts, with the same sentences and seeds. Attempts are
reviewed by the same Whisper model that transcribes the result. The last line is one flat JSON object.

``--model FOLDER`` measures an exported checkpoint with the voices in its own ``voices/``. A model that
follows recordings is also measured on voices that are in no training data (``--clips``); see
`bench.following`.

Settings are chosen on ``tests/data/sentences/choose.txt`` and reported on ``report.txt``.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.bench.judges import Naturalness, SpeakerEmbedding, WhisperRecognizer
from vibevoice_nb.bench.recognizers import Listener, Recognizer, Score, score
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.kernels.quantized import Int4Kernel, Int8Kernel, Quantize
from vibevoice_nb.model.loading.placement import DTYPES
from vibevoice_nb.model.modules.linear import Dense, derived_values
from vibevoice_nb.voices.builtin import builtin_voices, voices_in

from .following import measure_following
from .references import Clip, mean_pitch, read_clips

DTYPE_CHOICES = (*DTYPES, *get_args(Quantize))
"""Dtypes of the computation, or quantizations of the language model's layers."""
Figures = dict[str, float | int | str]
_DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
SENTENCES, RESERVED = _DATA / "sentences", _DATA / "reserved_voices"


def spectral_centroid(audio: Sequence[np.ndarray]) -> float:
    """Return the mean frequency of 24 kHz recordings, weighted by magnitude, in hertz."""
    import librosa

    def one(sound: np.ndarray) -> float:
        spectrum = np.abs(librosa.stft(sound, n_fft=1024))
        return float(
            (spectrum.sum(1) * librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=1024)).sum() / spectrum.sum()
        )

    values = [one(s) for s in audio if len(s) >= 1024 and np.abs(s).max() > 0]
    return float(np.mean(values)) if values else 0.0


@dataclasses.dataclass
class Spoken:
    """Audio generated in one voice, with statistics."""

    audio: list[np.ndarray]
    ended: int
    rtf: float
    ttfa: float


def speak(engine: Any, texts: Sequence[str], voice: str, seed: int, **options: Any) -> Spoken:
    """Generate each text separately in a voice (name or file of a recording), with consecutive seeds."""
    takes = [
        engine.speak(f"Speaker 1: {t}", voices={1: voice}, seed=seed + i, **options)
        for i, t in enumerate(texts)
    ]
    return Spoken(
        audio=[np.asarray(t.audio, np.float32).reshape(-1) for t in takes],
        # The end was cut off at the length limit.
        ended=sum(t.ended == "finished" for t in takes),
        rtf=float(np.mean([t.rtf for t in takes])),
        ttfa=float(np.median([t.ttfa for t in takes if t.ttfa is not None] or [np.nan])),
    )


def read_sentences(path: Path, limit: int | None = None) -> list[str]:
    """Read the sentences of a file, one per line.

    Raises
    ------
    OptionError
        If the file is missing or empty.
    """
    if not path.is_file():
        raise OptionError(
            f"no file {path.name}", "a list of sentences", "run this in a checkout, or give --sentences"
        )
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise OptionError(f"{path.name} is empty", "one sentence per line", "give another --sentences")
    return lines[:limit]


def load(model: str, dtype: str) -> Engine:
    """Load a model on the CPU that computes in a dtype, or keeps its language model's layers in it.

    The activations of int8 and int4 layers are float32.
    """
    quantize: Quantize | None = next((bits for bits in get_args(Quantize) if bits == dtype), None)
    engine = Engine.load(model, device="cpu", dtype="float32" if quantize else dtype, quantize=quantize)
    assert engine.dtype == DTYPES["float32" if quantize else dtype]
    layers = [value for layer in engine.model.language_model.layers for value in derived_values(layer)]
    if quantize:
        kept = {"int8": Int8Kernel, "int4": Int4Kernel}[quantize]
        assert all(isinstance(value._kernel, kept) for value in layers if isinstance(value, Dense))
    return engine


class Panel:
    """Installed judges: the recognizer, and if available DistilMOS and the speaker embedding.

    Parameters
    ----------
    whisper : str
        A hub id, or a folder with the model.
    references : mapping of str to path
        A recording of each voice.
    """

    def __init__(self, whisper: str, references: dict[str, Path]) -> None:
        self.listener: Listener
        try:
            self.listener, self.heard_by = WhisperRecognizer(whisper), f"whisper {Path(whisper).name}"
        except OptionError as error:
            print(f"{error}; pocketsphinx is used instead", flush=True)
            self.listener, self.heard_by = Recognizer(), "pocketsphinx"
        self.natural = _if_installed(Naturalness)
        self.embed = _if_installed(SpeakerEmbedding)
        self.references = {
            name: self.embed(read_audio(path)[0])
            for name, path in references.items()
            if self.embed is not None
        }

    def judge(self, voice: Spoken, texts: Sequence[str], name: str) -> tuple[Figures, Score]:
        """Return the figures of one voice, and its word errors."""
        result = score(voice.audio, texts, recognizer=self.listener)
        figures: Figures = {"wer": round(result.wer, 2), "wer_se": round(result.standard_error, 2)}
        if self.natural is not None:
            marks = [self.natural(sound) for sound in voice.audio]
            figures["mos"] = round(float(np.mean(marks)), 3)
            figures["mos_se"] = round(float(np.std(marks) / max(1, len(marks)) ** 0.5), 3)
        if self.embed is not None and name in self.references and len(self.references) > 1:
            similar = (
                np.stack([self.embed(sound) for sound in voice.audio])
                @ np.stack(list(self.references.values())).T
            )
            own = list(self.references).index(name)
            figures["own"] = round(float(similar[:, own].mean()), 3)
            figures["others"] = round(float(np.delete(similar, own, 1).mean()), 3)
        figures |= {
            "pitch": round(mean_pitch(voice.audio), 1),
            "centroid": round(spectral_centroid(voice.audio)),
            "ended": voice.ended,
        }
        return figures, result


def _if_installed(judge: Any) -> Any:
    try:
        return judge()
    except OptionError as error:
        print(f"{error}", flush=True)
        return None


@dataclasses.dataclass(frozen=True)
class Variant:
    """Dtype, number of diffusion steps (None: the model's default), and reviewed attempts."""

    dtype: str
    num_steps: int | None = None
    attempts: int = 1
    recognizer: str | None = None

    @property
    def label(self) -> str:
        """Suffix for the names of figures."""
        steps = "" if self.num_steps is None else f"_steps{self.num_steps}"
        return f"{self.dtype}{steps}{f'_attempts{self.attempts}' if self.attempts > 1 else ''}"

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `Engine.speak`."""
        steps = {} if self.num_steps is None else {"num_steps": self.num_steps}
        if self.attempts == 1:
            return steps
        return {**steps, "attempts": self.attempts, "review": self.recognizer or True}


def measure(
    model: str,
    texts: Sequence[str],
    voices: Mapping[str, str],
    seed: int,
    variants: Sequence[Variant],
    panel: Panel,
    clips: Sequence[Clip] = (),
) -> Figures:
    """Generate, transcribe and compare; print a line for each voice.

    Parameters
    ----------
    model : str
        As for ``Engine.load``.
    texts : sequence of str
        Sentences to generate in every voice.
    voices : mapping of str to str
        Voices, or files of their prompts, by name.
    seed : int
        Seed of the first sentence of each voice.
    variants : sequence of Variant
        The first gets all figures. Each gets ``wer_float32`` and its standard error ``wer_float32_se``; the
        others also get the difference from the first, ``wer_int8_change`` and ``wer_int8_change_se``, over
        the same utterances.
    panel : Panel
        Installed judges.
    clips : sequence of Clip
        Recordings of other voices, to be followed by the first variant if the model can.

    Returns
    -------
    dict
        Flat: word error rates in percent, opinion scores, similarities, pitch and centroid in hertz, times in
        seconds.
    """
    report: Figures = {
        "model": model,
        "seed": seed,
        "heard_by": panel.heard_by,
        "sentences": len(texts) * len(voices),
        "dtype": variants[0].dtype,
    }
    first: Score | None = None
    for variant in variants:
        label = variant.label
        engine = load(model, variant.dtype)
        figures, total = _measure_variant(engine, variant, texts, voices, seed, panel)
        report |= {f"wer_{label}": round(total.wer, 2), f"wer_{label}_se": round(total.standard_error, 2)}
        if first is None:
            first = total
            report |= figures
            if clips and engine.limits.follows_voices:
                report |= measure_following(engine, clips, texts, seed, panel, variant.options)
        else:
            change, error = total.wer - first.wer, total.standard_error_of_change(first)
            report |= {f"wer_{label}_change": round(change, 2), f"wer_{label}_change_se": round(error, 2)}
            shared = ("ended", "rtf", "mos", "mos_se")
            report |= {f"{key}_{label}": figures[key] for key in shared if key in figures}
        print(f"{label}: {total.wer:.2f} +- {total.standard_error:.2f} % word error rate", flush=True)
    return report


def _measure_variant(
    engine: Engine,
    variant: Variant,
    texts: Sequence[str],
    voices: Mapping[str, str],
    seed: int,
    panel: Panel,
) -> tuple[Figures, Score]:
    report: Figures = {}
    total, spoken, parts = Score(), [], []
    for name, source in voices.items():
        voice = speak(engine, texts, source, seed, **variant.options)
        figures, result = panel.judge(voice, texts, name)
        total += result
        spoken.append(voice)
        parts.append(figures)
        report |= {f"{key}_{name.lower()}": value for key, value in figures.items()}
        print(name, " ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    report |= {
        "wer": round(total.wer, 2),
        "wer_se": round(total.standard_error, 2),
        "ended": sum(v.ended for v in spoken),
        "rtf": round(float(np.mean([v.rtf for v in spoken])), 4),
        "ttfa": round(float(np.median([v.ttfa for v in spoken])), 4),
    }
    for key in ("mos", "own", "others"):
        if all(key in part for part in parts):
            report[key] = round(float(np.mean([part[key] for part in parts])), 3)  # type: ignore[arg-type]
    if "mos" in report:
        spread = [float(part["mos_se"]) ** 2 for part in parts]
        report["mos_se"] = round(sum(spread) ** 0.5 / len(spread), 3)
    return report, total


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description="Word errors, naturalness, likeness, pitch, endings and speed of nano's voices."
    )
    parser.add_argument("--model", default="nano", help="nano, or the folder of a checkpoint with voices/")
    parser.add_argument(
        "--clips",
        type=Path,
        default=RESERVED,
        help="recordings of voices that a model which follows recordings was not trained on",
    )
    parser.add_argument("--sentences", type=Path, default=SENTENCES / "report.txt")
    parser.add_argument("--limit", type=int, help="number of sentences to use")
    parser.add_argument("--voice", action="append", help="only this voice; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whisper", default="base", help="Whisper model: a hub id or a folder")
    parser.add_argument(
        "--dtype",
        action="append",
        choices=DTYPE_CHOICES,
        help="dtype to compute in or to keep weights in; may be repeated",
    )
    parser.add_argument("--num-steps", type=int, action="append", help="diffusion steps; may be repeated")
    parser.add_argument(
        "--attempts", type=int, action="append", help="reviewed attempts at each sentence; may be repeated"
    )
    options = parser.parse_args()
    texts = read_sentences(options.sentences, options.limit)
    own = Path(options.model).expanduser()
    known = voices_in(own / "voices") if own.is_dir() else builtin_voices()
    voices = {name: str(known.get(name, name)) if own.is_dir() else name for name in options.voice or known}
    clips = read_clips(options.clips) if options.clips.is_dir() else []
    variants = [
        Variant(dtype, steps, attempts, options.whisper)
        for dtype, steps, attempts in itertools.product(
            options.dtype or DTYPE_CHOICES[:1], options.num_steps or [None], options.attempts or [1]
        )
    ]
    panel = Panel(options.whisper, known)
    report = measure(options.model, texts, voices, options.seed, variants, panel, clips)
    # JSON has no NaN: missing figures are null.
    print(json.dumps({k: None if v != v else v for k, v in report.items()}))


if __name__ == "__main__":
    main()
