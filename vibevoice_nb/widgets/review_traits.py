"""Reviews of a project for a page, as plain values: the traits `reviews` and `review_state`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.project import Project, Timeline
from vibevoice_nb.project.pieces import Piece
from vibevoice_nb.project.storage.schema import checked_setting
from vibevoice_nb.review import Difference, Review
from vibevoice_nb.review.availability import WHISPER_MB
from vibevoice_nb.review.pace import relative
from vibevoice_nb.review.result import rounded
from vibevoice_nb.script.word_places import WordPlaces, script_lines

from .payloads import (
    KnownRecognizer,
    ReviewDifference,
    ReviewState,
    TakeReview,
    payload,
    payload_dict,
    payload_list,
)


def _size(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes} MB"


SUGGESTIONS: list[KnownRecognizer] = [
    *(
        KnownRecognizer(id=name, note=f"Whisper {name}: {_size(megabytes)}, MIT license")
        for name, megabytes in WHISPER_MB.items()
    ),
    KnownRecognizer(id="pocketsphinx", note="No download, English only; mishears about one word in six"),
    KnownRecognizer(id="vibevoice-asr", note="VibeVoice-ASR: 17 GB, MIT license; for a GPU"),
]


class ReviewTraits(traitlets.HasTraits):
    """Traits of a widget that reviews takes.

    Attributes
    ----------
    listen_back : {"off", "on demand", "each take"}
    recognizer : str
        See `review.recognizers`.
    recognizers : list of KnownRecognizer
    review_state : ReviewState
    reviews : dict of TakeReview, by id of the take
    """

    listen_back = traitlets.Unicode("on demand").tag(sync=True, page=True)
    recognizer = traitlets.Unicode("base").tag(sync=True, page=True)
    recognizers = payload_list(KnownRecognizer, SUGGESTIONS)
    review_state = payload(ReviewState)
    reviews = payload_dict(TakeReview)

    @traitlets.validate("listen_back", "recognizer")
    def _valid(self, proposal: Any) -> Any:
        value = checked_setting(proposal["trait"].name, proposal["value"])
        return value.strip()


def take_reviews(project: Project, timeline: Timeline) -> dict[str, TakeReview]:
    """Describe the reviews of all takes of the script's turns."""
    pieces = {segment.take.id: segment.piece for segment in timeline.segments}
    lines = script_lines(project.script_text)
    usual = project.reviews.report().usual_rates
    found: dict[str, TakeReview] = {}
    for item in project.turns:
        reviews = {take: one for take in item.takes if (one := project.reviews.of(take)) is not None}
        for take, one in reviews.items():
            piece = pieces.get(take)
            current = piece is not None and one.text == item.turn.text and bool(one.differences)
            places = WordPlaces(lines, item.turn) if current else None
            found[take] = _row(one, usual.get(item.turn.label), piece, places)
    return found


def _row(found: Review, usual: float | None, piece: Piece | None, places: WordPlaces | None) -> TakeReview:
    figures = found.figures()
    return {
        "wer": figures["wer"],
        "score": figures["score"],
        "flagged": found.flagged,
        "similarity": figures["similarity"],
        "nearest": found.nearest,
        "words_per_minute": figures["words_per_minute"],
        "relative_pace": rounded(relative(found.pace, usual), 3),
        "loudness": figures["loudness"],
        "recognizer": found.recognizer,
        "note": found.note,
        "differences": [difference_row(one, piece, places) for one in found.differences],
    }


def difference_row(
    one: Difference, piece: Piece | None = None, places: WordPlaces | None = None
) -> ReviewDifference:
    """Describe a difference, with its places in the episode and in the script where they are known."""
    place = None if places is None else places.range(one.start, one.end)
    return {
        "kind": one.kind,
        "said": one.said,
        "heard": one.heard,
        "certain": one.certain,
        "start": round(one.start_seconds, 3),
        "end": round(one.end_seconds, 3),
        "offset": None if piece is None else _offset(piece, one),
        "place": None
        if place is None
        else {
            "line": place.line,
            "column": place.column,
            "end_line": place.end_line,
            "end_column": place.end_column,
        },
    }


def _offset(piece: Piece, one: Difference) -> int | None:
    """Return the place of a difference in a piece, in samples; None if that part is trimmed off."""
    first, last = round(one.start_seconds * SAMPLE_RATE), round(one.end_seconds * SAMPLE_RATE)
    return piece.place(first) if first < piece.stop and last >= piece.start else None


def review_state(state: Mapping[str, Any]) -> ReviewState:
    """Return a state with defaults for what is not given."""
    empty: ReviewState = {
        "state": "available",
        "recognizer": "",
        "done": 0,
        "total": 0,
        "memory": 0,
        "download": 0,
        "license": "",
        "message": "",
    }
    return {**empty, **state}  # type: ignore[typeddict-item]
