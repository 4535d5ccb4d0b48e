"""Service behind the web demo: runs one generation request at a time and returns the files.

Every request is a `Project` in a temporary folder, which is deleted once the files are written. Files and
live audio are kept for a limited time. Independent of Gradio.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.registry import engines
from vibevoice_nb.errors import OptionError, VibeVoiceError, VoiceError
from vibevoice_nb.export.manifest import GENERATED, clock
from vibevoice_nb.project import Project
from vibevoice_nb.project.jobs.generation import Event, Generation
from vibevoice_nb.script import MAX_SPEAKERS, Script
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice
from vibevoice_nb.widgets.uploads import Received, display_name, voice_of

from .limits import Limits
from .live_mp3 import LiveMp3

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine

_TELL_EVERY = 0.5  # seconds
_MAX_WAITING = 1000
"""Maximum number of visitors announced by `wait` whose request has not arrived yet."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechRequest:
    """Request of a visitor.

    Attributes
    ----------
    script : str
    voices : sequence of str
        Names of built-in voices, in the order in which the model numbers the speakers.
    recordings : sequence of (Path or None)
        Audio files to use instead, where given.
    consent : bool
        True if the visitor confirms the consent of the recorded speakers.
    num_steps, cfg_scale : int, float
    seed : int, optional
    """

    script: str
    voices: Sequence[str]
    recordings: Sequence[Path | None] = (None,) * MAX_SPEAKERS
    consent: bool = False
    num_steps: int | None = None
    cfg_scale: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Report:
    """Progress of a request.

    Attributes
    ----------
    stream : str
        Name of the live stream; empty if there is none.
    words : str
        Status text for the visitor.
    seed : int or None
        Seed in use, once it is known.
    files : tuple of Path
        Files to download, once finished.
    """

    stream: str
    words: str
    seed: int | None = None
    files: tuple[Path, ...] = ()


class DemoService:
    """Runs requests; the caller of `speak` must run one at a time.

    Parameters
    ----------
    model : str
    limits : Limits
    folder : Path
        Folder for all files of visitors.
    **how
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    """

    def __init__(self, model: str, limits: Limits, folder: Path, **how: Any) -> None:
        self.model, self.limits = model, limits
        self._folder, self._how = folder, how
        self._streams: dict[str, LiveMp3] = {}
        self._loaded = 0.0  # fraction of the model
        self._jobs: dict[str, Generation] = {}
        self._waiting: dict[str, _Waiting] = {}  # by visitor, the oldest first
        self._lock = threading.Lock()

    def load(self) -> None:
        """Load the model before the first request."""
        self._engine()

    def _engine(self) -> Engine:
        return engines.load(self.model, progress=self._is_loaded, **self._how)

    def _is_loaded(self, fraction: float) -> None:
        self._loaded = fraction

    def stream(self, name: str) -> LiveMp3 | None:
        """Return the live audio of a request."""
        return self._streams.get(name)

    def expect(self, visitor: str) -> None:
        """Remember a visitor whose request waits in the queue, so that `stop` can withdraw it."""
        with self._lock:
            self._waiting.pop(visitor, None)
            self._waiting[visitor] = _Waiting()
            while len(self._waiting) > _MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def stop(self, visitor: str) -> bool:
        """Cancel the running or queued request of a visitor; return whether there was one."""
        job, waiting = self._jobs.get(visitor), self._waiting.get(visitor)
        if job is not None:
            job.cancel()
        elif waiting is not None:
            waiting.wanted = False
        return job is not None or waiting is not None

    def leave(self, visitor: str) -> None:
        """Cancel the request of a visitor who has left."""
        self.stop(visitor)
        self._waiting.pop(visitor, None)

    def speak(self, request: SpeechRequest, visitor: str) -> Iterator[Report]:
        """Generate a request; closing the iterator cancels it.

        Raises
        ------
        ScriptError, VoiceError, OptionError, AudioError
            If the request is invalid. The message is for the visitor and has no paths of this machine.
        """
        waiting = self._waiting.pop(visitor, None)
        if waiting is not None and not waiting.wanted:
            yield Report("", "Stopped while queued.")
            return
        script = self.limits.check(request.script)
        if request.num_steps is not None and request.num_steps > self.limits.max_steps:
            raise OptionError(
                f"num_steps={request.num_steps}", f"at most {self.limits.max_steps} here", "use fewer steps"
            )
        cast = self._cast(script, request)
        name = secrets.token_urlsafe(16)
        own = self._folder / name
        own.mkdir(parents=True)
        tags = {"title": "Conversation", "artist": f"VibeVoice {self.model}", "comment": GENERATED}
        with (
            tempfile.TemporaryDirectory(prefix="work-", dir=self._folder) as work,
            Project.create(Path(work) / "conversation", request.script) as project,
        ):
            project.settings["model"] = self.model
            for label, (voice, kind) in cast.items():
                project.set_voice(label, voice, kind, consent=kind == "upload" and request.consent)
            with LiveMp3(own / "live.mp3", tags) as live:
                self._streams[name] = live
                job = project.generation(
                    self._engine,
                    listener=_LiveListener(project, live),
                    num_steps=request.num_steps,
                    cfg_scale=request.cfg_scale,
                    seed=request.seed,
                )
                yield from self._follow(job, Report(name, f"Starting {self.model} …"), visitor)
            yield self._finish(job, name, own)

    def _follow(self, job: Generation, report: Report, visitor: str) -> Iterator[Report]:
        """Run a job and report its progress."""
        with self._lock:
            self._jobs[visitor] = job
        try:
            job.start()
            yield report
            while not job.done:
                time.sleep(_TELL_EVERY / 10 if job.progress.ttfa is None else _TELL_EVERY)
                if job.progress.seconds > self.limits.max_minutes * 60:
                    job.cancel()
                yield replace(report, words=_progress(job, self.model, self._loaded), seed=_seed(job))
        finally:
            job.cancel()
            with self._lock:
                if self._jobs.get(visitor) is job:
                    del self._jobs[visitor]
            _wait(job)

    def _finish(self, job: Generation, name: str, own: Path) -> Report:
        skipped = len(job.skipped)
        if job.error is not None:
            raise job.error
        episode = job.result()
        if not episode.samples:
            return Report(name, "Stopped before any audio was generated.", _seed(job))
        files = [episode.save(own / f"conversation{suffix}", manifest=False) for suffix in (".mp3", ".wav")]
        ended = "stopped" if job.state == "cancelled" else "complete"
        length = clock(episode.samples / SAMPLE_RATE)
        words = f"{GENERATED} by {self.model}, {length}, seed {_seed(job)}, {ended}"
        if skipped:
            words += (
                f"; {skipped} {'turn' if skipped == 1 else 'turns'} skipped, see the notes below the script"
            )
        voices = [take.manifest["voice"] for take in job.takes]
        replaced = sorted({str(voice["spoken_with"]) for voice in voices if voice and "spoken_with" in voice})
        if replaced:
            words += f"; it cannot follow recordings and used {' and '.join(replaced)} instead"
        if any(take.odd_length for take in job.takes):
            words += "; a part is far too short or too long for its text, so check the audio"
        return Report(name, words, _seed(job), tuple(files))

    def _cast(self, script: Script, request: SpeechRequest) -> dict[str, tuple[Voice, str]]:
        """Return each speaker's voice and its kind."""
        cast = {}
        labels = {turn.speaker_index: turn.label for turn in script.turns}
        for place, (_, label) in enumerate(sorted(labels.items())):
            recording = request.recordings[place]
            if recording is None:
                if request.voices[place] not in builtin_voices():
                    raise VoiceError(
                        f"unknown voice {request.voices[place][:100]!r} for {label}",
                        f"one of {', '.join(builtin_voices())}, or a recording",
                        "choose one of them",
                    )
                cast[label] = resolve_voice(request.voices[place]), "built-in"
            else:
                cast[label] = self._recorded(recording, request.consent), "upload"
        return cast

    def _recorded(self, path: Path, consent: bool) -> Voice:
        shown = display_name(path.name)
        if not consent:
            raise VoiceError(
                f"consent for the recording {shown} is not confirmed",
                "the consent of the recorded speaker",
                "tick the box once they have agreed, or choose a built-in voice",
            )
        size, most = path.stat().st_size, self.limits.upload_megabytes * 1_000_000
        if size > most:
            raise VoiceError(
                f"{shown} is {size / 1e6:.1f} MB", f"at most {most / 1e6:g} MB", "cut out the best 10 to 30 s"
            )
        return voice_of(Received(path, shown, "upload"), max_seconds=self.limits.voice_seconds)

    def forget_old(self) -> None:
        """Delete expired files."""
        oldest = time.time() - 60 * self.limits.keep_minutes
        for folder in self._folder.glob("*/live.mp3"):
            if folder.stat().st_mtime < oldest:
                self._streams.pop(folder.parent.name, None)
                shutil.rmtree(folder.parent, ignore_errors=True)
        with self._lock:
            expired = [name for name, waiting in self._waiting.items() if waiting.since < oldest]
            for name in expired:
                del self._waiting[name]


@dataclass
class _Waiting:
    """A visitor whose request waits in the queue."""

    wanted: bool = True
    since: float = field(default_factory=time.time)


class _LiveListener:
    """Writes generated audio to the live stream, with the pauses of the script."""

    def __init__(self, project: Project, live: LiveMp3) -> None:
        self._live = live
        self._pauses = {turn.id: turn.turn.pause_after_ms * SAMPLE_RATE // 1000 for turn in project.turns}

    def __call__(self, event: Event) -> None:
        if event.audio is not None:
            self._live.write(event.audio)
        elif event.kind == "take" and (pause := self._pauses[event.turn]):
            self._live.write(np.zeros(pause, np.float32))


def _progress(job: Generation, model: str, loaded: float) -> str:
    if job.state in ("queued", "loading"):
        return f"Loading {model} … {loaded:.0%}"
    now = job.progress
    left = f", {clock(now.remaining)} left" if now.pace and now.seconds > 1 else ""
    return f"Generating with {model}: {clock(now.seconds)} of about {clock(now.estimated)}{left}"


def _seed(job: Generation) -> int | None:
    return None if job.options is None else job.options.seed


def _wait(job: Generation) -> None:
    """Wait until the thread has released the project's files; its error is reported elsewhere."""
    try:
        job.result()
    except VibeVoiceError:
        return
    except Exception:
        _log.exception("generation for a visitor failed")
