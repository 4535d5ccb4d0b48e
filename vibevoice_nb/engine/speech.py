"""`Speech`: the result of generating one script."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ..model.config import SAMPLE_RATE
from .options import Ended, GenerationOptions

if TYPE_CHECKING:
    from ..script import Diagnostic
    from .jobs import Job
    from .model_limits import OddLength


@dataclass
class Speech:
    """What came of one script.

    Attributes
    ----------
    audio : float32 [N]
        24 kHz mono in [-1, 1]; empty when the audio went to a sink of the caller's.
    ended : {"finished", "length", "stalled", "cancelled"}
        Why it ended; `problem` has it in words.
    options : GenerationOptions
        As used, the seed included.
    cast : mapping from speaker label to voice name
    seconds : float
        Length of the audio made.
    elapsed : float
        Seconds of work, reading the prompt included.
    ttfa : float or None
        Seconds from the request to the first audio.
    job : Job
        Where generation can go on from, see `Engine.resume`.
    diagnostics : tuple of Diagnostic
        Turns and words of the script that the model left out.
    odd_length : {"", "short", "long"}
        Set if a passage is far too short or too long for its text, which as a rule means that it does not
        say it.
    """

    audio: NDArray[np.float32]
    ended: Ended
    options: GenerationOptions
    cast: dict[str, str]
    model: str
    seconds: float
    elapsed: float
    ttfa: float | None
    job: Job = field(repr=False)
    sample_rate: int = SAMPLE_RATE
    diagnostics: tuple[Diagnostic, ...] = ()
    odd_length: OddLength = ""

    @property
    def rtf(self) -> float:
        """Real-time factor: work over audio; below 1 is faster than listening."""
        return self.elapsed / self.seconds if self.seconds else 0.0

    @property
    def problem(self) -> str:
        """Reason why the speech is not complete, in a sentence; empty for a finished one."""
        made = f"{self.seconds:.1f} s of audio"
        return {
            "finished": "",
            "length": f"the length limit was reached after {made}",
            "stalled": f"the model took too many steps that produce no audio, after {made}; "
            "its weights may be damaged, or of another kind than its config.json says",
            "cancelled": f"it was cancelled after {made}",
        }[self.ended]

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the audio to a file, its format given by the suffix.

        Raises
        ------
        AudioError
            The file exists and `force` is off, the disk is full, or there is no audio here.
        """
        from ..audio.io import write_audio

        if not self.audio.size:
            raise AudioError("a speech without audio", "audio", "it was empty, or a sink of yours has it")
        return write_audio(path, self.audio, force=force)

    def summary(self) -> dict[str, Any]:
        """Flatten to what a log or a JSON line can hold."""
        return {
            "model": self.model,
            "ended": self.ended,
            "seconds": round(self.seconds, 3),
            "elapsed": round(self.elapsed, 3),
            "rtf": round(self.rtf, 4),
            "ttfa": None if self.ttfa is None else round(self.ttfa, 3),
            **{f.name: getattr(self.options, f.name) for f in fields(self.options)},
            "cast": self.cast,
            "odd_length": self.odd_length,
            "left_out": [str(item) for item in self.diagnostics],
        }

    def _repr_html_(self) -> str:
        """Show a player in a notebook."""
        from html import escape

        from IPython.display import Audio  # type: ignore[import-not-found,unused-ignore]

        about = f"{self.seconds:.1f} s, {self.model}, seed {self.options.seed}, {self.ended}"
        if self.odd_length:
            about += f", far too {self.odd_length} for its text"
        if not self.audio.size:
            return f"<p>{escape(about)}</p>"
        return f"{Audio(self.audio, rate=self.sample_rate)._repr_html_()}<p>{escape(about)}</p>"
