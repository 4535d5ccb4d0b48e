"""Reviews of several recordings: a table in notebooks, a DataFrame, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from html import escape
from operator import add
from typing import TYPE_CHECKING, Any

from .pace import Pace, relative, usual_rates
from .result import PaceFigures, Review, pace_figures, rounded

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class ReviewRow:
    """Review of one recording: number of the turn from 1, ids, speaker, and the review."""

    number: int
    turn: str
    take: str
    speaker: str
    review: Review

    @property
    def other_voice(self) -> str:
        """Speaker whose voice the recording has instead of its own; empty if it has its own."""
        near = self.review.nearest
        return near if near != self.speaker else ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        about = {"number": self.number, "turn": self.turn, "take": self.take, "speaker": self.speaker}
        return {**about, **self.review.to_json()}


class ReportFigures(PaceFigures):
    """Figures of several reviews as plain values: those of `ReviewReport`, rounded."""

    wer: float
    score: float
    flagged: int
    similarity: float | None


class ReviewReport(Sequence[ReviewRow]):
    """Reviews of the turns of a project, or of files; shows a table in a notebook.

    Examples
    --------
    >>> review = Review("Hi.", "hi", (), (), 0, 1, "base", "en")
    >>> report = ReviewReport([ReviewRow(1, "t1", "t1-a", "Anna", review)])
    >>> report, report.wer, len(report.flagged)
    (<ReviewReport 1 turn, 0 flagged, word error rate 0.0 %>, 0.0, 0)
    """

    def __init__(self, rows: Sequence[ReviewRow]) -> None:
        self.rows = tuple(rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ReviewRow]:
        return iter(self.rows)

    def __repr__(self) -> str:
        turns = f"{len(self)} turn{'' if len(self) == 1 else 's'}"
        return f"<ReviewReport {turns}, {len(self.flagged)} flagged, word error rate {self.wer:.1f} %>"

    @property
    def wer(self) -> float:
        """Word error rate of all words, in percent."""
        words = sum(row.review.count for row in self)
        return 100.0 * sum(row.review.errors for row in self) / max(1, words)

    @property
    def flagged(self) -> tuple[ReviewRow, ...]:
        """Rows that need attention."""
        return tuple(row for row in self if row.review.flagged)

    @property
    def score(self) -> float:
        """Mean score of the words, from 0 to 100; see `Review.score`."""
        words = sum(row.review.count for row in self)
        return sum(row.review.score * row.review.count for row in self) / max(1, words)

    @property
    def similarity(self) -> float | None:
        """Mean likeness of the voices to their recordings, by the words; None if it was not measured."""
        known = [
            (row.review.similarity, max(1, row.review.count))
            for row in self
            if row.review.similarity is not None
        ]
        return sum(one * count for one, count in known) / sum(count for _, count in known) if known else None

    @property
    def pace(self) -> Pace | None:
        """Pace of all words, without the pauses between the recordings."""
        paces = [row.review.pace for row in self if row.review.pace is not None]
        return reduce(add, paces) if paces else None

    @cached_property
    def usual_rates(self) -> dict[str, float]:
        """Median syllables per second of each speaker with at least three rows that have a pace."""
        return usual_rates((row.speaker, row.review.pace) for row in self)

    def relative_pace(self, row: ReviewRow) -> float | None:
        """Return the pace of a row divided by its speaker's usual one; 1.2 is 20 % faster, None unknown."""
        return relative(row.review.pace, self.usual_rates.get(row.speaker))

    def figures(self) -> ReportFigures:
        """Return the figures of all rows as plain values; see `Review.figures`."""
        return {
            "wer": round(self.wer, 1),
            "score": round(self.score, 1),
            "flagged": len(self.flagged),
            "similarity": rounded(self.similarity, 3),
            **pace_figures(self.pace),
        }

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: the figures of all rows, the number of flagged ones, and the rows."""
        return {**self.figures(), "wer": round(self.wer, 2), "turns": [self._row(row) for row in self]}

    def _row(self, row: ReviewRow) -> dict[str, Any]:
        return {**row.to_json(), "relative_pace": rounded(self.relative_pace(row), 3)}

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for each recording, with its words, figures and differences."""
        import pandas

        rows = [
            {
                **{name: row[name] for name in _COLUMNS},
                "differences": "; ".join(map(str, line.review.differences)),
            }
            for line, row in ((line, self._row(line)) for line in self)
        ]
        return pandas.DataFrame(rows, columns=[*_COLUMNS, "differences"])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("", "Speaker", "Words", *_FIGURES, "Differences"))
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><td>{row.number}</td><td>{escape(row.speaker)}</td>"
            f"<td {left}>{escape(row.review.text)}</td>"
            f"{''.join(f'<td>{figure}</td>' for figure in shown_figures(row.review))}"
            f"<td>{shown_loudness(row.review.loudness)}</td>"
            f"<td {left}>{'<br>'.join(escape(str(item)) for item in row.review.differences)}</td></tr>"
            for row in self
        )
        return f"<p>{escape(repr(self)[1:-1])}</p><table><tr>{head}</tr>{rows}</table>"


def shown_figures(found: Review | ReviewReport) -> tuple[str, str, str]:
    """Return the errors, the likeness of the voice and the words per minute for a table.

    Examples
    --------
    >>> shown_figures(Review("Hi there.", "hi", (), (), 1, 2, "base", "en", similarity=0.814))
    ('50 %', '0.81', '')
    """
    return (
        f"{found.wer:.0f} %",
        "" if found.similarity is None else f"{found.similarity:.2f}",
        "" if found.pace is None else f"{found.pace.words_per_minute:.0f}",
    )


def shown_loudness(lufs: float | None) -> str:
    """Return a loudness for a table.

    Examples
    --------
    >>> shown_loudness(-19.32), shown_loudness(None)
    ('-19.3', '')
    """
    return "" if lufs is None else f"{lufs:.1f}"


_FIGURES = ("Errors", "Voice", "Words/min", "LUFS")
_COLUMNS = (
    "number",
    "turn",
    "take",
    "speaker",
    "similarity",
    "wer",
    "score",
    "flagged",
    "words_per_minute",
    "syllables_per_second",
    "relative_pace",
    "loudness",
    "text",
    "heard",
)
