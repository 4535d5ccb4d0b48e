"""Reviews of several recordings: a table in notebooks, a DataFrame, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from .result import Review

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

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: the word error rate, the number of flagged rows, and the rows."""
        rows = [row.to_json() for row in self]
        return {"wer": round(self.wer, 2), "flagged": len(self.flagged), "turns": rows}

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for each recording, with its words, figures and differences."""
        import pandas

        columns = (
            "number",
            "turn",
            "take",
            "speaker",
            "similarity",
            "wer",
            "score",
            "flagged",
            "text",
            "heard",
        )
        rows = [
            {
                **{name: row[name] for name in columns},
                "differences": "; ".join(map(str, line.review.differences)),
            }
            for line, row in ((line, line.to_json()) for line in self)
        ]
        return pandas.DataFrame(rows, columns=[*columns, "differences"])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("", "Speaker", "Words", "Errors", "Differences"))
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><td>{row.number}</td><td>{escape(row.speaker)}</td>"
            f"<td {left}>{escape(row.review.text)}</td><td>{row.review.wer:.0f} %</td>"
            f"<td {left}>{'<br>'.join(escape(str(item)) for item in row.review.differences)}</td></tr>"
            for row in self
        )
        return f"<p>{escape(repr(self)[1:-1])}</p><table><tr>{head}</tr>{rows}</table>"
