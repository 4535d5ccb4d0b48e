"""`SettingsPanel`: settings of a widget for generation and export, saved in its project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from vibevoice_nb.engine.defaults import is_known
from vibevoice_nb.engine.remote.address import confirm
from vibevoice_nb.project import Project

from .controls import ControlSettings, ControlTraits, ModelPanel
from .exports import ExportTraits
from .model_loader import model_defaults
from .payloads import ListenBack
from .review_traits import ReviewTraits

SETTINGS = (
    *("num_steps", "cfg_scale", "seed", "solver", "mode", "model"),
    *("title", "artist", "edge_silence", "spoken_forms", "listen_back", "recognizer"),
)
"""Settings that are saved in the project."""
OWN = ("num_steps", "cfg_scale")
"""Settings with a default that depends on the model."""


class StudioSettings(ControlSettings, total=False):
    """Settings that `Studio` accepts as keyword arguments."""

    title: str
    """Title of exported files; if empty, the name of the project."""
    artist: str
    """Artist of exported files; if empty, VibeVoice and the model."""
    edge_silence: float | None
    """Most silence at the ends of turns, in seconds; None leaves it."""
    spoken_forms: bool
    """Write out numbers, units, dates of English text for a model that reads plain text; nano always does."""
    listen_back: ListenBack
    """Compare takes with the script: "off", "on demand", or "each take" after it was generated."""
    recognizer: str
    """Recognizer that listens, see `vibevoice_nb.review.recognizers`: "base", "small", "pocketsphinx" ..."""


class SettingsTraits(ControlTraits, ExportTraits, ReviewTraits):
    """Settings that are saved in the project.

    Attributes
    ----------
    spoken_forms : bool
        Write out numbers, units, dates and abbreviations of English text.
    """

    spoken_forms = traitlets.Bool(False).tag(sync=True, page=True)


class SettingsPanel:
    """Settings of a widget: shown from its project, and saved there when they change.

    Parameters
    ----------
    widget : SettingsTraits
    project : callable
        Returns the project.
    model : ModelPanel
        Updated when another model is chosen.
    attempt : callable
        Called with a function that saves; shows its error in the page.
    """

    def __init__(
        self,
        widget: SettingsTraits,
        project: Callable[[], Project],
        model: ModelPanel,
        attempt: Callable[[Callable[[], None]], None],
    ) -> None:
        self._widget, self._project, self._model, self._attempt = widget, project, model, attempt
        model.on_ready = self._show_own
        self._showing = False

    def follow(self) -> None:
        """Save every change from now on."""
        self._widget.observe(self._changed, list(SETTINGS))

    def show(self, settings: Mapping[str, Any]) -> None:
        """Display settings; None stands for the model's own default.

        A server that they name is not connected to: the project may be somebody else's.
        """
        own = model_defaults(settings["model"])
        self._showing = True
        try:
            for name in SETTINGS:
                value = settings[name]
                setattr(self._widget, name, getattr(own, name) if value is None and name in OWN else value)
        finally:
            self._showing = False
        self._model.show()

    def save(self) -> None:
        """Save the settings as displayed."""
        self._keep({name: getattr(self._widget, name) for name in SETTINGS})

    def _changed(self, change: Any) -> None:
        if change["name"] == "model" and not self._showing:
            confirm(self._widget.model)
            self._model.show()
            self._show_own()
            if not is_known(self._widget.model):
                self._model.load()
        self._keep({change["name"]: change["new"]})

    def _show_own(self) -> None:
        """Display the model's own defaults where nothing else was chosen."""
        own = model_defaults(self._widget.model)
        for name in OWN:
            if self._project().settings[name] is None:
                setattr(self._widget, name, getattr(own, name))

    def _keep(self, changes: dict[str, Any]) -> None:
        """Save chosen settings; a model's own default is not saved as a choice."""
        own, project = model_defaults(self._widget.model), self._project()
        kept = {
            name: None if name in OWN and value == getattr(own, name) else value
            for name, value in changes.items()
        }
        if not project.read_only:
            self._attempt(lambda: project.settings.update(kept))
