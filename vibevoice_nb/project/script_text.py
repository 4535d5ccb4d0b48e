"""The script of a project's state: read, replaced, and taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script import Script, parse_script
from vibevoice_nb.texts import whole_text

from .storage.folder import MAX_SCRIPT_BYTES
from .storage.schema import Earlier, MemberRecord, State, TurnRecord, UndoStep
from .turn_matching import Words, match_turns

_TYPED_LETTERS = 40  # a change that is larger was pasted, deleted or generated
_TYPED_SECONDS = 30.0  # what is typed within this time is one step of undo


def checked_text(text: str) -> str:
    """Return a script as it can be saved.

    Raises
    ------
    ScriptError
        If it is no text, or too long.
    """
    if not isinstance(text, str):
        raise ScriptError(f"a script of type {type(text).__name__}", "text", "give a string")
    text = whole_text(text)
    if len(text.encode()) > MAX_SCRIPT_BYTES:
        got, expected = f"a script of {len(text):,} characters", f"at most {MAX_SCRIPT_BYTES:,} bytes"
        raise ScriptError(got, expected, "split it into episodes")
    return text


def read_script(state: State, text: str, with_takes: Collection[str], fresh_id: Callable[[], str]) -> Script:
    """Parse a script, and find its turns and speakers again in the state.

    Parameters
    ----------
    state : State
        It is changed.
    text : str
    with_takes : collection of str
        Ids of the turns that have takes: they are kept when they leave the script.
    fresh_id : callable
        Makes an id for a new turn.
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
    """Keep the script of an old state as a step of undo, after another was read.

    Parameters
    ----------
    state, old : State
        After and before.
    typing : bool
        Whether somebody is typing: small changes in a row become one step.

    Returns
    -------
    bool
        Whether older steps were dropped.
    """
    ids = {turn.id for turn in (*state.turns, *state.retired)}
    labels = {member.label for member in state.cast}
    before = old.script or ""
    turns = [asdict(turn) for turn in old.turns if turn.id not in ids]
    members = [asdict(member) for member in old.cast if member.label not in labels]
    now, last = time.time(), state.undo[-1] if state.undo else None
    typed = now if typing and _is_small(before, state.script or "") else None
    if (
        typed is not None
        and last is not None
        and last.typed is not None
        and 0 <= now - last.typed < _TYPED_SECONDS
    ):
        first = last.back[0][2]
        earlier = Earlier(first["text"], first["turns"] + turns, first["cast"] + members)
        state.undo[-1] = UndoStep(last.words, [["script", "", asdict(earlier)]], last.typed)
        return False
    words = "edited the script" if typed is not None else "replaced the script"
    return state.remember(UndoStep(words, [["script", "", asdict(Earlier(before, turns, members))]], typed))


def bring_back_script(state: State, before: dict[str, Any]) -> str:
    """Put the turns and speakers of an earlier script back into the state; return its text, to be read."""
    earlier = Earlier(**before)
    known = {turn.id for turn in (*state.turns, *state.retired)}
    state.retired += [TurnRecord(**turn) for turn in earlier.turns if turn["id"] not in known]
    labels = {member.label for member in state.cast}
    state.cast += [MemberRecord(**member) for member in earlier.cast if member["label"] not in labels]
    return earlier.text


def _is_small(before: str, after: str) -> bool:
    """Return whether the stretch that differs is as short as what is typed between two pauses."""
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    return max(len(before), len(after)) - start - end <= _TYPED_LETTERS
