"""VibeVoice-ASR through transformers: whole episodes of up to an hour in one pass.

Source: the classes `VibeVoiceAsr...` of transformers 5.3 and later; the checkpoint is
microsoft/VibeVoice-ASR-HF (MIT, 16.7 GB).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError

from .recognizers import HeardWord

MODEL = "microsoft/VibeVoice-ASR-HF"
_CHUNK_SAMPLES = 64_000
"""Samples that its encoder reads at once: a multiple of 3200 that saves memory."""
_MOST_TOKENS = 16_384


class VibeVoiceAsr:
    """VibeVoice-ASR. It gives the times of segments; those of their words are interpolated.

    Parameters
    ----------
    model : str
        Hub id or folder.

    Raises
    ------
    OptionError
        If transformers is too old, or there is no such model.
    """

    note = "VibeVoice-ASR gives times of segments, not of words"
    whole = True
    """It transcribes whole episodes at once."""

    def __init__(self, model: str = MODEL) -> None:
        try:
            from transformers import AutoProcessor, VibeVoiceAsrForConditionalGeneration
        except ImportError as error:
            raise OptionError(
                "this version of transformers has no VibeVoice-ASR",
                "transformers 5.3 or later",
                'pip install "transformers>=5.3"',
            ) from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._processor = AutoProcessor.from_pretrained(model)
            self._model = VibeVoiceAsrForConditionalGeneration.from_pretrained(model, dtype="auto").to(device)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"the recognizer {model!r}: {error}", "a hub id or a folder", "name an existing model"
            ) from error
        self.name = "vibevoice-asr"
        self.nbytes = sum(p.numel() * p.element_size() for p in self._model.parameters())

    def hear(
        self,
        audio: NDArray[np.float32],
        language: str = "en",
        cancelled: Callable[[], bool] | None = None,
    ) -> list[HeardWord]:
        """Transcribe; see `Recognizer`. The model finds the language itself, and cancelling has no effect."""
        inputs = self._processor.apply_transcription_request(audio=np.asarray(audio, np.float32))
        inputs = inputs.to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            ids = self._model.generate(
                **inputs, acoustic_tokenizer_chunk_size=_CHUNK_SAMPLES, max_new_tokens=_MOST_TOKENS
            )
        ids = ids[:, inputs["input_ids"].shape[1] :]
        segments = self._processor.decode(ids, return_format="parsed")[0]
        return words_of(segments, len(audio) / SAMPLE_RATE)


def words_of(segments: Any, seconds: float) -> list[HeardWord]:
    """Return the words of parsed segments; of a transcript that is not JSON, over the whole audio.

    Examples
    --------
    >>> for word in words_of([{"Start": 1.0, "End": 2.0, "Speaker": 0, "Content": "One fine day"}], 4.0):
    ...     print(word.text, word.start, word.end)
    One 1.0 1.3
    fine 1.3 1.7
    day 1.7 2.0
    >>> [(word.text, word.end) for word in words_of("not JSON", 4.0)]
    [('not', 1.714), ('JSON', 4.0)]
    """
    if isinstance(segments, str):
        segments = [{"Start": 0.0, "End": seconds, "Content": segments}]
    found: list[HeardWord] = []
    for segment in segments:
        if isinstance(segment, Mapping):
            start, end = (min(max(0.0, _number(segment.get(key))), seconds) for key in ("Start", "End"))
            found += _spread(str(segment.get("Content", "")).split(), start, max(start, end))
    return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _spread(words: list[str], start: float, end: float) -> list[HeardWord]:
    """Give words their shares of a segment, by length."""
    letters = max(1, sum(map(len, words)))
    edges = start + (end - start) * np.cumsum([0, *map(len, words)]) / letters
    return [
        HeardWord(word, round(float(edges[at]), 3), round(float(edges[at + 1]), 3), 0.5)
        for at, word in enumerate(words)
    ]
