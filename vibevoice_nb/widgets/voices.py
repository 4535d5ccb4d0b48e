"""`VoicePicker`: a voice for each speaker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.display.colors import PALETTE
from vibevoice_nb.display.static import Static, dot, table, text_table
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.project.cast import CastMember, checked_label, trimmed
from vibevoice_nb.project.storage.schema import checked_color
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import MAX_SPEAKERS
from vibevoice_nb.script.lines import name_key
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.texts import duration
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

from .audio_requests import AudioRequests
from .base import VibeVoiceWidget
from .cast_panel import CastPanel, CastTraits, known_voices, voice_source
from .uploads import Uploads


class Speakers:
    """A cast in memory; its methods are those of `Project`.

    Examples
    --------
    >>> speakers = Speakers(["Anna", 2])
    >>> speakers.set_voice("Anna", "Ada").voice.name, list(speakers.cast)
    ('Ada', ['Anna', 'Speaker 2'])
    """

    def __init__(self, labels: Iterable[str | int]) -> None:
        names: dict[str, str] = {}
        for label in labels:
            name = checked_label(label_of(label))
            names.setdefault(name_key(name), name)
        if not 1 <= len(names) <= MAX_SPEAKERS:
            raise OptionError(
                f"{len(names)} speakers were given", f"1 to {MAX_SPEAKERS}", "name them as in the script"
            )
        self._cast = {
            name: CastMember(name, color) for name, color in zip(names.values(), PALETTE, strict=False)
        }

    @property
    def cast(self) -> Mapping[str, CastMember]:
        """The speakers by label."""
        return dict(self._cast)

    def set_voice(self, label: str, voice: Any, kind: str | None = None, consent: bool = False) -> CastMember:
        """Assign a voice to a speaker: a `Voice`, or any value that `resolve_voice` accepts."""
        member = self._member(label)
        resolved = voice if isinstance(voice, Voice) else resolve_voice(voice)
        kind = kind or (resolved.source if resolved.source in ("built-in", "library") else "file")
        return self._put(replace(member, voice=resolved, kind=kind, consent=bool(consent)))

    def clear_voice(self, label: str) -> None:
        """Remove a speaker's voice."""
        self._put(replace(self._member(label), voice=None, kind="", consent=False))

    def set_consent(self, label: str, consent: bool) -> None:
        """Record the consent to use a speaker's voice, or its absence."""
        self._put(replace(self._voiced(label)[0], consent=bool(consent)))

    def trim_voice(self, label: str, start_s: float, stop_s: float) -> CastMember:
        """Keep only `[start_s, stop_s)` of a speaker's recording, in seconds."""
        member, voice = self._voiced(label)
        return self._put(replace(member, voice=trimmed(voice, start_s, stop_s)))

    def set_color(self, label: str, color: str) -> None:
        """Set a speaker's color, such as "#0072b2"."""
        self._put(replace(self._member(label), color=checked_color(color)))

    def _put(self, member: CastMember) -> CastMember:
        self._cast[member.label] = member
        return member

    def _member(self, label: str) -> CastMember:
        key = name_key(checked_label(label))
        member = next((one for one in self._cast.values() if name_key(one.label) == key), None)
        if member is None:
            raise OptionError(
                f"unknown speaker {label!r}", f"one of {', '.join(self._cast)}", "name one of them"
            )
        return member

    def _voiced(self, label: str) -> tuple[CastMember, Voice]:
        member = self._member(label)
        if member.voice is None:
            raise VoiceError(f"{label} has no voice assigned", "a speaker with a voice", "assign one first")
        return member, member.voice


def _voice_facts(member: CastMember) -> list[str]:
    if member.voice is None:
        return ["none yet", "", "", ""]
    consent = ("confirmed" if member.consent else "not confirmed") if member.needs_consent else "not needed"
    return [member.voice.name, member.kind, duration(member.voice.seconds), consent]


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_mapping(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


class VoicePicker(CastTraits, VibeVoiceWidget):
    r"""Panel that assigns voices to speakers: built-in, from the library, uploaded, or recorded.

    Parameters
    ----------
    speakers : iterable of str or int
        Speakers as in the script: names or numbers, 1 to 32.
    voices : mapping from speaker to voice, optional
        Initial voices, as for `Engine.speak`.
    library : VoiceLibrary, optional
        Voice library; the user's own by default.

    Attributes
    ----------
    voice_library : VoiceLibrary

    Examples
    --------
    >>> picker = VoicePicker(["Anna", "Ben"], voices={"Anna": "Ada"})
    >>> {label: voice.name for label, voice in picker.cast.items()}, picker.missing
    ({'Anna': 'Ada'}, ['Ben'])
    >>> picker.set_voice("Ben", "Kai")
    >>> speech = engine.speak("Anna: Hello!\nBen: Hi.", picker.cast)  # doctest: +SKIP
    """

    _page: ClassVar[str] = "voices"

    def __init__(
        self,
        speakers: Iterable[str | int] = (1, 2),
        *,
        voices: Mapping[str | int, Any] | None = None,
        library: VoiceLibrary | None = None,
    ) -> None:
        if not _is_list(speakers):
            raise OptionError(
                f"VoicePicker(speakers={shown(speakers)})",
                "a list of names or numbers",
                "for example, VoicePicker(['Anna', 'Ben'])",
            )
        if not _is_mapping(voices):
            expected = "a mapping from speaker to voice"
            raise OptionError(f"voices={shown(voices)}", expected, "for example, voices={'Anna': 'Ada'}")
        self._speakers = Speakers(speakers)
        self.voice_library = library or VoiceLibrary()
        for label, voice in (voices or {}).items():
            self._speakers.set_voice(label_of(label), voice)
        super().__init__(voices=known_voices(self.voice_library))
        self._panel = CastPanel(self, lambda: self._speakers, self.voice_library)
        self.add_parts(self._panel, Uploads(self._panel.use_recording), AudioRequests(self.audio_source))
        self.refresh_cast()

    def _repr_details(self) -> str:
        cast = self.cast
        pairs = [f"{label}: {cast[label].name if label in cast else None}" for label in self._speakers.cast]
        return ", ".join(pairs)

    def _static(self) -> Static:
        head = ["Speaker", "Voice", "Kind", "Length", "Consent"]
        members = list(self._speakers.cast.values())
        rows = [[member.label, *_voice_facts(member)] for member in members]
        shown = [
            [dot(member.label, member.color), *row[1:]] for member, row in zip(members, rows, strict=True)
        ]
        return Static(table(head, shown), text_table(head, rows))

    @property
    def cast(self) -> dict[str, Voice]:
        """Voices by speaker, for `Engine.speak`. `missing` lists speakers without a voice."""
        members = self._speakers.cast.items()
        return {label: member.voice for label, member in members if member.voice is not None}

    @property
    def missing(self) -> list[str]:
        """Speakers without a voice."""
        return [label for label, member in self._speakers.cast.items() if member.voice is None]

    @property
    def unconfirmed(self) -> list[str]:
        """Speakers with a recording whose consent is not confirmed."""
        members = self._speakers.cast.items()
        return [label for label, member in members if member.needs_consent and not member.consent]

    def set_voice(self, speaker: str, voice: Any, *, consent: bool = False) -> None:
        """Assign a voice to a speaker.

        Parameters
        ----------
        speaker : str
        voice : str, path, float32 [N] or Voice
            As for `resolve_voice`.
        consent : bool
            True if the recorded person consents to this use.

        Raises
        ------
        OptionError
            If the speaker is unknown.
        VoiceError
            If the voice is unknown or cannot be used.
        """
        self._speakers.set_voice(speaker, voice, consent=consent)
        self.refresh_cast()

    def clear_voice(self, speaker: str) -> None:
        """Remove a speaker's voice."""
        self._speakers.clear_voice(speaker)
        self.refresh_cast()

    def set_consent(self, speaker: str, consent: bool = True) -> None:
        """Record the consent to use a speaker's voice, or its absence."""
        self._speakers.set_consent(speaker, consent)
        self.refresh_cast()

    def trim_voice(self, speaker: str, start_s: float, stop_s: float) -> None:
        """Keep only `[start_s, stop_s)` of a speaker's recording, in seconds."""
        self._speakers.trim_voice(speaker, start_s, stop_s)
        self.refresh_cast()

    def refresh_cast(self) -> None:
        """Update the displayed cast; only differences are sent."""
        self._panel.refresh()

    def refresh_voices(self) -> None:
        """Reload the list of library voices."""
        self._panel.refresh_voices()

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of a source name: a speaker's voice, or a voice on offer."""
        return voice_source(name, self._speakers, self.voice_library)
