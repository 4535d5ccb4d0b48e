"""Options and progress of a generation."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypedDict

from ..errors import OptionError
from ..model.config import SOLVERS, Solver
from ..ranges import GENERATION, check_ranges, plain, shown

Ended = Literal["finished", "length", "stalled", "cancelled"]
"""Reason that generation stopped: the script is complete; the length limit was reached; the model produced no
more audio; the caller cancelled it."""


@dataclass(frozen=True)
class GenerationOptions:
    """Options of a generation.

    Parameters
    ----------
    cfg_scale : float
        Strength of classifier-free guidance; 1 switches it off, and with it the second row of the batch.
    num_steps : int
        Solver steps per frame, 1 to 999. Fewer are faster, 5 is usable.
    seed : int, optional
        Random seed; drawn if not given. The result names it.
    solver : {"dpmsolver++", "sde-dpmsolver++"}
    temperature : float
        Scale of the initial noise; 1.0 as published, lower values are steadier and flatter.
    max_seconds : float, optional
        Longest audio; by default three times the estimated length plus 10 s.
    passage_seconds : float, optional
        Longest passage, by estimate, generated in one pass; by default the whole script. Small models are
        best at short passages.
    context_seconds : float, optional
        Most context read before a turn that is generated alone, in whole turns; by default as much as fits.
        0 is none.
    seed_voices : bool
        Whether the seed also draws the noise of the voices' latents, as in the reference. By default a voice
        always has the same noise: it sounds alike in every take, and the prompt cache serves every seed.

    Raises
    ------
    OptionError
        If a value is out of range.

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
        """Return a copy with changes; None changes nothing, an unknown name is an error."""
        known = [f.name for f in fields(self)]
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
                remedy = f"did you mean {near[0]!r}?" if near else "use one of these names"
                raise OptionError(f"unknown option {shown(name)}", f"one of {', '.join(known)}", remedy)
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def seeded(self) -> GenerationOptions:
        """Return a copy with a seed, drawn if there was none."""
        return self if self.seed is not None else replace(self, seed=secrets.randbelow(2**31))


class GenerationSettings(TypedDict, total=False):
    """Keyword arguments of `Engine.speak` and its relatives: the fields of `GenerationOptions`.

    An option that is left out, or is None, has the model's default. Annotate ``**options`` with
    ``Unpack[GenerationSettings]``: editors then complete the names, and type checkers know the types.
    """

    cfg_scale: float | None
    """Strength of classifier-free guidance, from 1 (off)."""
    num_steps: int | None
    """Solver steps per frame, 1 to 999."""
    seed: int | None
    """Random seed; drawn if not given."""
    solver: Solver | None
    """Diffusion solver."""
    temperature: float | None
    """Scale of the initial noise; 1.0 as published."""
    max_seconds: float | None
    """Longest audio, in seconds."""
    passage_seconds: float | None
    """Longest passage generated in one pass, in seconds of estimated speech."""
    context_seconds: float | None
    """Most context read before a turn that is generated alone, in seconds."""
    seed_voices: bool | None
    """Whether the seed also draws the noise of the voices' latents."""


class Pace:
    """Seconds of work per second of audio, from the first frame on.

    The time before the first frame, for reading the prompt, is not part of it.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.at(elapsed, seconds) for elapsed, seconds in ((30.0, 0.125), (30.5, 0.625), (31.0, 1.125))]
    [0.0, 1.0, 1.0]
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def at(self, elapsed: float, seconds: float) -> float:
        """Return the pace after a frame; 0 after the first, when it is not known yet."""
        if self._first is None:
            self._first = elapsed, seconds
        elapsed, seconds = elapsed - self._first[0], seconds - self._first[1]
        return elapsed / seconds if seconds > 0 else 0.0


@dataclass(frozen=True)
class Progress:
    """Progress of a generation.

    Attributes
    ----------
    seconds : float
        Audio generated so far, of all scripts.
    estimated_seconds : float
        Estimated length of all scripts, at least `seconds`.
    elapsed : float
        Seconds of work so far.
    pace : float
        Seconds of work per second of audio since the first frame; 0 while it is not known.
    """

    seconds: float
    estimated_seconds: float
    elapsed: float
    pace: float = 0.0

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds of work per second of audio; below 1 is faster than listening."""
        return self.elapsed / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float:
        """Estimated seconds of work left; 0 while the pace is not known."""
        return max(0.0, self.estimated_seconds - self.seconds) * self.pace
