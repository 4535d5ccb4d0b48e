"""Voice following: speech with recordings of voices that are in no training data as prompts.

For each voice, the first half of its clips are prompts, one after the other, and the second half is the
reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .judges import own_and_others
from .recognizers import Score, score
from .references import Clip, mean_pitch, semitones

if TYPE_CHECKING:
    from .intelligibility import Panel


def measure_following(
    engine: Any,
    clips: Sequence[Clip],
    texts: Sequence[str],
    seed: int,
    panel: Panel,
    options: Mapping[str, Any],
) -> dict[str, float | int | str]:
    """Generate one sentence for each prompt and compare the voices.

    Returns
    -------
    dict
        ``follow_wer`` in percent with its standard error, ``follow_pitch_error`` in semitones against the
        prompt, and if the speaker embedding is installed, the mean similarity to the ``follow_own`` voice and
        to the ``follow_others``, and their difference ``follow_gap``.
    """
    total, errors = Score(), []
    embeddings: list[np.ndarray] = []
    references: list[np.ndarray] = []
    count = 0
    for voice in sorted({clip.voice for clip in clips}):
        own = [clip for clip in clips if clip.voice == voice]
        half = len(own) // 2
        said = [texts[(count + i) % len(texts)] for i in range(half)]
        takes = [
            engine.speak(f"Speaker 1: {text}", voices={1: str(clip.file)}, seed=seed + count + i, **options)
            for i, (clip, text) in enumerate(zip(own[:half], said, strict=True))
        ]
        count += half
        audio = [np.asarray(take.audio, np.float32).reshape(-1) for take in takes]
        total += score(audio, said, recognizer=panel.listener)
        errors += [
            semitones(mean_pitch([sound]), mean_pitch([clip.audio]))
            for sound, clip in zip(audio, own, strict=False)
        ]
        if panel.embed is not None:
            embeddings.append(direction([panel.embed(sound) for sound in audio]))
            references.append(direction([panel.embed(clip.audio) for clip in own[half:]]))
        print(f"following {voice}: pitch error {np.mean(errors[-half:]):.2f} semitones", flush=True)
    report: dict[str, float | int | str] = {
        "follow_clips": count,
        "follow_wer": round(total.wer, 2),
        "follow_wer_se": round(total.standard_error, 2),
        "follow_pitch_error": round(float(np.mean(errors)), 2),
    }
    if len(embeddings) > 1:
        similar, different = own_and_others(embeddings, references)
        report |= {"follow_own": round(similar, 3), "follow_others": round(different, 3)}
        report["follow_gap"] = round(similar - different, 3)
    return report


def direction(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of embeddings, of length 1."""
    mean = np.mean(embeddings, 0)
    return np.asarray(mean / np.linalg.norm(mean))
