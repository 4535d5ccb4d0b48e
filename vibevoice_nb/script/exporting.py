"""Scripts as text for other programs: Markdown, JSON and Fountain."""

from __future__ import annotations

import json
from collections.abc import Callable

from vibevoice_nb.errors import OptionError
from vibevoice_nb.script.turns import Script, Turn


def export_script(script: Script, format: str = "text") -> str:
    r"""Return a script as text; `import_script` reads the same turns from it.

    Subtitles have times, so a take writes them: `Take.to_srt`, `Take.to_vtt`.

    Parameters
    ----------
    script : Script
    format : {"text", "markdown", "json", "fountain"}

    Raises
    ------
    OptionError
        If the format is unknown.

    Examples
    --------
    >>> from vibevoice_nb.script import parse_script
    >>> print(export_script(parse_script("Anna: Hello.\nBen: Hi."), "markdown"), end="")
    **Anna:** Hello.
    <BLANKLINE>
    **Ben:** Hi.
    """
    if format not in _WRITERS:
        raise OptionError(f"format={format!r}", f"one of {', '.join(_WRITERS)}", "choose one of them")
    return _WRITERS[format](script)


def _markdown(script: Script) -> str:
    return "\n".join(f"**{turn.label}:** {_words(turn)}\n" for turn in script.turns)


def _json(script: Script) -> str:
    turns = [{"speaker": turn.speaker, "text": _words(turn)} for turn in script.turns]
    return json.dumps(turns, ensure_ascii=False, indent=2) + "\n"


def _fountain(script: Script) -> str:
    cues = (f"\n@{turn.label}\n{_words(turn)}\n" for turn in script.turns)
    return "".join(("Title: Script\n", *cues))


def _words(turn: Turn) -> str:
    return turn.text + (f" [pause:{turn.pause_after_ms}]" if turn.pause_after_ms else "")


_WRITERS: dict[str, Callable[[Script], str]] = {
    "text": Script.to_text,
    "markdown": _markdown,
    "json": _json,
    "fountain": _fountain,
}
SCRIPT_FORMATS = {
    ".txt": "text",
    ".vvscript": "text",
    ".md": "markdown",
    ".json": "json",
    ".fountain": "fountain",
}
"""Format of `export_script` by the suffix of a file."""
