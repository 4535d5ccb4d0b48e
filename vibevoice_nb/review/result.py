"""`Review`: what a recognizer heard in a recording, compared with its script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, TypedDict, TypeVar, get_args

from vibevoice_nb.ranges import shown

from .differences import Difference, Kind
from .pace import Pace

FORMAT = 1


@dataclass(frozen=True)
class WordTime:
    """A word of the script in a recording.

    Attributes
    ----------
    text : str
        As written.
    start, end : int
        Range of the script's text.
    start_seconds, end_seconds : float
    heard : bool
        False if it was not recognized: its times are interpolated.
    """

    text: str
    start: int
    end: int
    start_seconds: float
    end_seconds: float
    heard: bool = True


class PaceFigures(TypedDict):
    """Pace as plain values."""

    words_per_minute: float | None
    syllables_per_second: float | None


class ReviewFigures(PaceFigures):
    """Figures of a review as plain values: those of `Review`, rounded."""

    wer: float
    score: float
    flagged: bool
    recognizer: str
    similarity: float | None
    loudness: float | None


@dataclass(frozen=True)
class Review:
    """Words that a recognizer heard in a recording, compared with its script.

    Attributes
    ----------
    text : str
        Text of the script.
    heard : str
        The recognizer's transcript.
    differences : tuple of Difference
        In order of time.
    words : tuple of WordTime
        Every word of the script with its times.
    errors, count : int
        Substituted, inserted and deleted words, and words of the script; `wer` is their ratio.
    recognizer : str
        Name of the recognizer.
    language : str
    similarity : float or None
        Likeness of the voice to the recording of its speaker, from -1 to 1; None if it was not measured.
    nearest : str
        Speaker of the cast whose voice is the most similar; empty if it was not measured.
    pace : Pace or None
        From the first right word to the last one; None if there are fewer than two.
    loudness : float or None
        In LUFS; None for silence, and for less than 0.4 s.
    """

    text: str
    heard: str
    differences: tuple[Difference, ...]
    words: tuple[WordTime, ...]
    errors: int
    count: int
    recognizer: str
    language: str
    note: str = field(default="", compare=False)
    similarity: float | None = None
    nearest: str = ""
    pace: Pace | None = None
    loudness: float | None = None

    @property
    def wer(self) -> float:
        """Word error rate in percent."""
        return 100.0 * self.errors / max(1, self.count)

    @property
    def certain(self) -> tuple[Difference, ...]:
        """Differences that the recognizer is sure of."""
        return tuple(item for item in self.differences if item.certain)

    @property
    def flagged(self) -> bool:
        """True if the recording needs attention: it has a certain difference."""
        return bool(self.certain)

    @property
    def score(self) -> float:
        """Quality from 0 to 100, to choose between takes: 100 without a difference."""
        weight = sum(_WEIGHTS[item.kind] * (1.0 if item.certain else 0.3) for item in self.differences)
        return 100.0 * max(0.0, 1.0 - weight / max(4, self.count))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, which `from_json` reads."""
        return {"format": FORMAT, **self.figures(), **asdict(self)}

    def figures(self) -> ReviewFigures:
        """Return the figures as plain values: errors, score, recognizer, voice, pace and loudness."""
        return {
            "wer": round(self.wer, 1),
            "score": round(self.score, 1),
            "flagged": self.flagged,
            "recognizer": self.recognizer,
            "similarity": rounded(self.similarity, 3),
            **pace_figures(self.pace),
            "loudness": rounded(self.loudness, 1),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Review:
        """Read the result of `to_json`; unknown keys are ignored.

        Raises
        ------
        ValueError, TypeError, KeyError
            If it is damaged, or of another format.

        Examples
        --------
        >>> found = Review("Hi.", "hi", (), (WordTime("Hi.", 0, 3, 0.1, 0.4),), 0, 1, "base", "en")
        >>> Review.from_json(found.to_json()) == found
        True
        """
        if data["format"] != FORMAT:
            raise ValueError(f"a review of format {shown(data['format'])}")
        differences = tuple(_record(Difference, item) for item in data["differences"])
        words = tuple(_record(WordTime, item) for item in data["words"])
        pace = None if data.get("pace") is None else _record(Pace, data["pace"])
        values = {
            item.name: _checked(item.name, data[item.name], item.type)
            for item in fields(cls)
            if item.name not in ("differences", "words", "pace")
            # Figures that were added later are missing in older files.
            and (item.name in data or item.default is MISSING)
        }
        return cls(differences=differences, words=words, pace=pace, **values)


def rounded(value: float | None, digits: int) -> float | None:
    """Round a figure that may be unknown."""
    return None if value is None else round(value, digits)


def pace_figures(pace: Pace | None) -> PaceFigures:
    """Return a pace as plain values: words per minute, and syllables per second."""
    return {
        "words_per_minute": None if pace is None else round(pace.words_per_minute, 1),
        "syllables_per_second": None if pace is None else rounded(pace.syllables_per_second, 2),
    }


_Record = TypeVar("_Record", Difference, WordTime, Pace)


def _record(kind: type[_Record], item: Mapping[str, Any]) -> _Record:
    return kind(**{one.name: _checked(one.name, item[one.name], one.type) for one in fields(kind)})


def _checked(name: str, value: Any, kind: object) -> Any:
    """Return a value of a JSON file if it is of the kind that the field is annotated with."""
    if kind == "Kind":
        fine = value in get_args(Kind)
    elif kind == "float | None" and value is None:
        return None
    elif kind in ("float", "float | None"):
        fine = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    else:
        fine = type(value).__name__ == kind
    if not fine:
        raise ValueError(f"{name}={shown(value)} in a review")
    return float(value) if str(kind).startswith("float") else value


_WEIGHTS = {
    "missing": 1.0,
    "different": 1.0,
    "extra": 1.0,
    "repeated": 1.0,
    "cut off": 2.0,
    "silence": 1.0,
    "sound": 2.0,
}
