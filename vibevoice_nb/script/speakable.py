"""Check for the parts of a script that a model cannot speak, used by every interface before generating."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ..errors import ScriptError
from . import Diagnostic, Script, Turn
from .frontends import Frontend, TextCheck

_NAMED = 4
"""Maximum number of words of a turn that are reported one by one."""


class ScriptWarning(UserWarning):
    """Part of a script that the model leaves out."""


def check_script(script: Script, frontend: Frontend, model: str) -> tuple[Diagnostic, ...]:
    r"""Find the turns and words that a model cannot speak.

    Parameters
    ----------
    script : Script
    frontend : Frontend
        The model's front end.
    model : str
        Name of the model, for the messages.

    Returns
    -------
    tuple of Diagnostic
        A warning for each skipped turn and each omitted word; an error if nothing in the script can be
        spoken.

    Examples
    --------
    >>> from vibevoice_nb.script.frontends import FRONTENDS
    >>> from vibevoice_nb.script import parse_script
    >>> script = parse_script("Speaker 1: Hello 你好.\nSpeaker 2: ...")
    >>> for item in check_script(script, FRONTENDS["english_phonemes"], "nano"):
    ...     print(item)
    line 1, column 18: warning: nano leaves out '你好' (write it in English, or choose another model)
    line 2, column 12: warning: nano has nothing to speak in '...', so the turn is skipped
    (write words, or delete the line)
    """
    checks = [(turn, frontend.check(turn.text)) for turn in script.turns]
    nothing = bool(checks) and all(check.empty for _, check in checks)
    found: list[Diagnostic] = []
    for turn, check in checks:
        if check.empty:
            found.append(_skipped(turn, check, frontend, model, error=nothing and not found))
        else:
            words = list(dict.fromkeys(check.left_out))
            several = [words] if len(words) > _NAMED else [[word] for word in words]
            found.extend(_left_out(turn, group, frontend, model) for group in several)
    return tuple(found)


def speakable(script: Script, frontend: Frontend, model: str) -> Script:
    """Return the script without the turns that a model cannot speak.

    Raises
    ------
    ScriptError
        If nothing is left.
    """
    turns = tuple(turn for turn in script.turns if not frontend.check(turn.text).empty)
    if script.turns and not turns:
        raise nothing_to_speak(script.turns[0], frontend, model, f"line {script.turns[0].line}: ")
    return replace(script, turns=turns)


def nothing_to_speak(turn: Turn, frontend: Frontend, model: str, place: str = "") -> ScriptError:
    """Return the error for text of which nothing can be spoken."""
    check = frontend.check(turn.text)
    return ScriptError(
        f"{place}{model} has nothing to speak in {_quoted(turn.text)}", frontend.expects, _remedy(check)
    )


def reason(turn: Turn, frontend: Frontend, model: str) -> str:
    """Return why a turn cannot be spoken; empty if it can."""
    check = frontend.check(turn.text)
    return _message(turn, model) if check.empty else ""


def _message(turn: Turn, model: str) -> str:
    return f"{model} has nothing to speak in {_quoted(turn.text)}, so the turn is skipped"


def _skipped(turn: Turn, check: TextCheck, frontend: Frontend, model: str, *, error: bool) -> Diagnostic:
    one_line = turn.line == turn.end_line
    message = f"{model} can speak nothing of this script" if error else _message(turn, model)
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
    fix: str | None = None
    column, end = turn.text_column, turn.end_column if turn.line == turn.end_line else turn.text_column + 1
    # The text equals the source only if nothing in it was joined or removed.
    if turn.line == turn.end_line and turn.end_column - turn.text_column == len(turn.text):
        at = turn.text.find(words[0])
        if at >= 0:
            column, end = column + at, column + at + len(words[0])
            fix = None if len(words) > 1 or _has_letters(words[0]) else ""
    named = ", ".join(map(_quoted, words[:_NAMED]))
    message = f"{model} leaves out {named}"
    if len(words) > _NAMED:
        message = f"{model} leaves out {len(words)} words: {named} and others"
    remedy = _remedy(TextCheck(left_out=tuple(words)))
    place = turn.line, column, max(end, column + 1)
    return Diagnostic("warning", message, *place, frontend.expects, remedy, fix)


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
