"""Schema and validation of `project.json`: turns, cast, settings, marks and undo steps.

    {"format": 2, "script": "...", "turns": [...], "retired": [...], "cast": [...], "settings": {...},
     "lexicon": {"word": "reading"}, "music": [...], "starred": [...], "trims": {...}, "undo": [...],
     "given": {...}}

Turns hold the person's decisions (the chosen take, the gap, gain and pace); a deleted turn is retired as long
as it has takes. `trims` has the seconds `[start, stop]` of takes that are not played whole. `script` is a
copy of `script.txt`, to recover it. `given` holds the last arguments of a cell: running it again doesn't
overwrite changes made in the page. Missing keys get their defaults; unknown keys are kept.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from vibevoice_nb.display.colors import free_color
from vibevoice_nb.engine.remote.address import default_model
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.loading.checkpoint import NANO
from vibevoice_nb.ranges import ADJUSTMENTS, check_ranges, plain, real, shown, whole
from vibevoice_nb.script.lexicon import EMPTY, Lexicon
from vibevoice_nb.script.lines import name_key

from ..turn_matching import Words
from .music import Music
from .undo import UndoStep

FORMAT = 2
"""Format 1, of version 0.1, has `colour` in `cast`; it is read, and saved as format 2."""
MAX_GAP_MS = 60_000
MAX_TRIM = 86_400.0
"""Largest time in a take, in seconds."""
MAX_UNDO = 50
MAX_TYPED = 10
"""Most undo steps made by typing; editors have their own undo for these."""
MAX_UNDO_TEXT = 1_000_000
"""Most characters of earlier scripts kept for undo; the last script is always kept."""


ListenBack = Literal["off", "on demand", "each take"]


@dataclass(frozen=True)
class Settings:
    """Settings of a project; None leaves the choice to the model.

    Attributes
    ----------
    model : str
        Name of the model, or path of its folder.
    mode : {"turns", "whole"}
        Turn by turn in context, or the whole script in one pass.
    num_steps, cfg_scale, seed, solver
        As in `GenerationOptions`.
    gap_ms : int
        Silence between turns, in milliseconds.
    edge_silence : float or None
        Most silence, in seconds, at the beginning and the end of a turn: longer ones are shortened when the
        episode is assembled. None leaves them.
    spoken_forms : bool
        Write out numbers, units, dates and abbreviations of English text for a model that reads plain text.
    title, artist : str
        Metadata of exported files; if empty, the name of the project, and VibeVoice with the model.
    listen_back : {"off", "on demand", "each take"}
        Review takes in the Studio: never, when asked for, or each take after it was generated.
    recognizer : str
        Recognizer of the reviews, see `review.recognizers`.
    """

    model: str = field(default_factory=lambda: default_model(NANO))
    mode: Literal["turns", "whole"] = "turns"
    num_steps: int | None = None
    cfg_scale: float | None = None
    seed: int | None = None
    solver: str = "dpmsolver++"
    gap_ms: int = 0
    edge_silence: float | None = None
    spoken_forms: bool = False
    title: str = ""
    artist: str = ""
    listen_back: ListenBack = "on demand"
    recognizer: str = "base"


def default_settings() -> dict[str, Any]:
    """Return the settings of a project that has chosen none; the model may be that of a hub."""
    return asdict(Settings())


_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass
class TurnRecord:
    """Turn with its words as last parsed, and the decisions about it."""

    id: str
    speaker: str
    text: str
    chosen: str | None = None
    gap_ms: int | None = None
    gain: float = 0.0
    pace: float = 1.0
    picked: bool = False
    """True if a person chose the take; retakes never replace it."""

    @property
    def words(self) -> Words:
        return Words(self.speaker, self.text)

    def __post_init__(self) -> None:
        checked_id(self.id)
        _check(all(isinstance(words, str) for words in self.words), "a turn's words")
        _check(self.chosen is None or checked_id(self.chosen) == self.chosen, "a turn's take")
        _check(self.gap_ms is None or is_gap(self.gap_ms), "a turn's gap")
        check_ranges(self, ADJUSTMENTS)
        _check(type(self.picked) is bool, "a turn's choice")


@dataclass
class MemberRecord:
    """Speaker with color and voice; `voice` is the name of the files in `voices/` without suffix."""

    label: str
    color: str
    voice: str | None = None
    consent: bool = False
    gain: float = 0.0
    pace: float = 1.0

    def __post_init__(self) -> None:
        _check((type(self.label), type(self.consent)) == (str, bool), "a speaker")
        checked_color(self.color)
        _check(self.voice is None or is_file_name(self.voice), "a voice's file")
        check_ranges(self, ADJUSTMENTS)


_NEW_NAMES = {"colour": "color"}
"""Keys of records written by version 0.1, and their names since."""

Record = TypeVar("Record", TurnRecord, MemberRecord, Music, UndoStep)


@dataclass
class State:
    """Content of `project.json`."""

    script: str | None = None
    turns: list[TurnRecord] = field(default_factory=list)
    retired: list[TurnRecord] = field(default_factory=list)
    cast: list[MemberRecord] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    lexicon: Lexicon = EMPTY
    music: dict[str, Music] = field(default_factory=dict)
    """By role."""
    starred: list[str] = field(default_factory=list)
    trims: dict[str, list[float]] = field(default_factory=dict)
    undo: list[UndoStep] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = {name: value for name, value in asdict(self).items() if name != "extra"}
        lists = {"lexicon": dict(self.lexicon), "music": list(data["music"].values())}
        return {**self.extra, "format": FORMAT, **data, **lists}

    def copy(self) -> State:
        """Return a copy that later changes don't affect."""
        same = copy.copy(self)
        same.turns, same.retired = list(map(copy.copy, self.turns)), list(map(copy.copy, self.retired))
        same.cast, same.undo = list(map(copy.copy, self.cast)), list(map(copy.copy, self.undo))
        same.settings, same.given, same.starred = dict(self.settings), dict(self.given), list(self.starred)
        same.trims, same.music = dict(self.trims), dict(self.music)
        return same

    def remember(self, step: UndoStep) -> bool:
        """Add an undo step; return True if older ones were dropped."""
        typed = [at for at, other in enumerate(self.undo) if other.typed is not None]
        dropped = set(typed[: max(0, len(typed) + (step.typed is not None) - MAX_TYPED)])
        kept, room = [step], MAX_UNDO_TEXT
        for other in reversed([other for at, other in enumerate(self.undo) if at not in dropped]):
            room -= other.kept.letters
            if room < 0 or len(kept) == MAX_UNDO:
                break
            kept.append(other)
        before, self.undo = len(self.undo), kept[::-1]
        return len(self.undo) <= before

    @classmethod
    def from_json(cls, data: Any) -> State:
        """Read the result of `to_json`, which a person may have edited.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            If it is damaged.
        """
        _check(data["format"] in (1, FORMAT), "the format")
        script = data.get("script")
        _check(script is None or type(script) is str, "the script")
        state = cls(
            script=script,
            turns=read_records(TurnRecord, data.get("turns", [])),
            retired=read_records(TurnRecord, data.get("retired", [])),
            cast=read_records(MemberRecord, data.get("cast", [])),
            settings={name: checked_setting(name, value) for name, value in data.get("settings", {}).items()},
            lexicon=Lexicon(data.get("lexicon", {})),
            music={music.role: music for music in read_records(Music, data.get("music", []))},
            starred=[checked_id(take) for take in data.get("starred", [])],
            trims={checked_id(take): checked_trim(trim) for take, trim in data.get("trims", {}).items()},
            undo=read_records(UndoStep, data.get("undo", [])),
            given={
                str(name): checked_setting("given", value) for name, value in data.get("given", {}).items()
            },
        )
        ids = [turn.id for turn in (*state.turns, *state.retired)]
        _check(len(set(ids)) == len(ids), "a turn id that occurs twice")
        known = {item.name for item in fields(cls)} | {"format"}
        state.extra = {name: value for name, value in data.items() if name not in known}
        return state

    def voices(self) -> set[str]:
        """Return the names of the voices that the cast has, or can get back by undo."""
        undoable = frozenset().union(*(step.kept.voices for step in self.undo))
        return {*undoable, *(member.voice for member in self.cast if member.voice)}

    def music_files(self) -> set[str]:
        """Return the names of the files of music that the project has, or can get back by undo."""
        undoable = frozenset().union(*(step.kept.music for step in self.undo))
        return {*undoable, *(music.file for music in self.music.values())}

    def trashed(self) -> set[str]:
        """Return the ids of the deleted takes that undo can bring back."""
        return set().union(*(step.kept.takes for step in self.undo))

    def turns_words(self) -> list[Words]:
        """Return the words of the script's turns, in order."""
        return [turn.words for turn in self.turns]

    def turn(self, turn_id: str) -> TurnRecord | None:
        """Return the turn with an id, including retired turns; None if there is none."""
        return next((turn for turn in (*self.turns, *self.retired) if turn.id == turn_id), None)

    def find_member(self, label: str) -> MemberRecord | None:
        """Return the speaker of a label, which is compared as the labels of a script are; None if unknown."""
        same = [member for member in self.cast if name_key(member.label) == name_key(label)]
        return next((member for member in same if member.label == label), same[0] if same else None)

    def member(self, label: str) -> MemberRecord:
        """Return the speaker with a label; add one with a free color if there is none."""
        for member in self.cast:
            if member.label == label:
                return member
        member = MemberRecord(label, free_color(other.color for other in self.cast))
        self.cast.append(member)
        return member


def checked_id(value: Any) -> str:
    """Return the id of a turn or a take, which is also a folder name; raise ValueError if it is not valid."""
    _check(isinstance(value, str) and _ID.fullmatch(value) is not None, f"the id {str(value)[:80]!r}")
    return str(value)


def is_file_name(value: Any) -> bool:
    """Return True if a value is a plain file name, without folder or suffix."""
    return isinstance(value, str) and _FILE.fullmatch(value) is not None


def checked_trim(value: Any) -> list[float]:
    """Return the seconds `[start, stop]` of a trim; raise ValueError if they are not valid."""
    start, stop = (real(time) for time in value)
    if start is None or stop is None or not 0.0 <= start < stop <= MAX_TRIM:
        raise ValueError("the trim of a take is not valid")
    return [start, stop]


def is_gap(value: Any) -> bool:
    """Return True if a value is a pause in milliseconds."""
    number = whole(value)
    return number is not None and 0 <= number <= MAX_GAP_MS


def checked_color(value: Any) -> str:
    """Return a color such as `#0072b2` in lower case.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    color = str(value).lower()
    if not _COLOR.fullmatch(color):
        raise OptionError(
            f"the color {str(value)[:40]!r} is not valid", "# and six hexadecimal digits", "write '#0072b2'"
        )
    return color


def checked_setting(name: Any, value: Any) -> Any:
    """Return the value of a setting as a plain Python value: None, a boolean, a number or a short string.

    Raises
    ------
    OptionError
    """
    if not (isinstance(name, str) and name.isidentifier() and len(name) <= 40):
        raise OptionError(
            f"the setting name {str(name)[:60]!r} is not valid", "a name such as 'num_steps'", "rename it"
        )
    if name == "gap_ms" and not is_gap(value):
        raise OptionError(
            f"gap_ms={shown(value)}", f"whole milliseconds from 0 to {MAX_GAP_MS}", "use 0 for no gap"
        )
    if name == "edge_silence" and value is not None:
        low, high, expected = ADJUSTMENTS[name]
        number = real(value)
        if number is None or not low <= number <= high:
            raise OptionError(
                f"{name}={shown(value)}", f"{expected}, or None", "use None to keep all silence"
            )
    if name == "model" and not isinstance(value, str):
        raise OptionError(
            f"model={shown(value)}", "the name of a model or the path of its folder", "write 'nano'"
        )
    if name == "spoken_forms" and not isinstance(plain(value), bool):
        raise OptionError(f"spoken_forms={shown(value)}", "True or False", "leave it out for False")
    if name in ("title", "artist") and not isinstance(value, str):
        raise OptionError(f"{name}={shown(value)}", "a text", "write '' for none")
    if name == "listen_back" and not (isinstance(value, str) and value in get_args(ListenBack)):
        expected = f"one of {', '.join(get_args(ListenBack))}"
        raise OptionError(f"listen_back={shown(value)}", expected, "choose one of them")
    if name == "recognizer" and not (isinstance(value, str) and value.strip()):
        got = f"recognizer={shown(value)}"
        raise OptionError(got, "the name of a recognizer, such as 'base'", "write 'base'")
    value = plain(value)
    if not isinstance(value, (bool, int, float, str, type(None))):  # a Fraction, a Decimal
        numbers = (whole(value), real(value))
        value = next((number for number in numbers if number is not None), value)
    finite = not isinstance(value, float) or math.isfinite(value)
    short = not isinstance(value, str) or len(value) <= 1000
    if not (isinstance(value, (bool, int, float, str, type(None))) and finite and short):
        raise OptionError(f"{name}={shown(value)}", "a number, a string, True, False or None", "leave it out")
    return value


def read_record(kind: type[Record], item: Mapping[str, Any]) -> Record:
    """Read one record, with the names its values have had since version 0.2; unknown keys are ignored."""
    names = {one.name for one in fields(kind)}
    renamed = {_NEW_NAMES.get(name, name): value for name, value in item.items()}
    return kind(**{name: value for name, value in renamed.items() if name in names})


def read_records(kind: type[Record], items: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Read several records."""
    return [read_record(kind, item) for item in items]


def _check(fine: bool, what: str) -> None:
    if not fine:
        raise ValueError(f"{what} is not valid")
