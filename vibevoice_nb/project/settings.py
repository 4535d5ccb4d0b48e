"""Settings of a project, saved with every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import fields
from typing import Any

from vibevoice_nb.export.options import ExportTags

from .storage.schema import Settings, checked_setting, default_settings
from .store import ProjectStore

_NAMES = tuple(field.name for field in fields(Settings))


class ProjectSettings(MutableMapping[str, Any]):
    """Settings by name: those of `Settings`, and any others that were set.

    A name that was never set has its default; deleting a name restores it.
    """

    def __init__(self, store: ProjectStore) -> None:
        self._store = store

    @property
    def current(self) -> Settings:
        """The settings as they are now."""
        return Settings(**{name: self[name] for name in _NAMES})

    def export_tags(self) -> ExportTags:
        """Return title and artist of exported files, if they are set."""
        tags: ExportTags = {}
        if title := self.current.title:
            tags["title"] = title
        if artist := self.current.artist:
            tags["artist"] = artist
        return tags

    def generation_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options of a generation: those given, else the settings; without those that neither has."""
        saved = {name: self[name] for name in ("num_steps", "cfg_scale", "seed", "solver")}
        given = {name: value for name, value in options.items() if value is not None}
        return {name: value for name, value in {**saved, **given}.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        return {**default_settings(), **self._store.state.settings}[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        if name not in self._store.state.settings:
            raise KeyError(name)
        with self._store.changing("settings") as state:
            del state.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**default_settings(), **self._store.state.settings})

    def __len__(self) -> int:
        return len({**default_settings(), **self._store.state.settings})

    def __repr__(self) -> str:
        return repr(dict(self))

    def update(self, *changes: Any, **named: Any) -> None:
        """Change several settings at once.

        Raises
        ------
        OptionError
            If a value is not a plain value.
        """
        values: Mapping[str, Any] = dict(*changes, **named)
        values = {name: checked_setting(name, value) for name, value in values.items()}
        if any(name not in self or self[name] != value for name, value in values.items()):
            with self._store.changing("settings") as state:
                state.settings.update(values)

    def give(self, arguments: Mapping[str, Any]) -> None:
        """Apply the arguments of a cell, which may be run many times.

        An argument is applied if it is new, or differs from the last run. Otherwise the setting keeps its
        value, which may have been changed in the page since.

        Parameters
        ----------
        arguments : mapping

        Raises
        ------
        OptionError
            If a value is not a plain value.

        Examples
        --------
        >>> import tempfile
        >>> from vibevoice_nb import Project
        >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
        ...     project.settings.give({"num_steps": 5})
        ...     project.settings["num_steps"] = 8
        ...     project.settings.give({"num_steps": 5})
        ...     kept = project.settings["num_steps"]
        ...     project.settings.give({"num_steps": 12})
        ...     kept, project.settings["num_steps"]
        (8, 12)
        """
        values = {name: checked_setting(name, value) for name, value in arguments.items()}
        new = {name: value for name, value in values.items() if self.is_new_argument(name, value)}
        if new:
            with self._store.changing("settings") as state:
                state.given.update(new)
                state.settings.update(new)

    def is_new_argument(self, name: str, value: Any) -> bool:
        """Return True if a cell passes an argument for the first time, or with a new value."""
        given = self._store.state.given
        return name not in given or given[name] != value

    def note_given(self, arguments: Mapping[str, Any]) -> None:
        """Remember the arguments of a cell, for `is_new_argument`.

        Raises
        ------
        ProjectError
        """
        new = {name: value for name, value in arguments.items() if self.is_new_argument(name, value)}
        if new:
            with self._store.changing("settings") as state:
                state.given.update(new)
