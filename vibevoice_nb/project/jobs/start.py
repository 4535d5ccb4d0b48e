"""Start of a project's jobs: generations, reviews, previews, auditions and sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..episode import Episode
from ..store import ProjectStore
from .audition import Audition, AuditionCache, AuditionProgress, audition_project
from .generation import Generation, GenerationProgress, Listener, Mode
from .prepare import prepare
from .preview import Preview, preview_turn
from .review import Judge, ReviewJob, ReviewOptions, review_project, turns_to_fix
from .sweep import Sweep, SweepAxes, SweepProgress, sweep_project

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.review import Recognizer
    from vibevoice_nb.voices.casting import VoiceSpec


class ProjectJobs:
    """Jobs of a project; each runs in the background."""

    def __init__(self, store: ProjectStore, episode: Episode) -> None:
        self._store, self._episode = store, episode
        self._auditions = AuditionCache()

    def generation(
        self,
        engine: Engine | Callable[[], Engine],
        turns: Sequence[str] | None = None,
        *,
        mode: Mode | None = None,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        takes: int = 1,
        fresh: bool = False,
        judge: Judge | None = None,
        ray: str | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Prepare a generation, which `start()` begins; see `jobs.prepare.prepare` for the parameters."""
        self._store.check_writable()
        return prepare(
            self._episode,
            engine,
            turns,
            mode=mode,
            listener=listener,
            progress=progress,
            takes=takes,
            fresh=fresh,
            judge=judge,
            ray=ray,
            **options,
        )

    def generate(
        self,
        engine: Engine | Callable[[], Engine],
        turns: Sequence[str] | None = None,
        *,
        mode: Mode | None = None,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        takes: int = 1,
        ray: str | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Generate what is missing, or the turns given, in the background; see `jobs.prepare.prepare`."""
        return self.generation(
            engine, turns, mode=mode, listener=listener, progress=progress, takes=takes, ray=ray, **options
        ).start()

    def regenerate(
        self,
        engine: Engine | Callable[[], Engine],
        turns: str | Sequence[str],
        *,
        takes: int = 1,
        review: bool | str | Recognizer = False,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        ray: str | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Generate new takes of turns in their context; the other turns stay as they are.

        Parameters
        ----------
        engine : Engine or callable
        turns : str or sequence of str
            Ids of the turns.
        takes : int
            New takes of each turn, up to 20; the last one is chosen. A turn that has a take with the seed
            gets a new seed.
        review : bool, str or Recognizer
            Review each take, and choose the best instead of the last one, unless a person chose the take of
            the turn; True for the default recognizer, or the name of one (see `review.load_recognizer`).
        listener, progress, ray, **options
            See `generate`.
        """
        ears = None if isinstance(review, bool) else review
        judge = None if review is False else self.judge(ears, until_right=False)
        return self.generation(
            engine,
            [turns] if isinstance(turns, str) else turns,
            mode="turns",
            listener=listener,
            progress=progress,
            takes=takes,
            fresh=True,
            judge=judge,
            ray=ray,
            **options,
        ).start()

    def review(self, turns: str | Sequence[str] | None = None, **options: Unpack[ReviewOptions]) -> ReviewJob:
        """Compare the words of the chosen takes with the script; see `review_project`."""
        return review_project(self._episode, turns, **options).start()

    def judge(self, recognizer: str | Recognizer | None = None, *, until_right: bool = True) -> Judge:
        """Return a judge for `generation`, which reviews takes and chooses the best; see `Judge`."""
        return Judge(self._episode, recognizer, until_right=until_right)

    def fix(
        self,
        engine: Engine | Callable[[], Engine],
        turns: str | Sequence[str] | None = None,
        *,
        attempts: int = 3,
        recognizer: str | Recognizer | None = None,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Generate turns again whose review is flagged, until the words are right; keep the best take.

        Parameters
        ----------
        engine : Engine or callable
        turns : str or sequence of str, optional
            Ids; by default the flagged turns.
        attempts : int
            New takes of each turn, at most. They never replace a take that a person chose.
        recognizer, listener, progress, **options
            See `review` and `generate`.

        Raises
        ------
        ProjectError
            If no turn is flagged.
        """
        return self.generation(
            engine,
            turns_to_fix(self._episode, turns),
            mode="turns",
            listener=listener,
            progress=progress,
            takes=attempts,
            fresh=True,
            judge=self.judge(recognizer),
            **options,
        ).start()

    def preview(
        self,
        engine: Engine | Callable[[], Engine],
        turn_id: str,
        *,
        words: str | None = None,
        readings: Mapping[str, str | None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Preview:
        """Generate a turn, or some of its words, in the background without a take; see `preview_turn`."""
        return preview_turn(self._episode, engine, turn_id, words, readings or {}, options).start()

    def sweep(
        self,
        engine: Engine | Callable[[], Engine],
        options: GenerationSettings | None = None,
        *,
        progress: bool | Callable[[SweepProgress], None] | None = None,
        ray: str | None = None,
        review: bool | str | Recognizer = False,
        **axes: Unpack[SweepAxes],
    ) -> Sweep:
        """Generate the script for every combination of the axes' values, in the background; see `Sweep`."""
        return sweep_project(self._episode, engine, axes, options or {}, progress, ray, review).start()

    def audition(
        self,
        engine: Engine | Callable[[], Engine],
        speaker: str,
        voices: VoiceSpec | Sequence[VoiceSpec] | None = None,
        *,
        progress: bool | Callable[[AuditionProgress], None] | None = None,
        listener: Callable[[Audition], None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Audition:
        """Generate a speaker's first line in several voices, in the background, without making takes.

        `audition.result().takes["Ada"]` is the line in that voice, and `set_voice` chooses one. See
        `jobs.audition.audition_project` for the parameters.
        """
        return audition_project(
            self._episode,
            engine,
            speaker,
            voices,
            options,
            self._auditions,
            progress=progress,
            listener=listener,
        ).start()
