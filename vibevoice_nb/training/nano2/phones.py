"""Phones of the teacher speech and their times.

Texts are strings of misaki's American symbols, one character per phone, with stress marks, spaces and
punctuation; the teacher speech comes with the duration of every character.

Shapes: C characters, T frames of four slots each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vibevoice_nb.nano.stress.symbols import ALPHABET, CONSONANTS, STRESS, VOWELS
from vibevoice_nb.training.frames import HOP_LENGTH, PHONE_SLOTS

from .speech import TAIL

__all__ = ["ALPHABET", "NAMES", "TEACHER_FRAME", "labels_of", "spoken"]

NAMES = ("silence", *VOWELS, *CONSONANTS)
"""Names of the labels."""
TEACHER_FRAME = 600
_IDS = {name: i for i, name in enumerate(NAMES)}


def labels_of(phones: str) -> list[int]:
    """Return the label of each character; a stress mark gets that of the vowel after it.

    Examples
    --------
    >>> [NAMES[i] for i in labels_of("ðə ˈɪ.")]
    ['ð', 'ə', 'silence', 'ɪ', 'ɪ', 'silence']
    """
    following = [phones[i + 1] if c in STRESS and i + 1 < len(phones) else c for i, c in enumerate(phones)]
    return [_IDS.get(c, 0) for c in following]


def spoken(row: dict[str, Any], frames: int, ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Find the character and the label spoken in each quarter of a frame.

    Parameters
    ----------
    row : dict
        ``phones``, ``durations`` (frames of 600 samples: silence, each character, silence), and ``begin`` and
        ``end``, the first sample of the first frame and the end of the last sound.
    frames : int
        T.
    ratio : float
        Playback rate.

    Returns
    -------
    characters, labels : ndarray [T, 4] int
        The surrounding silence belongs to the first and the last character, but has a label of its own; so
        does the pause that the teacher counts as part of the last phone.

    Examples
    --------
    >>> row = {"phones": "hI", "durations": [0, 3, 2, 2], "begin": 0, "end": 9000}
    >>> spoken(row, 1)[0].tolist(), spoken(row, 1, ratio=2.0)[0].tolist()
    ([[0, 0, 1, 1]], [[0, 1, 1, 1]])
    """
    ends = (np.cumsum(row["durations"]) * TEACHER_FRAME - row["begin"]) / ratio
    middles = (np.arange(frames * PHONE_SLOTS) + 0.5) * HOP_LENGTH / PHONE_SLOTS
    slots = np.searchsorted(ends[:-1], middles, side="right")
    characters = np.clip(slots - 1, 0, len(row["phones"]) - 1)
    named = np.array([0, *labels_of(row["phones"]), 0])
    labels = np.where(middles < (row["end"] - TAIL - row["begin"]) / ratio, named[slots], 0)
    return characters.reshape(frames, PHONE_SLOTS), labels.reshape(frames, PHONE_SLOTS)
