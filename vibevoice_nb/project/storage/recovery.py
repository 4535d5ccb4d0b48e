"""Recovery of a script: `script.txt` compared with the copy in `project.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vibevoice_nb.script import parse_script

from ..turn_matching import Words
from .schema import State

_BOM = "\ufeff"


@dataclass(frozen=True)
class FoundScript:
    """Script of a project that is being opened.

    Attributes
    ----------
    text : str
    note : str
        Warning to show; empty if the files agree.
    damaged : bool
        True if `script.txt` is not as saved: it is set aside, and replaced by `text`.
    before : str or None
        The script in `project.json`, if `script.txt` was edited by another program.
    """

    text: str
    note: str = ""
    damaged: bool = False
    before: str | None = None


def find_script(data: bytes | None, state: State) -> FoundScript:
    r"""Compare the script file of a project with the copy in its state.

    Parameters
    ----------
    data : bytes or None
        The content of `script.txt`; None if it is missing.
    state : State
        As read. Earlier versions saved no copy of the script; then its turns have the words.

    Raises
    ------
    UnicodeDecodeError
        If the file is not UTF-8 text, and the state has nothing to recover.

    Examples
    --------
    >>> found = find_script(b"Anna: Hello.\nBe", State(script="Anna: Hello.\nBen: Hi."))
    >>> found.text, found.note[:28]
    ('Anna: Hello.\nBen: Hi.', 'script.txt ends too early: t')
    >>> find_script(b"Anna: Good morning.", State(script="Anna: Hello.")).before
    'Anna: Hello.'
    """
    kept = _lines(state.turns_words()) if state.script is None else state.script
    if data is None:
        return _recovered(kept, "is missing") if kept.strip() else FoundScript("")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        if not kept.strip():
            raise
        return _recovered(kept, "is not UTF-8 text")
    if not kept.startswith(_BOM):
        text = text.removeprefix(_BOM)  # added by another program
    if not text.strip(f"\0{_BOM} \t\r\n") and kept.strip():
        return _recovered(kept, "is empty")
    if state.script is None:
        return _compare_words(text, state)
    if _unix(text) == _unix(kept):
        return FoundScript(text)
    if _unix(kept).startswith(_unix(text.rstrip("\0"))):
        return _recovered(kept, "ends too early")
    if "\0" in text:  # blocks that never reached the disk are zeros
        return _recovered(kept, "has gaps")
    note = "script.txt was edited by another program and was loaded; undo restores the previous script"
    return FoundScript(text, note, before=kept)


def _recovered(text: str, reason: str) -> FoundScript:
    return FoundScript(text, f"script.txt {reason}: the script was recovered from project.json", damaged=True)


def _compare_words(text: str, state: State) -> FoundScript:
    """Compare the words of the turns, for states of earlier versions."""
    kept = state.turns_words()
    turns = parse_script(text, known=[member.label for member in state.cast]).turns
    found = [Words(turn.label, turn.text) for turn in turns]
    same = 0
    while same < min(len(found), len(kept)) and found[same] == kept[same]:
        same += 1
    rest = found[same:]
    cut = len(rest) <= 1 and len(kept) > same and all(_begins(kept[same], words) for words in rest)
    if not cut:
        return FoundScript(text)
    lines = text.splitlines()[: turns[same].line - 1] if rest else text.splitlines()
    return _recovered("\n".join([*lines, _lines(kept[same:])]), "ends too early")


def _begins(whole: Words, part: Words) -> bool:
    return whole.speaker == part.speaker and whole.text.startswith(part.text)


def _lines(words: Sequence[Words]) -> str:
    return "\n".join(f"{speaker}: {text}" for speaker, text in words)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
