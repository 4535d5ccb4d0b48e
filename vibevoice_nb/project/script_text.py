"""Script of a project: parsed, replaced, undone, and recovered when the project is opened."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vibevoice_nb.errors import ProjectError, ScriptError
from vibevoice_nb.script import Script, parse_script
from vibevoice_nb.texts import whole_text

from .history import History, inverse
from .storage.folder import MAX_SCRIPT_BYTES
from .storage.recovery import FoundScript, find_script
from .storage.schema import MemberRecord, State, TurnRecord, read_records
from .storage.undo import Kept, UndoStep
from .store import ProjectStore
from .turn_matching import Words, match_turns

GivenScript = Literal["used", "replaced", "kept"]

_TYPED_LETTERS = 40  # a larger change was pasted, deleted or generated
_TYPED_SECONDS = 30.0  # changes typed within this time are one step of undo


@dataclass
class Earlier:
    """An earlier script, with its turns and speakers that are not in the script after it."""

    text: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    cast: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if type(self.text) is not str:
            raise ValueError("an earlier script is not text")

    @property
    def records(self) -> tuple[list[TurnRecord], list[MemberRecord]]:
        """Its turns and speakers."""
        return read_records(TurnRecord, self.turns), read_records(MemberRecord, self.cast)


class ProjectScript:
    """Script of a project: every take stays with its line when the text changes, see `match_turns`."""

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history

    def load(self) -> None:
        """Read the script of a project that is opened, and save what had to be recovered.

        Raises
        ------
        ProjectError
            If its file is not UTF-8 text and can't be recovered.
        """
        store = self._store
        try:
            found = find_script(store.folder.load_script(), store.state)
        except UnicodeDecodeError as exc:
            got = f"{store.path / 'script.txt'}: {exc}"
            raise ProjectError(got, "text in UTF-8", "save it as UTF-8 text") from exc
        _read(store, found.text)
        if found.note and not store.read_only:
            self._keep(found)

    def write(self, text: str, *, typing: bool = False) -> None:
        """Replace the script.

        Parameters
        ----------
        text : str
            Unpaired surrogates become U+FFFD.
        typing : bool
            True while a person types: small changes in a row are then one step of `undo`.

        Raises
        ------
        ScriptError
            If the script is too long.
        ProjectError
            If the script can't be written, which leaves it unchanged, or the project can't be changed.
        """
        text, store = checked_text(text), self._store
        with store.mutex:
            if text == store.text:
                return
            with store.changing("script") as state:
                old = state.copy()
                _read(store, text)
                store.trash_outdated = keep_earlier(state, old, typing=typing) or store.trash_outdated

    def give(self, text: str, *, replace: bool = False) -> GivenScript:
        """Apply the script of a cell, which may be run many times.

        A script that differs from that of the last run is applied; `undo` restores the previous one.
        Otherwise the project keeps its script, which may have been edited since. It also keeps a script that
        was there before the first cell ran.

        Parameters
        ----------
        text : str
        replace : bool
            Apply the text in any case.

        Returns
        -------
        {"used", "replaced", "kept"}
            Used: the project's script is this text. Replaced: so it is, and the script before it had been
            edited. Kept: the project has another script.

        Raises
        ------
        ScriptError, ProjectError
            As `write`.
        """
        text, store = checked_text(text), self._store
        with store.mutex:
            last = store.state.given.get("script")
            edited = store.text != text and bool(store.text.strip()) and last != _digest(store.text)
            keep = edited and not replace and last in (None, _digest(text))
            if not keep:
                self.write(text)
            if last != _digest(text):
                with store.changing("settings") as state:
                    state.given["script"] = _digest(text)
            return "kept" if keep else "replaced" if edited else "used"

    def _keep(self, found: FoundScript) -> None:
        """Save a recovered script and warn of it; on a full disk it is recovered again the next time."""
        store = self._store
        store.folder.warn(f"{store.name}: {found.note}")
        with contextlib.suppress(ProjectError):
            if found.damaged:
                store.folder.set_aside("script.txt")
            elif found.before is not None:
                earlier = asdict(Earlier(found.before))
                self._history.record("loaded the edited script.txt", ["script", "", earlier])
            store.folder.save(store.state, found.text)


def _read(store: ProjectStore, text: str) -> None:
    """Parse a text, and make it the script of the store."""
    with_takes = {take.turn_id for take in store.takes.values()}
    store.script = read_script(store.state, text, with_takes, lambda: secrets.token_hex(4))
    store.text = text


def _check_earlier(key: str, before: Mapping[str, Any]) -> Kept:
    earlier = Earlier(**before)
    _, members = earlier.records
    voices = frozenset(member.voice for member in members if member.voice)
    return Kept(voices=voices, letters=len(earlier.text))


@inverse("script", _check_earlier, reason="script")
def _restore_script(store: ProjectStore, key: str, before: Mapping[str, Any]) -> bool:
    """Make an earlier script the script again, with its turns and speakers."""
    earlier, state = Earlier(**before), store.state
    turns, members = earlier.records
    known = {turn.id for turn in (*state.turns, *state.retired)}
    state.retired += [turn for turn in turns if turn.id not in known]
    labels = {member.label for member in state.cast}
    state.cast += [member for member in members if member.label not in labels]
    _read(store, earlier.text)
    return True


def checked_text(text: str) -> str:
    """Return a script as it is saved.

    Raises
    ------
    ScriptError
        If it is not text, or too long.
    """
    if not isinstance(text, str):
        raise ScriptError(f"the script has type {type(text).__name__}", "a string", "pass the text")
    text = whole_text(text)
    if len(text.encode()) > MAX_SCRIPT_BYTES:
        got, expected = f"the script has {len(text):,} characters", f"at most {MAX_SCRIPT_BYTES:,} bytes"
        raise ScriptError(got, expected, "split it into episodes")
    return text


def read_script(state: State, text: str, with_takes: Collection[str], fresh_id: Callable[[], str]) -> Script:
    """Parse a script, and match its turns and speakers with those of the state.

    Parameters
    ----------
    state : State
        Updated in place.
    text : str
    with_takes : collection of str
        Ids of the turns that have takes: they are kept when deleted from the script.
    fresh_id : callable
        Returns an id for a new turn.
    """
    script = parse_script(text, known=[member.label for member in state.cast])
    words = [Words(turn.label, turn.text) for turn in script.turns]
    ids = match_turns(
        [(turn.id, turn.words) for turn in state.turns],
        words,
        fresh_id,
        [(turn.id, turn.words) for turn in state.retired],
    )
    before = {turn.id: turn for turn in (*state.retired, *state.turns)}
    turns = []
    for turn_id, (speaker, said) in zip(ids, words, strict=True):
        record = before.pop(turn_id, None) or TurnRecord(turn_id, speaker, said)
        record.speaker, record.text = speaker, said
        turns.append(record)
    state.script, state.turns = text, turns
    state.retired = [turn for turn in before.values() if turn.id in with_takes]
    speakers = dict.fromkeys(turn.label for turn in script.turns)
    state.cast = [member for member in state.cast if member.voice or member.label in speakers]
    for label in speakers:
        state.member(label)
    return script


def keep_earlier(state: State, old: State, *, typing: bool) -> bool:
    """Add an undo step with the script of an old state.

    The first script of a project makes none, unless a person typed or pasted it.

    Parameters
    ----------
    state, old : State
        After and before the change.
    typing : bool
        True while a person types: small changes in a row become one step.

    Returns
    -------
    bool
        True if older steps were dropped.
    """
    ids = {turn.id for turn in (*state.turns, *state.retired)}
    labels = {member.label for member in state.cast}
    before = old.script or ""
    if not typing and not before.strip() and not state.undo:
        return False
    turns = [asdict(turn) for turn in old.turns if turn.id not in ids]
    members = [asdict(member) for member in old.cast if member.label not in labels]
    now, last = time.time(), state.undo[-1] if state.undo else None
    typed = now if typing and _is_small(before, state.script or "") else None
    if (
        typed is not None
        and last is not None
        and last.typed is not None
        and last.back[0][0] == "script"
        and 0 <= now - last.typed < _TYPED_SECONDS
    ):
        first = Earlier(**last.back[0][2])
        earlier = Earlier(first.text, first.turns + turns, first.cast + members)
        state.undo[-1] = UndoStep(last.words, [["script", "", asdict(earlier)]], last.typed)
        return False
    words = "edited the script" if typed is not None else "replaced the script"
    return state.remember(UndoStep(words, [["script", "", asdict(Earlier(before, turns, members))]], typed))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_small(before: str, after: str) -> bool:
    """Return True if the part that differs is as short as a change typed between two pauses."""
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    return max(len(before), len(after)) - start - end <= _TYPED_LETTERS
