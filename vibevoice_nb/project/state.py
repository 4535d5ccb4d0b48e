"""What a project remembers beside its text and its takes: `project.json`, read with suspicion.

    {"format": 1, "turns": [...], "retired": [...], "cast": [...], "settings": {...}, "starred": [...],
     "undo": [...]}

Turns carry what the person decided (the chosen take, the gap); a turn that left the script is retired as long
as it has takes. Keys of ours that are missing get their defaults, keys that aren't ours are kept as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import plain, real, shown, whole

from .matching import Words

FORMAT = 1
MAX_GAP_MS = 60_000
MAX_UNDO = 50
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#767676")
"""Told apart by colour-blind people (Okabe and Ito's), and at least 3:1 on white and on JupyterLab's dark."""

# None: whatever the model does best.
DEFAULTS: dict[str, Any] = {
    "model": "nano",
    "mode": "turns",
    "num_steps": None,
    "cfg_scale": None,
    "seed": None,
    "solver": "dpmsolver++",
    "gap_ms": 0,
}

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass
class TurnRecord:
    """A turn's words as they were last read, and what was decided for it."""

    id: str
    speaker: str
    text: str
    chosen: str | None = None
    gap_ms: int | None = None

    @property
    def words(self) -> Words:
        return Words(self.speaker, self.text)

    def __post_init__(self) -> None:
        checked_id(self.id)
        _check(all(isinstance(words, str) for words in self.words), "a turn's words")
        _check(self.chosen is None or checked_id(self.chosen) == self.chosen, "a turn's take")
        _check(self.gap_ms is None or is_gap(self.gap_ms), "a turn's gap")


@dataclass
class MemberRecord:
    """A speaker's colour and voice; `voice` names the files in `voices/` without their suffixes."""

    label: str
    colour: str
    voice: str | None = None
    consent: bool = False

    def __post_init__(self) -> None:
        _check((type(self.label), type(self.consent)) == (str, bool), "a speaker")
        checked_colour(self.colour)
        _check(self.voice is None or is_file_name(self.voice), "a voice's file")


@dataclass
class UndoStep:
    """What was done, in words, and the steps that take it back (see `history`)."""

    words: str
    back: list[list[Any]]

    def __post_init__(self) -> None:
        _check(type(self.words) is str, "an undo step")
        for what, key, *before in self.back:
            if what == "member":
                MemberRecord(**before[0])
            elif what == "gap_ms":
                _check(checked_id(key) == key and (before[0] is None or is_gap(before[0])), "an undo step")
            else:
                _check(what in ("restore", "starred", "chosen"), "an undo step")
                for value in (key, *before):
                    _check(value is None or checked_id(value) == value, "an undo step")


Record = TypeVar("Record", TurnRecord, MemberRecord, UndoStep)


@dataclass
class State:
    """All of `project.json`."""

    turns: list[TurnRecord] = field(default_factory=list)
    retired: list[TurnRecord] = field(default_factory=list)
    cast: list[MemberRecord] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    starred: list[str] = field(default_factory=list)
    undo: list[UndoStep] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = {name: value for name, value in asdict(self).items() if name != "extra"}
        return {**self.extra, "format": FORMAT, **data}

    @classmethod
    def from_json(cls, data: Any) -> State:
        """Read what `to_json` made, or a person edited.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            Damaged.
        """
        _check(data["format"] == FORMAT, "the format")
        state = cls(
            turns=_records(TurnRecord, data.get("turns", [])),
            retired=_records(TurnRecord, data.get("retired", [])),
            cast=_records(MemberRecord, data.get("cast", [])),
            settings={name: checked_setting(name, value) for name, value in data.get("settings", {}).items()},
            starred=[checked_id(take) for take in data.get("starred", [])],
            undo=_records(UndoStep, data.get("undo", [])),
        )
        ids = [turn.id for turn in (*state.turns, *state.retired)]
        _check(len(set(ids)) == len(ids), "a turn's id, which is there twice")
        known = {item.name for item in fields(cls)} | {"format"}
        state.extra = {name: value for name, value in data.items() if name not in known}
        return state

    def turn(self, turn_id: str) -> TurnRecord | None:
        """The turn with an id, retired ones included."""
        return next((turn for turn in (*self.turns, *self.retired) if turn.id == turn_id), None)

    def member(self, label: str) -> MemberRecord:
        """The speaker with a label; made with a free colour if there is none."""
        for member in self.cast:
            if member.label == label:
                return member
        member = MemberRecord(label, _free_colour(other.colour for other in self.cast))
        self.cast.append(member)
        return member


def checked_id(value: Any) -> str:
    """Return the id of a turn or a take, which is also a folder's name, or say that it is none."""
    _check(isinstance(value, str) and _ID.fullmatch(value) is not None, f"the id {str(value)[:80]!r}")
    return str(value)


def is_file_name(value: Any) -> bool:
    """Whether a value is the plain name of a file: no folder, no suffix."""
    return isinstance(value, str) and _FILE.fullmatch(value) is not None


def is_gap(value: Any) -> bool:
    """Whether a value is a pause in milliseconds."""
    number = whole(value)
    return number is not None and 0 <= number <= MAX_GAP_MS


def checked_colour(value: Any) -> str:
    """Return a colour such as `#0072b2` in lower case.

    Raises
    ------
    OptionError
        Anything else.
    """
    colour = str(value).lower()
    if not _COLOUR.fullmatch(colour):
        raise OptionError(
            f"the colour {str(value)[:40]!r}", "# and six hexadecimal digits", "write '#0072b2'"
        )
    return colour


def checked_setting(name: Any, value: Any) -> Any:
    """Return the value of a setting as plain Python: None, a truth value, a number or a short text.

    Raises
    ------
    OptionError
    """
    if not (isinstance(name, str) and name.isidentifier() and len(name) <= 40):
        raise OptionError(f"the setting {str(name)[:60]!r}", "a name such as 'num_steps'", "rename it")
    if name == "gap_ms" and not is_gap(value):
        raise OptionError(f"gap_ms={shown(value)}", f"whole milliseconds, 0 to {MAX_GAP_MS}", "0 is no gap")
    value = plain(value)
    if not isinstance(value, (bool, int, float, str, type(None))):  # a Fraction, a Decimal
        numbers = (whole(value), real(value))
        value = next((number for number in numbers if number is not None), value)
    finite = not isinstance(value, float) or math.isfinite(value)
    short = not isinstance(value, str) or len(value) <= 1000
    if not (isinstance(value, (bool, int, float, str, type(None))) and finite and short):
        raise OptionError(f"{name}={shown(value)}", "a number, a text, True, False or None", "leave it out")
    return value


def _records(kind: type[Record], items: Iterable[Mapping[str, Any]]) -> list[Record]:
    names = {item.name for item in fields(kind)}
    return [kind(**{name: value for name, value in item.items() if name in names}) for item in items]


def _free_colour(taken: Iterable[str]) -> str:
    """The colour of the palette that is used least, the first of those."""
    used = list(taken)
    return min(PALETTE, key=used.count)


def _check(fine: bool, what: str) -> None:
    if not fine:
        raise ValueError(f"{what} can't be read")
