"""Limits of the speech server, for each user and for all; and the service that enforces them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import numpy as np

from ..audio.pcm import SAMPLE_RATE
from ..errors import OptionError, ScriptError, VibeVoiceError, VoiceError
from ..ranges import MAX_STEPS, check_ranges
from ..script.turns import CHARS_PER_SECOND
from ..voices.voice import Voice
from .events import Event, Failed, closable, length
from .requests import ModelFacts, SpeechRequest, SpeechService, User

_HOUR = 3600.0
_RANGES = {
    "max_minutes": (0.1, 1440.0, "minutes of speech, from 0.1 to 1440"),
    "max_steps": (1, MAX_STEPS, f"a whole number of solver steps, from 1 to {MAX_STEPS}"),
    "max_context_minutes": (0.1, 1440.0, "minutes of speech, from 0.1 to 1440"),
    "per_user": (1, 10_000, "a whole number of requests, from 1 to 10000"),
    "waiting": (1, 100_000, "a whole number of requests, from 1 to 100000"),
    "hourly_minutes": (0.1, 100_000.0, "minutes of speech, from 0.1 to 100000"),
    "upload_megabytes": (1, 64, "a whole number of megabytes, from 1 to 64"),
    "voice_seconds": (3.0, 600.0, "seconds, from 3 to 600"),
    "voices_per_user": (1, 10_000, "a whole number of voices, from 1 to 10000"),
}


@dataclass(frozen=True)
class ServeLimits:
    """Limits of the speech server.

    Attributes
    ----------
    max_minutes : float
        Longest speech: by estimate before generation, by audio during it.
    max_steps : int
        Most solver steps per frame.
    max_context_minutes : float
        Longest context of a turn, and longest part received before a request is resumed.
    per_user : int
        Most requests of one user at a time, waiting ones included.
    waiting : int
        Most requests of all users.
    hourly_minutes : float
        Most audio generated for one user within an hour; requests under way count with their estimates.
    upload_megabytes : int
        Largest recording of a voice.
    voice_seconds : float
        Longest recording of a voice.
    voices_per_user : int
        Most stored voices of one user.

    Examples
    --------
    >>> ServeLimits(per_user=0)
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: per_user=0. Expected a whole number of requests, ...
    """

    max_minutes: float = 30.0
    max_steps: int = 50
    max_context_minutes: float = 90.0
    per_user: int = 64
    waiting: int = 1000
    hourly_minutes: float = 600.0
    upload_megabytes: int = 16
    voice_seconds: float = 60.0
    voices_per_user: int = 100

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    @property
    def max_characters(self) -> int:
        """Most characters of a script."""
        return int(3 * self.max_minutes * 60 * CHARS_PER_SECOND)

    def check(self, request: SpeechRequest) -> None:
        """Check the sizes of a request.

        Raises
        ------
        ScriptError, VoiceError, OptionError
        """
        characters = sum(len(turn.text) for turn in request.turns)
        if characters > self.max_characters:
            raise ScriptError(
                f"the script has {characters:,} characters",
                f"at most {self.max_characters:,} here",
                "split it into several requests",
            )
        minutes = _estimated(request) / 60
        if minutes > self.max_minutes:
            raise ScriptError(
                f"the script is about {minutes:.1f} minutes long",
                f"at most {self.max_minutes:g} minutes here",
                "split it into several requests",
            )
        if not request.turns:
            raise ScriptError("the script is empty", "at least one line", "write a line")
        if request.mode == "context" and len(request.turns) != 1:
            raise OptionError(f"{len(request.turns)} turns in context", "one turn", "send one request each")
        self._check_steps(request)
        self._check_arrays(request)

    def bounded(self, request: SpeechRequest) -> SpeechRequest:
        """Return a request whose audio ends at the limit too, if it could be longer."""
        given, most = request.options.get("max_seconds"), self.max_minutes * 60
        longest = 3 * _estimated(request) + 10 if given is None else given  # as `SpeechRun` has it
        if not isinstance(longest, int | float) or longest <= most:
            return request
        return replace(request, options={**request.options, "max_seconds": most})

    def _check_steps(self, request: SpeechRequest) -> None:
        steps = request.options.get("num_steps")
        if isinstance(steps, int) and steps > self.max_steps:
            raise OptionError(f"num_steps={steps}", f"at most {self.max_steps} here", "use fewer steps")

    def _check_arrays(self, request: SpeechRequest) -> None:
        for spec in request.cast.values():
            voice = spec.audio if isinstance(spec, Voice) else spec
            if not isinstance(voice, str) and len(voice) > self.voice_seconds * SAMPLE_RATE:
                raise VoiceError(
                    f"a recording of {len(voice) / SAMPLE_RATE:.0f} s",
                    f"at most {self.voice_seconds:g} s here",
                    "cut out the best 10 to 30 s",
                )
        most = int(self.max_context_minutes * 60 * 7.5)
        lengths = sum(len(line.latent) for line in request.context)
        received = 0 if request.done is None else max(len(request.done), len(request.done.tokens) // 4)
        if max(lengths, received) > most:
            raise OptionError(
                f"{max(lengths, received)} frames of earlier speech", f"at most {most} here", "send fewer"
            )
        arrays = [array for line in request.context for array in (line.latent, line.semantic)]
        if request.done is not None:
            arrays += [request.done.latent, request.done.semantic]
        if not all(array.ndim == 2 and np.isfinite(array).all() for array in arrays):
            raise OptionError(
                "frames that are not finite numbers", "those of this model", "send what was received"
            )


class LimitedService:
    """Service that rejects requests beyond the limits, and passes on the others.

    Parameters
    ----------
    service : SpeechService
    limits : ServeLimits
    clock : callable
        Seconds, for the hourly quota.
    """

    def __init__(
        self, service: SpeechService, limits: ServeLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.service, self.limits = service, limits
        self._clock = clock
        self._running: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()
        self._spent: defaultdict[str, deque[tuple[float, float]]] = defaultdict(deque)

    @property
    def running(self) -> int:
        """Requests at the moment, waiting ones included."""
        return self._running.total()

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return await self.service.facts()

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        """Generate a request within the limits; see `SpeechService.submit`."""
        refusal = self._refusal(request, user)
        if refusal is not None:
            yield refusal
            return
        self._running[user.name] += 1
        received = 0 if request.done is None else request.done.samples / SAMPLE_RATE
        reserved = max(0, round(_estimated(request) - received))
        self._reserved[user.name] += reserved
        samples = 0
        try:
            async with aclosing(closable(self.service.submit(self.limits.bounded(request), user))) as events:
                async for event in events:
                    samples += length(event)
                    yield event
        finally:
            self._running[user.name] -= 1
            if not self._running[user.name]:
                del self._running[user.name]
            self._reserved[user.name] -= reserved
            if not self._reserved[user.name]:
                del self._reserved[user.name]
            self._spend(user.name, samples / SAMPLE_RATE)

    def _refusal(self, request: SpeechRequest, user: User) -> Failed | None:
        try:
            self.limits.check(request)
        except VibeVoiceError as error:
            return failure(error)
        limits = self.limits
        if self._running[user.name] >= limits.per_user:
            got = f"{self._running[user.name]} requests of yours at a time"
            return Failed("busy", got, f"at most {limits.per_user}", "wait until one of them ends")
        if self._running.total() >= limits.waiting:
            got = f"{self._running.total()} requests on this server"
            return Failed("busy", got, f"at most {limits.waiting}", "try again in a minute")
        minutes = (self._spent_seconds(user.name) + self._reserved[user.name]) / 60
        if minutes >= limits.hourly_minutes:
            got = f"{minutes:.0f} minutes of audio within an hour"
            return Failed("busy", got, f"at most {limits.hourly_minutes:g}", "try again later")
        return None

    def _spend(self, user: str, seconds: float) -> None:
        if seconds:
            self._spent[user].append((self._clock(), seconds))

    def _spent_seconds(self, user: str) -> float:
        spent, oldest = self._spent.get(user), self._clock() - _HOUR
        if spent is None:
            return 0.0
        while spent and spent[0][0] < oldest:
            spent.popleft()
        if not spent:
            del self._spent[user]
        return sum(seconds for _, seconds in spent)


def failure(error: VibeVoiceError) -> Failed:
    """Return the event for an error of a request."""
    return Failed(type(error).__name__, error.got, error.expected, error.remedy)


def _estimated(request: SpeechRequest) -> float:
    """Return the estimated seconds of a request."""
    return sum(turn.estimated_seconds + turn.pause_after_ms / 1000 for turn in request.turns)
