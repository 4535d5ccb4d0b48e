r"""A project: a script, its cast and the takes of its turns, in a folder that survives a crash and a move.

    with Project.create("episode", "Anna: Hello!") as project:
        project.set_voice("Anna", "Ada")
        project.generate(engine).result().save("episode.mp3")

A turn has takes, one of them chosen; the episode is the chosen takes in the order of the script, with pauses.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.errors import AudioError, OptionError, ProjectError, VoiceError
from vibevoice_nb.ranges import one_of, shown, whole
from vibevoice_nb.script import Diagnostic, Turn
from vibevoice_nb.script.frontends import Frontend
from vibevoice_nb.script.speakable import check_script, reason

from .opened import lock_folder
from .storage.copying import write_copy
from .storage.folder import new_folder
from .storage.paths import project_path
from .storage.schema import MAX_GAP_MS, is_gap
from .take import Take
from .taking import TakesProject, checked_ids, quoted
from .timeline import Timeline

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.frames import Spoken
    from vibevoice_nb.voices.checks import Voice

    from .jobs.generation import Generation, Listener, Mode

TurnState = Literal["unspoken", "spoken", "changed", "unspeakable"]


@dataclass(frozen=True)
class ProjectTurn:
    """A turn of the script and what became of it.

    Attributes
    ----------
    id : str
        Stays with the turn through edits.
    turn : Turn
    state : {"unspoken", "spoken", "changed", "unspeakable"}
        Changed: the chosen take says other words, or in another voice. Unspeakable: there is nothing in it
        that the chosen model can speak; it is skipped.
    context_changed : bool
        The chosen take was spoken after other takes or texts than come before it now.
    chosen : str or None
        Id of the take that is heard.
    takes : tuple of str
        All of them, the oldest first.
    gap_ms : int or None
        Silence after it, if set for this turn.
    partial : bool
        The chosen take was stopped before its end.
    """

    id: str
    turn: Turn
    state: TurnState
    context_changed: bool
    chosen: str | None
    takes: tuple[str, ...]
    gap_ms: int | None
    partial: bool = False
    reason: str = ""
    """The reason why it is unspeakable."""


@dataclass(frozen=True)
class ContextTurn:
    """A turn that was spoken before another: what the model is given to go on from."""

    turn_id: str
    take_id: str
    spoken: Spoken


class Project(TakesProject):
    r"""A conversation in the making; see the module. `Project.create` and `Project.open` give one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
    ...     project.script_text = "Anna: Hello!\nBen: Good morning."
    ...     [(item.turn.label, item.state) for item in project.turns], project.timeline().samples
    ([('Anna', 'unspoken'), ('Ben', 'unspoken')], 0)
    """

    # The model

    @property
    def model(self) -> str:
        """The model of the settings, whose limits the diagnostics and the turns' states are about."""
        return str(self.settings["model"])

    @property
    def frontend(self) -> Frontend:
        """The model's way from text to speech, as far as it is known without loading it."""
        return known_settings(self.model).frontend

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Diagnostics of the script, and of what the model cannot speak of it."""
        found = (*super().diagnostics, *check_script(self.script, self.frontend, self.model))
        return tuple(sorted(found, key=lambda item: (item.line, item.column)))

    # The turns

    @property
    def turns(self) -> list[ProjectTurn]:
        """The turns in the order of the script."""
        with self._mutex:
            lanes, voices = self._lanes(), self._voice_hashes()
            return [
                self._turn(index, lanes.get(record.id, []), voices)
                for index, record in enumerate(self._state.turns)
            ]

    def turn(self, turn_id: str) -> ProjectTurn:
        """The turn with an id.

        Raises
        ------
        ProjectError
            None has it.
        """
        with self._mutex:
            index = self._index(turn_id)
            return self._turn(index, self._lanes().get(turn_id, []), self._voice_hashes())

    def missing(self) -> list[str]:
        """Ids of the turns to speak: without a take, with one that was stopped, or changed since."""
        unspoken = ("unspoken", "changed")
        return [turn.id for turn in self.turns if turn.state in unspoken or turn.partial]

    def context_changed(self, take_id: str) -> bool:
        """Whether a take was spoken after other takes or texts than come before its turn now."""
        with self._mutex:
            take = self._take(take_id)
            ids = [record.id for record in self._state.turns]
            turn_id = take.manifest["turn_id"]
            return turn_id in ids and self._differs(take, ids.index(turn_id))

    def set_gap(self, turn_id: str, gap_ms: int | None) -> None:
        """Set the silence after a turn, in milliseconds; None leaves it to the script and the settings.

        Raises
        ------
        OptionError
            Not 0 to 60,000 whole milliseconds.
        ProjectError
        """
        given, gap_ms = gap_ms, whole(gap_ms)
        if given is not None and not is_gap(gap_ms):
            raise OptionError(
                f"gap_ms={shown(given)}", f"whole milliseconds, 0 to {MAX_GAP_MS}", "0 is no gap"
            )
        with self._changing("gaps"):
            record = self._record(turn_id)
            self._can_be_undone(f"set the gap after {quoted(record)}", ["gap_ms", turn_id, record.gap_ms])
            record.gap_ms = gap_ms

    def check_voices(self, turn_ids: Iterable[str] | None = None) -> dict[int, Voice]:
        """Return the voices by the model's index, or say who has none.

        Parameters
        ----------
        turn_ids : iterable of str, optional
            Ask only for the speakers of these turns.

        Raises
        ------
        VoiceError
        """
        with self._mutex:
            wanted = None if turn_ids is None else set(checked_ids(turn_ids))
            pairs = zip(self._state.turns, self._script.turns, strict=True)
            speakers = {
                turn.label: turn.speaker_index
                for record, turn in pairs
                if wanted is None or record.id in wanted
            }
            cast = self.cast
        mute = [label for label in speakers if cast[label].voice is None]
        if mute:
            several = len(mute) > 1
            raise VoiceError(
                f"{', '.join(mute)} {'have' if several else 'has'} no voice",
                "a voice for every speaker",
                f"give {'them' if several else mute[0]} one: a built-in voice, a file or a recording",
            )
        return {index: voice for label, index in speakers.items() if (voice := cast[label].voice) is not None}

    # The context, and the whole

    def context_for(
        self,
        turn_id: str,
        model: str | None = None,
        frontend: Frontend | None = None,
        weights: str | None = None,
    ) -> list[ContextTurn]:
        """What was spoken before a turn, the oldest first, back to the first turn that isn't complete.

        A turn that the model cannot speak is passed over, as if it were not in the script.

        Parameters
        ----------
        turn_id : str
        model : str, optional
            Also stop at a take of another model, whose frames this one can't go on from.
        frontend : Frontend, optional
            The model's; by default that of the project's setting.
        weights : str, optional
            Fingerprint of the model's weights: also stop, with a warning, at a take made when the model of
            that name had other weights. Takes of earlier versions, which name none, are accepted.

        Raises
        ------
        ProjectError
            No such turn.
        """
        from vibevoice_nb.engine.frames import Spoken

        with self._mutex:
            index = self._index(turn_id)
            before = [
                (record, turn, self._takes.get(record.chosen or ""))
                for record, turn in zip(self._state.turns[:index], self._script.turns, strict=False)
            ]
        context = []
        for record, turn, take in reversed(before):
            if take is None and (frontend or self.frontend).check(turn.text).empty:
                continue
            if take is None or take.ended == "cancelled":
                break
            if model is not None and take.manifest.get("model") != model:
                break
            if weights is not None and take.manifest.get("weights", weights) != weights:
                warnings.warn(
                    f"{quoted(record)} is not used as context: {model} had other weights when it was made",
                    stacklevel=2,
                )
                break
            try:
                frames = take.frames
            except AudioError as exc:
                warnings.warn(f"no context before {quoted(record)}: {exc}", stacklevel=2)
                break
            if frames is None or not len(frames):
                break
            said = replace(turn, text=take.turns[0].text)
            context.append(ContextTurn(record.id, take.id, Spoken(said, frames)))
        return context[::-1]

    def timeline(self) -> Timeline:
        """The chosen takes in order, with the pauses: audio to read in pieces. Needs no model.

        The silence after a turn is its own gap if that is set, else the script's `[pause]`, else, between
        turns, `settings["gap_ms"]`.
        """
        with self._mutex:
            parts: list[tuple[Take, int]] = []
            between = self.settings["gap_ms"]
            for record, turn in zip(self._state.turns, self._script.turns, strict=True):
                if record.chosen in self._takes:
                    own = record.gap_ms if record.gap_ms is not None else turn.pause_after_ms or None
                    gap_ms = between if own is None else own
                    parts.append((self._colored(self._takes[record.chosen]), gap_ms * SAMPLE_RATE // 1000))
            if parts and own is None:
                parts[-1] = (parts[-1][0], 0)
            return Timeline(parts)

    def assemble(self) -> Take:
        """The episode as a take; it reads from the takes' files and holds no audio."""
        with self._mutex:
            timeline = self.timeline()
            spoken = {turn.label for turn in timeline.turns}
            manifest = {
                "content": "generated speech",
                "project": self.name,
                "speakers": {
                    member.label: {
                        "voice": member.voice.name,
                        "kind": member.kind,
                        "sha256": member.voice.sha256,
                        "consent": member.consent,
                    }
                    for member in self.cast.values()
                    if member.voice is not None and member.label in spoken
                },
                "takes": [
                    {name: value for name, value in segment.take.manifest.items() if name != "context"}
                    for segment in timeline.segments
                ],
            }
        return Take("", self.name, timeline, timeline.turns, manifest)

    def generation(
        self,
        engine: Engine | Callable[[], Engine],
        turns: Sequence[str] | None = None,
        *,
        mode: Mode | None = None,
        listener: Listener | None = None,
        **options: Any,
    ) -> Generation:
        """Prepare to speak, in the background; `start()` begins.

        Parameters
        ----------
        engine : Engine or callable
            Or what gives one, called in the background.
        turns : sequence of str, optional
            Ids of the turns to speak; by default what is missing, or all if nothing is.
        mode : {"turns", "whole"}, optional
            By default the setting. A whole script is always spoken from its beginning to its end.
        listener : callable, optional
            Told what happens.
        **options
            Those of `GenerationOptions`; by default the settings.

        Raises
        ------
        ScriptError, VoiceError, OptionError, ProjectError
            What keeps it from being spoken.
        """
        from .jobs.generation import Generation, check_ready, speakable_turns

        self._check_writable()
        mode = self.settings["mode"] if mode is None else mode
        if not one_of(mode, ("turns", "whole")):
            raise OptionError(f"mode={shown(mode)}", "'turns' or 'whole'", "leave it out")
        every = [turn.id for turn in self.turns]
        # The engine says which of them it can speak: its model may be another than the setting's.
        missing = [turn.id for turn in self.turns if turn.state != "spoken" or turn.partial]
        asked = self._worth_speaking(missing) if turns is None else checked_ids(turns)
        wanted = every if mode == "whole" else list(asked)
        check_ready(self, wanted)
        if not callable(engine):
            speakable_turns(self, engine, wanted)
        kept = {name: self.settings[name] for name in ("num_steps", "cfg_scale", "seed", "solver")}
        given = {**kept, **{name: value for name, value in options.items() if value is not None}}
        return Generation(
            self,
            engine if callable(engine) else lambda: engine,
            [turn_id for turn_id in every if turn_id in set(wanted)],
            lambda loaded: loaded.defaults.updated(given),
            mode,
            listener,
        )

    def generate(
        self, engine: Engine | Callable[[], Engine], turns: Sequence[str] | None = None, **options: Any
    ) -> Generation:
        """Speak in the background; parameters and errors are those of `generation`."""
        return self.generation(engine, turns, **options).start()

    # The folder

    def save_copy(self, path: str | os.PathLike[str]) -> Project:
        """Save a copy as another project; it works also when this one can't be saved any more.

        Parameters
        ----------
        path : path
            The folder to be; `.vibevoice` is added if it is missing.

        Returns
        -------
        Project
            The copy, open. A warning and its `notes` name the takes whose audio is gone.

        Raises
        ------
        ProjectError
            Something is there already, or the disk refuses.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
        ...     with project.save_copy(f"{folder}/copy") as copy:
        ...         copy.name
        'copy'
        """
        target = project_path(path, new=True)
        lost = self._write_to(target)
        copy = Project.open(target)
        copy._say_lost(lost)
        return copy

    def recreate(self) -> None:
        """Make the folder again, after it was deleted while the project was open.

        Script, settings and voices are written as they are in memory. The audio of takes was in the folder:
        takes that are gone are left out, with a warning.

        Raises
        ------
        ProjectError
            The folder is there, or something else is; or the disk refuses.
        """
        with self._mutex:
            if self._lock is None or self.closed:
                self._check_writable()
            lost = self._write_to(self.path)
            lock, holder = lock_folder(self.path)
            if lock is None:
                raise ProjectError(
                    f"{self.name} can't be locked: {holder}", "a folder of its own", "open it again"
                )
            assert self._lock is not None
            self._lock.release()
            self._lock = lock
            self._folder.trust()
            for take_id in lost:
                del self._takes[take_id]
            self._adopt_takes()
            self._say_lost(lost)
        self._tell("takes")

    # Inside

    def _worth_speaking(self, missing: Sequence[str]) -> Sequence[str]:
        """Return the missing turns, or all turns once every turn that can be spoken has a take."""
        unspeakable = {turn.id for turn in self.turns if turn.state == "unspeakable"}
        return missing if set(missing) - unspeakable else [turn.id for turn in self.turns]

    def _write_to(self, target: Path) -> list[str]:
        with self._mutex, new_folder(target) as folder:
            return write_copy(self._state, self._text, self._shelf, self._folder, folder, self._takes)

    def _say_lost(self, lost: list[str]) -> None:
        if lost:
            some = f"{len(lost)} takes" if len(lost) > 1 else "1 take"
            self._folder.warn(f"{self.name}: the audio of {some} is gone with the folder it was in")

    def _turn(self, index: int, takes: Sequence[Take], voices: dict[str, str | None]) -> ProjectTurn:
        record = self._state.turns[index]
        take = self._takes.get(record.chosen or "")
        state: TurnState = "unspoken"
        if take is not None:
            voice = take.manifest.get("voice")
            said = (take.turns[0].text, voice.get("sha256") if isinstance(voice, dict) else None)
            state = "spoken" if said == (record.text, voices[record.speaker]) else "changed"
        why = "" if state == "spoken" else reason(self._script.turns[index], self.frontend, self.model)
        if why:
            state = "unspeakable"
        return ProjectTurn(
            id=record.id,
            turn=self._script.turns[index],
            state=state,
            context_changed=take is not None and self._differs(take, index),
            chosen=None if take is None else take.id,
            takes=tuple(other.id for other in takes),
            gap_ms=record.gap_ms,
            partial=take is not None and take.ended == "cancelled",
            reason=why,
        )

    def _differs(self, take: Take, index: int) -> bool:
        """Whether the turns before turn `index` are others than the take's context."""
        context = take.manifest.get("context")
        if not isinstance(context, list) or not context:
            return False
        frontend = self.frontend
        heard = [
            record
            for record in self._state.turns[:index]
            if record.chosen is not None or not frontend.check(record.text).empty
        ]
        now = heard[max(0, len(heard) - len(context)) :]
        before = [
            (entry.get("turn_id"), entry.get("take_id"), entry.get("text")) if isinstance(entry, dict) else ()
            for entry in context
        ]
        return before != [(record.id, record.chosen, record.text) for record in now]

    def _voice_hashes(self) -> dict[str, str | None]:
        members = map(self._shelf.member, self._state.cast)
        return {member.label: None if member.voice is None else member.voice.sha256 for member in members}
