"""Script language, described in `vibevoice_nb.script.parsing`; `importing` reads other formats."""

from .parsing import MAX_SPEAKERS, SUFFIXES, Diagnostic, Script, Severity, Turn, load_script, parse_script

__all__ = [
    "MAX_SPEAKERS",
    "SUFFIXES",
    "Diagnostic",
    "Script",
    "Severity",
    "Turn",
    "load_script",
    "parse_script",
]
