"""Takes and settings that do not depend on each other, generated in several workers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.errors import OptionError

from .speak import Cancelled, OnAudio, TurnTake

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions

    from ..episode import Episode
    from ..take import Take


@contextmanager
def on_workers(engine: Engine, ray: str | None) -> Iterator[Engine]:
    """Yield an engine with the same model in workers on a Ray cluster; the engine itself if `ray` is None.

    Raises
    ------
    OptionError
        If the workers have other weights.
    ServerError
        If there is no cluster, or its workers end.
    """
    if ray is None:
        yield engine
        return
    commit = engine.revision.rpartition("@")[2] if "@" in engine.revision else None
    with engine.on_ray(engine.name, address=ray, quantize=engine.quantize, revision=commit) as workers:
        if workers.weights_digest() != engine.weights_digest():
            raise OptionError(
                f"workers with other weights of {engine.name}",
                "those of the engine that was given",
                "copy the model's folder to all nodes",
            )
        yield workers


def speak_takes(
    episode: Episode,
    engine: Engine,
    turn_id: str,
    options: Sequence[GenerationOptions],
    on_audio: OnAudio,
    cancelled: Cancelled,
) -> Iterator[tuple[list[NDArray[np.float32]], Take | None]]:
    """Generate takes of one turn at once, all in the context of the takes chosen before the turn.

    The audio of the first take is passed to `on_audio` while it is generated.

    Yields
    ------
    (list of float32 [n], Take or None)
        The audio of each further take, and the take, in the order of the options; the last one is chosen.
    """
    takes = [TurnTake(episode, engine, turn_id, one, cancelled) for one in options]
    of_run = {id(take.run): take for take in takes}
    later: dict[int, list[NDArray[np.float32]]] = {id(take): [] for take in takes}
    try:
        for run, audio in engine.advance([take.run for take in takes], cancelled):
            take = of_run[id(run)]
            take.add(audio)
            if take is takes[0]:
                on_audio(audio)
            else:
                later[id(take)].append(audio)
    except BaseException as error:
        for take in takes:
            take.keep(error)
        raise
    for take in takes:
        take.facts.end_with_audio()
        yield later[id(take)], take.finish(None)
