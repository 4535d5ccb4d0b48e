"""Batches of the command line: generate requests together and write audio while it is generated.

torch is imported with the engine, for the first batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.audio.sinks import MAX_WAV_BYTES, WavSink
from vibevoice_nb.audio.wav_comment import append_comment
from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.earlier import comment
from vibevoice_nb.cli.requests import SpeechRequest, check_output
from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.engine.model_limits import VoiceWarning
from vibevoice_nb.engine.options import Progress
from vibevoice_nb.engine.summary import SpeechSummary
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.export.page import PAGE
from vibevoice_nb.files import disk_error, publish
from vibevoice_nb.script.pronunciation import AS_WRITTEN, Pronunciation
from vibevoice_nb.script.speakable import ScriptWarning

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.speech import Speech
    from vibevoice_nb.review import Review
    from vibevoice_nb.voices.casting import Voices


@dataclass(frozen=True)
class Settings:
    """Settings of the command: the model, its device, the given generation options, and the review.

    With `complete_files`, a file has its name only once it is complete: see `AudioFile`. `drawn_seed` is true
    if the seed among the options was not given.
    """

    model: str
    device: str = "auto"
    dtype: str = "auto"
    quantize: str | None = None
    revision: str | None = None
    mirrors: tuple[str, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    force: bool = False
    batch_size: int = 4
    review: bool = False
    recognizer: str | None = None
    attempts: int = 1
    pronunciation: Pronunciation = AS_WRITTEN
    complete_files: bool = False
    drawn_seed: bool = False


@dataclass(frozen=True)
class Outcome:
    """Result of a request.

    Attributes
    ----------
    file : Path or None
        File with the audio; None without audio.
    summary : SpeechSummary
        As `Speech.summary`; empty after an error.
    limit : str
        Limit that was reached and the option that raises it, or a stalled model; else empty.
    clipped : int
        Samples beyond full scale.
    review : Review or None
        Comparison of the words with the script, if it was requested.
    """

    source: str
    target: Path
    file: Path | None
    summary: SpeechSummary = field(default_factory=SpeechSummary)
    error: VibeVoiceError | None = None
    limit: str = ""
    clipped: int = 0
    review: Review | None = None

    def to_json(self) -> dict[str, Any]:
        """Flatten to a JSON object."""
        about = {"script": self.source, "file": None if self.file is None else str(self.file)}
        if self.error is not None:
            return {**about, "error": str(self.error)}
        review = {} if self.review is None else {"review": self.review.to_json()}
        return {**about, "clipped": self.clipped, **self.summary, **review}


class AudioFile:
    """Audio file of any format, or a web page: written as WAV during generation, encoded at the end.

    Parameters
    ----------
    target : Path
    force : bool
        Overwrite an existing file, once the audio is complete.
    complete : bool
        Write to `NAME.part.wav` beside the target until the audio is complete; if it is cancelled, it stays
        there.

    Raises
    ------
    AudioError
        If the file cannot be written.
    """

    def __init__(self, target: Path, *, force: bool, complete: bool = False) -> None:
        self.target = check_output(target, force=force)
        self._force, self._complete = force, complete
        self._part = complete or self.target.suffix.lower() != ".wav"
        self.sink = WavSink(_free_name(self.target), False) if self._part else WavSink(self.target, force)

    def finish(self, speech: Speech, comment: Callable[[Path], str] | None = None) -> Path | None:
        """Close the file.

        Parameters
        ----------
        speech : Speech
            Result, whose audio this file has. If it was cancelled, an existing file is kept and the audio
            stays beside it.
        comment : callable, optional
            Called with a complete WAV file of an output folder, returns its comment.

        Returns
        -------
        Path or None
            File with the audio; None without audio.

        Raises
        ------
        AudioError
        """
        complete = speech.ended != "cancelled"
        if complete or self._part:
            self.sink.close()
        else:
            self.sink.abandon(KeyboardInterrupt())
        raw = self.sink.working_path
        replaces = self._complete or self.target.exists()
        if raw is None or not self._part or (replaces and not complete):
            return raw
        if self.target.suffix.lower() == ".wav":
            return self._publish(raw, comment)
        audio, _ = read_audio(raw, max_seconds=float("inf"), max_bytes=MAX_WAV_BYTES)
        if self.target.suffix.lower() == PAGE.suffix:
            replace(speech, audio=audio).save(self.target, title=self.target.stem, force=self._force)
        else:
            write_audio(self.target, audio, force=self._force)
        raw.unlink()
        return self.target

    def _publish(self, raw: Path, comment: Callable[[Path], str] | None) -> Path:
        """Give the complete WAV its comment and its name."""
        try:
            if comment is not None:
                append_comment(raw, comment(raw))
            publish(raw, self.target, force=self._force)
        except OSError as error:
            raise disk_error(self.target, error, f"the audio is in {raw}") from error
        return self.target

    def give_up(self, reason: BaseException) -> Path | None:
        """Close after an error; the audio written so far is kept."""
        with suppress(VibeVoiceError):  # the disk error is reported already
            self.sink.abandon(reason)
        return self.sink.working_path


def load_engine(settings: Settings) -> Engine:
    """Load the model, with progress."""
    with terminal.phase(f"loading {settings.model}") as at:
        from vibevoice_nb.engine.engine import Engine

        engine = Engine.load(
            settings.model,
            device=settings.device,
            dtype=settings.dtype,
            quantize=settings.quantize,  # type: ignore[arg-type]
            revision=settings.revision,
            mirrors=settings.mirrors,
            progress=at,
        )
    kind = str(engine.dtype).removeprefix("torch.")
    weights = f"weights of {engine.revision}, " if "@" in engine.revision else ""
    terminal.say(f"{weights}on {engine.device} in {kind}, attention by {engine.attention}")
    return engine


def speak_requests(
    engine: Engine, requests: Sequence[SpeechRequest], settings: Settings, cancelled: Callable[[], bool]
) -> list[Outcome]:
    """Generate all requests, batch after batch; after cancellation the remaining ones are left out."""
    outcomes: list[Outcome] = []
    # A review may generate one script several times, and does not wait for others.
    batches = list(batch(requests, 1 if settings.review else settings.batch_size))
    with without_reported_warnings(engine, settings):
        for number, group in enumerate(batches, start=1):
            if cancelled():
                break
            label = Path(group[0].source).name if len(requests) == 1 else f"batch {number} of {len(batches)}"
            with terminal.SpeakingBar(label) as bar:
                outcomes += speak_batch(engine, group, settings, bar, cancelled)
    return outcomes


@contextmanager
def without_reported_warnings(engine: Engine, settings: Settings) -> Iterator[None]:
    """Hide the warnings about scripts and voices that the planner has reported."""
    with warnings.catch_warnings():
        if known_settings(settings.model).frontend is engine.frontend:
            warnings.simplefilter("ignore", ScriptWarning)
            warnings.simplefilter("ignore", VoiceWarning)
        yield


def batch(requests: Sequence[SpeechRequest], size: int) -> Iterator[list[SpeechRequest]]:
    """Group requests that can be generated together: at most `size`, of similar length, with one cast.

    Without given voices the cast follows from the script, so any of them can be combined.
    """
    groups: dict[object, list[SpeechRequest]] = {}
    for request in sorted(requests, key=lambda request: -request.script.estimated_seconds):
        cast = (
            tuple((label, voice.sha256) for label, voice in request.cast.items()) if request.chosen else None
        )
        groups.setdefault(cast, []).append(request)
    for group in groups.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]


def speak_batch(
    engine: Engine,
    requests: Sequence[SpeechRequest],
    settings: Settings,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> list[Outcome]:
    """Generate requests in one batch, each into its own file.

    An error before the first audio may concern a single script, so each is then tried separately.
    """
    files: list[AudioFile] = []
    voices: Voices | None = None
    if requests[0].chosen:
        voices = {label: voice for label, voice in requests[0].cast.items()}
    try:
        for request in requests:
            force = settings.force or request.earlier == "outdated"
            files.append(AudioFile(request.target, force=force, complete=settings.complete_files))
        if settings.review:
            speeches = [_reviewed(engine, requests[0], voices, files[0], settings, report, cancelled)]
        else:
            speeches = engine.speak_many(
                [request.script for request in requests],
                voices,
                sinks=[file.sink for file in files],
                progress=report,
                cancelled=cancelled,
                pronunciation=settings.pronunciation,
                **settings.options,
            )
    except VibeVoiceError as error:
        if len(requests) > 1 and not any(file.sink.samples for file in files):
            singles = [speak_batch(engine, [request], settings, report, cancelled) for request in requests]
            return [outcome for single in singles for outcome in single]
        kept = [file.give_up(error) for file in files] or [None]
        return [
            Outcome(request.source, request.target, path, error=error)
            for request, path in zip(requests, kept, strict=True)
        ]
    except BaseException as error:
        for file in files:
            if (path := file.give_up(error)) is not None:
                terminal.warn(f"the first {file.sink.seconds:.1f} s are in {path}")
        raise
    return [
        _finished(engine, request, speech, file, settings)
        for request, speech, file in zip(requests, speeches, files, strict=True)
    ]


def _reviewed(
    engine: Engine,
    request: SpeechRequest,
    voices: Voices | None,
    file: AudioFile,
    settings: Settings,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Speech:
    """Generate one script, again if words are wrong, and write the best attempt."""
    speech = engine.speak(
        request.script,
        voices,
        progress=report,
        cancelled=cancelled,
        pronunciation=settings.pronunciation,
        review=settings.recognizer or True,
        attempts=settings.attempts,
        **settings.options,
    )
    if speech.audio.size:
        file.sink.write(speech.audio)
    return speech


def _finished(
    engine: Engine, request: SpeechRequest, speech: Speech, file: AudioFile, settings: Settings
) -> Outcome:
    """Close the file of a generated script."""
    made = Outcome(
        request.source,
        request.target,
        None,
        speech.summary(),
        limit=_limit(engine, speech),
        clipped=file.sink.clipped,
        review=speech.review() if settings.review and speech.audio.size else None,
    )
    try:
        about = (lambda path: comment(request, settings, speech, path)) if settings.complete_files else None
        return replace(made, file=file.finish(speech, about))
    except VibeVoiceError as error:
        return replace(made, file=file.sink.working_path, error=error)


def _limit(engine: Engine, speech: Speech) -> str:
    if speech.ended == "stalled":
        return speech.problem
    if speech.ended != "length":
        return ""
    room = engine.max_positions
    if speech.run.context_full:
        return f"the model's context of {room} positions is full; split the script into parts"
    limit = speech.run.max_seconds
    return (
        f"the length limit of {limit:.1f} s was reached before the end of the script; raise it with "
        f"--max-seconds {2 * limit:.0f} (and --seed {speech.options.seed} for the same beginning)"
    )


def _free_name(target: Path) -> Path:
    """Return an unused name beside `target` for the WAV that is encoded at the end."""
    number = 1
    while True:
        name = target.with_name(f"{target.stem}.part{number if number > 1 else ''}.wav")
        if not name.exists():
            return name
        number += 1
