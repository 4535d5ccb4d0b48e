"""Judges with their own weights: Whisper transcribes, DistilMOS predicts naturalness, and a speaker embedding
(GE2E) identifies the voice.

They come with the extra ``evaluate``. Each is loaded once and judges one recording at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vibevoice_nb.errors import OptionError
from vibevoice_nb.review.recognizers import RECOGNIZER_RATE, levelled
from vibevoice_nb.review.speakers import EXTRA, SpeakerEmbedding
from vibevoice_nb.review.whisper import load_whisper

from ..audio.pcm import SAMPLE_RATE

__all__ = ["Naturalness", "SpeakerEmbedding", "WhisperRecognizer", "own_and_others"]

TOKENS_A_SECOND = 7


class WhisperRecognizer:
    """Whisper model of faster-whisper, on the CPU in int8.

    Parameters
    ----------
    model : str
        Hub id ("base", "Systran/faster-whisper-base") or a local folder.
    threads : int

    Raises
    ------
    OptionError
        If faster-whisper isn't installed, or there is no such model.
    """

    def __init__(self, model: str = "base", threads: int = 1) -> None:
        self._model = load_whisper(model, threads)

    def transcribe(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> str:
        """Transcribe `audio` [N] float32."""
        speech = np.pad(levelled(audio, sample_rate), RECOGNIZER_RATE // 2)
        # On unclear speech Whisper can repeat itself without end, so no three tokens may occur twice.
        segments, _ = self._model.transcribe(
            speech,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_repeat_ngram_size=3,
            max_new_tokens=int(TOKENS_A_SECOND * len(speech) / RECOGNIZER_RATE),
        )
        return " ".join(segment.text.strip() for segment in segments)


class Naturalness:
    """DistilMOS: a predicted mean opinion score, 1 to 5."""

    def __init__(self) -> None:
        try:
            from distillmos import ConvTransformerSQAModel
        except ImportError as error:
            raise OptionError("distillmos is not installed", "the package distillmos", EXTRA) from error
        except OSError as error:  # a library of torchaudio, which distillmos imports
            raise OptionError(
                "distillmos cannot be loaded, because torchaudio was built for another torch",
                f"torchaudio for torch {torch.__version__}",
                "install the torchaudio of the same release as torch",
            ) from error
        self._model: Any = ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def __call__(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
        """Return the score of `audio` [N] float32."""
        return float(self._model(torch.from_numpy(levelled(audio, sample_rate))[None]))


def own_and_others(embeddings: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the mean similarity of each voice to its own reference, and to those of the others.

    Examples
    --------
    >>> voices = np.eye(3)
    >>> own_and_others(voices, voices)
    (1.0, 0.0)
    """
    products = np.stack(embeddings) @ np.stack(references).T
    own = np.eye(len(products), dtype=bool)
    return float(products[own].mean()), float(products[~own].mean())
