"""The phones that the teacher was given, and when each is spoken.

Texts are strings of misaki's American symbols, one character a phone, with stress marks, spaces and
punctuation; the teacher speech has the length of every character.

Shapes: C characters, T frames of four slots each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vibevoice_nb.training.features import PHONE_SLOTS

from .mel import HOP_LENGTH
from .speech import TAIL

VOWELS = "əɪiɛæʌIɔAuɑOᵊɐɜʊWᵻY"
CONSONANTS = "ɹntsdlkmðzwhpvfbjŋʃɡTθʧʤʒ"
STRESS = "ˈˌ"
ALPHABET = VOWELS + CONSONANTS + STRESS + " .,?!;:-"
"""All characters of a text."""
NAMES = ("silence", *VOWELS, *CONSONANTS)
"""What labels stand for."""
TEACHER_FRAME = 600
_IDS = {name: i for i, name in enumerate(NAMES)}


def labels_of(phones: str) -> list[int]:
    """The label of each character; a stress mark has that of the vowel after it.

    Examples
    --------
    >>> [NAMES[i] for i in labels_of("ðə ˈɪ.")]
    ['ð', 'ə', 'silence', 'ɪ', 'ɪ', 'silence']
    """
    following = [phones[i + 1] if c in STRESS and i + 1 < len(phones) else c for i, c in enumerate(phones)]
    return [_IDS.get(c, 0) for c in following]


def spoken(row: dict[str, Any], frames: int, ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Which character, and which label, is spoken in each quarter of a frame.

    Parameters
    ----------
    row : dict
        ``phones``, ``durations`` (frames of 600 samples: silence, each character, silence), and ``begin`` and
        ``end``, the samples that the first frame begins at and the last one is heard until.
    frames : int
        T.
    ratio : float
        How much faster it is played back.

    Returns
    -------
    characters, labels : ndarray [T, 4] int
        The silence around belongs to the first and the last character, but has a label of its own. So has the
        pause that the teacher counts to the last phone.

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
