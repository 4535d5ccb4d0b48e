"""Judges with their own weights: Whisper transcribes, DistilMOS predicts naturalness, and a speaker embedding
(GE2E) identifies the voice.

They come with the extra ``evaluate``. Each is loaded once and judges one recording at a time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from vibevoice_nb.errors import OptionError

from ..audio.pcm import SAMPLE_RATE
from .recognizers import levelled

JUDGE_RATE = 16_000
EMBEDDING_BANDS, EMBEDDING_SIZE, EMBEDDING_WINDOW = 40, 256, 160
_PARTIAL_STEP = 80
TOKENS_A_SECOND = 7
_SILENCE_DB = 35
EXTRA = 'pip install "vibevoice-nb[evaluate]"'


def _missing(package: str) -> OptionError:
    return OptionError(f"{package} is not installed", f"the package {package}", EXTRA)


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
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise _missing("faster-whisper") from error
        try:
            self._model = WhisperModel(
                model,
                device="cpu",
                compute_type="int8",
                cpu_threads=threads,
                local_files_only=Path(model).is_dir(),
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise OptionError(
                f"Whisper model {model!r}: {error}", "a hub id or a local folder", "name an existing model"
            ) from error

    def transcribe(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> str:
        """Transcribe `audio` [N] float32."""
        speech = np.pad(levelled(audio, sample_rate), JUDGE_RATE // 2)
        # On unclear speech Whisper can repeat itself without end, so no three tokens may occur twice.
        segments, _ = self._model.transcribe(
            speech,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_repeat_ngram_size=3,
            max_new_tokens=int(TOKENS_A_SECOND * len(speech) / JUDGE_RATE),
        )
        return " ".join(segment.text.strip() for segment in segments)


class Naturalness:
    """DistilMOS: a predicted mean opinion score, 1 to 5."""

    def __init__(self) -> None:
        try:
            from distillmos import ConvTransformerSQAModel
        except (ImportError, OSError) as error:  # OSError: torchaudio built for another torch
            raise _missing("distillmos") from error
        self._model: Any = ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def __call__(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
        """Return the score of `audio` [N] float32."""
        return float(self._model(torch.from_numpy(levelled(audio, sample_rate))[None]))


class _Embedder(nn.Module):
    """Network of Resemblyzer (GE2E): three LSTM layers over mel frames."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(EMBEDDING_BANDS, EMBEDDING_SIZE, 3, batch_first=True)
        self.linear = nn.Linear(EMBEDDING_SIZE, EMBEDDING_SIZE)

    def forward(self, frames: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(frames)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


class SpeakerEmbedding:
    """Speaker embedding of length 1. Two recordings of one voice have a dot product near 1.

    The weights are those in the package resemblyzer; its own code is not imported.
    """

    def __init__(self) -> None:
        spec = importlib.util.find_spec("resemblyzer")
        if spec is None or spec.origin is None:
            raise _missing("resemblyzer")
        saved = torch.load(
            Path(spec.origin).with_name("pretrained.pt"), map_location="cpu", weights_only=True
        )
        self._model = _Embedder()
        # The file also holds two parameters of the training loss.
        wanted = self._model.state_dict()
        self._model.load_state_dict({name: saved["model_state"][name] for name in wanted})
        self._model.eval()

    @torch.inference_mode()
    def __call__(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
        """Return the embedding [256] of `audio` [N] float32, without its silence."""
        speech = levelled(audio, sample_rate)
        spans = librosa.effects.split(speech, top_db=_SILENCE_DB)
        speech = np.concatenate([speech[a:b] for a, b in spans]) if len(spans) else speech
        speech = np.pad(speech, (0, max(0, (EMBEDDING_WINDOW + 1) * 160 - len(speech))))
        mel = librosa.feature.melspectrogram(
            y=speech, sr=JUDGE_RATE, n_fft=400, hop_length=160, n_mels=EMBEDDING_BANDS
        ).T.astype(np.float32)
        starts = range(0, max(1, len(mel) - EMBEDDING_WINDOW + 1), _PARTIAL_STEP)
        windows = torch.from_numpy(np.stack([mel[i : i + EMBEDDING_WINDOW] for i in starts]))
        mean = self._model(windows).mean(0)
        return np.asarray(mean / mean.norm(), np.float32)


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
