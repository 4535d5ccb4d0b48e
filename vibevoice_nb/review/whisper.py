"""Whisper by faster-whisper: transcribes, and tells how well the words of a script fit the audio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError

from .availability import EXTRA, weights_bytes
from .recognizers import RECOGNIZER_RATE, HeardWord, levelled

WINDOW_SECONDS = 28.0
"""Longest audio that is recognized at once: Whisper's window is 30 s."""
_EARLIEST_CUT = 18.0
_LEAD = 0.25
"""Seconds of silence before the audio: a first word without it is often missed."""
_TOKENS_A_SECOND, _MOST_TOKENS = 8, 220
# Whisper's attention points at a word early. Measured against known phone durations, in seconds.
_START_BIAS, _END_BIAS = 0.06, 0.03


def load_whisper(model: str, threads: int) -> Any:
    """Load a `WhisperModel` in int8 on the CPU, so that the GPU stays free for speaking.

    Raises
    ------
    OptionError
        If faster-whisper isn't installed, or there is no such model.
    """
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise OptionError("faster-whisper is not installed", "the package faster-whisper", EXTRA) from error
    try:
        return WhisperModel(
            model,
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
            local_files_only=Path(model).is_dir(),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise OptionError(
            f"Whisper model {model!r}: {error}",
            "a size, a hub id or a local folder",
            "name an existing model",
        ) from error


class Whisper:
    """Whisper model for reviews; one call at a time.

    Parameters
    ----------
    model : str
        Size ("base", "small.en"), hub id or local folder.
    threads : int
    """

    note = ""

    def __init__(self, model: str = "base", threads: int = 1) -> None:
        self.name = model
        self._model = load_whisper(model, threads)
        self.nbytes = weights_bytes(model)
        self._vocabulary: dict[str, int] = self._model.hf_tokenizer.get_vocab()
        self._texts = {token: text for text, token in self._vocabulary.items()}
        self._lock = threading.Lock()
        self._last: tuple[bytes, Any] | None = None  # audio and encoder output of the latest window

    def hear(
        self,
        audio: NDArray[np.float32],
        language: str = "en",
        cancelled: Callable[[], bool] | None = None,
    ) -> list[HeardWord]:
        """Transcribe; see `Recognizer`."""
        heard: list[HeardWord] = []
        for start, stop in windows(audio):
            if cancelled and cancelled():
                break
            offset = start / SAMPLE_RATE
            heard += [
                HeardWord(word.text, word.start + offset, word.end + offset, word.confidence)
                for word in self._hear_window(audio[start:stop], language)
            ]
        return heard

    def fit(self, audio: NDArray[np.float32], text: str, language: str = "en") -> list[HeardWord]:
        """Fit given words to the audio; see `AligningRecognizer`."""
        with self._lock:
            return self._fit(audio, text, language)

    def _hear_window(self, audio: NDArray[np.float32], language: str) -> list[HeardWord]:
        with self._lock:
            tokenizer = self._tokenizer(language)
            encoded, _ = self._encode(audio)
            prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
            most = int(_TOKENS_A_SECOND * (1 + len(audio) / SAMPLE_RATE))
            [result] = self._model.model.generate(
                encoded,
                [prompt],
                beam_size=2,
                max_length=len(prompt) + min(most, _MOST_TOKENS),
                suppress_blank=True,
                return_no_speech_prob=True,
            )
            text = tokenizer.decode(result.sequences_ids[0]).strip()
            return self._fit(audio, text, language) if text else []

    def _fit(self, audio: NDArray[np.float32], text: str, language: str) -> list[HeardWord]:
        words = text.split()
        if not words:
            return []
        tokenizer = self._tokenizer(language)
        encoded, frames = self._encode(audio)
        pieces = [self._tokens(f" {word}") for word in words]
        tokens = [token for piece in pieces for token in piece]
        [found] = self._model.model.align(encoded, tokenizer.sot_sequence, [tokens], frames)
        # For each token, the first step of 20 ms on which the attention rests.
        starts = np.full(len(tokens) + 1, -1.0)
        for token, frame in found.alignments:
            if starts[token] < 0:
                starts[token] = frame * 0.02
        length = len(audio) / SAMPLE_RATE
        starts = np.maximum.accumulate(np.where(starts < 0, 0.0, starts)) - _LEAD
        starts[-1] = max(starts[-1], starts[-2])
        at, heard = 0, []
        for word, piece in zip(words, pieces, strict=True):
            start, end = float(starts[at]), float(starts[at + len(piece)])
            # A full stop is likely after any word: only tokens with letters tell whether the word is there.
            sure = [
                found.text_token_probs[at + index]
                for index, token in enumerate(piece)
                if any(map(str.isalnum, self._texts.get(token, "a")))
            ]
            start, end = (min(max(0.0, t), length) for t in (start + _START_BIAS, end + _END_BIAS))
            heard.append(HeardWord(word, start, max(start, end), _geometric_mean(sure)))
            at += len(piece)
        return heard

    def _encode(self, audio: NDArray[np.float32]) -> tuple[Any, int]:
        """Return the encoder's output and the number of its frames of 10 ms; the latest is kept."""
        from faster_whisper.audio import pad_or_trim

        lead = round(_LEAD * RECOGNIZER_RATE)
        speech = np.pad(levelled(audio), (lead, RECOGNIZER_RATE // 2))
        frames = len(speech) // 160
        key = speech.tobytes()
        if self._last is None or self._last[0] != key:
            features = self._model.feature_extractor(speech)
            self._last = key, self._model.encode(pad_or_trim(features))
        return self._last[1], min(frames, 3000)

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        try:
            return Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, "transcribe", language
            )
        except ValueError as error:
            raise OptionError(
                f"the language {language!r}", "a language of Whisper, such as 'en'", "name another one"
            ) from error

    def _tokens(self, text: str) -> list[int]:
        """Return the tokens of a word; some copies of the tokenizer cannot join a blank and "t"."""
        encoded = self._model.hf_tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = list(encoded.ids)
        if len(ids) > 1 and encoded.tokens[0] == "Ġ":
            joined = self._vocabulary.get(f"Ġ{encoded.tokens[1]}")
            if joined is not None:
                ids[:2] = [joined]
        return ids


def _geometric_mean(probabilities: Sequence[float]) -> float:
    """Probability of a word by its tokens; low ones count most: an ending is likely after any beginning."""
    if not probabilities:
        return 0.0
    return float(np.exp(np.mean(np.log(np.maximum(probabilities, 1e-6)))))


def windows(audio: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Cut audio for Whisper's window, at the quietest places.

    Examples
    --------
    >>> list(windows(np.zeros(5 * SAMPLE_RATE, np.float32)))
    [(0, 120000)]
    """
    start, longest = 0, round(WINDOW_SECONDS * SAMPLE_RATE)
    while len(audio) - start > longest:
        first = start + round(_EARLIEST_CUT * SAMPLE_RATE)
        stop = first + _quietest(audio[first : start + longest])
        yield start, stop
        start = stop
    if start < len(audio):
        yield start, len(audio)


def _quietest(audio: Sequence[float] | NDArray[np.float32]) -> int:
    """Return the middle of the quietest 0.2 s."""
    size = SAMPLE_RATE // 5
    power = np.cumsum(np.concatenate([[0.0], np.square(np.asarray(audio, np.float64))]))
    return int(np.argmin(power[size:] - power[:-size])) + size // 2
