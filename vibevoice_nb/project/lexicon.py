"""Lexicon of a project: its own readings of words, saved with every change and undoable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from vibevoice_nb.script.lexicon import Lexicon

from .history import History, inverse
from .storage.undo import Kept
from .store import ProjectStore, shortened


class ProjectLexicon(MutableMapping[str, str]):
    """Readings of words in a project: respellings, or phones for nano; see `Lexicon`.

    A change marks the turns with the word as changed, and can be undone. The script, subtitles and exports
    keep the written words.

    Examples
    --------
    >>> import tempfile
    >>> from vibevoice_nb import Project
    >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
    ...     project.script_text = "Anna: Ask Nguyen at 5."
    ...     project.lexicon["Nguyen"] = "win"
    ...     project.read_as(project.turns[0].id), project.undo(), dict(project.lexicon)
    ('ask win at five.', 'set the pronunciation of “Nguyen”', {})
    """

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history

    @property
    def current(self) -> Lexicon:
        """The lexicon as it is now."""
        return self._store.state.lexicon

    def change(self, changes: Mapping[str, str | None]) -> list[str]:
        """Set several readings at once, as one step of undo; None removes a word.

        Returns
        -------
        list of str
            Words whose reading is another one now.

        Raises
        ------
        LexiconError
            If an entry is not valid.
        ProjectError
            If the project can't be changed.
        """
        with self._store.mutex:
            before, after = self.current, self.current.with_entries(changes)
            changed = [word for word in {**before, **after} if before.get(word) != after.get(word)]
            if not changed:
                return []
            with self._store.changing("lexicon") as state:
                back = ["lexicon", "", {word: before.get(word) for word in changed}]
                self._history.record(_description(changed, after), back)
                state.lexicon = after
        return changed

    def load(self, path: str | os.PathLike[str]) -> list[str]:
        """Add the entries of a file, and return the words that changed; see `Lexicon.load` and `change`."""
        return self.change(Lexicon.load(path))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the entries to a file; see `Lexicon.save`."""
        return self.current.save(path, force=force)

    def update(self, *changes: Any, **named: str) -> None:
        """Set several readings at once; see `change`."""
        self.change(dict(*changes, **named))

    def clear(self) -> None:
        """Remove all entries, as one step of undo."""
        self.change(dict.fromkeys(self.current))

    def __getitem__(self, word: str) -> str:
        return self.current[word]

    def __setitem__(self, word: str, reading: str) -> None:
        self.change(Lexicon({word: reading}))

    def __delitem__(self, word: str) -> None:
        if word not in self.current:
            raise KeyError(word)
        self.change({word: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)

    def __repr__(self) -> str:
        return repr(self.current)


def _description(changed: list[str], after: Lexicon) -> str:
    if len(changed) > 1:
        return f"changed the pronunciation of {len(changed)} words"
    verb = "set" if changed[0] in after else "removed"
    return f"{verb} the pronunciation of “{shortened(changed[0])}”"


Before = str | dict[str, str | None] | None
"""Readings of words before a change; earlier versions stored an entry for each word, with the word as key."""


def _check_readings(key: str, before: Before) -> Kept:
    readings = _readings(key, before)
    # Each side of a change is a lexicon: the words that had a reading, and those that were added.
    Lexicon({word: reading for word, reading in readings.items() if reading is not None})
    Lexicon({word: "-a-" for word, reading in readings.items() if reading is None})
    return Kept(letters=sum(len(word) + len(reading or "") for word, reading in readings.items()))


@inverse("lexicon", _check_readings, reason="lexicon")
def _restore_readings(store: ProjectStore, key: str, before: Before) -> bool:
    """Give words the readings they had before, or none, at once: together they fit in a lexicon."""
    store.state.lexicon = store.state.lexicon.with_entries(_readings(key, before))
    return True


def _readings(key: str, before: Before) -> dict[str, str | None]:
    return before if isinstance(before, dict) else {key: before}
