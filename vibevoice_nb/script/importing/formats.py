"""Formats of an import, how they are recognized, and the reader of each."""

from __future__ import annotations

import re
from collections.abc import Callable

from vibevoice_nb.script.importers.fences import is_fence
from vibevoice_nb.script.importers.times import find_stamp
from vibevoice_nb.script.importing import (
    archives,
    captions,
    chats,
    json_exports,
    labelled,
    pages,
    plain,
    screenplay,
    tables,
    transcripts,
)
from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading
from vibevoice_nb.script.json_form import json_text, looks_like_json
from vibevoice_nb.script.lines import NEW_LINE
from vibevoice_nb.script.parsing import parse_script

CHATS = ("whatsapp", "telegram", "discord", "slack", "teams", "zoom-chat", "irc", "chatgpt")
TEXT_FORMATS = (
    "script", "markdown", "tags", "transcript", "json", "srt", "vtt", "ass", *CHATS, "screenplay", "dialogue",
    "table", "html", "prose",
)  # fmt: skip
FORMATS = (*TEXT_FORMATS, "docx", "epub")
_TAGGED = re.compile(r"</?[A-Za-z][\w .-]{0,39}\s?>|\[/?[Ss](?:peaker|PEAKER)?[ _-]?\d{1,3}\]")
_MARKED = re.compile(r"\s{0,9}(?:[-*>]\s{1,3})?(?:\*\*|__)[^*_\n]{1,60}(?:\*\*|__)|#{2,6}\s")

TextReader = Callable[[str, Reading], list[Entry]]


def detect(text: str) -> tuple[str, float]:
    r"""Return the format of a text, and how sure that is, from 0 to 1.

    >>> detect("WEBVTT\n\n00:01.000 --> 00:02.000\nHello.")[0], detect("Anna: Hello.\nBen: Hi.")[0]
    ('vtt', 'script')
    """
    lines = [line for line in NEW_LINE.split(text) if line.strip()]
    if not lines:
        return "prose", 1.0
    if lines[0].startswith("WEBVTT"):
        return "vtt", 1.0
    if looks_like_json(json_text(text)):
        return "json", 1.0
    if any("-->" in line and captions.TIMING.match(line) for line in lines):
        return "srt", 1.0
    if captions.is_ass(text):
        return "ass", 1.0
    if pages.is_html(text) and not _labels_in_tags(text):
        return "html", 0.9
    if tables.table_separator(text):
        return "table", 1.0
    style, share = chats.chat_style(text)
    if style:
        return style, max(0.5, round(share, 2))
    if screenplay.is_screenplay(text):
        return "screenplay", 0.9
    return _detect_lines(text, lines)


def _detect_lines(text: str, lines: list[str]) -> tuple[str, float]:
    labels = labelled.Labels.in_lines(labelled.script_lines(text))
    stamped = sum(1 for line in lines if _has_stamp(line))
    if stamped >= 2 and 4 * stamped >= len(lines):
        return "transcript", 0.9 if labels else 0.7
    if not labels and labelled.lower_case_names(text):
        return "script", 0.7
    if not labels:
        return ("dialogue", 0.6) if plain.is_dialogue(lines) else ("prose", 0.5)
    doubts = min(5, len(labels.doubtful))
    sure = round(max(0.3, 1.0 - 0.1 * doubts), 2)
    if sum(1 for line in lines if _TAGGED.search(line)) * 2 >= len(lines):
        return "tags", sure
    marked = any(_MARKED.match(line) or is_fence(line) for line in lines)
    return ("markdown" if marked else "script"), sure


def _has_stamp(line: str) -> bool:
    at = len(line) - len(line.lstrip())
    if find_stamp(line, at):
        return True
    starts = (place for place in range(at + 1, min(len(line), at + 48)) if line[place - 1] in " \t(")
    return any(find_stamp(line, place) for place in starts)


def _labels_in_tags(text: str) -> bool:
    """Decide if paragraphs in tags are lines of a script, such as `<p>Anna: Hello.</p>`, in no page."""
    return (
        "<html" not in text[:2000].lower()
        and "<!doctype" not in text[:200].lower()
        and "<body" not in text.lower()
        and bool(labelled.Labels.in_lines(labelled.script_lines(text)))
    )


def read_text(text: str, format: str, reading: Reading) -> list[Entry]:
    """Read a text of a known format."""
    if format in CHATS:
        return chats.read_chat(text, reading, format)
    return _READERS[format](text, reading)


def _read_json(text: str, reading: Reading) -> list[Entry]:
    entries = json_exports.read_json_export(json_text(text), reading)
    if entries:
        return entries
    script = parse_script(text, format="json")
    labelled.note_diagnostics(script.diagnostics, reading)
    return [Entry(turn.speaker, turn.text, pause_ms=turn.pause_after_ms) for turn in script.turns]


def read_page(page: pages.Page, reading: Reading) -> list[Entry]:
    """Read a page as a chat, as a script if its lines have labels, or else as narration."""
    if pages.has_messages(page):
        return pages.read_messages(page, reading)
    text = pages.lines_of(page)
    format, _ = detect(text)
    if format in ("prose", "html", "dialogue"):
        reading.note(f"no speaker is named; {NARRATOR} reads the text")
        return pages.narration(page)
    return read_text(text, format, reading)


def _read_html(text: str, reading: Reading) -> list[Entry]:
    return read_page(pages.parse_page(text), reading)


def read_archive(data: bytes, format: str, reading: Reading) -> list[Entry]:
    """Read a Word document or a book."""
    if format == "epub":
        return archives.read_epub(data, reading)
    return read_page(archives.docx_page(data), reading)


_READERS: dict[str, TextReader] = {
    "script": labelled.read_labelled,
    "markdown": labelled.read_labelled,
    "tags": labelled.read_labelled,
    "transcript": transcripts.read_transcript,
    "json": _read_json,
    "srt": captions.read_captions,
    "vtt": captions.read_captions,
    "ass": captions.read_ass,
    "screenplay": screenplay.read_screenplay,
    "dialogue": plain.read_dialogue,
    "table": tables.read_table,
    "html": _read_html,
    "prose": plain.read_prose,
}
