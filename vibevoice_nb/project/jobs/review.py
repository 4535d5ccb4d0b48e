"""Reviews in the background: what was said in the chosen takes, and better takes of what was misspoken."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.review import Recognizer, ReviewReport, load_recognizer

from ..turns import checked_ids
from .job import Job

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.review import Review

    from ..episode import Episode
    from ..take import Take

_LOWEST_PRIORITY = 19
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReviewProgress:
    """Number of takes reviewed, and of all."""

    done: int = 0
    total: int = 0


class ReviewJob(Job[ReviewReport]):
    """Job that reviews the chosen takes of turns; made by `Project.review`. Its result is a `ReviewReport`.

    It works beside a generation, with the lowest priority. Takes can be added until it ends.

    Parameters
    ----------
    episode : Episode
    turns : sequence of str
        Ids; turns without a take are left out.
    recognizer : str or Recognizer, optional
        See `review.load_recognizer`; it is loaded in the background.
    takes : sequence of str
        Ids of other takes to review.
    again : bool
        Also review takes that have a review by the same recognizer.
    progress : bool or callable, optional
    listener : callable, optional
        Called in the background with the id of every take that has a new review, and with "" at the end.

    Attributes
    ----------
    recognizer : str, Recognizer or None
        As given.
    progress : ReviewProgress
    """

    label, unit = "Reviewing", " takes"
    exclusive = False

    def __init__(
        self,
        episode: Episode,
        turns: Sequence[str],
        recognizer: str | Recognizer | None = None,
        *,
        takes: Sequence[str] = (),
        again: bool = False,
        progress: bool | Callable[[ReviewProgress], None] | None = None,
        listener: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(progress)
        self.episode, self.turns, self.again = episode, tuple(turns), again
        self.recognizer, self._listener = recognizer, listener
        self.progress = ReviewProgress(0, len(self.turns))
        self._waiting: deque[str] = deque()
        self._added: set[str] = set()
        self._ended = False
        self._queue = threading.Lock()
        self.add(checked_ids(takes))

    def add(self, takes: Iterable[str]) -> bool:
        """Review these takes, too; return False if the job has no more work and is ending."""
        with self._queue:
            if self._ended or self.cancelled:
                return False
            new = [take for take in dict.fromkeys(takes) if take not in self._added]
            self._waiting += new
            self._added.update(new)
            return True

    @property
    def added(self) -> int:
        """Number of takes that were added so far."""
        return len(self._added)

    def __repr__(self) -> str:
        return f"<ReviewJob {self.state}, {self.progress.done} of {self.progress.total} takes>"

    def work(self) -> None:
        yield_to_others()
        self.add(take.id for take in self.episode.chosen(self.turns))
        self.progress = ReviewProgress(0, self.added)
        recognizer = loaded(self.recognizer)
        self._enter("speaking")
        self.reported(self.progress)
        failures: list[VibeVoiceError] = []
        while (take_id := self._next()) is not None:
            try:
                self._review(take_id, recognizer)
            except VibeVoiceError as error:  # damaged audio, another language: the others can be reviewed
                failures.append(error)
            if self.cancelled:
                return
            self.progress = ReviewProgress(self.progress.done + 1, self.added)
            self.reported(self.progress)
        if failures:
            raise failures[0]

    def _review(self, take_id: str, recognizer: Recognizer) -> None:
        take = self.episode.takes.get(take_id)  # it may have been deleted while it waited
        known = self.episode.reviews.of(take_id)
        if take is None or (known is not None and known.recognizer == recognizer.name and not self.again):
            return
        if self.episode.reviews.make(take, recognizer, lambda: self.cancelled) is not None:
            self._tell(take_id)

    def _next(self) -> str | None:
        with self._queue:
            self._ended = self.cancelled or not self._waiting
            return None if self._ended else self._waiting.popleft()

    def outcome(self) -> ReviewReport:
        return self.episode.reviews.report(self.turns)

    def measure(self, progress: ReviewProgress) -> tuple[float, float]:
        return progress.done, progress.total

    def entered(self) -> None:
        if self.done:
            self._tell("")

    def _tell(self, take_id: str) -> None:
        if self._listener is None:
            return
        try:
            self._listener(take_id)
        except Exception:  # a failing listener must not abort the review
            _log.exception("a listener of a review failed")


class Judge:
    """Reviews takes as they are generated, and chooses the best one.

    Parameters
    ----------
    episode : Episode
    recognizer : str or Recognizer, optional
    until_right : bool
        True ends the attempts with the first take without a certain difference.
    """

    def __init__(
        self, episode: Episode, recognizer: str | Recognizer | None = None, *, until_right: bool = True
    ) -> None:
        # Loaded here, so that an unknown name is an error before anything is generated.
        self._episode, self._recognizer, self._until_right = episode, loaded(recognizer), until_right

    def enough(self, take: Take, cancelled: Callable[[], bool]) -> bool:
        """Review a new take; return True if no other attempt is needed."""
        found: Review | None = self._episode.reviews.make(take, self._recognizer, cancelled)
        return found is not None and self._until_right and not found.flagged

    def choose(self, turn_id: str, made: Sequence[Take], cancelled: Callable[[], bool]) -> None:
        """Choose the best of the new takes and the one chosen before, unless a person chose that."""
        before = self._episode.chosen([turn_id])
        if not before and made:  # the first takes of a turn: any is better than none
            self._episode.takes.choose_best(turn_id, made[-1].id)
        for take in before:
            if self._episode.reviews.of(take.id) is None and not cancelled():
                self._episode.reviews.make(take, self._recognizer, cancelled)
        current = self._episode.turns.find(turn_id).state == "spoken"
        kept = [take.id for take in before] if current else []
        best = self._episode.reviews.best([*kept, *(take.id for take in made if take.ended != "cancelled")])
        if best is not None:
            self._episode.takes.choose_best(turn_id, best)


class ReviewOptions(TypedDict, total=False):
    """Keyword arguments of `Project.review`; see `review_project`."""

    recognizer: str | Recognizer | None
    takes: Sequence[str]
    again: bool
    progress: bool | Callable[[ReviewProgress], None] | None
    listener: Callable[[str], None] | None


def review_project(
    episode: Episode, turns: str | Sequence[str] | None = None, **options: Unpack[ReviewOptions]
) -> ReviewJob:
    """Prepare a review of the chosen takes.

    Parameters
    ----------
    episode : Episode
    turns : str or sequence of str, optional
        Ids; by default all turns.
    **options
        The other parameters of `ReviewJob`.
    """
    return ReviewJob(episode, _ids(episode, turns), **options)


def turns_to_fix(episode: Episode, turns: str | Sequence[str] | None) -> list[str]:
    """Return the turns to generate again: those given, or those whose review is flagged.

    Raises
    ------
    ProjectError
        If there is none.
    """
    return episode.reviews.to_fix() if turns is None else _ids(episode, turns)


def _ids(episode: Episode, turns: str | Sequence[str] | None) -> list[str]:
    if turns is None:
        return [turn.id for turn in episode.turns]
    return [turns] if isinstance(turns, str) else list(checked_ids(turns))


def loaded(recognizer: str | Recognizer | None) -> Recognizer:
    """Return a recognizer, loading it by name."""
    named = recognizer is None or isinstance(recognizer, str)
    return load_recognizer(recognizer) if named else recognizer  # type: ignore[arg-type, return-value]


def yield_to_others() -> None:
    """Give the current thread and those that it starts the lowest priority, where threads have one: Linux."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
