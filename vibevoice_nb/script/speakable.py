"""Check for the parts of a script that a model cannot speak, used by every interface before generating."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import ScriptError
from . import Diagnostic, Script, Turn
from .frontends import Frontend, TextCheck
from .lexicon import Use
from .pronunciation import AS_WRITTEN, Pronunciation, Reading

_NAMED = 4
"""Maximum number of words of a turn that are reported one by one."""


class ScriptWarning(UserWarning):
    """Part of a script that the model leaves out, or a place where it begins a new passage."""


def check_script(
    script: Script, frontend: Frontend, model: str, pronunciation: Pronunciation = AS_WRITTEN
) -> tuple[Diagnostic, ...]:
    r"""Find the turns and words that a model cannot speak.

    Parameters
    ----------
    script : Script
    frontend : Frontend
        The model's front end.
    model : str
        Name of the model, for the messages.
    pronunciation : Pronunciation
        Applied before the model's front end.

    Returns
    -------
    tuple of Diagnostic
        A warning for each skipped turn, each omitted word and each word with phones that the model cannot
        read; an error if nothing in the script can be spoken.

    Examples
    --------
    >>> from vibevoice_nb.script.frontends import FRONTENDS
    >>> from vibevoice_nb.script import parse_script
    >>> script = parse_script("Speaker 1: Hello 你好.\nSpeaker 2: ...")
    >>> for item in check_script(script, FRONTENDS["english_phonemes"], "nano"):
    ...     print(item)
    line 1, column 18: warning: nano leaves out '你好' (write it in English, or choose another model)
    line 2, column 12: warning: nano cannot speak '...', so the turn is skipped
    (write words, or delete the line)
    """
    readings = [pronunciation.read(turn.words, frontend) for turn in script.turns]
    checks = [frontend.check(reading.text) for reading in readings]
    nothing = bool(checks) and all(check.empty for check in checks)
    found: list[Diagnostic] = []
    for turn, reading, check in zip(script.turns, readings, checks, strict=True):
        found.extend(_not_pronounced(turn, reading, model))
        if check.empty:
            found.append(_skipped(turn, check, frontend, model, error=nothing and not found))
        else:
            words = list(dict.fromkeys(check.left_out))
            several = [words] if len(words) > _NAMED else [[word] for word in words]
            found.extend(_left_out(turn, group, frontend, model) for group in several)
    return tuple(found)


def speakable(
    script: Script, frontend: Frontend, model: str, pronunciation: Pronunciation = AS_WRITTEN
) -> Script:
    """Return the script as a model is given it, without the turns that it cannot speak.

    Raises
    ------
    ScriptError
        If nothing is left.
    """
    read = pronunciation.script(script, frontend)
    turns = tuple(turn for turn in read.turns if not frontend.check(turn.text).empty)
    if script.turns and not turns:
        raise nothing_to_speak(script.turns[0], frontend, model, f"line {script.turns[0].line}: ")
    return replace(script, turns=turns)


def spoken_indices(turns: Sequence[Turn], frontend: Frontend, model: str) -> list[int]:
    """Return the indices of the turns that a model can speak.

    Raises
    ------
    ScriptError
        If there are turns but it can speak none.
    """
    spoken = [index for index, turn in enumerate(turns) if not frontend.check(turn.text).empty]
    if turns and not spoken:
        raise nothing_to_speak(turns[0], frontend, model)
    return spoken


def nothing_to_speak(turn: Turn, frontend: Frontend, model: str, place: str = "") -> ScriptError:
    """Return the error for text of which nothing can be spoken."""
    check = frontend.check(turn.text)
    return ScriptError(f"{place}{model} cannot speak {_quoted(turn.words)}", frontend.expects, _remedy(check))


def reason(turn: Turn, frontend: Frontend, model: str) -> str:
    """Return why a turn cannot be spoken; empty if it can."""
    check = frontend.check(turn.text)
    return _message(turn, model) if check.empty else ""


def _message(turn: Turn, model: str) -> str:
    return f"{model} cannot speak {_quoted(turn.words)}, so the turn is skipped"


def _skipped(turn: Turn, check: TextCheck, frontend: Frontend, model: str, *, error: bool) -> Diagnostic:
    one_line = turn.line == turn.end_line
    message = f"{model} cannot speak any of this script" if error else _message(turn, model)
    end = turn.end_column if one_line else turn.text_column + 1
    return Diagnostic(
        "error" if error else "warning",
        message,
        turn.line,
        turn.text_column,
        max(end, turn.text_column + 1),
        frontend.expects,
        _remedy(check),
    )


def _left_out(turn: Turn, words: Sequence[str], frontend: Frontend, model: str) -> Diagnostic:
    """Report words at the position of the first one."""
    place, exact = place_of(turn, turn.words.find(words[0]), len(words[0]))
    fix = None if not exact or len(words) > 1 or _has_letters(words[0]) else ""
    named = ", ".join(map(_quoted, words[:_NAMED]))
    message = f"{model} leaves out {named}"
    if len(words) > _NAMED:
        message = f"{model} leaves out {len(words)} words: {named} and others"
    remedy = _remedy(TextCheck(left_out=tuple(words)))
    return Diagnostic("warning", message, *place, frontend.expects, remedy, fix)


def _not_pronounced(turn: Turn, reading: Reading, model: str) -> Iterator[Diagnostic]:
    """Report words with phones that the model cannot read, and spoken forms that are not applied."""
    seen: dict[str, Use] = {}
    for use in reading.needs_respelling:
        seen.setdefault(use.word, use)
    for use in seen.values():
        place, _ = place_of(turn, use.start, use.stop - use.start)
        message = f"{model} cannot read phones, so {_quoted(use.word)} is read as it is written"
        yield Diagnostic("warning", message, *place, "a respelling", "give the word a respelling too")
    if reading.not_english:
        place, _ = place_of(turn, -1, 0)
        message = "numbers are not written out, as this turn is not English"
        yield Diagnostic("info", message, *place, "English text", "write the numbers as words")


def place_of(turn: Turn, at: int, length: int) -> tuple[tuple[int, int, int], bool]:
    """Return line and columns of a part of a turn's words, or of all of them, and True if they are exact."""
    column, end = turn.text_column, turn.end_column if turn.line == turn.end_line else turn.text_column + 1
    # The words equal the source only if nothing in them was joined or removed.
    same = turn.line == turn.end_line and turn.end_column - turn.text_column == len(turn.words)
    exact = same and at >= 0
    if exact:
        column, end = column + at, column + at + length
    return (turn.line, column, max(end, column + 1)), exact


def _remedy(check: TextCheck) -> str:
    if any(map(_has_letters, check.left_out)):
        return "write it in English, or choose another model"
    return "delete it" if check.left_out and not check.empty else "write words, or delete the line"


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def _quoted(text: str) -> str:
    """Quote a text; joiners inside emoji stay as they are, which `repr` would spell out."""
    text = text if len(text) <= 40 else f"{text[:37]}..."
    return (
        repr(text) if "'" in text or any(unicodedata.category(char) == "Cc" for char in text) else f"'{text}'"
    )
