"""Parsed scripts: turns and diagnostics."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from vibevoice_nb.errors import ScriptError

Severity = Literal["error", "warning", "info"]

# LJ Speech, 24 hours of one person reading aloud, has 1,308,678 characters in 86,117 s: 15.2 per second.
# Characters are counted, not words, because that carries over to long words and to languages without spaces.
# A digit is read as a word of about four letters, a Chinese, Japanese or Korean character as a long syllable.
CHARS_PER_SECOND = 15.0
_DIGIT_CHARS, _WIDE_CHARS = 4.0, 3.5


@dataclass(frozen=True)
class Diagnostic:
    """A problem at one place of a script.

    Lines and columns count from 1; columns count characters (code points, not UTF-16 units), and `end_column`
    is exclusive. `fix`, if not empty, is a replacement for `[column, end_column)`; `alternatives` are other
    possible replacements.
    """

    severity: Severity
    message: str
    line: int
    column: int
    end_column: int
    expected: str = ""
    suggestion: str = ""
    fix: str | None = None
    alternatives: tuple[str, ...] = ()

    def __str__(self) -> str:
        remedy = f" ({self.suggestion})" if self.suggestion else ""
        return f"line {self.line}, column {self.column}: {self.severity}: {self.message}{remedy}"


@dataclass(frozen=True)
class Turn:
    """Uninterrupted words of one speaker.

    `speaker` is the label, a number or a name; `speaker_index` is its place in the cast, from 0 (32 and above
    only in a script with errors, so that no wrong voice is used). `pause_after_ms` is the silence that
    follows. The turn reaches from `(line, column)`, the place of its label, to `(end_line, end_column)`; its
    words begin at `text_column`. Places count as in `Diagnostic`. Where a model is given other words than the
    script has, `text` are those for the model and `written` those of the script.
    """

    speaker: int | str
    text: str
    speaker_index: int
    pause_after_ms: int = 0
    line: int = 1
    column: int = 1
    text_column: int = 1
    end_line: int = 1
    end_column: int = 1
    written: str = ""

    @property
    def words(self) -> str:
        """Words as written in the script."""
        return self.written or self.text

    @property
    def label(self) -> str:
        """Speaker label, as written before the colon: "Speaker 1" or "Anna"."""
        return label_of(self.speaker)

    @property
    def estimated_seconds(self) -> float:
        """Estimated length of the speech, without the pause after it.

        >>> round(Turn(1, "Welcome back to the programme.", 0).estimated_seconds, 1)
        2.0
        """
        chars = len(self.text) + (_DIGIT_CHARS - 1) * sum(map(str.isdigit, self.text))
        if not self.text.isascii():
            chars += (_WIDE_CHARS - 1) * sum(map(_is_syllable, self.text))
        return chars / CHARS_PER_SECOND


@dataclass(frozen=True)
class Script:
    """Turns of a conversation, and the diagnostics of parsing it.

    `cast` holds the names that give the speakers their indices, empty in a script of numbered speakers.
    """

    turns: tuple[Turn, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    cast: tuple[str, ...] = ()

    @property
    def speakers(self) -> tuple[int | str, ...]:
        """Labels in the script, in the order of the model's indices."""
        indices = {turn.speaker: turn.speaker_index for turn in self.turns}
        return tuple(sorted(indices, key=indices.__getitem__))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Diagnostics that prevent generation."""
        return tuple(item for item in self.diagnostics if item.severity == "error")

    @property
    def estimated_seconds(self) -> float:
        """Estimated length of the audio, including pauses."""
        return sum(turn.estimated_seconds + turn.pause_after_ms / 1000 for turn in self.turns)

    def raise_for_errors(self) -> Script:
        """Return the script itself; raise an error if it has errors.

        Raises
        ------
        ScriptError
            If the script has errors; the message has the position of the first and the number of others.

        Examples
        --------
        >>> from vibevoice_nb.script import parse_script
        >>> parse_script("Speaker one: Hello.").raise_for_errors()
        Traceback (most recent call last):
        vibevoice_nb.errors.ScriptError: line 1, column 1: 'Speaker one:' is not a valid speaker label.
        Expected 'Speaker N:' with a whole number. To fix it: write 'Speaker 1:'.
        """
        if not self.errors:
            return self
        first, more = self.errors[0], len(self.errors) - 1
        others = f" (and {more} more error{'s' * (more > 1)})" if more else ""
        got = f"line {first.line}, column {first.column}: {first.message}{others}"
        raise ScriptError(got, first.expected, first.suggestion)

    def to_text(self) -> str:
        r"""Return the script as text, one line per turn, without comments.

        `parse_script(script.to_text(), cast=script.cast)` has the same turns, except for their positions.

        Examples
        --------
        >>> from vibevoice_nb.script import parse_script
        >>> parse_script("[1]: So [pause:200]\nthis is it.").to_text()
        'Speaker 1: So [pause:200]\nSpeaker 1: this is it.\n'
        """
        lines = []
        for turn in self.turns:
            pause = f" [pause:{turn.pause_after_ms}]" if turn.pause_after_ms else ""
            lines.append(f"{turn.label}: {turn.text}{pause}\n")
        return "".join(lines)


def label_of(speaker: int | str) -> str:
    """Return a speaker's label, as in scripts and messages.

    >>> label_of(1), label_of("Anna")
    ('Speaker 1', 'Anna')
    """
    return f"Speaker {speaker}" if isinstance(speaker, int) else speaker


def _is_syllable(char: str) -> bool:
    return char.isalpha() and unicodedata.east_asian_width(char) == "W"
