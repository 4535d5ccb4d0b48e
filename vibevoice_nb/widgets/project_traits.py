"""Project data for a page, as plain values: the traits `turns`, `takes`, `take`, `project`."""

from __future__ import annotations

from collections.abc import Mapping

from vibevoice_nb.project import Project, Take

from .payloads import TakeState, TakeSummary, TurnState, TurnStatus

EPISODE = "episode"
"""The source that is the assembled project."""


def turn_states(project: Project, marks: Mapping[str, TurnStatus]) -> list[TurnState]:
    """Describe every turn.

    Parameters
    ----------
    project : Project
    marks : mapping from turn id to state
        "queued" or "speaking", where a generation is at work; it hides the project's own state.
    """
    rows: list[TurnState] = []
    for item in project.turns:
        turn = item.turn
        chosen = None if item.chosen is None else project.take(item.chosen)
        rows.append(
            {
                "id": item.id,
                "speaker": turn.label,
                "speaker_index": turn.speaker_index,
                "line": turn.line,
                "end_line": turn.end_line,
                "state": marks.get(item.id, item.state),
                "reason": item.reason,
                "partial": item.partial,
                "context_changed": item.context_changed,
                "estimated": round(turn.estimated_seconds, 2),
                "seconds": None if chosen is None else round(chosen.seconds, 3),
                "gap_ms": item.gap_ms,
                "pause_ms": turn.pause_after_ms,
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
            cards[take_id] = _card(project, item.id, project.take(take_id))
    return cards


def _card(project: Project, turn: str, take: Take) -> TakeState:
    options = take.manifest.get("options") or {}
    return {
        "id": take.id,
        "turn": turn,
        "created": str(take.manifest.get("created", "")),
        "seed": options.get("seed"),
        "num_steps": options.get("num_steps"),
        "cfg_scale": options.get("cfg_scale"),
        "solver": options.get("solver"),
        "model": str(take.manifest.get("model", "")),
        "seconds": round(take.seconds, 3),
        "rtf": take.manifest.get("rtf"),
        "starred": project.takes.is_starred(take.id),
        "follows": take.manifest.get("follows"),
        "context_changed": project.context_changed(take.id),
        "ended": str(take.manifest.get("ended", "")),
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
            }
            for turn in take.turns
        ],
    }
