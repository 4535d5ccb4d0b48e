"""Text colors with enough contrast on the backgrounds of the page."""

from __future__ import annotations

LIGHT, DARK = "#e9eef6", "#232c3b"
"""Backgrounds of the current turn, which have the least contrast with the text."""

_CONTRAST = 4.5  # WCAG 2.2, level AA
_STEPS = 20


def readable(color: str, background: str) -> str:
    """Mix a color with black or white until text in it can be read on a background; all are #rrggbb.

    Examples
    --------
    >>> readable("#ffff00", LIGHT), readable("#ffff00", DARK)
    ('#666600', '#ffff00')
    """
    end = (0, 0, 0) if _luminance(_parts(background)) > 0.5 else (255, 255, 255)
    behind = _luminance(_parts(background))
    for step in range(_STEPS + 1):
        share = step / _STEPS
        mixed = [round(a + (b - a) * share) for a, b in zip(_parts(color), end, strict=True)]
        high, low = sorted((_luminance(mixed), behind), reverse=True)
        if (high + 0.05) / (low + 0.05) >= _CONTRAST:
            break
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(parts: list[int]) -> float:
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
