"""Pauses in the script language: `[pause]` and `[pause:500]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vibevoice_nb.script.lines import folded

DEFAULT_PAUSE_MS = 1000
MAX_PAUSE_MS = 60_000

_ALMOST_PAUSE = re.compile(r"\[\s{0,9}pause(?![^\W\d])[^\[\]]*\]?", re.IGNORECASE)
_PAUSE = re.compile(r"\[pause(?: ?: ?(\d{1,9}) ?(?:ms)?)? ?\]", re.IGNORECASE)
_DURATION = re.compile(r"[: ] ?(\d{1,9}(?:\.\d{1,9})?) ?(ms|s)?", re.IGNORECASE)


@dataclass(frozen=True)
class Pause:
    """A pause in `[start, end)`; `ms` is None if it is invalid, and `plain` is then a valid replacement."""

    start: int
    end: int
    ms: int | None
    plain: str = ""


def find_pauses(text: str, start: int) -> Iterator[Pause]:
    """Find every pause in `text[start:]`, including invalid ones.

    Examples
    --------
    >>> [(pause.ms, pause.plain) for pause in find_pauses("Well [pause:300] then [pause:x] and [pause]", 0)]
    [(300, ''), (None, '[pause]'), (1000, '')]
    """
    for match in _ALMOST_PAUSE.finditer(text, start):
        written = folded(match[0])
        pause = _PAUSE.fullmatch(written)
        ms = int(pause[1] or DEFAULT_PAUSE_MS) if pause else None
        if ms is not None and ms <= MAX_PAUSE_MS:
            yield Pause(*match.span(), ms)
            continue
        duration = _DURATION.search(written)
        plain = "[pause]"
        if duration:
            in_seconds = (duration[2] or "ms" * ("." not in duration[1])).lower() != "ms"
            wanted = float(duration[1]) * (1000 if in_seconds else 1)
            plain = f"[pause:{round(min(wanted, MAX_PAUSE_MS))}]"
        yield Pause(*match.span(), None, plain)
