"""What one visitor may ask of a machine that many share."""

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
        Longest conversation, by estimate before and by what is made after.
    queue : int
        Visitors who may wait; the next one is sent away.
    max_steps : int
        Most solver steps per frame.
    upload_megabytes : int
        Largest recording.
    voice_seconds : float
        Longest recording.
    keep_minutes : float
        How long a visitor's files are kept.
    per_visitor, per_address : int
        Conversations of one visitor, and of all visitors with one network address, that may be in the queue.
    address_megabytes, total_megabytes : int
        Recordings that are kept at a time: those uploaded from one address, and all.

    Raises
    ------
    OptionError
        A value out of range.

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
        """Characters of a script beyond which it isn't read at all."""
        return int(3 * self.max_minutes * 60 * CHARS_PER_SECOND)

    @property
    def max_body(self) -> int:
        """Bytes of a request that isn't an upload: a script as JSON, with room to say that it is too long."""
        return 6 * self.max_characters + 1_000_000

    def check(self, text: str) -> Script:
        """Read a script, or say why it can't be spoken here.

        Raises
        ------
        ScriptError
            It is empty, too long, or has errors.

        Examples
        --------
        >>> Limits(max_minutes=1).check("Anna: Hello.").speakers
        ('Anna',)
        >>> Limits(max_minutes=1).check("Anna: " + 200 * "On and on. ")
        Traceback (most recent call last):
        vibevoice_nb.errors.ScriptError: a script of about 2.4 minutes. Expected at most 1 minutes ...
        """
        most = self.max_characters
        if len(text) > most:  # before it is read: reading a million characters takes a while, too
            raise self._too_long(f"a script of {len(text):,} characters", f"at most {most:,} here")
        if not text.strip():
            raise ScriptError("an empty script", "at least one line, such as 'Anna: Hello!'", "write one")
        script = read_script(text).raise_for_errors()
        minutes = script.estimated_seconds / 60
        if minutes > self.max_minutes:
            raise self._too_long(
                f"a script of about {minutes:.1f} minutes", f"at most {self.max_minutes:g} minutes here"
            )
        return script

    def _too_long(self, got: str, expected: str) -> ScriptError:
        return ScriptError(got, expected, "shorten it, or install vibevoice-nb, which has no such limit")


def read_script(text: str) -> Script:
    r"""Read a script as the project that speaks it does, with diagnostics for somebody who has only the page.

    Examples
    --------
    >>> read_script("Anna: Hello.\nBen: Hi.").diagnostics
    ()
    """
    script = parse_script(text)
    return replace(script, diagnostics=tuple(map(_for_visitors, script.diagnostics)))


def _for_visitors(found: Diagnostic) -> Diagnostic:
    """Replace advice that only a program can follow: a page has no cast to pass."""
    if "cast" not in found.suggestion:
        return found
    return replace(
        found, suggestion="begin every line with 'Speaker 1:' and so on, or every line with a name"
    )
