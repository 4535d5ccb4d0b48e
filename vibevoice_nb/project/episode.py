"""Episode of a project: the chosen takes in the order of the script, with pauses and music."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.export.take_entries import AdjustmentsEntry, MusicEntry, MusicSettings, SpeakerEntry
from vibevoice_nb.export.take_manifest import GENERATED
from vibevoice_nb.script import Script

from .adjustments import ProjectAdjustments
from .cast import Cast
from .music import ProjectMusic
from .pieces import Piece, without_silence
from .reviews import ProjectReviews
from .settings import ProjectSettings
from .soundtrack import Cue
from .storage.schema import TurnRecord, checked_setting
from .store import ProjectStore
from .take import Take, TakeManifest
from .takes import ProjectTakes
from .timeline import Timeline
from .turns import ProjectTurns


class Episode:
    """The parts of a project that make up its audio; jobs read them and add takes.

    Attributes
    ----------
    cast : Cast
    takes : ProjectTakes
    turns : ProjectTurns
    settings : ProjectSettings
    reviews : ProjectReviews
    """

    def __init__(
        self,
        store: ProjectStore,
        cast: Cast,
        takes: ProjectTakes,
        turns: ProjectTurns,
        settings: ProjectSettings,
        adjustments: ProjectAdjustments,
        reviews: ProjectReviews,
        music: ProjectMusic,
    ) -> None:
        self._store, self._adjustments, self._music = store, adjustments, music
        self.reviews = reviews
        self.cast, self.takes, self.turns, self.settings = cast, takes, turns, settings

    @property
    def script(self) -> Script:
        """The parsed script."""
        return self._store.script

    def chosen(self, turns: Sequence[str]) -> list[Take]:
        """Return the chosen takes of those turns that have one, in the order of the script."""
        wanted = set(turns)
        with self._store.mutex:
            records = [record for record in self._store.state.turns if record.id in wanted]
            return [take for record in records if (take := self.takes.chosen(record)) is not None]

    def timeline(self, *, edge_silence: float | None = None) -> Timeline:
        """Return the chosen takes in order, adjusted, with pauses and music; no model is needed.

        The silence after a turn is its own pause if that is set, else the script's `[pause]`, else, between
        turns, `settings["gap_ms"]`.

        Parameters
        ----------
        edge_silence : float, optional
            Most silence at the ends of turns, in seconds; that of the settings by default.
        """
        with self._store.mutex:
            edge = self.settings.current.edge_silence if edge_silence is None else edge_silence
            longest = None if edge is None else round(checked_setting("edge_silence", edge) * SAMPLE_RATE)
            pieces: list[Piece] = []
            between = self.settings.current.gap_ms
            for record, turn in zip(self._store.state.turns, self._store.script.turns, strict=True):
                if (take := self.takes.chosen(record)) is not None:
                    own = record.gap_ms if record.gap_ms is not None else turn.pause_after_ms or None
                    gap_ms = between if own is None else own
                    pieces.append(self._piece(record, take, gap_ms * SAMPLE_RATE // 1000, longest))
            if pieces and own is None:
                pieces[-1] = replace(pieces[-1], gap=0)
            return Timeline(pieces, self._music.files())

    def _piece(self, record: TurnRecord, take: Take, gap: int, longest: int | None) -> Piece:
        """Return the chosen take of a turn with the adjustments of the turn, its speaker and the take."""
        turn, speaker = self._adjustments.of_turn(record), self._adjustments.of_speaker(record.speaker)
        start, stop = self._adjustments.trim_of(take)
        if longest is not None:
            start, stop = without_silence(take, start, stop, longest)
        return Piece(take, gap, start, stop, round(turn.pace * speaker.pace, 6), turn.gain + speaker.gain)

    def assemble(self, *, edge_silence: float | None = None) -> Take:
        """Return the episode as a take, which reads from the takes' files and holds no audio.

        Parameters
        ----------
        edge_silence : float, optional
            See `timeline`.
        """
        with self._store.mutex:
            timeline = self.timeline(edge_silence=edge_silence)
            spoken = {turn.label for turn in timeline.turns}
            manifest = TakeManifest(
                content=GENERATED,
                project=self._store.name,
                speakers={
                    member.label: SpeakerEntry(
                        member.voice.name, member.kind, member.voice.sha256, member.consent
                    )
                    for member in self.cast.values()
                    if member.voice is not None and member.label in spoken
                },
                takes=tuple(_manifest(segment.piece) for segment in timeline.segments),
                music=tuple(map(_music_entry, timeline.music.cues)) if timeline.music else None,
            )
        return Take("", self._store.name, timeline, timeline.turns, manifest)


def _manifest(piece: Piece) -> TakeManifest:
    """Return the manifest of a take without its context, with the adjustments that were made to it."""
    trimmed = bool(piece.start or piece.ends_inside)
    made = AdjustmentsEntry(
        gain_db=round(piece.applied_db, 3) if piece.gain_db else None,
        pace=piece.pace if piece.pace != 1.0 else None,
        start=piece.start if trimmed else None,
        stop=piece.stop if trimmed else None,
    )
    neutral = made == AdjustmentsEntry()
    return replace(piece.take.manifest.without_context(), adjustments=None if neutral else made)


def _music_entry(cue: Cue) -> MusicEntry:
    music = cue.music
    settings = MusicSettings(**{name: value for name, value in music.settings.items() if name != "license"})
    return MusicEntry(music.role, music.name, music.sha256, music.license, cue.start, cue.stop, settings)
