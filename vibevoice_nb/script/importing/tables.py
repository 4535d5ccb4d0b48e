"""Tables of turns: CSV, tab-separated values and Markdown tables, with a column for the speaker."""

from __future__ import annotations

import csv
import io
import re

from vibevoice_nb.script.importing.entries import Entry, Reading
from vibevoice_nb.script.importing.json_exports import SPEAKER_KEYS, TEXT_KEYS, TIME_KEYS, read_rows
from vibevoice_nb.script.lines import NEW_LINE

_SEPARATORS = ("\t", ";", ",")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_RULE = re.compile(r"[|:\s-]{3,1000}\Z")


def table_separator(text: str) -> str:
    r"""Return the separator of a table whose first row names a speaker and a text; empty if it is none.

    >>> [table_separator(text) for text in ("speaker,text\nAnna,Hello.", "| Speaker | Text |", "Hi, you")]
    [',', '|', '']
    """
    first = next((line for line in NEW_LINE.split(text) if line.strip()), "")
    for separator in ("|",) if first.lstrip().startswith("|") else _SEPARATORS:
        names = {cell.strip(" \"'").casefold() for cell in first[:2000].split(separator)}
        if names.intersection(SPEAKER_KEYS) and names.intersection(TEXT_KEYS):
            return separator
    return ""


def read_table(text: str, reading: Reading) -> list[Entry]:
    """Read the rows of a table, each a turn."""
    separator = table_separator(text) or ","
    rows = _markdown_rows(text) if separator == "|" else _rows(text, separator, reading)
    if not rows:
        return []
    header = [cell.strip().casefold() for cell in rows[0]]
    values = [dict(zip(header, row, strict=False)) for row in rows[1:]]
    return read_rows([{key: _value(key, value) for key, value in row.items()} for row in values], reading)


def _markdown_rows(text: str) -> list[list[str]]:
    lines = [line.strip() for line in NEW_LINE.split(text) if line.strip() and not _RULE.match(line.strip())]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _rows(text: str, separator: str, reading: Reading) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator):
            rows.append(row)
    except csv.Error as error:
        reading.note(f"the table is read up to row {len(rows)}: {error}")
    return [row for row in rows if any(cell.strip() for cell in row)]


def _value(key: str, text: str) -> str | float:
    """Return a cell, as a number if it is a time in seconds."""
    cell = text.strip()
    return float(cell) if key in TIME_KEYS and _NUMBER.fullmatch(cell) else cell
