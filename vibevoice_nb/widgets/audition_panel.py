"""`AuditionPanel`: a speaker's first line in every voice, for the gallery of voices in the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

import traitlets

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.jobs.audition import Audition as AuditionJob
from vibevoice_nb.project.jobs.audition import AuditionVoice as JobVoice
from vibevoice_nb.ranges import shown

from .base import Part, call
from .payloads import AuditionState, AuditionVoice, VoiceKind, payload

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings

NONE: AuditionState = {"speaker": "", "text": "", "state": "idle", "message": "", "voices": []}


class AuditionTraits(traitlets.HasTraits):
    """Traits of a widget that auditions voices.

    Attributes
    ----------
    audition_state : AuditionState
        The last audition, and the line in each voice as far as it is generated.
    """

    audition_state = payload(AuditionState, NONE)


class AuditionPanel(Part):
    """Auditions of a widget, one at a time.

    Parameters
    ----------
    widget : AuditionTraits
    project : callable
        Returns the project.
    engine : callable
        Returns the engine; called in the thread of the audition.
    options : callable
        Returns the options of a generation.
    lock : context manager
        Reentrant lock of the widget, held while its traits are updated.
    """

    def __init__(
        self,
        widget: AuditionTraits,
        *,
        project: Callable[[], Project],
        engine: Callable[[], Engine],
        options: Callable[[], GenerationSettings],
        lock: AbstractContextManager[Any],
    ) -> None:
        self._widget, self._project, self._engine, self._options = widget, project, engine, options
        self._lock = lock
        self._current: AuditionJob | None = None

    def start(self, speaker: str) -> AuditionJob:
        """Start an audition; one that is running is cancelled. See `Project.audition`."""
        self.cancel()
        job = self._project().audition(self._engine, speaker, listener=self._show, **self._options())
        with self._lock:
            self._current = job
            self._show(job)
        return job

    def cancel(self) -> None:
        """Cancel the audition within one frame; finished lines are kept."""
        if self._current is not None:
            self._current.cancel()

    def close(self) -> None:
        """Cancel the audition."""
        self.cancel()

    def refresh(self) -> None:
        """Forget an audition of a line that is not in the script any more."""
        job = self._current
        if job is None or not job.done:
            return
        lines = (
            turn.turn
            for turn in self._project().turns
            if turn.turn.label == job.speaker and turn.state != "unspeakable"
        )
        line = next(lines, None)
        if line is None or line.text != job.text:
            self._current = None
            self._widget.audition_state = NONE

    def source(self, name: str) -> AudioSource:
        """Return the audio of "audition:<id>".

        Raises
        ------
        VibeVoiceError
            If it is not a line of the last audition.
        """
        for voice in self._current or ():
            if voice.take is not None and name == _source(voice):
                return voice.take.source
        raise VibeVoiceError(
            f"unknown audio {shown(name)}", "a finished line of the last audition", "start the audition again"
        )

    @call("audition")
    def _start(self, speaker: str) -> None:
        self.start(speaker)

    @call("cancel_audition")
    def _cancel(self) -> None:
        self.cancel()

    def _show(self, job: AuditionJob) -> None:
        """Show the state of an audition; called in its thread."""
        with self._lock:
            if self._current is not None and job is not self._current:
                return
            self._widget.audition_state = {
                "speaker": job.speaker,
                "text": job.text,
                "state": job.state,
                "message": "" if job.error is None else str(job.error),
                "voices": [_row(voice) for voice in job],
            }


def _source(voice: JobVoice) -> str:
    return f"audition:{voice.id}" if voice.id else ""


def _row(voice: JobVoice) -> AuditionVoice:
    return {
        "name": voice.name,
        "kind": cast(VoiceKind, voice.kind),
        "state": voice.state,
        "source": _source(voice),
        "seconds": 0.0 if voice.take is None else round(voice.take.seconds, 3),
        "message": voice.message,
    }
