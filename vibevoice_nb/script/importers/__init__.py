"""Readers of other forms: each turns the lines it recognizes into lines of the script language.

Every importer is a function from lines to lines and leaves alone what it doesn't recognize. The lines keep
the places of their characters in the source, so that turns and diagnostics point into the pasted text.
Numbers, times and tags are left out of the speech, each with a diagnostic that covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vibevoice_nb.script.importers.cues import read_cues
from vibevoice_nb.script.importers.fences import read_fences
from vibevoice_nb.script.importers.note import Note
from vibevoice_nb.script.importers.prefixes import read_prefixes
from vibevoice_nb.script.importers.subtitles import read_subtitles
from vibevoice_nb.script.importers.tags import read_tags
from vibevoice_nb.script.importers.times import read_times
from vibevoice_nb.script.lines import Line

Importer = Callable[[list[Line], Mapping[str, str], Note], list[Line]]

IMPORTERS: tuple[Importer, ...] = (
    read_fences,
    read_subtitles,
    read_times,
    read_prefixes,
    read_tags,
    read_cues,
)


def as_script(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Turn the lines of any known form into lines of the script language.

    Parameters
    ----------
    lines : list of Line
        All lines of the source, blank ones included.
    names : mapping
        `name_key(name)` to name, for each speaker that is known before reading.
    note : Note
        Called for each diagnostic.

    Returns
    -------
    list of Line
    """
    for importer in IMPORTERS:
        lines = importer(lines, names, note)
    return lines
