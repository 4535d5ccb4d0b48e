"""`MusicPanel`: intro, outro and bed of a project in the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.music import ProjectMusic
from vibevoice_nb.project.storage.music import Music, checked_role

from .audio_requests import summary_of
from .base import Part, call
from .payloads import MusicState, TakeSummary, payload_list
from .uploads import Inbox

MUSIC = "music"
"""Kind of the sources that are music, such as "music:intro", and of its uploads."""


class MusicTraits(traitlets.HasTraits):
    """Traits of a widget with the music of a project.

    Attributes
    ----------
    music : list of MusicState
    """

    music = payload_list(MusicState)


class MusicPanel(Part):
    """Music of a project, edited by the page.

    Parameters
    ----------
    widget : MusicTraits
    project : callable
        Returns the project.
    inbox : Inbox
        Files that the page uploads.
    """

    def __init__(self, widget: MusicTraits, project: Callable[[], Project], inbox: Inbox) -> None:
        self._widget, self._project, self._inbox = widget, project, inbox

    def refresh(self) -> None:
        """Update the trait from the project; only a change is sent."""
        music = self._project().music
        rows = [_row(one, music) for one in music.values()]
        if rows != self._widget.music:
            self._widget.music = rows

    def source(self, name: str) -> AudioSource:
        """Return the audio of "music:ROLE"."""
        return self._project().music.source(checked_role(name.partition(":")[2]))

    def summary(self, name: str) -> TakeSummary:
        """Return the summary of "music:ROLE"."""
        source = self.source(name)
        music = self._project().music[checked_role(name.partition(":")[2])]
        revision = int(music.sha256[:8], 16)  # another file has the same source
        return {**summary_of(name, source), "name": music.name, "revision": revision}

    @call("use_music", slow=True)
    def _use(self, upload: str, role: str) -> None:
        project = self._project()
        with self._inbox.whole(upload) as received:
            if received.kind != MUSIC:
                raise OptionError(f"kind={received.kind!r}", MUSIC, "reload the page")
            before = project.music.get(checked_role(role))
            settings = {} if before is None else {**before.settings, "license": ""}
            try:
                project.music.set(checked_role(role), received.path, name=received.name, **settings)
            except VibeVoiceError as exc:
                got = exc.got.replace(str(received.path), received.name)
                raise type(exc)(got, exc.expected, exc.remedy) from None

    @call("adjust_music")
    def _adjust(self, role: str, settings: dict[str, Any]) -> None:
        self._project().music.adjust(checked_role(role), settings)

    @call("clear_music")
    def _clear(self, role: str) -> None:
        self._project().clear_music(checked_role(role))


def _row(music: Music, project: ProjectMusic) -> MusicState:
    return {
        "role": music.role,
        "name": music.name,
        "seconds": round(music.seconds, 3),
        "gain": music.gain,
        "fade_in": music.fade_in,
        "fade_out": music.fade_out,
        "alone": music.alone,
        "overlap": music.overlap,
        "ducking": music.ducking,
        "loop": music.loop,
        "license": music.license,
        "problem": project.problem(music.role),
    }
