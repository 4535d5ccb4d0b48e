"""`Player`: plays audio of any length, with waveform, turns and spectrogram."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from vibevoice_nb._moved import renamed_keyword
from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.display.static import MAX_BYTES, PREVIEW_SECONDS, Static
from vibevoice_nb.engine.speech import Speech
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project.take import Take
from vibevoice_nb.ranges import shown, whole

from .audio_requests import AudioRequests, at_24_khz
from .base import VibeVoiceWidget
from .payloads import TakeSummary, TakeTurn
from .project_traits import take_summary

OWN = "self"
"""Name of the player's audio in requests."""

_MAX_RATE = 768_000


def as_take(audio: object, rate: int = SAMPLE_RATE) -> Take:
    """Return a take from a take, a speech, an array, or an audio file.

    Examples
    --------
    >>> as_take(np.zeros(48_000, np.float32), 48_000).seconds
    1.0
    """
    if isinstance(audio, Take):
        return audio
    if isinstance(audio, (str, os.PathLike)):
        samples, _ = read_audio(audio)
        return Take.from_audio(samples, name=Path(audio).name)
    if isinstance(audio, Speech):
        return Take.from_audio(
            audio.audio,
            turns=audio.turns,
            name="speech",
            manifest=audio.manifest,
            sample_rate=audio.sample_rate,
        )
    if isinstance(audio, np.ndarray):
        if whole(rate) is None or not 1 <= rate <= _MAX_RATE:
            raise OptionError(
                f"rate={shown(rate)}", f"1 to {_MAX_RATE} Hz", "use the sample rate of the array"
            )
        if audio.dtype.kind != "f":
            raise OptionError(
                f"an array of {audio.dtype}", "float samples in [-1, 1]", "divide int16 samples by 32768"
            )
        return Take.from_audio(np.asarray(audio, np.float32), name="array", sample_rate=int(rate))
    expected = "a Take, a Speech, an array of samples, or the path of an audio file"
    raise OptionError(f"Player({shown(audio)})", expected, "pass one of these")


def static_take(take: Take, below: Static | None = None) -> Static:
    """Return an HTML player for saved notebooks, with `below` under it."""
    from vibevoice_nb import display

    budget = min(display.default_budget, MAX_BYTES)
    kept = display.mimebundle(take, budget, longest_preview=PREVIEW_SECONDS)
    html, text = kept.pop("text/html"), kept.pop("text/plain")
    if below is None:
        return Static(html, text, kept)
    return Static(html + below.html, f"{text}\n{below.text}", kept)


class Player(VibeVoiceWidget):
    """Player with waveform, turns and spectrogram.

    Only the visible and audible parts are sent to the page, so 90 minutes of audio open at once.

    Parameters
    ----------
    audio : Take, Speech, float array [N], or path of an audio file, optional
        Audio to play.
    rate : int
        Sample rate of an array, in Hz.
    position : float
        Initial position, in seconds.
    layout : ipywidgets.Layout, optional

    Attributes
    ----------
    take : Take or None
        The audio; assign a take to play another.
    position : float
        Playback position in seconds; assign to seek.
    playing : bool
        Assign to play or pause.

    Raises
    ------
    OptionError
        If `audio` is of another type.
    AudioError
        If a file cannot be read, or an array is not one-dimensional and finite.

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
        from_json=lambda _, player: player.take,  # a page cannot set takes
    )
    position = traitlets.Float(0.0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True, page=True)

    @renamed_keyword("take", "audio")
    def __init__(
        self,
        audio: Take | Speech | NDArray[np.floating[Any]] | str | os.PathLike[str] | None = None,
        *,
        rate: int = SAMPLE_RATE,
        position: float = 0.0,
        layout: Any = None,
    ) -> None:
        self._revision = 0
        take = None if audio is None else as_take(audio, rate)
        super().__init__(take=take, position=position, **({} if layout is None else {"layout": layout}))
        self.add_parts(AudioRequests(self.audio_source, self.audio_summary))

    def _repr_details(self) -> str:
        return "" if self.take is None else f"{shown(self.take.name)}, {self.take.seconds:.1f} s"

    def play(self) -> None:
        """Start playback. Browsers require a click in the page first."""
        self.playing = True

    def pause(self) -> None:
        """Pause playback."""
        self.playing = False

    def seek(self, seconds: float) -> None:
        """Move to a time in seconds, limited to the length of the audio."""
        length = 0.0 if self.take is None else self.take.seconds
        self.position = min(max(0.0, float(seconds)), length)

    def audio_source(self, name: str) -> AudioSource:
        """Return the player's audio, the only source it has."""
        if name != OWN or self.take is None:
            raise VibeVoiceError(f"no audio {name!r}", "the audio of this player", "run the cell again")
        return self.take.source

    def audio_summary(self, name: str) -> TakeSummary:
        """Return the summary of the audio, with its turns."""
        self.audio_source(name)
        summary = self._summary(self.take)
        assert summary is not None  # audio_source has checked it
        return summary

    def _static(self) -> Static | None:
        return None if self.take is None else static_take(self.take)

    @traitlets.validate("take")
    def _take_comes(self, proposal: Any) -> Any:
        self._revision += 1
        return proposal["value"]

    @traitlets.observe("take")
    def _take_changes(self, change: Any) -> None:
        if isinstance(change.old, Take):
            self.position = 0.0

    def _summary(self, take: Take | None) -> TakeSummary | None:
        """Return the summary of a take, with positions at 24 kHz."""
        if take is None:
            return None
        summary = take_summary(take, OWN, self._revision)
        scale = SAMPLE_RATE / take.sample_rate
        turns: list[TakeTurn] = [
            {
                **turn,
                "start": round(turn["start"] * scale),
                "stop": round(turn["stop"] * scale),
                "words": [
                    number if place % 4 < 2 else round(number * scale)
                    for place, number in enumerate(turn["words"])
                ],
            }
            for turn in summary["turns"]
        ]
        samples = at_24_khz(take.source).samples
        return {**summary, "samples": samples, "sample_rate": SAMPLE_RATE, "turns": turns}
