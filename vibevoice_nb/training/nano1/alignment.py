"""Alignment of a text with its speech: the character spoken at each moment, from the phones.

C characters, T frames of four slots each.
"""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np

from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.nano.english_tables import PHONES
from vibevoice_nb.training.frames import HOP_LENGTH, PHONE_SLOTS


def spoken_characters(text: str, phones: list[tuple[str, float]], frames: int) -> np.ndarray:
    """Find the character spoken in each quarter of a frame.

    Phones and characters are matched in order; phones between two matches (spelled words, other
    pronunciations) are spread evenly over the characters between them.

    Parameters
    ----------
    text : str
        From `to_phonemes`, C characters, not empty.
    phones : list of (str, float)
        flite's phones with their end times in seconds.
    frames : int
        T.

    Returns
    -------
    ndarray [T, 4] int
        Indices into `text`. Silence belongs to the character before what comes next.

    Examples
    --------
    >>> spoken_characters("ði", [("pau", 0.05), ("dh", 0.1), ("iy", 0.14)], 1)
    array([[0, 0, 0, 1]])
    """
    said = [PHONES.get(name, "") for name, _ in phones]
    matches = SequenceMatcher(None, said, list(text), autojunk=False).get_matching_blocks()
    known = [(block.a + k, block.b + k) for block in matches for k in range(block.size) if said[block.a + k]]
    at = np.interp(
        np.arange(len(phones)),
        [-1, *(a for a, _ in known), len(phones)],
        [0, *(b for _, b in known), len(text) - 1],
    )
    at = np.append(at.round().astype(int), len(text) - 1)
    middles = (np.arange(frames * PHONE_SLOTS) + 0.5) * HOP_LENGTH / PHONE_SLOTS / SAMPLE_RATE
    slots = np.searchsorted([end for _, end in phones], middles + 1e-6)
    return at[slots].reshape(frames, PHONE_SLOTS)
