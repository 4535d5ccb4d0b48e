"""What one visitor may ask of a machine that many share."""

from __future__ import annotations

from dataclasses import dataclass

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.ranges import MAX_STEPS, check_ranges
from vibevoice_nb.script import Script, parse_script
from vibevoice_nb.script.turns import CHARS_PER_SECOND

_RANGES = {
    "max_minutes": (0.1, 90.0, "minutes of speech, from 0.1 to 90"),
    "queue": (1, 1000, "a whole number of visitors, from 1 to 1000"),
    "max_steps": (1, MAX_STEPS, f"a whole number of solver steps, from 1 to {MAX_STEPS}"),
    "upload_megabytes": (1, 64, "a whole number of megabytes, from 1 to 64"),
    "voice_seconds": (3.0, 600.0, "seconds, from 3 to 600"),
    "keep_minutes": (1.0, 1440.0, "minutes, from 1 to 1440"),
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

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

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
        most = int(3 * self.max_minutes * 60 * CHARS_PER_SECOND)
        if len(text) > most:  # before it is read: reading a million characters takes a while, too
            raise self._too_long(f"a script of {len(text):,} characters", f"at most {most:,} here")
        if not text.strip():
            raise ScriptError("an empty script", "at least one line, such as 'Anna: Hello!'", "write one")
        script = parse_script(text).raise_for_errors()
        minutes = script.estimated_seconds / 60
        if minutes > self.max_minutes:
            raise self._too_long(
                f"a script of about {minutes:.1f} minutes", f"at most {self.max_minutes:g} minutes here"
            )
        return script

    def _too_long(self, got: str, expected: str) -> ScriptError:
        return ScriptError(got, expected, "shorten it, or install vibevoice-nb, which has no such limit")
