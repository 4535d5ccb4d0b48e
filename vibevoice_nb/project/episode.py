"""Episode of a project: the chosen takes in the order of the script, with pauses."""

from __future__ import annotations

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.export.manifest import GENERATED
from vibevoice_nb.script import Script

from .cast import Cast
from .settings import ProjectSettings
from .store import ProjectStore
from .take import Take
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
    """

    def __init__(
        self,
        store: ProjectStore,
        cast: Cast,
        takes: ProjectTakes,
        turns: ProjectTurns,
        settings: ProjectSettings,
    ) -> None:
        self._store = store
        self.cast, self.takes, self.turns, self.settings = cast, takes, turns, settings

    @property
    def script(self) -> Script:
        """The parsed script."""
        return self._store.script

    def timeline(self) -> Timeline:
        """Return the chosen takes in order, with pauses, as audio to read in pieces; no model is needed.

        The silence after a turn is its own gap if that is set, else the script's `[pause]`, else, between
        turns, `settings["gap_ms"]`.
        """
        with self._store.mutex:
            parts: list[tuple[Take, int]] = []
            between = self.settings.current.gap_ms
            for record, turn in zip(self._store.state.turns, self._store.script.turns, strict=True):
                if (take := self.takes.chosen(record)) is not None:
                    own = record.gap_ms if record.gap_ms is not None else turn.pause_after_ms or None
                    gap_ms = between if own is None else own
                    parts.append((take, gap_ms * SAMPLE_RATE // 1000))
            if parts and own is None:
                parts[-1] = (parts[-1][0], 0)
            return Timeline(parts)

    def assemble(self) -> Take:
        """Return the episode as a take, which reads from the takes' files and holds no audio."""
        with self._store.mutex:
            timeline = self.timeline()
            spoken = {turn.label for turn in timeline.turns}
            manifest = {
                "content": GENERATED,
                "project": self._store.name,
                "speakers": {
                    member.label: {
                        "voice": member.voice.name,
                        "kind": member.kind,
                        "sha256": member.voice.sha256,
                        "consent": member.consent,
                    }
                    for member in self.cast.values()
                    if member.voice is not None and member.label in spoken
                },
                "takes": [
                    {name: value for name, value in segment.take.manifest.items() if name != "context"}
                    for segment in timeline.segments
                ],
            }
        return Take("", self._store.name, timeline, timeline.turns, manifest)
