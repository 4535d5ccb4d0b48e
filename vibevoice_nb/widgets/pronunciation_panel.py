"""`PronunciationPanel`: the lexicon of a project in the page, previews of a reading as text and as audio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource
from vibevoice_nb.errors import LexiconError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.jobs.preview import Preview
from vibevoice_nb.script.lexicon import MAX_BYTES, Lexicon

from .base import Part, call
from .controls import ControlTraits, speak_options
from .payloads import LexiconEntry, ReadWord, payload_list

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine

PREVIEW = "preview"
"""Kind of the sources that are previews: "preview:1"."""
_BETWEEN = 0.35
"""Seconds of silence between a word and its turn."""


class PronunciationTraits(traitlets.HasTraits):
    """Traits of a widget with a lexicon.

    Attributes
    ----------
    lexicon : list of LexiconEntry
    read_words : list of ReadWord
        Words of the script that are read in another way.
    """

    lexicon = payload_list(LexiconEntry)
    read_words = payload_list(ReadWord)


class _Widget(PronunciationTraits, ControlTraits):
    """Traits that the panel needs."""


class PronunciationPanel(Part):
    """Lexicon of a project, edited by the page.

    Parameters
    ----------
    widget : PronunciationTraits and ControlTraits
    project : callable
        Returns the project.
    engine : callable
        Returns the engine of a model; called in the background.
    busy : callable
        Returns True during a generation.
    """

    def __init__(
        self,
        widget: Any,
        *,
        project: Callable[[], Project],
        engine: Callable[[str], Engine],
        busy: Callable[[], bool],
    ) -> None:
        self._widget: _Widget = widget
        self._project, self._engine, self._busy = project, engine, busy
        self._lock = threading.Lock()
        self._job: Preview | None = None
        self._run = 0
        """Number of the last preview; an earlier one that is still running stops."""
        self._heard = ArraySource(np.zeros(0, np.float32), SAMPLE_RATE)
        self.heard = ""
        """Words of the last preview."""

    def refresh(self) -> None:
        """Update the traits from the project; only changed ones are sent."""
        project = self._project()
        entries: list[LexiconEntry] = [
            {"word": word, "reading": reading} for word, reading in project.lexicon.items()
        ]
        words: list[ReadWord] = [
            {
                "line": item.line,
                "column": item.column,
                "end_column": item.end_column,
                "word": item.word,
                "reading": item.reading,
            }
            for item in project.read_words
        ]
        if self._widget.lexicon != entries:
            self._widget.lexicon = entries
        if self._widget.read_words != words:
            self._widget.read_words = words

    def source(self, name: str) -> AudioSource:
        """Return the audio of the last preview.

        Raises
        ------
        VibeVoiceError
            If another one was made since.
        """
        with self._lock:
            if name == f"{PREVIEW}:{self._run}":
                return self._heard
        raise VibeVoiceError(f"{name} is no longer kept", "the last preview", "generate it again")

    def close(self) -> None:
        """Stop the preview."""
        self._stop()

    @call("set_reading")
    def _set_reading(self, word: str, reading: str | None = None) -> None:
        self._project().lexicon.change({word: reading})

    @call("import_lexicon")
    def _import(self, text: str) -> dict[str, Any]:
        if len(text) > MAX_BYTES:
            raise LexiconError(
                f"a file of {len(text):,} characters", f"at most {MAX_BYTES:,}", "keep the words of this work"
            )
        return {"changed": len(self._project().lexicon.change(Lexicon.parse(text)))}

    @call("export_lexicon")
    def _export(self) -> dict[str, Any]:
        project = self._project()
        return {"name": f"{project.name}-lexicon.txt", "text": project.lexicon.current.to_text()}

    @call("read_as")
    def _read_as(self, turn: str, word: str | None = None, reading: str | None = None) -> dict[str, Any]:
        project = self._project()
        return {"text": project.read_as(turn, _readings(word, reading))}

    @call("hear", slow=True)
    def _hear(
        self, turn: str, words: str | None = None, word: str | None = None, reading: str | None = None
    ) -> dict[str, Any]:
        """Generate some words, then the whole turn, as one source."""
        if self._busy():
            raise VibeVoiceError(
                "this studio is generating", "one generation at a time", "stop it, or wait until it finishes"
            )
        run = self._stop()
        audio = []
        for part in [words, None] if words else [None]:
            if (piece := self._speak(run, turn, part, _readings(word, reading))) is None:
                return {"source": ""}
            audio.append(piece)
        silence = np.zeros(round(_BETWEEN * SAMPLE_RATE), np.float32)
        heard = audio[0] if len(audio) == 1 else np.concatenate([audio[0], silence, audio[1]])
        with self._lock:
            if run != self._run:
                return {"source": ""}
            self._heard = ArraySource(heard, SAMPLE_RATE)
            self.heard = words or self._project().turn(turn).turn.text[:60]
        return {"source": f"{PREVIEW}:{run}"}

    @call("stop_hearing")
    def _stop_hearing(self) -> None:
        self._stop()

    def _speak(self, run: int, turn: str, words: str | None, readings: Mapping[str, str | None]) -> Any:
        """Return the audio of words or of a turn; None if another preview was started, or it was stopped."""
        widget, model = self._widget, self._widget.model
        with self._lock:
            if run != self._run:
                return None
            job = self._job = self._project().preview(
                lambda: self._engine(model), turn, words=words, readings=readings, **speak_options(widget)
            )
        audio = job.result().audio
        return None if job.cancelled else audio

    def _stop(self) -> int:
        """Stop the preview that is running; return the number of the next one."""
        with self._lock:
            self._run += 1
            if self._job is not None:
                self._job.cancel()
            return self._run


def _readings(word: str | None, reading: str | None) -> dict[str, str | None]:
    return {} if word is None else {word: reading}
