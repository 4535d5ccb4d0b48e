"""Current state of a project, with which the takes of its turns are compared."""

from __future__ import annotations

from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.script.pronunciation import Pronunciation

from .take import Take


class Current:
    """Model, pronunciation and hashes of the voices, read once for all turns."""

    def __init__(self, model: str, pronunciation: Pronunciation, voices: dict[str, str | None]) -> None:
        self.model, self.pronunciation, self.voices = model, pronunciation, voices
        self.frontend = known_settings(model).frontend
        self._frontends = {"": self.frontend, model: self.frontend}

    def text_for(self, model: str, text: str) -> str:
        """Return the text that a model would be given; the model of the settings if it has no name."""
        if model not in self._frontends:
            self._frontends[model] = known_settings(model).frontend
        return self.pronunciation.read(text, self._frontends[model]).text

    def speaks(self, text: str) -> bool:
        """Return True if the model of the settings can speak something of a text."""
        return not self.frontend.check(self.pronunciation.read(text, self.frontend).text).empty


def texts_of(take: Take) -> tuple[str, str]:
    """Return the words of a take's turn, and the text that the model was given for them."""
    written = take.turns[0].text
    return written, take.manifest.read_as or written
