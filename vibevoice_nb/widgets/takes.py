"""What a page with takes asks for: choose, star, delete, undo, pauses. None of it needs a model."""

from __future__ import annotations

from typing import Any

from vibevoice_nb.project import Project

from .base import call


class TakesPanel:
    """For a widget that shows the takes of a project, `work`."""

    @property
    def work(self) -> Project:
        """The project: its script, cast, takes and choices."""
        raise NotImplementedError

    @call("choose_take")
    def _choose_take(self, turn: str, take: str) -> None:
        self.work.choose(turn, take)

    @call("star_take")
    def _star_take(self, take: str, starred: bool) -> None:
        self.work.star(take, starred)

    @call("delete_take")
    def _delete_take(self, take: str) -> None:
        self.work.delete_take(take)

    @call("undo")
    def _undo(self) -> dict[str, Any]:
        return {"undone": self.work.undo()}

    @call("set_gap")
    def _set_gap(self, turn: str, gap_ms: int | None = None) -> None:
        self.work.set_gap(turn, gap_ms)
