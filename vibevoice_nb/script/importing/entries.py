"""Parts of an import: entries with their speaker, target times, and questions about what is unclear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vibevoice_nb.errors import OptionError

NARRATOR = "Narrator"
"""Speaker of text that names no other."""


@dataclass(frozen=True)
class Target:
    """Time of a turn in the source, in seconds, to compare the generated audio with.

    `end` is None if the source gives the beginning only.
    """

    start: float
    end: float | None = None


@dataclass(frozen=True)
class Entry:
    """Words of one speaker; `speaker` is a name, or a number without a name."""

    speaker: int | str
    text: str
    target: Target | None = None
    pause_ms: int = 0


@dataclass(frozen=True)
class Question:
    """Something the source leaves open.

    Attributes
    ----------
    key : str
        Name of the question in `answers`, such as "label:Note".
    text : str
        The question, as a sentence.
    options : dict
        Description of each possible answer, by its value.
    answer : str
        The value used: the one given, or the most likely one.
    answered : bool
        Whether the answer was given.
    """

    key: str
    text: str
    options: Mapping[str, str]
    answer: str
    answered: bool


@dataclass
class Reading:
    """Collector of an import: answers given, questions asked, notes about what is left out or changed."""

    answers: Mapping[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ask(self, key: str, text: str, options: Mapping[str, str], assumed: str) -> str:
        """Return the answer given to a question, or the assumed one; the question is recorded.

        Raises
        ------
        OptionError
            If the answer given is not one of the options.
        """
        given = self.answers.get(key)
        if given is not None and given not in options:
            raise OptionError(
                f"the answer {given!r} to {key!r}", f"one of {', '.join(options)}", "choose one of them"
            )
        answer = assumed if given is None else given
        self.questions.append(Question(key, text, dict(options), answer, given is not None))
        return answer

    def note(self, text: str) -> None:
        """Record a sentence about something left out or changed; the same one only once."""
        if text not in self.notes:
            self.notes.append(text)

    def count(self, number: int, one: str, many: str) -> None:
        """Record how many things were left out, if any: `one` describes a single one."""
        if number:
            self.note(one if number == 1 else f"{number} {many}")

    def check_answers(self) -> None:
        """Raise an error if an answer was given to a question that was not asked.

        Raises
        ------
        OptionError
        """
        asked = [question.key for question in self.questions]
        for key in self.answers:
            if key not in asked:
                expected = f"one of {', '.join(asked)}" if asked else "no answers: nothing was asked"
                raise OptionError(f"an answer to {key!r}", expected, "leave it out, or correct it")


SPEAKERS = {"one": "one speaker reads everything", "alternate": "two speakers alternate"}


def ask_speakers(reading: Reading, text: str, assumed: str = "one") -> bool:
    """Ask whether two speakers alternate where the source names none; return the answer."""
    return reading.ask("speakers", text, SPEAKERS, assumed) == "alternate"
