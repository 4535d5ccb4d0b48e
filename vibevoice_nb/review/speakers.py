"""Likeness of voices: whether a take sounds like the recording of its speaker, by a speaker embedding."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.voices.casting import VoiceSpec
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

from .recognizers import RECOGNIZER_RATE, levelled

EMBEDDING_BANDS, EMBEDDING_SIZE, EMBEDDING_WINDOW = 40, 256, 160
_PARTIAL_STEP = 80
_SILENCE_DB = 35
EXTRA = 'pip install "vibevoice-nb[evaluate]"'


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
            raise OptionError("resemblyzer is not installed", "the package resemblyzer", EXTRA)
        saved = torch.load(
            Path(spec.origin).with_name("pretrained.pt"), map_location="cpu", weights_only=True
        )
        self._model = _Embedder()
        # The file also holds two parameters of the training loss.
        wanted = self._model.state_dict()
        self._model.load_state_dict({name: saved["model_state"][name] for name in wanted})
        self._model.eval()

    @torch.inference_mode()
    def __call__(self, audio: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
        """Return the embedding [256] of `audio` [N] float32, without its silence."""
        speech = levelled(audio, sample_rate)
        spans = librosa.effects.split(speech, top_db=_SILENCE_DB)
        speech = np.concatenate([speech[a:b] for a, b in spans]) if len(spans) else speech
        speech = np.pad(speech, (0, max(0, (EMBEDDING_WINDOW + 1) * 160 - len(speech))))
        mel = librosa.feature.melspectrogram(
            y=speech, sr=RECOGNIZER_RATE, n_fft=400, hop_length=160, n_mels=EMBEDDING_BANDS
        ).T.astype(np.float32)
        starts = range(0, max(1, len(mel) - EMBEDDING_WINDOW + 1), _PARTIAL_STEP)
        windows = torch.from_numpy(np.stack([mel[i : i + EMBEDDING_WINDOW] for i in starts]))
        mean = self._model(windows).mean(0)
        return np.asarray(mean / mean.norm(), np.float32)


@dataclass(frozen=True)
class VoiceMatch:
    """Likeness of a take to the voices of a cast.

    Attributes
    ----------
    own : float
        Similarity to the voice of its speaker, from -1 to 1.
    nearest : str
        Speaker whose voice is the most similar.
    """

    own: float
    nearest: str


class VoiceMatcher:
    """Compares takes with the voices of a cast; embeddings of voices are computed once.

    Parameters
    ----------
    embed : callable, optional
        From audio [N] to an embedding of length 1; by default `SpeakerEmbedding`.
    """

    def __init__(self, embed: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None) -> None:
        self._embed = embed or SpeakerEmbedding()
        self._voices: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    def match(
        self,
        audio: NDArray[np.float32],
        speaker: str,
        voices: Mapping[str, tuple[str, NDArray[np.float32]]],
    ) -> VoiceMatch | None:
        """Compare a take with voices.

        Parameters
        ----------
        audio : float32 [N]
            24 kHz.
        speaker : str
            The take's.
        voices : mapping from speaker to (hash, recording)
            float32 [N] at 24 kHz; each hash is embedded once.

        Returns
        -------
        VoiceMatch or None
            None if the speaker has no voice.
        """
        if speaker not in voices:
            return None
        with self._lock:
            mine = self._embed(audio)
            alike = {name: float(mine @ self._voice(*voice)) for name, voice in voices.items()}
        return VoiceMatch(alike[speaker], max(alike, key=lambda name: (alike[name], name == speaker)))

    def _voice(self, sha256: str, recording: NDArray[np.float32]) -> NDArray[np.float32]:
        if sha256 not in self._voices:
            self._voices[sha256] = self._embed(recording)
        return self._voices[sha256]


def recordings(voices: Mapping[str, Voice]) -> dict[str, tuple[str, NDArray[np.float32]]]:
    """Return the hash and the audio of voices, for `VoiceMatcher.match`; voice prompts have no audio."""
    return {speaker: (voice.sha256, voice.audio) for speaker, voice in voices.items() if voice.prompt is None}


def similarity_to(voice: VoiceSpec, audio: NDArray[np.float32]) -> float:
    """Return the likeness of audio [N] at 24 kHz to a voice, from -1 to 1.

    Raises
    ------
    OptionError
        If the package of the embedding is not installed.
    VoiceError
        If it is not a voice, or a voice prompt, which has no audio.
    """
    resolved = resolve_voice(voice)
    match = VoiceMatcher().match(audio, "", recordings({"": resolved}))
    if match is None:
        raise VoiceError(f"the voice prompt {resolved.name!r}", "a recording", "name a voice with audio")
    return match.own
