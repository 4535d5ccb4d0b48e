"""Helpers for tests of scripts: a cast, the contents of a parsed script, and lost words."""

from __future__ import annotations

import re
import unicodedata

from vibevoice_nb.script import Script
from vibevoice_nb.script.lines import clean_line, is_comment, name_key, split_lines

CAST = ["Anna", "Ben"]


def spoken(script: Script) -> list[tuple[object, str, int]]:
    return [(turn.speaker, turn.text, turn.pause_after_ms) for turn in script.turns]


def indices(script: Script) -> dict[object, int]:
    return {turn.speaker: turn.speaker_index for turn in script.turns}


def remarks(script: Script, severity: str) -> list[str]:
    return [item.message for item in script.diagnostics if item.severity == severity]


def lost_words(text: str, script: Script) -> list[str]:
    """Words of a script's source that are in no turn, label, pause or comment, and under no diagnostic.

    A diagnostic that the line continues the turn above takes care of no word.
    """
    if any(item.severity == "error" and not script.turns for item in script.diagnostics):
        return []
    said = " ".join(turn.text for turn in script.turns)
    labels = {name_key(turn.label) for turn in script.turns} | {name_key(name) for name in script.cast}
    covered: dict[int, list[tuple[int, int]]] = {}
    for item in script.diagnostics:
        if not (item.severity == "info" and "continues the turn" in item.message):
            covered.setdefault(item.line, []).append((item.column, item.end_column))
    lost = []
    for number, offset, raw in split_lines(text):
        line, _ = clean_line(number, raw, offset=offset)
        if is_comment(line.text) or not line.text.strip("> \t"):  # ">": a blank line of a quotation
            continue
        pauses = [
            match.span()
            for match in re.finditer(r"\[pause[\s:\d]{0,40}(?:ms)?\s{0,9}\]", line.text, re.IGNORECASE)
        ]
        for match in re.finditer(r"[^\s:：]+", line.text):
            word, column = match[0], line.columns[match.start()]
            plain = word.strip("[]")
            in_label = any(plain and name_key(plain) in label for label in labels)
            in_pause = any(start < match.end() and match.start() < end for start, end in pauses)
            told = any(
                start < line.columns[match.end()] and column < end for start, end in covered.get(number, [])
            )
            only_invisible = all(unicodedata.category(char)[0] == "C" for char in word)
            if not (
                word in said or in_label or in_pause or told or only_invisible or _numbered(word, labels)
            ):
                lost.append(word)
    return lost


def _numbered(word: str, labels: set[str]) -> bool:
    """Return true if a word is a number of a label such as `[007]:`."""
    digits = re.sub(r"\D", "", word)
    return bool(digits) and f"speaker {int(digits)}" in labels
