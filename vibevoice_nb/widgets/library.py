"""`LibraryBrowser`: voices and projects in JupyterLab's sidebar, to play and to organize."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.storage.folder import SUFFIX
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.voice import load_voice

from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call
from .paths import document_path
from .payloads import KnownVoice, ListedProject, ListedTake, payload_list
from .project_traits import take_cards
from .uploads import Received, Uploads, voice_of
from .voices import Speakers, known_voices, voice_source

_MOST_PROJECTS = 60
_TEXT_LENGTH = 80


class LibraryBrowser(Uploads, AudioRequests, VibeVoiceWidget):
    """Browser for the voice library and the projects of a folder.

    Attributes
    ----------
    voices : list of KnownVoice
        Name, kind, description and length of each available voice.
    projects : list of ListedProject
        Name, path, number of turns, length and takes of each project in the folder last shown.

    Examples
    --------
    >>> library = LibraryBrowser()
    >>> "Ada" in [voice["name"] for voice in library.voices], library.projects
    (True, [])
    """

    _page: ClassVar[str] = "voices"

    voices = payload_list(KnownVoice)
    projects = payload_list(ListedProject)

    def __init__(self, library: VoiceLibrary | None = None) -> None:
        self.library = library or VoiceLibrary()
        self._projects: dict[str, Project] = {}
        super().__init__(voices=known_voices(self.library))

    def refresh(self, folder: Path) -> None:
        """Reload the voice library and the projects of a folder."""
        self.voices = known_voices(self.library)
        found: dict[str, Project] = {}
        for path in sorted(folder.glob(f"*{SUFFIX}"))[:_MOST_PROJECTS]:
            try:
                found[str(path)] = Project.open(path, read_only=True)
            except ProjectError:  # damaged or not a project: opening it reports the error
                continue
        self._projects = found
        self.projects = [_summary(path, project) for path, project in found.items()]

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of "library:<voice>", "project:<folder>" or "take:<id>@<folder>"."""
        kind, _, rest = name.partition(":")
        take, _, folder = rest.partition("@")
        if kind == "project" and rest in self._projects:
            return self._projects[rest].timeline()
        if kind == "take" and folder in self._projects:
            return self._projects[folder].take(take).source
        return voice_source(name, Speakers(["1"]), self.library)

    def upload_received(self, received: Received, speaker: str) -> dict[str, Any]:
        """Add an uploaded file to the library; consent is requested where the voice is used."""
        return self._keep(voice_of(received))

    @call("refresh_library", slow=True)
    def _refresh_library(self, root: str, folder: str) -> None:
        self.refresh(document_path(root, folder or "."))

    @call("add_voice", slow=True)
    def _add_voice(self, root: str, path: str) -> dict[str, Any]:
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


def _summary(path: str, project: Project) -> ListedProject:
    texts = {item.id: f"{item.turn.label}: {item.turn.text}"[:_TEXT_LENGTH] for item in project.turns}
    try:
        seconds = project.timeline().samples / SAMPLE_RATE
    except VibeVoiceError:  # the file of a take is missing; list the project anyway
        seconds = 0.0
    takes: list[ListedTake] = [
        {
            "id": take["id"],
            "text": texts[take["turn"]],
            "seconds": take["seconds"],
            "starred": take["starred"],
            "model": take["model"],
        }
        for take in take_cards(project).values()
    ]
    return {
        "name": project.name,
        "path": path,
        "turns": len(texts),
        "seconds": round(seconds, 2),
        "takes": takes,
    }
