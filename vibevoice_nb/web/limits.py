"""Limits of the web demo for each visitor and for all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.ranges import MAX_STEPS, check_ranges
from vibevoice_nb.script import Script, parse_script
from vibevoice_nb.script.turns import CHARS_PER_SECOND, Diagnostic

_RANGES = {
    "max_minutes": (0.1, 90.0, "minutes of speech, from 0.1 to 90"),
    "queue": (1, 1000, "a whole number of visitors, from 1 to 1000"),
    "max_steps": (1, MAX_STEPS, f"a whole number of solver steps, from 1 to {MAX_STEPS}"),
    "upload_megabytes": (1, 64, "a whole number of megabytes, from 1 to 64"),
    "voice_seconds": (3.0, 600.0, "seconds, from 3 to 600"),
    "keep_minutes": (1.0, 1440.0, "minutes, from 1 to 1440"),
    "per_visitor": (1, 1000, "a whole number of conversations, from 1 to 1000"),
    "per_address": (1, 1000, "a whole number of conversations, from 1 to 1000"),
    "address_megabytes": (1, 100_000, "a whole number of megabytes, from 1 to 100000"),
    "total_megabytes": (1, 100_000, "a whole number of megabytes, from 1 to 100000"),
}


@dataclass(frozen=True)
class Limits:
    """Limits of the web demo.

    Attributes
    ----------
    max_minutes : float
        Longest conversation: by estimate before generation, by audio length during it.
    queue : int
        Maximum number of queued visitors; further requests are rejected.
    max_steps : int
        Maximum number of solver steps per frame.
    upload_megabytes : int
        Largest recording.
    voice_seconds : float
        Longest recording.
    keep_minutes : float
        Time until a visitor's files are deleted.
    per_visitor, per_address : int
        Maximum number of queued conversations of one visitor, and of all visitors with one network address.
    address_megabytes, total_megabytes : int
        Maximum size of the stored recordings: those uploaded from one address, and all.

    Raises
    ------
    OptionError
        If a value is out of range.

    Examples
    --------
    >>> Limits(max_minutes=0)
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: max_minutes=0. Expected minutes of speech, ...
    """

    max_minutes: float = 3.0
    queue: int = 20
    max_steps: int = 20
    upload_megabytes: int = 16
    voice_seconds: float = 60.0
    keep_minutes: float = 30.0
    per_visitor: int = 2
    per_address: int = 10
    address_megabytes: int = 64
    total_megabytes: int = 512

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    @property
    def max_characters(self) -> int:
        """Maximum number of characters of a script; longer ones are not parsed."""
        return int(3 * self.max_minutes * 60 * CHARS_PER_SECOND)

    @property
    def max_body(self) -> int:
        """Maximum bytes of a request other than an upload: a script as JSON, even if it is too long."""
        return 6 * self.max_characters + 1_000_000

    def check(self, text: str) -> Script:
        """Parse a script and check it against the limits.

        Raises
        ------
        ScriptError
            If the script is empty, too long, or has errors.

        Examples
        --------
        >>> Limits(max_minutes=1).check("Anna: Hello.").speakers
        ('Anna',)
        >>> Limits(max_minutes=1).check("Anna: " + 200 * "On and on. ")
        Traceback (most recent call last):
        vibevoice_nb.errors.ScriptError: the script is about 2.4 minutes long. Expected at most 1 minute ...
        """
        most = self.max_characters
        if len(text) > most:  # before parsing, which takes a while for a million characters
            raise self._too_long(f"the script has {len(text):,} characters", f"at most {most:,} here")
        if not text.strip():
            raise ScriptError(
                "the script is empty", "at least one line, such as 'Anna: Hello!'", "write a line"
            )
        script = read_script(text).raise_for_errors()
        minutes = script.estimated_seconds / 60
        if minutes > self.max_minutes:
            most_minutes = f"{self.max_minutes:g} minute{'' if self.max_minutes == 1 else 's'}"
            raise self._too_long(
                f"the script is about {minutes:.1f} minutes long", f"at most {most_minutes} here"
            )
        return script

    def _too_long(self, got: str, expected: str) -> ScriptError:
        return ScriptError(got, expected, "shorten it, or install vibevoice-nb, which has no such limit")


def read_script(text: str) -> Script:
    r"""Parse a script as a project does, with diagnostics for users of the page.

    Examples
    --------
    >>> read_script("Anna: Hello.\nBen: Hi.").diagnostics
    ()
    """
    script = parse_script(text)
    return replace(script, diagnostics=tuple(map(_for_visitors, script.diagnostics)))


def _for_visitors(found: Diagnostic) -> Diagnostic:
    """Replace advice that applies to the Python API only."""
    if "cast" not in found.suggestion:
        return found
    return replace(
        found, suggestion="begin every line with 'Speaker 1:' and so on, or every line with a name"
    )
