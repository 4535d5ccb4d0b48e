"""Speech recognizers behind one interface, loaded once per process and shared.

A recognizer is named by a string:

========================  ======================================================================
`"base"`, `"small.en"`    a Whisper model of faster-whisper by size, hub id or folder (extra `review`)
`"transformers:ID"`       any model of the pipeline `automatic-speech-recognition`, by hub id or folder
`"vibevoice-asr"`         VibeVoice-ASR through transformers 5.3 or later, for whole episodes (17 GB)
`"pocketsphinx"`          the model in that package: English, no download, weak
========================  ======================================================================
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_int16
from vibevoice_nb.errors import OptionError

from .availability import EXTRA, availability

DEFAULT = "base"
RECOGNIZER_RATE = 16_000
"""Sample rate of recognizers, Hz."""
_LEVEL = 10 ** (-25 / 20)
_LEAD = RECOGNIZER_RATE // 5
_UNSURE = 0.3


@dataclass(frozen=True)
class HeardWord:
    """A word as a recognizer wrote it: text, start and end in seconds, and its confidence from 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float = 1.0


class Recognizer(Protocol):
    """Interface of a recognizer.

    Attributes
    ----------
    name : str
        As it was asked for.
    note : str
        Limits to tell the user; empty for none.
    nbytes : int
        Memory of its weights; 0 if unknown.
    """

    name: str
    note: str
    nbytes: int

    def hear(
        self, audio: NDArray[np.float32], language: str, cancelled: Callable[[], bool] | None = None
    ) -> list[HeardWord]:
        """Transcribe audio.

        Parameters
        ----------
        audio : float32 [N]
            24 kHz mono.
        language : str
            ISO 639-1, such as "en".
        cancelled : callable, optional
            Called about every 30 s of audio; once it returns True, the words so far are returned.
        """
        ...


@runtime_checkable
class AligningRecognizer(Protocol):
    """A recognizer that can also say how well given words fit the audio, and where they are."""

    def fit(self, audio: NDArray[np.float32], text: str, language: str) -> list[HeardWord]:
        """Return the words of a text with the times and confidences that the audio gives them.

        Parameters
        ----------
        audio : float32 [N]
            24 kHz mono, at most 30 s.
        text : str
            Separated by blanks; the result has as many words.
        language : str
        """
        ...


def levelled(audio: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Convert `audio` [N] for recognizers: float32 at 16 kHz and -25 dBFS."""
    import soxr

    speech = soxr.resample(np.asarray(audio, np.float32).reshape(-1), sample_rate, RECOGNIZER_RATE)
    level = float(np.sqrt(np.mean(speech**2))) if len(speech) else 0.0
    return np.asarray(speech * (_LEVEL / max(level, 1e-4)), np.float32)


def padded(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add a fifth of a second of faint noise around `speech` [N]: digital silence has no spectrum."""
    sound = np.pad(speech, _LEAD)
    return np.asarray(sound + np.random.default_rng(0).normal(0, 1e-4, len(sound)), np.float32)


class PocketSphinx:
    """pocketsphinx with its US English models; utterances are independent of their order.

    Raises
    ------
    OptionError
        If pocketsphinx isn't installed.
    """

    name = "pocketsphinx"
    note = "pocketsphinx mishears about one word in six; install the extra review for Whisper"
    nbytes = 30_000_000

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise OptionError(
                "pocketsphinx is not installed",
                "a speech recognizer",
                f'{EXTRA}, and name the recognizer "base" (145 MB); or pip install pocketsphinx',
            ) from error
        self._lock = threading.Lock()
        # The cepstral mean is computed from the utterance itself, independently of the previous one.
        self._decoder = Decoder(cmn="batch", loglevel="FATAL")

    def hear(
        self,
        audio: NDArray[np.float32],
        language: str = "en",
        cancelled: Callable[[], bool] | None = None,
    ) -> list[HeardWord]:
        """Transcribe; see `Recognizer`.

        Raises
        ------
        OptionError
            If the language is not English.
        """
        if language != "en":
            raise OptionError(
                f"pocketsphinx for the language {language!r}", "English", f"install Whisper: {EXTRA}"
            )
        return self.decode(levelled(audio))

    def decode(self, speech: NDArray[np.float32]) -> list[HeardWord]:
        """Transcribe audio as `levelled` returns it; one call at a time."""
        with self._lock:
            return self._decode(speech)

    def _decode(self, speech: NDArray[np.float32]) -> list[HeardWord]:
        self._decoder.start_utt()
        self._decoder.process_raw(to_int16(padded(speech)).tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        offset = _LEAD / RECOGNIZER_RATE
        # Its confidences do not tell right from wrong words: all count as unsure.
        return [
            HeardWord(
                segment.word.partition("(")[0],
                max(0.0, segment.start_frame / 100 - offset),
                max(0.0, (segment.end_frame + 1) / 100 - offset),
                _UNSURE,
            )
            for segment in (self._decoder.seg() or ())
            if segment.word[:1] not in "<[+"
        ]


class TransformersRecognizer:
    """A model of the pipeline `automatic-speech-recognition` of transformers.

    Raises
    ------
    OptionError
        If there is no such model.
    """

    note = ""

    def __init__(self, model: str) -> None:
        from transformers import pipeline

        try:
            self._pipeline = pipeline("automatic-speech-recognition", model=model, chunk_length_s=30)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise OptionError(
                f"the recognizer {model!r}: {error}", "a hub id or a folder", "name an existing model"
            ) from error
        self.name = f"transformers:{model}"
        self.nbytes = sum(p.numel() * p.element_size() for p in self._pipeline.model.parameters())

    def hear(
        self,
        audio: NDArray[np.float32],
        language: str = "en",
        cancelled: Callable[[], bool] | None = None,
    ) -> list[HeardWord]:
        """Transcribe; see `Recognizer`. Cancelling takes effect afterwards."""
        config = self._pipeline.model.generation_config if self._pipeline.model.can_generate() else None
        multilingual = bool(getattr(config, "is_multilingual", False))
        options = {"generate_kwargs": {"language": language, "task": "transcribe"}} if multilingual else {}
        found = self._pipeline(
            {"raw": levelled(audio), "sampling_rate": RECOGNIZER_RATE}, return_timestamps="word", **options
        )
        length = len(audio) / SAMPLE_RATE
        return [
            HeardWord(chunk["text"].strip(), *_times(chunk["timestamp"], length))
            for chunk in found.get("chunks", ())
            if chunk["text"].strip()
        ]


def _times(given: Sequence[float | None], length: float) -> tuple[float, float]:
    start = given[0] or 0.0
    return start, length if given[1] is None else given[1]


_LOADING = threading.Lock()
_LOADED: dict[str, Recognizer] = {}


def load_recognizer(name: str | None = None) -> Recognizer:
    """Return a recognizer, loading it the first time; all reviews of the process share it.

    Parameters
    ----------
    name : str, optional
        See the top of this module. By default Whisper "base" if faster-whisper is installed and the model is
        on this machine, else pocketsphinx.

    Raises
    ------
    OptionError
        If its package is not installed, or there is no such model.

    Examples
    --------
    >>> recognizer = load_recognizer("pocketsphinx")
    >>> recognizer.note[:38], loaded_recognizers()
    ('pocketsphinx mishears about one word i', {'pocketsphinx': 30000000})
    >>> unload_recognizers()
    1
    """
    from .whisper import Whisper

    wanted = name or default_recognizer()
    with _LOADING:  # two reviews that want the same model load it once
        if wanted not in _LOADED:
            if wanted == "pocketsphinx":
                _LOADED[wanted] = PocketSphinx()
            elif wanted == "vibevoice-asr":
                from .vibevoice_asr import VibeVoiceAsr

                _LOADED[wanted] = VibeVoiceAsr()
            elif wanted.startswith("transformers:"):
                _LOADED[wanted] = TransformersRecognizer(wanted.partition(":")[2])
            else:
                _LOADED[wanted] = Whisper(wanted)
        return _LOADED[wanted]


def default_recognizer() -> str:
    """Return the name of the default recognizer: Whisper "base" if it is here, else pocketsphinx."""
    return DEFAULT if availability(DEFAULT).place == "here" else "pocketsphinx"


def loaded_recognizers() -> dict[str, int]:
    """Return the loaded recognizers and the memory of each, in bytes."""
    return {name: recognizer.nbytes for name, recognizer in list(_LOADED.items())}


def unload_recognizers() -> int:
    """Free the memory of all recognizers; return their number."""
    count = len(_LOADED)
    _LOADED.clear()
    gc.collect()
    return count
