"""Project data for a page, as plain values: the traits `turns`, `takes`, `take`, `project`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.turns import TakeTurn
from vibevoice_nb.export.take_entries import OptionsEntry
from vibevoice_nb.project import Project, Take, Timeline
from vibevoice_nb.project.turns import ProjectTurn
from vibevoice_nb.voices.casting import stand_ins

from .payloads import TakeState, TakeSummary, TurnState, TurnStatus

EPISODE = "episode"
"""The source that is the assembled project."""


def turn_states(
    project: Project, marks: Mapping[str, TurnStatus], timeline: Timeline | None = None
) -> list[TurnState]:
    """Describe every turn.

    Parameters
    ----------
    project : Project
    timeline : Timeline, optional
        That of the project, if it is known.
    marks : mapping from turn id to state
        "queued" or "speaking", where a generation is at work; it hides the project's own state.
    """
    rows: list[TurnState] = []
    segments = (project.timeline() if timeline is None else timeline).segments
    pieces = {segment.take.id: segment.piece for segment in segments}
    for item in project.turns:
        turn = item.turn
        piece = pieces.get(item.chosen or "")
        rows.append(
            {
                "id": item.id,
                "speaker": turn.label,
                "speaker_index": turn.speaker_index,
                "line": turn.line,
                "end_line": turn.end_line,
                "text_column": turn.text_column,
                "end_column": turn.end_column,
                "state": marks.get(item.id, item.state),
                "reason": item.reason,
                "partial": item.partial,
                "context_changed": item.context_changed,
                "estimated": round(turn.estimated_seconds, 2),
                "seconds": None if piece is None else round(piece.samples / SAMPLE_RATE, 3),
                "gap_ms": item.gap_ms,
                "pause_ms": turn.pause_after_ms,
                "gain": item.adjustments.gain,
                "gain_limit": None
                if piece is None or piece.applied_db == piece.gain_db
                else round(piece.applied_db, 1),
                "pace": item.adjustments.pace,
                "takes": list(item.takes),
                "chosen": item.chosen,
            }
        )
    return rows


def take_cards(project: Project) -> dict[str, TakeState]:
    """Describe every take of every turn."""
    cards: dict[str, TakeState] = {}
    for item in project.turns:
        for take_id in item.takes:
            cards[take_id] = _card(project, item, project.take(take_id))
    return cards


def _card(project: Project, turn: ProjectTurn, take: Take) -> TakeState:
    options = take.manifest.options or OptionsEntry()
    text = take.manifest.text or ""
    start, stop = project.adjustments.trim_of(take)
    return {
        "id": take.id,
        "turn": turn.id,
        "speaker": take.manifest.speaker or "",
        "text": text,
        "earlier": text not in ("", turn.turn.text),
        "voice": "" if take.manifest.voice is None else take.manifest.voice.name or "",
        "created": take.created,
        "seed": take.seed,
        "num_steps": options.num_steps,
        "cfg_scale": options.cfg_scale,
        "solver": options.solver,
        "model": take.model,
        "seconds": round(take.seconds, 3),
        "rtf": take.manifest.rtf,
        "samples": take.samples,
        "trim_start": start,
        "trim_stop": stop,
        "starred": project.takes.is_starred(take.id),
        "follows": take.follows,
        "context_changed": project.context_changed(take.id),
        "ended": take.ended,
        "odd_length": take.odd_length,
    }


def take_summary(take: Take, source: str, revision: int) -> TakeSummary:
    """Describe what the player plays; positions in samples."""
    return {
        "source": source,
        "name": take.name,
        "samples": take.samples,
        "sample_rate": take.sample_rate,
        "revision": revision,
        "turns": [
            {
                "turn": turn.turn_id,
                "label": turn.label,
                "text": turn.text,
                "color": turn.color,
                "start": turn.start,
                "stop": turn.stop,
                "confidence": turn.confidence,
                "words": word_numbers(turn),
            }
            for turn in take.turns
        ],
    }


def word_numbers(turn: TakeTurn) -> list[int]:
    """Return the words of a turn as numbers: an episode has thousands, and they are sent often.

    Examples
    --------
    >>> from vibevoice_nb.audio.turns import TurnWord
    >>> words = (TurnWord(0, 2, 0, 9), TurnWord(3, 6, 9, 20))
    >>> word_numbers(TakeTurn("1", "Ada", "\U0001f600! Yes", 0, 20, words=words))
    [0, 3, 0, 9, 4, 7, 9, 20]
    """
    if not turn.words:
        return []
    units = [0, *accumulate(1 + (char > "\uffff") for char in turn.text)]
    return [
        number
        for word in turn.words
        for number in (units[word.text_start], units[word.text_stop], word.start, word.stop)
    ]


def stand_in_names(project: Project) -> dict[str, str]:
    """Return the built-in voices that replace recordings a model cannot follow, by speaker."""
    spoken = {turn.turn.label for turn in project.turns}
    voices = {
        label: member.voice
        for label, member in project.cast.items()
        if label in spoken and member.voice is not None
    }
    return {label: voice.name for label, voice in stand_ins(voices).items()}
