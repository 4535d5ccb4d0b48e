"""How well nano is understood: word error rate by an independent recogniser, and what its voices sound like.

``make bench-voice``, which is ``python -m vibevoice_nb.bench.voice``, speaks every held-out sentence in every
voice, has pocketsphinx (its stock US English models, which know nothing of nano) write down what it hears,
and does the same with flite's own recordings of the sentences: nano learned from flite, so their error is
the floor. The last line is one flat JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from vibevoice_nb.errors import OptionError
from vibevoice_nb.nano.english import words

SAMPLE_RATE = 24_000
_RECOGNISER_RATE = 16_000
_LEVEL = 10 ** (-25 / 20)
_ROOT = Path(__file__).resolve().parents[2]
SENTENCES = _ROOT / "tests" / "data" / "heldout_sentences.txt"
# What flite's recordings scored where the model was trained; used where flite isn't installed.
RECORDED = Path(__file__).parents[1] / "nano" / "flite_scores.json"


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, insertions and deletions between two lists of words, at the least.

    Examples
    --------
    >>> word_errors("the cat sat".split(), "a cat sat down".split())
    2
    """
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above_left, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            above = row[j]
            row[j] = min(above + 1, row[j - 1] + 1, above_left + (word != other))
            above_left = above
    return row[-1]


class Recogniser:
    """pocketsphinx with its US English models; each utterance is heard on its own, in any order.

    Raises
    ------
    OptionError
        pocketsphinx isn't installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise OptionError("no pocketsphinx here", "the recogniser", "pip install pocketsphinx") from error
        # The cepstral mean is taken over the utterance itself, so nothing carries over from the one before.
        self._decoder = Decoder(cmn="batch", loglevel="FATAL")

    def hear(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> str:
        """What is said in `audio`.

        Parameters
        ----------
        audio : ndarray [N] float32
            Any loudness; it is levelled, and a fifth of a second of near-silence is put on either side.
        sample_rate : int
            In hertz.

        Returns
        -------
        str
            Lower-case words.
        """
        speech = soxr.resample(np.asarray(audio, np.float32).reshape(-1), sample_rate, _RECOGNISER_RATE)
        speech = speech * (_LEVEL / max(float(np.sqrt(np.mean(speech**2))) if len(speech) else 0.0, 1e-4))
        speech = np.pad(speech, _RECOGNISER_RATE // 5)
        # Digital silence has no spectrum to speak of: a faint, fixed hiss.
        speech = speech + np.random.default_rng(0).normal(0, 1e-4, len(speech))
        pcm = (np.clip(speech, -1, 1) * 32767).astype(np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        best = self._decoder.hyp()
        return best.hypstr if best else ""


@dataclasses.dataclass(frozen=True)
class Score:
    """Word errors over some utterances; `heard` is what the recogniser wrote for each."""

    errors: int
    words: int
    heard: tuple[str, ...]

    @property
    def wer(self) -> float:
        """Percent."""
        return 100.0 * self.errors / max(1, self.words)

    def __add__(self, other: Score) -> Score:
        return Score(self.errors + other.errors, self.words + other.words, self.heard + other.heard)


def score(
    audio: Iterable[np.ndarray],
    texts: Sequence[str],
    sample_rate: int = SAMPLE_RATE,
    recogniser: Recogniser | None = None,
) -> Score:
    """Word error rate of recordings of `texts`.

    Parameters
    ----------
    audio : iterable of ndarray [N] float32
        One for each text.
    texts : sequence of str
        What was to be said.
    sample_rate : int
        Of all of them, in hertz.
    recogniser : Recogniser, optional
        To use one again; loading one takes a second.

    Returns
    -------
    Score
        ``.wer`` in percent.

    Examples
    --------
    >>> score([np.zeros(24000, np.float32)], ["Two words."]).wer  # doctest: +SKIP
    100.0
    """
    recogniser = recogniser or Recogniser()
    total = Score(0, 0, ())
    for sound, text in zip(audio, texts, strict=True):
        said, heard = words(text), recogniser.hear(sound, sample_rate)
        total += Score(word_errors(said, words(heard)), len(said), (heard,))
    return total


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
    total = sum(scores.values(), Score(0, 0, ()))
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


def measure(
    model: str, texts: Sequence[str], names: Sequence[str], seed: int
) -> dict[str, float | int | str]:
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

    Returns
    -------
    dict
        Flat: word error rates in percent, pitch and centroid in hertz, times in seconds.
    """
    from vibevoice_nb import Engine

    engine, recogniser = Engine.load(model), Recogniser()
    floor = flite_scores(texts, names, recogniser)
    report: dict[str, float | int | str] = {
        "model": model,
        "seed": seed,
        "sentences": len(texts) * len(names),
    }
    total, spoken = Score(0, 0, ()), []
    for name in names:
        voice = speak(engine, texts, name, seed)
        result = score(voice.audio, texts, recogniser=recogniser)
        total, key = total + result, name.lower()
        spoken.append(voice)
        figures = {
            f"wer_{key}": round(result.wer, 2),
            f"wer_flite_{key}": floor.get(name, float("nan")),
            f"pitch_{key}": round(mean_pitch(voice.audio), 1),
            f"centroid_{key}": round(spectral_centroid(voice.audio)),
            f"ended_{key}": voice.ended,
        }
        report |= figures
        print(name, " ".join(f"{k.rsplit('_', 1)[0]} {v}" for k, v in figures.items()), flush=True)
    return report | {
        "wer": round(total.wer, 2),
        "wer_flite": floor.get("total", float("nan")),
        "ended": sum(v.ended for v in spoken),
        "rtf": round(float(np.mean([v.rtf for v in spoken])), 4),
        "ttfa": round(float(np.median([v.ttfa for v in spoken])), 4),
    }


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
        "--flite-only", action="store_true", help="measure flite's recordings and nothing else"
    )
    options = parser.parse_args()
    texts = read_sentences(options.sentences, options.limit)
    names = options.voice or voice_names()
    if options.flite_only:
        print(json.dumps(flite_scores(texts, names, Recogniser())))
    else:
        report = measure(options.model, texts, names, options.seed)
        # JSON has no NaN: what couldn't be measured is null.
        print(json.dumps({k: None if v != v else v for k, v in report.items()}))


if __name__ == "__main__":
    main()
