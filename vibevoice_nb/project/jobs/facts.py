"""Facts of a run: manifests of its takes, with everything needed to reproduce them."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from vibevoice_nb import __version__
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.model_limits import GET_VOICE_PROMPTS
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.export.take_entries import OptionsEntry, VoiceEntry
from vibevoice_nb.export.take_manifest import GENERATED, TakeManifest

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.script import Turn
    from vibevoice_nb.voices.voice import Voice

    from ..episode import Episode
    from ..turns import ProjectTurn


class RunFacts:
    """Facts that the takes of one run share, and the time since it was begun.

    Attributes
    ----------
    voices : dict
        Voices that the model speaks with, by its speaker index.
    """

    def __init__(self, episode: Episode, engine: Engine, options: GenerationOptions, mode: str) -> None:
        self._begun = time.perf_counter()
        self._ttfa: float | None = None
        self._latest: float | None = None
        self._end: float | None = None
        self._cast, self._engine, self._options, self._mode = episode.cast, engine, options, mode
        self._pronunciation = episode.turns.pronunciation
        self.voices: dict[int, Voice] = engine.followed(voices_of(episode))

    def read(self, turn: Turn) -> Turn:
        """Return a turn with the text that the model is given."""
        return self._pronunciation.turn(turn, self._engine.frontend)

    def audio_came(self) -> None:
        """Note the time of the first and the latest audio."""
        self._latest = time.perf_counter()
        if self._ttfa is None:
            self._ttfa = round(self._latest - self._begun, 3)

    def end_with_audio(self) -> None:
        """Count the work up to the latest audio only: the run then waited for others."""
        self._end = self._latest

    def shared(self, frames: int, error: BaseException | None = None) -> TakeManifest:
        """Describe the model, the settings, and the work up to now, for so many frames."""
        engine = self._engine
        elapsed = (self._end or time.perf_counter()) - self._begun
        seconds = frames * engine.hop_length / SAMPLE_RATE
        return TakeManifest(
            content=GENERATED,
            model=engine.name,
            revision=engine.revision,
            weights=engine.weights_digest(),
            device=str(engine.device),
            dtype=str(engine.dtype).removeprefix("torch."),
            quantize=engine.quantize,
            attention=engine.attention,
            server=engine.server or None,
            mode=self._mode,
            options=OptionsEntry.of(asdict(self._options)),
            versions={
                "vibevoice-nb": __version__,
                "python": platform.python_version(),
                **engine.versions(),
            },
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            elapsed=round(elapsed, 3),
            rtf=round(elapsed / seconds, 4),
            ttfa=self._ttfa,
            error=None if error is None else _short(error),
        )

    def of_turn(self, shared: TakeManifest, turn: ProjectTurn) -> TakeManifest:
        """Add the words of a turn, their reading, its voice, and the estimate of its length."""
        read = self.read(turn.turn)
        return replace(
            shared,
            turn_id=turn.id,
            speaker=turn.turn.label,
            text=turn.turn.text,
            read_as=read.text if read.written else None,
            voice=self._voice(turn),
            expected_seconds=round(self._engine.frontend.seconds(read.text), 2),
        )

    def _voice(self, turn: ProjectTurn) -> VoiceEntry | None:
        """Describe the voice; `spoken_with` is the built-in one that replaced it."""
        member = self._cast.get(turn.turn.label)
        voice = None if member is None else member.voice
        if member is None or voice is None:
            return None
        used = self.voices.get(turn.turn.speaker_index, voice)
        return VoiceEntry(
            name=voice.name,
            kind=member.kind,
            sha256=voice.sha256,
            seconds=round(voice.seconds, 3),
            consent=member.consent,
            spoken_with=None if used.sha256 == voice.sha256 else used.name,
        )


def check_prompts(episode: Episode, engine: Engine, turn_ids: Collection[str]) -> None:
    """Check that the speakers of some turns have voices of the kind that the model takes.

    Raises
    ------
    VoiceError
        If a speaker has none yet, where there is no default, or one of another kind.
    """
    cast, limits = episode.cast, engine.limits
    for label in {turn.turn.label for turn in episode.turns if turn.id in turn_ids}:
        member = cast.get(label)
        voice = None if member is None else member.voice
        if voice is not None and (error := limits.voice_problem(engine.name, voice)):
            raise error
        if voice is None and limits.voice_prompts is not None:
            raise VoiceError(
                f"{label} has no voice prompt", f"a voice prompt for {engine.name}", GET_VOICE_PROMPTS
            )


def voices_of(episode: Episode) -> dict[int, Voice]:
    """Return the voices by the model's speaker index; speakers without a voice are left out."""
    cast = episode.cast
    voices = {}
    for turn in episode.turns:
        member = cast.get(turn.turn.label)
        if member is not None and member.voice is not None:
            voices[turn.turn.speaker_index] = member.voice
    return voices


def _short(error: BaseException) -> str:
    """Return an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
