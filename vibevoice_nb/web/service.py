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
from vibevoice_nb.export.take_manifest import GENERATED
from vibevoice_nb.project import Project, Take
from vibevoice_nb.project.jobs.generation import Event, Generation
from vibevoice_nb.script import Script
from vibevoice_nb.texts import duration
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.casting import cast_voices, stand_in_message
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
PICTURES = ("waveform", "spectrogram")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechRequest:
    """Request of a visitor.

    Attributes
    ----------
    script : str
    voices : sequence of str
        Names of built-in voices, in the order of the speakers; more speakers get built-in voices too.
    recordings : sequence of (Path or None)
        Audio files to use instead, where given.
    consent : bool
        True if the visitor confirms the consent of the recorded speakers.
    num_steps, cfg_scale : int, float
    seed : int, optional
    """

    script: str
    voices: Sequence[str]
    recordings: Sequence[Path | None] = (None,) * 4
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
    pictures : tuple of str
        Names of the pictures for `DemoService.picture`, once finished.
    """

    stream: str
    words: str
    seed: int | None = None
    files: tuple[Path, ...] = ()
    pictures: tuple[str, ...] = ()


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

    def picture(self, name: str, kind: str) -> Path | None:
        """Return a picture of the request of a live stream; None if there is none."""
        live = self._streams.get(name)
        path = None if live is None or kind not in PICTURES else live.path.with_name(f"{kind}.png")
        return path if path is not None and path.is_file() else None

    def expect(self, visitor: str) -> None:
        """Remember a visitor whose request waits in the queue, so that `stop` can withdraw it."""
        with self._lock:
            self._waiting.pop(visitor, None)
            self._waiting[visitor] = _Waiting()
            while len(self._waiting) > _MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def stop(self, visitor: str) -> bool:
        """Cancel the running or queued request of a visitor; return whether there was one."""
        with self._lock:
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
        waiting = self._waiting.get(visitor)
        try:
            if waiting is not None and not waiting.wanted:
                yield Report("", "Stopped while queued.")
                return
            yield from self._speak(request, visitor, waiting)
        finally:
            with self._lock:
                self._no_longer_waits(visitor, waiting)

    def _speak(self, request: SpeechRequest, visitor: str, waiting: _Waiting | None) -> Iterator[Report]:
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
                yield from self._follow(job, Report(name, f"Starting {self.model} …"), visitor, waiting)
            yield self._finish(job, name, own)

    def _no_longer_waits(self, visitor: str, waiting: _Waiting | None) -> None:
        """Drop the entry of a request; a later request of the visitor keeps its own."""
        if self._waiting.get(visitor) is waiting:
            self._waiting.pop(visitor, None)

    def _follow(
        self, job: Generation, report: Report, visitor: str, waiting: _Waiting | None
    ) -> Iterator[Report]:
        """Run a job and report its progress."""
        with self._lock:  # from now on `stop` cancels the job; before, it marks the entry
            self._jobs[visitor] = job
            self._no_longer_waits(visitor, waiting)
        try:
            job.start()
            if waiting is not None and not waiting.wanted:
                job.cancel()
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
        length = duration(episode.samples / SAMPLE_RATE)
        words = f"{GENERATED} by {self.model}, {length}, seed {_seed(job)}, {ended}"
        if skipped:
            words += (
                f"; {skipped} {'turn' if skipped == 1 else 'turns'} skipped, see the notes below the script"
            )
        for message in _stand_ins(job, self.model):
            words += f"; {message}"
        if any(take.odd_length for take in job.takes):
            words += "; a part is far too short or too long for its text, so check the audio"
        return Report(name, words, _seed(job), tuple(files), _draw(episode, own))

    def _cast(self, script: Script, request: SpeechRequest) -> dict[str, tuple[Voice, str]]:
        """Return each speaker's voice and its kind; the form lists them in the order of the speakers."""
        speakers = {turn.label: turn.speaker_index for turn in script.turns}
        given = [
            voice if recording is None else recording
            for voice, recording in zip(request.voices, request.recordings, strict=False)
        ]
        order = sorted(speakers, key=speakers.__getitem__)
        cast = cast_voices(
            speakers,
            dict(zip(order, given, strict=False)),
            fill=True,
            resolve=lambda spec: self._voice(spec, request.consent),
        )
        return {
            label: (voice, "built-in" if voice.source == "built-in" else "upload")
            for label, voice in cast.items()
        }

    def _voice(self, spec: str | Path, consent: bool) -> Voice:
        """Return a built-in voice by its name, or an uploaded recording; no other files of this machine."""
        if isinstance(spec, Path):
            return self._recorded(spec, consent)
        if spec not in builtin_voices():
            expected = f"one of {', '.join(builtin_voices())}, or a recording"
            raise VoiceError(f"unknown voice {spec[:100]!r}", expected, "choose one of them")
        return resolve_voice(spec)

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


def _draw(episode: Take, folder: Path) -> tuple[str, ...]:
    """Write the pictures of an episode; return their names."""
    plots = {"waveform": episode.plot_waveform, "spectrogram": episode.plot_spectrogram}
    for name in PICTURES:
        (folder / f"{name}.png").write_bytes(plots[name]()._repr_png_())
    return PICTURES


def _progress(job: Generation, model: str, loaded: float) -> str:
    if job.state in ("queued", "loading"):
        return f"Loading {model} … {loaded:.0%}"
    now = job.progress
    left = f", {duration(now.remaining)} left" if now.pace and now.seconds > 1 else ""
    return f"Generating with {model}: {duration(now.seconds)} of about {duration(now.estimated)}{left}"


def _stand_ins(job: Generation, model: str) -> list[str]:
    """Return a sentence for each speaker whose recording the model replaced, in the order of the takes."""
    found = {}
    for take in job.takes:
        voice, label = take.manifest.voice, take.manifest.speaker
        if label and voice and voice.name and voice.spoken_with:
            found[label] = stand_in_message(model, label, voice.name, voice.spoken_with)
    return list(found.values())


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
