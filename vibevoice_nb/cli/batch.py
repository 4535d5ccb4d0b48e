"""Orders carried out: scripts spoken in batches, audio written while it is made.

torch comes in with the engine, when the first batch is spoken.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibevoice_nb.audio.io import check_audio_target, read_audio, write_audio
from vibevoice_nb.audio.sinks import MAX_WAV_BYTES, WavSink
from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.requests import SpeechRequest
from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.engine.model_limits import VoiceWarning
from vibevoice_nb.engine.options import Progress
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.script.speakable import ScriptWarning

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.speech import Speech
    from vibevoice_nb.voices.casting import Voices


@dataclass(frozen=True)
class Settings:
    """How to speak: the model and where it runs, and the options of generation that were given."""

    model: str
    device: str = "auto"
    dtype: str = "auto"
    quantize: str | None = None
    revision: str | None = None
    mirrors: tuple[str, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    force: bool = False
    batch_size: int = 4


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes
    ----------
    file : Path or None
        Where the audio is; None if there is none.
    summary : dict
        As `Speech.summary`; empty after an error.
    limit : str
        Which limit ended it early, and what raises it; or that the model stalled.
    clipped : int
        Samples beyond full scale.
    """

    source: str
    target: Path
    file: Path | None
    summary: dict[str, Any] = field(default_factory=dict)
    error: VibeVoiceError | None = None
    limit: str = ""
    clipped: int = 0

    def to_json(self) -> dict[str, Any]:
        """Flatten to what a JSON line holds."""
        about = {"script": self.source, "file": None if self.file is None else str(self.file)}
        if self.error is not None:
            return {**about, "error": str(self.error)}
        return {**about, "clipped": self.clipped, **self.summary}


class AudioFile:
    """A file of any format: written as WAV while the audio is made, encoded at the end.

    Parameters
    ----------
    target : Path
    force : bool
        Whether an existing file may be replaced. Only audio that is complete does.

    Raises
    ------
    AudioError
        The file can't be written there.
    """

    def __init__(self, target: Path, *, force: bool) -> None:
        self.target = check_audio_target(target, force=force)
        self._force = force
        self._encode = self.target.suffix.lower() != ".wav"
        self.sink = WavSink(_free_name(self.target), False) if self._encode else WavSink(self.target, force)

    def finish(self, *, complete: bool) -> Path | None:
        """Close the file.

        Parameters
        ----------
        complete : bool
            Otherwise an existing file is left as it was, and the audio beside it.

        Returns
        -------
        Path or None
            Where the audio is; None without any.

        Raises
        ------
        AudioError
        """
        if complete or self._encode:
            self.sink.close()
        else:
            self.sink.abandon(KeyboardInterrupt())
        raw = self.sink.working_path
        if raw is None or not self._encode or (self.target.exists() and not complete):
            return raw
        audio, _ = read_audio(raw, max_seconds=float("inf"), max_bytes=MAX_WAV_BYTES)
        write_audio(self.target, audio, force=self._force)
        raw.unlink()
        return self.target

    def give_up(self, reason: BaseException) -> Path | None:
        """Close after an error; what was made stays where it is."""
        with suppress(VibeVoiceError):  # the disk has refused already
            self.sink.abandon(reason)
        return self.sink.working_path


def load_engine(settings: Settings) -> Engine:
    """Load the model; the first thing here that takes time."""
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
    """Speak all requests, batch after batch; those not begun when `cancelled` came are left out."""
    outcomes: list[Outcome] = []
    batches = list(batch(requests, settings.batch_size))
    for number, group in enumerate(batches, start=1):
        if cancelled():
            break
        label = Path(group[0].source).name if len(requests) == 1 else f"batch {number} of {len(batches)}"
        with terminal.SpeakingBar(label) as bar:
            outcomes += speak_batch(engine, group, settings, bar, cancelled)
    return outcomes


def batch(requests: Sequence[SpeechRequest], size: int) -> Iterator[list[SpeechRequest]]:
    """Group requests that can be spoken together: at most `size`, of similar length, with one cast.

    Where nobody chose a voice, the cast follows from the script, so any of them go together.
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
    """Speak requests in one batch, each into its own file.

    An error before the first sound may be one script's alone, so the others are then tried without it.
    """
    files: list[AudioFile] = []
    voices: Voices | None = None
    if requests[0].chosen:
        voices = {label: voice for label, voice in requests[0].cast.items()}
    try:
        for request in requests:
            files.append(AudioFile(request.target, force=settings.force))
        with warnings.catch_warnings():
            if known_settings(settings.model).frontend is engine.frontend:  # the plan has reported it
                warnings.simplefilter("ignore", ScriptWarning)
                warnings.simplefilter("ignore", VoiceWarning)
            speeches = engine.speak_many(
                [request.script for request in requests],
                voices,
                sinks=[file.sink for file in files],
                progress=report,
                cancelled=cancelled,
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
        _finished(engine, request, speech, file)
        for request, speech, file in zip(requests, speeches, files, strict=True)
    ]


def _finished(engine: Engine, request: SpeechRequest, speech: Speech, file: AudioFile) -> Outcome:
    """Close the file of a script that was spoken."""
    made = Outcome(
        request.source,
        request.target,
        None,
        speech.summary(),
        limit=_limit(engine, speech),
        clipped=file.sink.clipped,
    )
    try:
        return replace(made, file=file.finish(complete=speech.ended != "cancelled"))
    except VibeVoiceError as error:
        return replace(made, file=file.sink.working_path, error=error)


def _limit(engine: Engine, speech: Speech) -> str:
    if speech.ended == "stalled":
        return speech.problem
    if speech.ended != "length":
        return ""
    room = engine.model.config.language.max_positions
    if speech.run.state.cond.length >= room:
        return f"the model's context of {room} positions is full; split the script into parts"
    limit = speech.run.max_seconds
    return (
        f"the length limit of {limit:.1f} s came before the script's end; --max-seconds {2 * limit:.0f} "
        f"raises it (with --seed {speech.options.seed} it begins the same)"
    )


def _free_name(target: Path) -> Path:
    """A name beside `target` for the WAV that is encoded at the end."""
    number = 1
    while True:
        name = target.with_name(f"{target.stem}.part{number if number > 1 else ''}.wav")
        if not name.exists():
            return name
        number += 1
