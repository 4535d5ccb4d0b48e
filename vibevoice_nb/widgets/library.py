"""What JupyterLab's sidebar shows: the voices one has, and the projects of a folder; to hear and to tidy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.storage.folder import SUFFIX
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.voice import load_voice

from .audio_requests import AudioSources
from .base import VibeVoiceWidget, call
from .project_traits import take_cards
from .uploads import Received, Uploads, voice_of
from .voices import Speakers, known_voices, voice_source

_MOST_PROJECTS = 60
_LONGEST_WORDS = 80


class Shelf(Uploads, AudioSources, VibeVoiceWidget):
    """Voices and projects, without a room to work in.

    Attributes
    ----------
    voices : list of dict
        Name, kind, description and length of each voice that could be chosen.
    projects : list of dict
        Name, path, number of turns, length and takes of each project in the folder last asked for.

    Examples
    --------
    >>> shelf = Shelf()
    >>> "Ada" in [voice["name"] for voice in shelf.voices], shelf.projects
    (True, [])
    """

    _page: ClassVar[str] = "voices"

    voices = traitlets.List(traitlets.Dict()).tag(sync=True)
    projects = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, library: VoiceLibrary | None = None) -> None:
        self.library = library or VoiceLibrary()
        self._projects: dict[str, Project] = {}
        super().__init__(voices=known_voices(self.library))

    def look(self, folder: Path) -> None:
        """Look again what is in the library and in a folder."""
        self.voices = known_voices(self.library)
        found: dict[str, Project] = {}
        for path in sorted(folder.glob(f"*{SUFFIX}"))[:_MOST_PROJECTS]:
            try:
                found[str(path)] = Project.open(path, read_only=True)
            except ProjectError:  # not one of ours, or damaged: opening it will say so
                continue
        self._projects = found
        self.projects = [{"path": path, **_summary(project)} for path, project in found.items()]

    def audio_source(self, name: str) -> AudioSource:
        """Find what a name means: "library:<voice>", "project:<folder>", "take:<id>@<folder>"."""
        kind, _, rest = name.partition(":")
        take, _, folder = rest.partition("@")
        if kind == "project" and rest in self._projects:
            return self._projects[rest].timeline()
        if kind == "take" and folder in self._projects:
            return self._projects[folder].take(take).source
        return voice_source(name, Speakers(["1"]), self.library)

    def upload_received(self, received: Received, speaker: str) -> dict[str, Any]:
        """A file from the page becomes a voice; the right to use it is asked for where it is used."""
        return self._keep(voice_of(received))

    @call("look", slow=True)
    def _look(self, root: str, folder: str) -> None:
        from .lab_document import document_path

        self.look(document_path(root, folder or "."))

    @call("add_voice", slow=True)
    def _add_voice(self, root: str, path: str) -> dict[str, Any]:
        from .lab_document import document_path

        return self._keep(load_voice(document_path(root, path)))

    @call("rename_voice", slow=True)
    def _rename_voice(self, voice: str, name: str) -> None:
        self.library.rename(voice, name)
        self.voices = known_voices(self.library)

    @call("remove_voice", slow=True)
    def _remove_voice(self, voice: str) -> None:
        self.library.remove(voice)
        self.voices = known_voices(self.library)

    def _keep(self, voice: Any) -> dict[str, Any]:
        kept = self.library.add(voice, name=self.library.free_name(voice.name))
        self.voices = known_voices(self.library)
        return {"name": kept.name}


def _summary(project: Project) -> dict[str, Any]:
    words = {item.id: f"{item.turn.label}: {item.turn.text}"[:_LONGEST_WORDS] for item in project.turns}
    try:
        seconds = project.timeline().samples / SAMPLE_RATE
    except VibeVoiceError:  # a take's file is gone; the others are still there
        seconds = 0.0
    takes = [
        {"words": words[card["turn"]], **{name: card[name] for name in ("id", "seconds", "starred", "model")}}
        for card in take_cards(project).values()
    ]
    return {"name": project.name, "turns": len(words), "seconds": round(seconds, 2), "takes": takes}
