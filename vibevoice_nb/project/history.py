"""Undo: each operation registers its inverse beside the code that makes the change."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vibevoice_nb.errors import ProjectError

from .storage.undo import Check, UndoStep, register_check
from .store import ProjectStore

Inverse = Callable[..., bool]
"""Called with the store and an entry's key and values, inside a change; False if a file it needs is gone."""


@dataclass(frozen=True)
class _Operation:
    apply: Inverse
    reason: str


_operations: dict[str, _Operation] = {}


def inverse(operation: str, check: Check, reason: str = "undo") -> Callable[[Inverse], Inverse]:
    """Register a function as the inverse of an operation.

    Parameters
    ----------
    operation : str
        Name in the undo entries, `[operation, key, *values]`, which are stored in `project.json`.
    check : callable
        Called with an entry's key and values; see `storage.undo.Check`.
    reason : str
        Passed to the observers of the project after an undo.
    """
    register_check(operation, check)

    def register(function: Inverse) -> Inverse:
        _operations[operation] = _Operation(function, reason)
        return function

    return register


class History:
    """Undo steps of a project."""

    def __init__(self, store: ProjectStore) -> None:
        self._store = store
        self._last: tuple[UndoStep | None, float] = (None, 0.0)

    @property
    def steps(self) -> tuple[UndoStep, ...]:
        """The steps that can be undone, the oldest first."""
        return tuple(self._store.state.undo)

    @property
    def can_undo(self) -> str:
        """Description of the change that `undo` would undo; empty if there is none."""
        steps = self._store.state.undo
        return steps[-1].words if steps and not self._store.read_only else ""

    def record(self, words: str, *entries: list[Any], merge: float = 0.0) -> None:
        """Add a step inside a change.

        Parameters
        ----------
        words : str
            Description of the change.
        *entries : [operation, key, *values]
            Each is passed to the inverse registered for the operation.
        merge : float
            Seconds within which a change of the same kind and key belongs to the step before it, which then
            undoes both.
        """
        store, now = self._store, time.monotonic()
        last, changed = self._last
        step = UndoStep(words, list(entries))
        same = last is not None and _targets(last) == _targets(step)
        if merge and same and now - changed < merge and store.state.undo and store.state.undo[-1] is last:
            self._last = (last, now)
            return
        store.trash_outdated = store.state.remember(step) or store.trash_outdated
        self._last = (step, now)

    def undo(self) -> str:
        """Undo the last deletion, choice, adjustment, change of a voice or of the script.

        Returns
        -------
        str
            Description of the change; empty if there was none.

        Raises
        ------
        ProjectError
            If a deleted take is no longer there.
        """
        store = self._store
        with store.mutex:
            store.check_writable()
            if not store.state.undo:
                return ""
            with store.changing(_operations[store.state.undo[-1].back[0][0]].reason) as state:
                step = state.undo.pop()
                gone = [
                    key
                    for operation, key, *values in step.back
                    if not _operations[operation].apply(store, key, *values)
                ]
        if gone:
            got = f"the take {gone[0]} is no longer in the project's trash, or is damaged"
            raise ProjectError(got, "a deleted take", "regenerate the turn")
        return step.words


def _targets(step: UndoStep) -> list[list[Any]]:
    """Return the operations of a step with their keys."""
    return [entry[:2] for entry in step.back]
