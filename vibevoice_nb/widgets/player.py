"""`Player`: hear a take and look at it, in pieces of any take's length."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project.take import Take

from .audio_requests import AudioRequests, at_24_khz
from .base import VibeVoiceWidget
from .project_traits import take_summary

OWN = "self"
"""The source that is the player's own take."""

_KEPT_BYTES = 500_000
"""Of HTML for when there is no kernel; encoding more would keep the widget of a long take waiting."""


class Player(AudioRequests, VibeVoiceWidget):
    """Plays a take, with its waveform, its turns and its spectrogram.

    Parameters
    ----------
    take : Take, optional
        What to play. Only what is seen and heard is sent to the page, so that 90 minutes open at once.

    Attributes
    ----------
    position : float
        Seconds; follows what is heard, and moves it when it is set.
    playing : bool
        Set it to play or pause.
    take : Take or None
        Set it to play another.

    Examples
    --------
    >>> import numpy as np
    >>> from vibevoice_nb.project import Take
    >>> player = Player(Take.from_audio(np.zeros(48_000, np.float32), name="silence"))
    >>> player.seek(1.5)
    >>> player.position, player.playing
    (1.5, False)
    """

    _page: ClassVar[str] = "player"

    take = traitlets.Instance(Take, allow_none=True).tag(
        sync=True,
        to_json=lambda take, player: player._summary(take),
        from_json=lambda _, player: player.take,  # a page has no takes of its own
    )
    position = traitlets.Float(0.0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True, page=True)

    def __init__(self, take: Take | None = None, **traits: Any) -> None:
        self._revision = 0
        super().__init__(take=take, **traits)

    def play(self) -> None:
        """Play from where it is. A page nobody has clicked yet asks for a click first."""
        self.playing = True

    def pause(self) -> None:
        """Pause."""
        self.playing = False

    def seek(self, seconds: float) -> None:
        """Go to a time, in seconds; beyond the ends, to the end."""
        length = 0.0 if self.take is None else self.take.seconds
        self.position = min(max(0.0, float(seconds)), length)

    def audio_source(self, name: str) -> AudioSource:
        """Find what a name of the protocol means: there is only the player's own take."""
        if name != OWN or self.take is None:
            raise VibeVoiceError(f"the sound {name!r}", "the player's own take", "run the cell again")
        return self.take.source

    def audio_summary(self, name: str) -> dict[str, Any]:
        """Describe the take, with its turns."""
        self.audio_source(name)
        return self._summary(self.take)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget; and the take as HTML, which a saved notebook plays without a kernel."""
        shown = super()._repr_mimebundle_(**options)
        if self.take is None or not shown:
            return shown
        from vibevoice_nb import display

        bundle, metadata = shown
        kept = display.mimebundle(self.take, min(display.default_budget, _KEPT_BYTES))
        return {**kept, **bundle}, metadata

    @traitlets.validate("take")
    def _take_comes(self, proposal: Any) -> Any:
        self._revision += 1
        return proposal["value"]

    @traitlets.observe("take")
    def _take_changes(self, change: Any) -> None:
        if isinstance(change.old, Take):
            self.position = 0.0

    def _summary(self, take: Take | None) -> dict[str, Any]:
        """Describe a take for the page, positions at 24 kHz."""
        if take is None:
            return {}
        summary = take_summary(take, OWN, self._revision)
        scale = SAMPLE_RATE / take.sample_rate
        turns = [
            {**turn, "start": round(turn["start"] * scale), "stop": round(turn["stop"] * scale)}
            for turn in summary["turns"]
        ]
        samples = at_24_khz(take.source).samples
        return {**summary, "samples": samples, "sample_rate": SAMPLE_RATE, "turns": turns}
