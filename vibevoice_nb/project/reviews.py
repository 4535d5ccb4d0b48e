"""Reviews of takes, kept beside their audio."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.turns import with_words
from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.review import Recognizer, Review, ReviewReport, ReviewRow, availability, review
from vibevoice_nb.review.words import language_of

from .cast import Cast
from .storage.reading import UNREADABLE
from .store import ProjectStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from vibevoice_nb.review.speakers import VoiceMatch, VoiceMatcher

    from .take import Take

FILE = "review.json"
MAX_BYTES = 4 * 1024**2


class ProjectReviews:
    """The latest review of each take, read from its folder when first asked for.

    A review is derived from the audio: a damaged file counts as none, and undo does not concern it.
    """

    def __init__(self, store: ProjectStore, cast: Cast) -> None:
        self._store, self._cast = store, cast
        self._matcher: VoiceMatcher | None = None
        self._known: dict[str, Review | None] = {}

    def of(self, take_id: str | None) -> Review | None:
        """Return the review of a take; None if it has none."""
        if take_id is None or take_id not in self._store.takes:
            return None
        if take_id not in self._known:
            self._known[take_id] = self._read(take_id)
        return self._known[take_id]

    def with_words(self, take: Take) -> Take:
        """Return a take whose turn has the times of its words, if the take has a review."""
        found = self.of(take.id)
        if found is None:
            return take
        turns = (with_words(turn, found.words, take.sample_rate) for turn in take.turns)
        return replace(take, turns=tuple(turns))

    def make(
        self, take: Take, recognizer: Recognizer, cancelled: Callable[[], bool] | None = None
    ) -> Review | None:
        """Review a take and keep the result; None if it was cancelled.

        Raises
        ------
        VibeVoiceError
            If the audio can't be read, or the recognizer does not know the language.
        """
        audio, text = take.audio, take.manifest.text or ""
        found = review(
            audio,
            text,
            recognizer=recognizer,
            language=language_of(text),
            readings=self._store.state.lexicon,
            cancelled=cancelled,
        )
        if cancelled and cancelled():
            return None
        if (match := self._match(audio, take.manifest.speaker or "")) is not None:
            found = replace(found, similarity=match.own, nearest=match.nearest)
        self.keep(take.id, found)
        return found

    def _match(self, audio: NDArray[np.float32], speaker: str) -> VoiceMatch | None:
        """Compare the voice with those of the cast, if the embedding is installed."""
        if not availability.has_embedding():
            return None

        from vibevoice_nb.review import speakers  # loads torch, which opening a project must not

        if self._matcher is None:
            self._matcher = speakers.VoiceMatcher()
        voices = {member.label: member.voice for member in self._cast.values() if member.voice is not None}
        return self._matcher.match(audio, speaker, speakers.recordings(voices))

    def keep(self, take_id: str, found: Review) -> None:
        """Keep the review of a take; of a read-only project, or one whose disk is full, in memory only."""
        self._known[take_id] = found
        if not self._store.read_only and take_id in self._store.takes:
            data = json.dumps(found.to_json(), ensure_ascii=False).encode()
            with contextlib.suppress(ProjectError):
                self._store.folder.write(self._store.folder.takes / take_id / FILE, data)
        self._store.notify("reviews")

    def report(self, turns: Sequence[str] | None = None) -> ReviewReport:
        """Return the reviews of the chosen takes of the words that the script has now.

        Parameters
        ----------
        turns : sequence of str, optional
            Ids; by default all turns.
        """
        rows = []
        with self._store.mutex:
            records = list(self._store.state.turns)
        for number, record in enumerate(records, 1):
            found = self.of(record.chosen) if turns is None or record.id in turns else None
            if found is not None and found.text == record.text:
                rows.append(ReviewRow(number, record.id, str(record.chosen), record.speaker, found))
        return ReviewReport(rows)

    def to_fix(self) -> list[str]:
        """Return the ids of the turns whose review is flagged.

        Raises
        ------
        ProjectError
            If there is none.
        """
        flagged = [row.turn for row in self.report().flagged]
        if not flagged:
            raise ProjectError(
                "no turn is flagged", "a review that found a difference", "review the project first"
            )
        return flagged

    def best(self, take_ids: Sequence[str]) -> str | None:
        """Return the take with the best score; the earliest of equals; None if none is reviewed."""
        scored = [(found.score, take_id) for take_id in take_ids if (found := self.of(take_id)) is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None

    def _read(self, take_id: str) -> Review | None:
        folder = self._store.folder
        try:
            return Review.from_json(folder.read_json(folder.takes / take_id / FILE, MAX_BYTES))
        except (*UNREADABLE, VibeVoiceError):
            return None
