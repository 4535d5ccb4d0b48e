"""Preparation of a generation: everything that can be checked before a model is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vibevoice_nb.engine.model_limits import VoiceWarning
from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.ranges import one_of, shown, whole
from vibevoice_nb.voices.casting import shared_voices

from ..turns import ProjectTurn, checked_ids
from .generation import Generation, GenerationProgress, Listener, Mode, speakable_turns

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings

    from ..episode import Episode
    from .review import Judge

MOST_TAKES = 20
"""Takes of one turn made by one generation, at most."""


def prepare(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    turns: Sequence[str] | None = None,
    *,
    mode: Mode | None = None,
    listener: Listener | None = None,
    progress: bool | Callable[[GenerationProgress], None] | None = None,
    takes: int = 1,
    fresh: bool = False,
    judge: Judge | None = None,
    ray: str | None = None,
    **options: Unpack[GenerationSettings],
) -> Generation:
    """Prepare a generation, and check everything that can be checked before a model is loaded.

    Parameters
    ----------
    episode : Episode
    engine : Engine or callable
        A callable that returns the engine is called in the background.
    turns : sequence of str, optional
        Ids of the turns to generate; by default what is missing, or all if nothing is.
    mode : {"turns", "whole"}, optional
        By default the setting. A whole script is always generated from its beginning to its end.
    listener : callable, optional
        Called with every `Event`, in the background.
    progress : bool or callable, optional
        True shows a tqdm bar; a callable is called with the `GenerationProgress` after every frame.
    takes : int
        Takes made of each turn, at most 20; the last one is chosen. Each has a seed of its own.
    fresh : bool
        Draw a new seed for a turn that has a take with the current seed, which would be reproduced.
    judge : Judge, optional
        Reviews every take and chooses the best one instead of the last.
    ray : str, optional
        Address of a Ray cluster, or ``"local"``. Its workers generate the takes of a turn at once; turns
        wait for the take that the turn before them continues from. Takes are written by this process.
    **options
        Those of `GenerationOptions`; by default the settings of the project, then those of the model.

    Raises
    ------
    ScriptError, VoiceError, OptionError, ProjectError
        If the script, a voice or the project is not ready.
    """
    mode = episode.settings.current.mode if mode is None else mode
    if not one_of(mode, ("turns", "whole")):
        raise OptionError(f"mode={shown(mode)}", "'turns' or 'whole'", "leave it out")
    count = whole(takes)
    if count is None or not 1 <= count <= MOST_TAKES:
        raise OptionError(
            f"takes={shown(takes)}", f"a whole number from 1 to {MOST_TAKES}", "leave it out for one take"
        )
    if mode == "whole" and (count > 1 or fresh or judge is not None):
        raise OptionError(
            f"takes={count}, fresh={fresh}{', review=True' if judge else ''} in the mode 'whole'",
            "one take of a whole script at a time, with the seed given",
            "use mode='turns'",
        )
    turns_now = episode.turns.snapshot()
    every = [turn.id for turn in turns_now]
    asked = _worth_generating(turns_now) if turns is None else checked_ids(turns)
    wanted = every if mode == "whole" else list(asked)
    check_ready(episode, wanted)
    if not callable(engine):
        speakable_turns(episode, engine, wanted)
    _warn_of_shared_voices(episode)
    given = episode.settings.generation_options(options)
    return Generation(
        episode,
        engine if callable(engine) else lambda: engine,
        [turn_id for turn_id in every if turn_id in set(wanted)],
        lambda loaded: loaded.defaults.updated(given),
        mode,
        listener,
        progress,
        takes=count,
        fresh=fresh,
        judge=judge,
        ray=ray,
    )


def _warn_of_shared_voices(episode: Episode) -> None:
    """Warn of speakers who are about to get the same built-in voice."""
    cast, defaults = episode.cast.snapshot(), episode.cast.default_voices()
    chosen = {label: member.voice.name for label, member in cast.items() if member.voice is not None}
    for message in shared_voices({**chosen, **defaults}, defaults):
        warnings.warn(message, VoiceWarning, stacklevel=5)


def _worth_generating(turns: Sequence[ProjectTurn]) -> list[str]:
    """Return the missing turns, or all turns once every turn that can be spoken has a take.

    Unspeakable turns are among the missing: the engine's model may be another than the one of the settings,
    and decides which turns it can speak.
    """
    missing = [turn for turn in turns if turn.state != "spoken" or turn.partial]
    some = any(turn.state != "unspeakable" for turn in missing)
    return [turn.id for turn in (missing if some else turns)]


def check_ready(episode: Episode, turns: Sequence[str]) -> None:
    """Check, before a model is loaded, that these turns can be generated.

    Raises
    ------
    ScriptError
        If the script has errors, nothing to speak, or a turn is not in it.
    VoiceError
        If a speaker has no voice.
    """
    episode.script.raise_for_errors()
    known = {turn.id for turn in episode.turns}
    unknown = [turn for turn in turns if turn not in known]
    if unknown:
        raise ScriptError(
            f"the turn {unknown[0]!r} is not in this script",
            "a turn of the script",
            "see project.turns",
        )
    episode.turns.check_voices(turns)
