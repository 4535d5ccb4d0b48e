"""`LoudnessPreview`: the episode as an export makes it at a loudness, to play before it is exported."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.limiter import Levelled, Levelling
from vibevoice_nb.audio.loudness import level
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project import Timeline

from .base import Part, call


class LoudnessPreview(Part):
    """Preview of the loudness of an export.

    The last result is kept: measuring reads the whole episode up to three times.

    Parameters
    ----------
    timeline : callable
        Returns the episode.
    """

    def __init__(self, timeline: Callable[[], Timeline]) -> None:
        self._timeline = timeline
        self._measuring = threading.Lock()
        self._wanted: tuple[object, ...] = ()
        self._key: tuple[object, ...] = ()
        self._kept: Levelled | None = None

    def close(self) -> None:
        """Stop measuring."""
        self._wanted = ()

    def source(self, target: str) -> Levelled:
        """Return the episode at a loudness, in LUFS as text.

        Raises
        ------
        OptionError
            If it is not a number, or out of range.
        VibeVoiceError
            If the episode has changed meanwhile.
        """
        try:
            lufs = float(target)
        except ValueError:
            lufs = math.nan
        timeline = self._timeline()
        key = (timeline.key, lufs)
        Levelling.check(lufs, -1.0)
        self._wanted = key
        with self._measuring:
            if self._kept is None or key != self._key:
                plan = level(timeline, lufs, passing=lambda audio: self._passing(key, audio))
                self._kept, self._key = Levelled(timeline, plan), key
            return self._kept

    def _passing(self, key: tuple[object, ...], audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a block that is measured; raise if the result is no longer wanted."""
        if key != self._wanted:
            raise VibeVoiceError("the episode has changed", "the same episode", "wait until it is measured")
        return audio

    @call("loudness", slow=True)
    def _loudness(self, target: float) -> dict[str, Any]:
        plan = self.source(str(target)).plan
        return {
            "lufs": plan.before.lufs,
            "true_peak_db": plan.before.true_peak_db,
            "gain_db": plan.gain_db,
            "limiting": plan.limiting,
        }
