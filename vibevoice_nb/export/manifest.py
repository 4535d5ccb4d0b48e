"""Summary of a manifest, for files and displays: model, seed, duration, and the mark of generated speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GENERATED = "generated speech"
"""Mark in every manifest, every exported file and every displayed take."""

_SHOWN = 3  # most distinct models or seeds that are listed


def models(manifest: Mapping[str, Any]) -> str:
    """Return the model or models of a take; empty if its manifest has none.

    Examples
    --------
    >>> models({"takes": [{"model": "nano"}, {"model": "nano"}]})
    'nano'
    """
    return _listed([str(part["model"]) for part in _parts(manifest) if part.get("model")], "models")


def seeds(manifest: Mapping[str, Any]) -> str:
    """Return the seed or seeds of a take; empty if its manifest has none.

    Examples
    --------
    >>> seeds({"options": {"seed": 7}})
    '7'
    """
    found = [part["seed"] for part in _parts(manifest) if isinstance(part.get("seed"), int)]
    return _listed([str(seed) for seed in found], "seeds")


def clock(seconds: float) -> str:
    """Format a duration for people.

    Examples
    --------
    >>> clock(4.25), clock(75), clock(5400)
    ('4.2 s', '1:15', '1:30:00')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def summary(manifest: Mapping[str, Any], seconds: float) -> list[str]:
    """Summarize a manifest in a few short parts, "generated speech" first.

    Examples
    --------
    >>> summary({"model": "nano", "seed": 7}, 75.0)
    ['generated speech', 'model nano', 'seed 7', '1:15']
    """
    model, seed = models(manifest), seeds(manifest)
    named = [f"model {model}"] if model else []
    return [GENERATED, *named, *([f"seed {seed}"] if seed else []), clock(seconds)]


def _parts(manifest: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield a manifest, its options, and those of the takes of an episode."""
    yield manifest
    for key in ("options", "takes", "turns"):
        inner = manifest.get(key)
        entries = inner.values() if key != "options" and isinstance(inner, Mapping) else inner
        if isinstance(entries, Mapping):
            entries = [entries]
        if depth < 3 and entries is not None and not isinstance(entries, (str, bytes)):
            for entry in entries:
                if isinstance(entry, Mapping):
                    yield from _parts(entry, depth + 1)


def _listed(values: list[str], name: str) -> str:
    distinct = list(dict.fromkeys(values))
    return ", ".join(distinct) if len(distinct) <= _SHOWN else f"{len(distinct)} {name}"
