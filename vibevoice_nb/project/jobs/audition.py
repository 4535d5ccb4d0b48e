"""Audition: a speaker's first line in every available voice, to choose one. No takes are made."""

from __future__ import annotations

import functools
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from vibevoice_nb.errors import OptionError, ScriptError, VibeVoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import Script, Turn
from vibevoice_nb.script.frontends import Frontend
from vibevoice_nb.script.lines import name_key
from vibevoice_nb.script.passages import cut
from vibevoice_nb.script.pronunciation import AS_WRITTEN, Pronunciation
from vibevoice_nb.script.speakable import nothing_to_speak
from vibevoice_nb.voices.available import available_voices
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.resolve import resolve_voice

from ..take import Take
from .job import Job

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.voices.casting import VoiceSpec
    from vibevoice_nb.voices.voice import Voice

    from ..cast import CastMember
    from ..episode import Episode

_log = logging.getLogger(__name__)

MAX_LINE_SECONDS = 12.0
"""Longest part of a line that is generated, by estimate."""
MAX_VOICES = 100
_CACHED_SECONDS = 600.0
_SEED = 1
"""Seed if the settings have none: the voices are compared, so the rest is the same for all."""


@dataclass
class AuditionVoice:
    """One voice of an audition.

    Attributes
    ----------
    name, kind : str
        As in the cast: "Ada", "built-in".
    state : {"waiting", "speaking", "finished", "cancelled", "failed"}
    take : Take or None
        The line in this voice.
    id : str
        Changes with the audio; empty without audio.
    message : str
        Reason of a failure.
    """

    name: str
    kind: str
    load: Callable[[], Voice] = field(repr=False)
    state: Literal["waiting", "speaking", "finished", "cancelled", "failed"] = "waiting"
    take: Take | None = None
    id: str = ""
    message: str = ""


@dataclass(frozen=True)
class AuditionProgress:
    """Progress of an audition: voices completed, and all."""

    voices_done: int
    voices_total: int


class AuditionCache:
    """Lines generated before, by everything that determines their audio; at most ten minutes of audio."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, tuple[str, Take]] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, key: Hashable) -> tuple[str, Take] | None:
        """Return the id and the take of a line."""
        with self._mutex:
            if key in self._lines:
                self._lines.move_to_end(key)
            return self._lines.get(key)

    def add(self, key: Hashable, take: Take) -> str:
        """Keep a line, drop the ones used longest ago, and return its id."""
        with self._mutex:
            self._lines[key] = uuid.uuid4().hex[:12], take
            while len(self._lines) > 1 and self._seconds() > _CACHED_SECONDS:
                self._lines.popitem(last=False)
            return self._lines[key][0]

    def _seconds(self) -> float:
        return sum(take.seconds for _, take in self._lines.values())


class Audition(Job["Audition"]):
    """Job that generates a speaker's first line in several voices; made by `Project.audition`.

    Parameters
    ----------
    engine : callable
        Returns the engine; called in the background.
    turn : Turn
        The line; only its first 12 seconds are generated.
    voices : sequence of AuditionVoice
    options : callable
        From the engine to the options.
    cache : AuditionCache
    pronunciation : Pronunciation
    progress : bool or callable, optional
        True shows a tqdm bar; a callable is called with the `AuditionProgress` after each voice.
    listener : callable, optional
        Called with this job, in the background, when its state or that of a voice changes.

    Attributes
    ----------
    speaker, text : str
        Whose line it is, and its words.
    voices : list of AuditionVoice
    takes : dict of Take
        The finished lines, by the name of the voice.

    Examples
    --------
    >>> import tempfile
    >>> from vibevoice_nb import Engine, Project
    >>> engine = Engine.load("nano")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Project.create(f"{folder}/talk", "Anna: Hello!") as project:
    ...         audition = project.audition(engine, "Anna", ["Ada", "Kai"], num_steps=2).result()
    >>> audition.text, list(audition.takes), len(project.takes)
    ('Hello!', ['Ada', 'Kai'], 0)
    """

    label = "Auditioning"

    def __init__(
        self,
        engine: Callable[[], Engine],
        turn: Turn,
        voices: Sequence[AuditionVoice],
        options: Callable[[Engine], GenerationOptions],
        cache: AuditionCache,
        pronunciation: Pronunciation = AS_WRITTEN,
        progress: bool | Callable[[AuditionProgress], None] | None = None,
        listener: Callable[[Audition], None] | None = None,
    ) -> None:
        super().__init__(progress)
        self.turn, self.voices = replace(turn, pause_after_ms=0), list(voices)
        self.speaker, self.text = turn.label, turn.text
        self._pronunciation = pronunciation
        self._engine, self._options, self._cache, self._listener = engine, options, cache, listener

    def __iter__(self) -> Iterator[AuditionVoice]:
        return iter(self.voices)

    def __repr__(self) -> str:
        return f"<Audition of {self.speaker} {self.state}, {len(self.takes)} of {len(self.voices)} voices>"

    @property
    def takes(self) -> dict[str, Take]:
        return {
            voice.name: voice.take
            for voice in self.voices
            if voice.state == "finished" and voice.take is not None
        }

    def work(self) -> None:
        engine = self._engine()
        read = self._pronunciation.turn(self.turn, engine.frontend)
        if engine.frontend.check(read.text).empty:
            raise nothing_to_speak(read, engine.frontend, engine.name)
        options = self._options(engine)
        self._enter("speaking")
        for done, voice in enumerate(self.voices):
            if self.cancelled:
                return
            if voice.state == "waiting":
                self._audition(engine, voice, options)
            self.reported(AuditionProgress(done + 1, len(self.voices)))

    def entered(self) -> None:
        if self.done:
            for voice in self.voices:
                if voice.state in ("waiting", "speaking"):
                    voice.state = "cancelled"
        self._notify()

    def _notify(self) -> None:
        if self._listener is None:
            return
        try:
            self._listener(self)
        except Exception:  # a failing listener must not abort the audition
            _log.exception("a listener of an audition failed")

    def _audition(self, engine: Engine, voice: AuditionVoice, options: GenerationOptions) -> None:
        """Generate the line in one voice, or find it; an error concerns this voice alone."""
        voice.state = "speaking"
        self._notify()
        try:
            voice.id, voice.take = self._line(engine, voice, options)
            voice.state = "finished" if voice.id else "cancelled"
        except VibeVoiceError as error:
            voice.state, voice.message = "failed", str(error)
        self._notify()

    def _line(
        self, engine: Engine, voice: AuditionVoice, options: GenerationOptions
    ) -> tuple[str, Take | None]:
        limits = engine.limits
        if voice.kind != "built-in" and not limits.follows_voices and limits.voice_prompts is None:
            raise VibeVoiceError(
                f"{engine.name} cannot follow a recording", "a built-in voice", "choose another model"
            )
        loaded = voice.load()
        if error := limits.voice_problem(engine.name, loaded):
            raise error
        model = engine.name, engine.weights_digest(), str(engine.device), engine.dtype, engine.quantize
        turn = cut([self.turn], MAX_LINE_SECONDS, engine.frontend)[0][0]
        said = self._pronunciation.read(turn.text, engine.frontend).text
        key = (*model, options, turn.label, said, loaded.sha256)
        if (known := self._cache.get(key)) is not None:
            return known
        given: dict[str, Any] = dict(vars(options))
        speech = engine.speak(
            Script((turn,)),
            {turn.label: loaded},
            pronunciation=self._pronunciation,
            cancelled=lambda: self.cancelled,
            **given,
        )
        if speech.ended == "cancelled" or not speech.audio.size:
            return "", None
        take = Take.from_audio(speech.audio, name=voice.name, manifest=speech.manifest)
        return self._cache.add(key, take), take

    def outcome(self) -> Audition:
        return self

    def measure(self, progress: AuditionProgress) -> tuple[float, float]:
        return progress.voices_done, progress.voices_total


def audition_project(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    speaker: str,
    voices: VoiceSpec | Sequence[VoiceSpec] | None,
    options: Mapping[str, Any],
    cache: AuditionCache,
    *,
    library: VoiceLibrary | None = None,
    progress: bool | Callable[[AuditionProgress], None] | None = None,
    listener: Callable[[Audition], None] | None = None,
) -> Audition:
    """Prepare an audition of a speaker's first line.

    Lines are kept in the cache while model, text, voice and options are the same.

    Parameters
    ----------
    episode : Episode
    engine : Engine or callable
        A callable that returns the engine is called in the background.
    speaker : str
        Label of the speaker.
    voices : voice or sequence of voices, optional
        By default the speaker's own recording, the built-in voices and the library. A person's voice without
        recorded consent is not generated; its message says so.
    options : mapping
        Those of `GenerationOptions`; by default the settings of the project. Without a seed there, all
        auditions have the same one.
    cache : AuditionCache
    library : VoiceLibrary, optional
    progress : bool or callable, optional
        True shows a tqdm bar; a callable is called with the `AuditionProgress` after each voice.
    listener : callable, optional
        Called with the job, in the background, when its state or that of a voice changes.

    Raises
    ------
    ScriptError
        If the speaker has no lines, or none that can be spoken.
    OptionError
        If an option is out of range, or there are no voices, or more than 100.
    VoiceError
        If a given voice is missing or can't be used.
    """
    from vibevoice_nb.engine.options import GenerationOptions

    turn = line_of(episode, speaker)
    chosen = (
        _available(episode.cast.get(turn.label), library or VoiceLibrary())
        if voices is None
        else _given(voices)
    )
    if not 1 <= len(chosen) <= MAX_VOICES:
        raise OptionError(f"{len(chosen)} voices", f"1 to {MAX_VOICES} voices", "name some of them")
    given = episode.settings.generation_options(dict(options))
    given.setdefault("seed", _SEED)
    GenerationOptions().updated(given)  # reject a value before the model is loaded
    return Audition(
        engine if callable(engine) else lambda: engine,
        turn,
        chosen,
        lambda loaded: loaded.defaults.updated(given),
        cache,
        episode.turns.pronunciation,
        progress,
        listener,
    )


def line_of(episode: Episode, speaker: str, frontend: Frontend | None = None) -> Turn:
    """Return the first line of a speaker that can be spoken.

    Raises
    ------
    ScriptError
        If there is none.
    """
    frontend = frontend or episode.turns.frontend
    key = name_key(str(speaker))
    said = episode.turns.pronunciation
    lines = [turn.turn for turn in episode.turns if name_key(turn.turn.label) == key]
    if not lines:
        raise ScriptError(f"{shown(speaker)} has no lines", "a speaker of the script", "see project.cast")
    for turn in lines:
        if not frontend.check(said.read(turn.text, frontend).text).empty:
            return turn
    first = said.turn(lines[0], frontend)
    raise nothing_to_speak(first, frontend, episode.turns.model, f"line {first.line}: ")


def _available(member: CastMember | None, library: VoiceLibrary) -> list[AuditionVoice]:
    """Return the speaker's own recording, the built-in voices, and those of the library."""
    found: list[AuditionVoice] = []
    if member is not None and member.voice is not None and member.kind not in ("built-in", "library"):
        own = AuditionVoice(member.voice.name, member.kind, functools.partial(resolve_voice, member.voice))
        found.append(own if member.consent else _unconfirmed(own))
    for voice in available_voices(library):
        entry = AuditionVoice(voice.name, voice.kind, functools.partial(voice.load, library))
        found.append(entry if voice.consent else _unconfirmed(entry))
    return found[:MAX_VOICES]


def _unconfirmed(voice: AuditionVoice) -> AuditionVoice:
    message = f"consent for the voice {voice.name} is not confirmed"
    return replace(voice, state="failed", message=message)


def _given(voices: VoiceSpec | Sequence[VoiceSpec]) -> list[AuditionVoice]:
    """Resolve voices given by name, file or samples."""
    listed = voices if isinstance(voices, (list, tuple)) else [voices]
    found = []
    for voice in map(resolve_voice, listed):
        kind = voice.source if voice.source in ("built-in", "library") else "file"
        found.append(AuditionVoice(voice.name, kind, functools.partial(resolve_voice, voice)))
    return found
