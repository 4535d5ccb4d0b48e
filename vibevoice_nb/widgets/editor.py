"""`ScriptEditor`: editor for conversations that shows how the script is parsed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import traitlets

from vibevoice_nb.display.colors import free_color
from vibevoice_nb.display.static import Line, Static, paragraph, transcript
from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import MAX_SPEAKERS, Diagnostic, Script, parse_script
from vibevoice_nb.script.frontends import PLAIN_TEXT
from vibevoice_nb.script.lines import name_key, speaker_number
from vibevoice_nb.script.speakable import check_script
from vibevoice_nb.script.turns import label_of

from .base import VibeVoiceWidget
from .importing import Importing
from .payloads import ScriptDiagnostic, Speaker, TurnState, payload_list


def diagnostic_rows(diagnostics: Iterable[Diagnostic]) -> list[ScriptDiagnostic]:
    """Return diagnostics for the page, with columns in code points."""
    return [
        {
            "severity": item.severity,
            "message": item.message,
            "line": item.line,
            "column": item.column,
            "end_column": item.end_column,
            "expected": item.expected,
            "suggestion": item.suggestion,
            "fix": item.fix,
            "alternatives": list(item.alternatives),
        }
        for item in diagnostics
    ]


class ScriptEditor(VibeVoiceWidget):
    r"""Script editor with speaker colors, diagnostics with quick fixes, durations and completion.

    Parameters
    ----------
    script : str
        Initial text.
    cast : iterable of str or int, optional
        Speakers, as in `parse_script`; taken from the script if omitted.
    layout : ipywidgets.Layout, optional

    Attributes
    ----------
    script : str
        Current text, also while it is edited in the page; assign to replace it.
    diagnostics : list of ScriptDiagnostic
        Problems in the script.
    turns : list of TurnState
        Turns of the script.
    speakers : list of Speaker
        Label, color (`#rrggbb`) and voice of each speaker; an assigned color or voice is kept.

    Examples
    --------
    >>> editor = ScriptEditor("Anna: Hello!\nBen: Hi.", cast=["Anna", "Ben"])
    >>> [(turn["speaker"], turn["line"]) for turn in editor.turns]
    [('Anna', 1), ('Ben', 2)]
    >>> editor.script = "Ana: Hello!"
    >>> editor.diagnostics[0]["fix"]
    'Anna:'
    """

    _page = "editor"

    script = traitlets.Unicode().tag(sync=True, page=True)
    diagnostics = payload_list(ScriptDiagnostic)
    turns = payload_list(TurnState)
    speakers = payload_list(Speaker)

    def __init__(
        self,
        script: str = "",
        *,
        cast: Iterable[str | int] | None = None,
        layout: Any = None,
    ) -> None:
        if not isinstance(script, str):
            raise OptionError(f"ScriptEditor({shown(script)})", "the text of a script", "pass a string")
        self._cast = None if cast is None else tuple(cast)
        self._names: tuple[str, ...] = ()
        self._seen: dict[str, Speaker] = {}  # all earlier speakers, to restore their colors and voices
        self.parsed: Script = parse_script("")
        super().__init__(script=script, **({} if layout is None else {"layout": layout}))
        self.add_parts(Importing())
        self._read()
        self.observe(lambda _: self._read(), "script")

    def _repr_details(self) -> str:
        return f"{len(self.turns)} turns, {len(self.diagnostics)} diagnostics"

    def _static(self) -> Static:
        colors = {speaker["label"]: speaker["color"] for speaker in self.speakers}
        lines = [Line(turn.label, turn.text, colors.get(turn.label, "")) for turn in self.parsed.turns]
        shown = transcript(lines)
        found = [(item["severity"], f"Line {item['line']}: {item['message']}") for item in self.diagnostics]
        html = [shown.html, *(paragraph(f"{kind}: {words}", f"d {kind}") for kind, words in found)]
        text = [shown.text, *(f"{kind}: {words}" for kind, words in found)]
        if not self.script.strip():
            html, text = [paragraph("The script is empty.", "q")], ["The script is empty."]
        return Static("".join(html), "\n".join(text).strip())

    def _read(self) -> None:
        """Parse the script and send the result to the page in one message."""
        script = self.parsed = self._parse()
        with self.hold_sync():
            self.speakers = self._speakers(script)
            self.turns = turn_rows(script)
            # An empty script is no error.
            found = (*script.diagnostics, *check_script(script, PLAIN_TEXT, "the model"))
            self.diagnostics = diagnostic_rows(found) if self.script.strip() else []

    def _parse(self) -> Script:
        """Parse the script as a project does: names that were speakers before stay speakers."""
        script = parse_script(self.script, cast=self._cast, known=self._names)
        self._names = script.cast or self._names
        return script

    def _speakers(self, script: Script) -> list[Speaker]:
        labels = dict.fromkeys(map(_as_label, self._cast or ()))
        # An invalid label is not listed as a speaker.
        labels |= dict.fromkeys(turn.label for turn in script.turns if turn.speaker_index < MAX_SPEAKERS)
        self._seen |= {name_key(speaker["label"]): speaker for speaker in self.speakers}
        unseen: Speaker = {
            "label": "",
            "color": "",
            "voice": None,
            "default_voice": "",
            "gain": 0.0,
            "pace": 1.0,
        }
        rows: list[Speaker] = [
            {**self._seen.get(name_key(label), unseen), "label": label} for label in labels
        ]
        colors = [row["color"] for row in rows]
        for place, row in enumerate(rows):
            if not row["color"]:
                colors[place] = row["color"] = free_color(colors)
        return rows


def turn_rows(script: Script) -> list[TurnState]:
    """Return the rows of turns without takes; their numbers are their ids."""
    return [
        {
            "id": str(number),
            "speaker": turn.label,
            "speaker_index": turn.speaker_index,
            "line": turn.line,
            "end_line": turn.end_line,
            "text_column": turn.text_column,
            "end_column": turn.end_column,
            "state": "unspoken",
            "reason": "",
            "partial": False,
            "context_changed": False,
            "estimated": round(turn.estimated_seconds, 2),
            "seconds": None,
            "gap_ms": None,
            "pause_ms": turn.pause_after_ms,
            "gain": 0.0,
            "gain_limit": None,
            "pace": 1.0,
            "takes": [],
            "chosen": None,
        }
        for number, turn in enumerate(script.turns, 1)
    ]


def _as_label(speaker: str | int) -> str:
    number = speaker if isinstance(speaker, int) else speaker_number(speaker)
    if number is None and str(speaker).isdecimal():
        number = int(speaker)
    return label_of(str(speaker) if number is None else number)
