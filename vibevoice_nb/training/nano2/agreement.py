"""Agreement of the front end with the phones of the teacher speech.

``python -m vibevoice_nb.training.nano2 agreement --work-dir W`` prints agreement in percent; with ``--out
FILE`` it writes the words that differ, the most frequent first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from vibevoice_nb.nano.stress.sentences import to_phones
from vibevoice_nb.nano.stress.symbols import STRESS

from .letters import edit_distance

Differences = Counter[tuple[str, str]]


def compare(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, float], Differences]:
    """Compare the front end's phones of texts with the ones given.

    Parameters
    ----------
    rows : iterable of mapping
        ``text`` and ``phones``.

    Returns
    -------
    dict
        ``utterances``; in percent: ``characters`` (mean of one minus edit distance over length), the same
        ``without_stress``, and ``equal`` utterances.
    Counter
        Pairs of words, ours and theirs, that differ in utterances with the same number of words.
    """
    agreement, unstressed, equal, differences = [], [], 0, Counter[tuple[str, str]]()
    for row in rows:
        ours, theirs = to_phones(row["text"]), row["phones"]
        agreement.append(1 - edit_distance(ours, theirs) / max(1, len(ours), len(theirs)))
        plain, plain_theirs = (re.sub(f"[{STRESS}]", "", one) for one in (ours, theirs))
        unstressed.append(1 - edit_distance(plain, plain_theirs) / max(1, len(plain), len(plain_theirs)))
        equal += ours == theirs
        pair = ours.split(" "), theirs.split(" ")
        if len(pair[0]) == len(pair[1]):
            differences.update(both for both in zip(*pair, strict=True) if both[0] != both[1])
        else:
            differences[ours, theirs] += 1
    count = len(agreement)
    return {
        "utterances": count,
        "characters": round(100 * sum(agreement) / count, 2),
        "without_stress": round(100 * sum(unstressed) / count, 2),
        "equal": round(100 * equal / count, 1),
    }, differences
