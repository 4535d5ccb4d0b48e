"""Speaker detection: the names at the beginning of lines, for a script without a cast."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vibevoice_nb.script.directions import is_direction
from vibevoice_nb.script.labels import (
    NOT_NAMES,
    Label,
    dashed_name,
    find_label,
    inner_labels,
    joint_names,
    nearest_name,
)
from vibevoice_nb.script.lines import EMOJI, Line, folded, is_name, name_key, speaker_number

_MOST_COMPARED = 20
_BRACKETS = re.compile(r"\(([^()]{0,60})\)")


@dataclass
class Speakers:
    """Names found in a script.

    Attributes
    ----------
    names : tuple of str
        Names in the order of the model's indices: known ones first, then by first appearance.
    aliases : list of (str, str)
        Other spellings, such as "Anna (laughing)", each with its name.
    doubtful : set of str
        Names with little evidence, treated as speakers with a warning.
    places : dict
        Line and label of the first occurrence of each new name.
    nearest : dict
        For a name that occurs once, the name of which it may be a misspelling.
    """

    names: tuple[str, ...] = ()
    aliases: list[tuple[str, str]] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    places: dict[str, tuple[Line, int, int]] = field(default_factory=dict)
    nearest: dict[str, str] = field(default_factory=dict)


@dataclass
class _Counts:
    """Labels of a script by `name_key`, and how its lines begin."""

    shown: dict[str, str] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    dashes: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    directed: list[tuple[str, str]] = field(default_factory=list)
    above: set[str] = field(default_factory=set)
    places: dict[str, tuple[Line, int, int]] = field(default_factory=dict)
    numbered: bool = False
    worded: int = 0
    labelled: int = 0
    dashed: int = 0
    first: bool = False


def find_speakers(lines: Sequence[Line], known: Iterable[str] = ()) -> Speakers:
    """Find the names in a script that are speakers.

    A name before a colon is one in a script without numbered speakers, if it occurs twice, or the script
    begins with a name or is mostly made of such lines. In a script with numbered speakers only names known
    before are speakers.

    Parameters
    ----------
    lines : sequence of Line
        Lines of the script language that have words, without comments.
    known : iterable of str
        Names that were speakers before.

    Returns
    -------
    Speakers
    """
    familiar = {name_key(name): name for name in known if speaker_number(name) is None}
    counts = _count(lines, familiar)
    accepted = {key: name for key, name in counts.shown.items() if key in familiar}
    if not counts.numbered:
        accepted |= _new_names(counts, familiar)
    names = [name for key, name in familiar.items() if key in counts.shown]
    names += [name for key, name in accepted.items() if key not in familiar]
    found = Speakers(tuple(names))
    keys = {name_key(name): name for name in names}
    found.aliases = [(name, keys[base]) for name, base in _aliases(counts.shown, keys)]
    found.aliases += [(raw, keys[name_key(name)]) for raw, name in counts.directed if name_key(name) in keys]
    often_said = [key for key in keys if counts.starts[key] > 1 and not _has_digit(key)][:_MOST_COMPARED]
    common = {key: keys[key] for key in often_said}
    # Every line has a label, once "Anna & Ben:" is known to be one.
    whole = counts.labelled == counts.worded or all(find_label(line.text, keys) for line in lines)
    for key, name in accepted.items():
        if key in familiar or key not in counts.places:
            continue
        found.places[name] = counts.places[key]
        often = counts.starts[key] + counts.dashes[key] + counts.inside[key]
        nearest = nearest_name(name, common, 0.75) if often < 2 and not _has_digit(name) else None
        if nearest:
            found.nearest[name] = nearest
        first = counts.first and name == names[0]
        weak = often < 2 and not whole and key not in counts.above and not first
        if key in NOT_NAMES or nearest or weak:
            found.doubtful.add(name)
    return found


def _count(lines: Sequence[Line], familiar: Mapping[str, str]) -> _Counts:
    counts = _Counts()
    for line in lines:
        label = find_label(line.text, familiar)
        counts.worded += 1
        if label is None or label.kind == "bare":
            dashed = dashed_name(line.text)
            if dashed is not None and is_name(dashed):
                _add(counts, counts.dashes, dashed, line, (line.indent, line.indent + len(dashed)))
                counts.dashed += 1
            start = line.indent
        else:
            start = label.text
            counts.labelled += 1
            counts.first |= counts.worded == 1 and label.kind in ("speaker", "unknown", "joint")
            _add_label(counts, label, line)
            if not line.text[label.text :].strip():  # a name above the speech
                counts.above.add(name_key(str(label.speaker)))
        for inner in inner_labels(line.text, start, familiar):
            if inner.speaker is None:
                name = inner.written.rstrip(":： ")
                if is_name(name):
                    _add(counts, counts.inside, name, line, (inner.start, inner.end))
    return counts


def _add_label(counts: _Counts, label: Label, line: Line) -> None:
    if isinstance(label.speaker, int) or label.kind == "misspelt":
        counts.numbered = True
    elif label.kind != "joint" and is_name(label.speaker):
        name = _without_direction(label.speaker) if label.kind == "unknown" else label.speaker
        if name != label.speaker:
            counts.directed.append((label.speaker, name))
        _add(counts, counts.starts, name, line, (label.start, label.end))


def _add(counts: _Counts, counter: Counter[str], name: str, line: Line, span: tuple[int, int]) -> None:
    key = name_key(name)
    counts.shown.setdefault(key, name)
    counts.places.setdefault(key, (line, *span))
    counter[key] += 1


def _new_names(counts: _Counts, familiar: Mapping[str, str]) -> dict[str, str]:
    mostly = counts.first or 2 * counts.labelled >= counts.worded
    accepted = {}
    for key, name in counts.shown.items():
        often = counts.starts[key] + counts.dashes[key]
        colon = counts.starts[key] and (mostly or counts.starts[key] >= 2)
        # Lines with dashes are a script only if no line is written with a colon.
        dash = not counts.labelled and counts.dashes[key] and (often >= 2 or counts.dashed == counts.worded)
        inside = counts.inside[key] and counts.labelled and counts.inside[key] + often >= 2
        if key not in familiar and (colon or dash or inside):
            accepted[key] = name
    proper = {key: name for key, name in accepted.items() if key not in NOT_NAMES}
    if proper or any(key in familiar for key in counts.shown):
        accepted = proper
    merged = accepted | dict(familiar)
    others = {key: name for key, name in merged.items() if _base(name) == key}
    return {
        key: name
        for key, name in accepted.items()
        if not joint_names(name, merged) and not _is_alias(name, others)
    }


def _has_digit(name: str) -> bool:
    return any(char.isdigit() for char in name)


def _without_direction(name: str) -> str:
    """Return a name without a stage direction, as in "Anna (laughing)"."""
    match = _BRACKETS.search(name)
    plain = folded(_BRACKETS.sub(" ", name))
    return plain if match and is_direction(match[1], "(") and is_name(plain or ":") else name


def _base(name: str) -> str:
    """Return the key of a name without text in brackets, and without emoji."""
    plain = folded(EMOJI.sub(" ", _BRACKETS.sub(" ", name)))
    return name_key(plain or name)


def _is_alias(name: str, names: Mapping[str, str]) -> bool:
    base = _base(name)
    return base != name_key(name) and base in names


def _aliases(shown: Mapping[str, str], names: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, _base(name)) for key, name in shown.items() if key not in names and _base(name) in names]
