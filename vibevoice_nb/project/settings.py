"""Settings of a project: how to generate, as plain values by name, saved with every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from .storage.schema import DEFAULTS, checked_setting

if TYPE_CHECKING:
    from .opened import OpenProject


class Settings(MutableMapping[str, Any]):
    """A project's settings; a name that was never set has its default, deleting one brings that back."""

    def __init__(self, project: OpenProject) -> None:
        self._project = project

    def __getitem__(self, name: str) -> Any:
        return {**DEFAULTS, **self._project._state.settings}[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        if name not in self._project._state.settings:
            raise KeyError(name)
        with self._project._changing("settings") as state:
            del state.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**DEFAULTS, **self._project._state.settings})

    def __len__(self) -> int:
        return len({**DEFAULTS, **self._project._state.settings})

    def __repr__(self) -> str:
        return repr(dict(self))

    def update(self, *changes: Any, **named: Any) -> None:
        """Change several at once.

        Raises
        ------
        OptionError
            A value that isn't plain.
        """
        values: Mapping[str, Any] = dict(*changes, **named)
        values = {name: checked_setting(name, value) for name, value in values.items()}
        if any(name not in self or self[name] != value for name, value in values.items()):
            with self._project._changing("settings") as state:
                state.settings.update(values)

    def give(self, arguments: Mapping[str, Any]) -> None:
        """Apply the arguments of a cell, which may be run again and again.

        An argument counts when it is given for the first time, or with another value than the last time. One
        that is as it was the last time changes nothing: what was set in the page since stays.

        Parameters
        ----------
        arguments : mapping

        Raises
        ------
        OptionError
            A value that isn't plain.

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
        new = {name: value for name, value in values.items() if self._project.is_new_argument(name, value)}
        if new:
            with self._project._changing("settings") as state:
                state.given.update(new)
                state.settings.update(new)
