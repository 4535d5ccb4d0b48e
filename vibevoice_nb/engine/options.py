"""How to speak and what came of it: options, progress, results."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError, OptionError
from ..model.config import SAMPLE_RATE, SOLVERS, Solver
from ..ranges import GENERATION, check_ranges, plain, shown

if TYPE_CHECKING:
    from ..script import Diagnostic
    from .jobs import Job
    from .model_limits import OddLength

Ended = Literal["finished", "length", "stalled", "cancelled"]
"""The model said all it had to; the length limit was reached; the model went on without producing audio;
somebody stopped it."""


@dataclass(frozen=True)
class GenerationOptions:
    """How to speak.

    Parameters
    ----------
    cfg_scale : float
        Strength of classifier-free guidance; 1 switches it off, and with it the second row of the batch.
    num_steps : int
        Solver steps per frame, 1 to 999. Fewer are faster, 5 is usable.
    seed : int, optional
        Of the noise; drawn when not given, and always told in the result.
    solver : {"dpmsolver++", "sde-dpmsolver++"}
    temperature : float
        Scales the initial noise; 1.0 as published, less is steadier and flatter.
    max_seconds : float, optional
        Longest audio; by default three times what the script is estimated to take, and 10 s.
    passage_seconds : float, optional
        Longest stretch, by estimate, to speak in one pass; by default the whole script. Small models speak
        short stretches best.
    context_seconds : float, optional
        Most of the earlier turns that are read before one spoken turn by turn, only whole ones; by default as
        much as fits. 0 gives it none.
    seed_voices : bool
        Whether the seed also draws the spread that the codec gives to voices, as the reference does. By
        default a voice always has the same: it sounds alike in every take, and what was read of a cast before
        needn't be read again for another seed.

    Raises
    ------
    OptionError
        A value out of range.

    Examples
    --------
    >>> GenerationOptions().updated({"cfg_scale": 2.0}).cfg_scale
    2.0
    >>> GenerationOptions().updated({"cfg": 2.0})
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: unknown option 'cfg'. Expected ...
    """

    cfg_scale: float = 1.3
    num_steps: int = 10
    seed: int | None = None
    solver: Solver = "dpmsolver++"
    temperature: float = 1.0
    max_seconds: float | None = None
    passage_seconds: float | None = None
    context_seconds: float | None = None
    seed_voices: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, GENERATION)
        seed_voices = plain(self.seed_voices)
        if not isinstance(seed_voices, bool):
            raise OptionError(
                f"seed_voices={shown(self.seed_voices)}", "True or False", "leave it out for False"
            )
        object.__setattr__(self, "seed_voices", seed_voices)
        solver: object = self.solver
        if not isinstance(solver, str) or solver not in SOLVERS:
            raise OptionError(
                f"solver={shown(solver)}", f"one of {', '.join(SOLVERS)}", "leave it out for dpmsolver++"
            )

    def updated(self, changes: Mapping[str, Any]) -> GenerationOptions:
        """Return a copy with changes, a name that is no option being an error; None changes nothing."""
        known = [f.name for f in fields(self)]
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
                remedy = f"did you mean {near[0]!r}?" if near else "use one of these names"
                raise OptionError(f"unknown option {shown(name)}", f"one of {', '.join(known)}", remedy)
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def seeded(self) -> GenerationOptions:
        """Return a copy whose seed is drawn if there was none."""
        return self if self.seed is not None else replace(self, seed=secrets.randbelow(2**31))


class Pace:
    """Seconds of work for a second of audio, from the first frame on.

    What comes before the first frame, reading the prompt, happens once and says nothing about the rest.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.at(elapsed, seconds) for elapsed, seconds in ((30.0, 0.125), (30.5, 0.625), (31.0, 1.125))]
    [0.0, 1.0, 1.0]
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def at(self, elapsed: float, seconds: float) -> float:
        """Return the pace after a frame; 0 after the first one, when it isn't known yet."""
        if self._first is None:
            self._first = elapsed, seconds
        elapsed, seconds = elapsed - self._first[0], seconds - self._first[1]
        return elapsed / seconds if seconds > 0 else 0.0


@dataclass(frozen=True)
class Progress:
    """How far a generation is.

    Attributes
    ----------
    seconds : float
        Audio made so far, over all scripts.
    estimated_seconds : float
        What the scripts will probably take, never less than `seconds`.
    elapsed : float
        Seconds of work so far.
    pace : float
        Seconds of work for a second of audio since the first frame; 0 while it isn't known.
    """

    seconds: float
    estimated_seconds: float
    elapsed: float
    pace: float = 0.0

    @property
    def rtf(self) -> float:
        """Real-time factor: work over audio; below 1 is faster than listening."""
        return self.elapsed / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float:
        """Estimated seconds of work to come; 0 while the pace isn't known."""
        return max(0.0, self.estimated_seconds - self.seconds) * self.pace


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
