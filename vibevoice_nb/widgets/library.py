"""`LibraryBrowser`: the kernel's part of JupyterLab's sidebar, which plays projects and changes the library.

The sidebar's list comes from the Jupyter server (`vibevoice_nb.lab`), without a kernel.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.project import Project
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.voice import load_voice

from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call
from .cast_panel import known_voices, voice_source
from .paths import document_path
from .payloads import KnownVoice, payload_list
from .uploads import Received, Uploads, voice_of
from .voices import Speakers

_MOST_PROJECTS = 8


class LibraryBrowser(VibeVoiceWidget):
    """Browser for the voice library and for projects.

    Attributes
    ----------
    voices : list of KnownVoice
        Name, kind, description and length of each available voice.

    Examples
    --------
    >>> library = LibraryBrowser()
    >>> "Ada" in [voice["name"] for voice in library.voices]
    True
    """

    _page: ClassVar[str] = "voices"

    voices = payload_list(KnownVoice)

    def __init__(self, library: VoiceLibrary | None = None) -> None:
        self.library = library or VoiceLibrary()
        self._projects: dict[str, Project] = {}
        super().__init__(voices=known_voices(self.library))
        self.add_parts(AudioRequests(self.audio_source), Uploads(self._add_upload))

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of "library:<voice>", "project:<path>" or "take:<id>@<path>"."""
        kind, _, rest = name.partition(":")
        take, _, path = rest.partition("@")
        if kind == "project" and rest in self._projects:
            return self._projects[rest].timeline()
        if kind == "take" and path in self._projects:
            return self._projects[path].take(take).source
        return voice_source(name, Speakers(["1"]), self.library)

    def _add_upload(self, received: Received, speaker: str) -> dict[str, Any]:
        """Add an uploaded file to the library; consent is requested where the voice is used."""
        return self._keep(voice_of(received))

    @call("open_listed", slow=True)
    def _open_listed(self, root: str, path: str) -> None:
        """Open a project on the server's list as it is now, so that its audio can be requested."""
        self._projects.pop(path, None)
        self._projects[path] = Project.open(document_path(root, path), read_only=True)
        while len(self._projects) > _MOST_PROJECTS:
            del self._projects[next(iter(self._projects))]

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
