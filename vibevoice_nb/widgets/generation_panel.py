"""`GenerationPanel`: generation of a project in the background, shown and played in the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from vibevoice_nb.engine.defaults import is_known
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.jobs.generation import Event, Generation, Mode

from .base import Part, call
from .channel import Channel
from .controls import ControlTraits, speak_options
from .live_audio import LiveAudio
from .payloads import JobState, TurnStatus, payload
from .settings_panel import OWN

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.project.jobs.review import Judge


class GenerationTraits(ControlTraits):
    """Traits of a widget that generates: the settings and the job.

    Attributes
    ----------
    job : JobState
    """

    job = payload(JobState, {"id": "", "state": "idle", "turns": [], "message": ""})


class GenerationPanel(Part):
    """Generation of a project, one at a time, with the settings of a widget.

    Parameters
    ----------
    widget : GenerationTraits
    channel : Channel
        Channel for the audio and the progress.
    project : callable
        Returns the project.
    engine : callable
        Returns the engine of a model; called in the thread of the generation.
    refresh : callable
        Updates the turns and takes in the page.
    lock : context manager
        Reentrant lock of the widget, held while its traits are updated.
    took : callable
        Called with the id of each take that was generated and has not been reviewed.
    prepare : callable
        Called before a generation starts, to stop other work that it would wait for.
    """

    def __init__(
        self,
        widget: GenerationTraits,
        channel: Channel,
        *,
        project: Callable[[], Project],
        engine: Callable[[str], Engine],
        refresh: Callable[[], None],
        lock: AbstractContextManager[Any],
        took: Callable[[str], None],
        prepare: Callable[[], None],
    ) -> None:
        self._widget, self._channel, self._took, self._prepare = widget, channel, took, prepare
        self._project, self._engine, self._refresh, self._lock = project, engine, refresh, lock
        self._live: LiveAudio | None = None
        self._judged = False
        self._marks: dict[str, TurnStatus] = {}
        self.current: Generation | None = None
        """The current generation, or the last one."""

    @property
    def marks(self) -> Mapping[str, TurnStatus]:
        """Turns that are queued or being generated, by id."""
        return self._marks

    @property
    def busy(self) -> bool:
        """True during a generation."""
        return self.current is not None and not self.current.done

    def generate(self, turns: Sequence[str] | None, **options: Unpack[GenerationSettings]) -> Generation:
        """Generate turns; see `Studio.generate`."""
        return self._start(turns, "whole" if self._widget.mode == "whole" else "turns", **options)

    def regenerate(self, turns: str | Sequence[str], takes: int) -> Generation:
        """Generate new takes of turns; see `Studio.regenerate`."""
        wanted = [turns] if isinstance(turns, str) else turns
        return self._start(wanted, "turns", takes=takes, fresh=True)

    def retake(self, turns: Sequence[str], takes: int, judge: Judge) -> Generation:
        """Generate new takes of turns, at most `takes` of each, and let a judge choose."""
        return self._start(turns, "turns", takes=takes, fresh=True, judge=judge)

    def cancel(self) -> None:
        """Cancel the generation within one frame; audio generated so far is kept."""
        if self.current is not None:
            self.current.cancel()

    def close(self) -> None:
        """Cancel the generation."""
        self.cancel()

    @call("generate")
    def _generate(self, turns: list[str] | None = None) -> dict[str, Any]:
        return {"job": self.generate(turns).id}

    @call("regenerate")
    def _regenerate(self, turns: list[str], takes: int) -> dict[str, Any]:
        return {"job": self.regenerate(turns, takes).id}

    @call("cancel")
    def _cancel(self) -> None:
        self.cancel()

    def _start(
        self,
        turns: Sequence[str] | None,
        mode: Mode,
        *,
        takes: int = 1,
        fresh: bool = False,
        judge: Judge | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        with self._lock:
            if self.busy:
                raise VibeVoiceError(
                    "this studio is already generating",
                    "one generation at a time",
                    "stop it, or wait until it finishes",
                )
            self._prepare()
            project, model = self._project(), self._widget.model
            chosen: dict[str, Any] = {**speak_options(self._widget)}
            if not is_known(model):  # what is displayed are not the defaults of the server's model
                chosen = {name: value for name, value in chosen.items() if name not in OWN}
            merged: dict[str, Any] = {**chosen, **options}
            job = project.generation(
                lambda: self._engine(model),
                turns,
                mode=mode,
                listener=self._on_event,
                takes=takes,
                fresh=fresh,
                judge=judge,
                **merged,
            )
            self.current, self._live, self._judged = job, LiveAudio(self._channel, job), judge is not None
            skipped = {turn.id for turn in project.turns if turn.state == "unspeakable"}
            self._marks = dict.fromkeys([turn for turn in job.turns if turn not in skipped], "queued")
            self._on_event(Event("state"))
            return job.start()

    def _on_event(self, event: Event) -> None:
        """Send an event of the generation to the page; called in its thread."""
        job, live = self.current, self._live
        assert job is not None and live is not None
        with self._lock:
            if event.kind == "turn":
                self._marks.update({turn: "speaking" for turn in job.turns if event.turn in (turn, "")})
            elif event.kind == "take":
                self._marks.pop(event.turn, None)
                if event.take is not None:
                    self._widget.last_seed = event.take.seed
            elif event.kind == "state":
                self._show_job(job)
            if event.kind != "audio":
                self._refresh()
        live.on_event(event)
        if event.kind == "take" and event.take is not None and not self._judged:
            self._took(event.take.id)

    def _show_job(self, job: Generation) -> None:
        if job.done:
            self._marks = {}
        message = "" if job.error is None else str(job.error)
        self._widget.job = {"id": job.id, "state": job.state, "turns": list(job.turns), "message": message}
