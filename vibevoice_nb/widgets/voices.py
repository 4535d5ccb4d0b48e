"""`VoicePicker`, and `CastPanel`, which it shares with the Studio: a voice for each speaker.

The panel edits a cast: a `Project`, or `Speakers`, which keeps it in memory.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol, cast

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource
from vibevoice_nb.errors import OptionError, VibeVoiceError, VoiceError
from vibevoice_nb.project.cast import CastMember, checked_label, trimmed
from vibevoice_nb.project.storage.schema import PALETTE, checked_color
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import MAX_SPEAKERS
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.voices.builtin import builtin_descriptions, builtin_voices
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.names import fold_name
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call
from .payloads import KnownVoice, Speaker, VoiceKind, payload_list
from .uploads import Received, Uploads, voice_of


class Cast(Protocol):
    """Interface of the object that the panel edits, such as a `Project`."""

    @property
    def cast(self) -> Mapping[str, CastMember]:
        """The speakers by label."""

    def set_voice(
        self, label: str, voice: Any, kind: str | None = None, consent: bool = False
    ) -> CastMember: ...
    def clear_voice(self, label: str) -> None: ...
    def set_consent(self, label: str, consent: bool) -> None: ...
    def trim_voice(self, label: str, start_s: float, stop_s: float) -> CastMember: ...
    def set_color(self, label: str, color: str) -> None: ...


class Speakers:
    """A cast in memory; its methods are those of `Project`.

    Examples
    --------
    >>> speakers = Speakers(["Anna", 2])
    >>> speakers.set_voice("Anna", "Ada").voice.name, list(speakers.cast)
    ('Ada', ['Anna', 'Speaker 2'])
    """

    def __init__(self, labels: Iterable[str | int]) -> None:
        names = dict.fromkeys(checked_label(label_of(label)) for label in labels)
        if not 1 <= len(names) <= MAX_SPEAKERS:
            raise OptionError(
                f"{len(names)} speakers were given", f"1 to {MAX_SPEAKERS}", "name them as in the script"
            )
        self._cast = {name: CastMember(name, color) for name, color in zip(names, PALETTE, strict=False)}

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
        member = self._cast.get(checked_label(label))
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


class CastPanel(Uploads, traitlets.HasTraits):
    """Mixin for a widget with a cast: its traits and methods; `cast_project` returns the cast's owner.

    Attributes
    ----------
    speakers : list of dict
        Label, color and voice of each speaker.
    voices : list of dict
        Name, kind, description and length of each built-in voice and each of the library.
    """

    speakers = payload_list(Speaker)
    voices = payload_list(KnownVoice)

    _library: VoiceLibrary | None = None

    def cast_project(self) -> Cast:
        """Return the owner of the cast."""
        raise NotImplementedError

    @property
    def voice_library(self) -> VoiceLibrary:
        """Voice library; by default the user's own."""
        if self._library is None:
            self._library = VoiceLibrary()
        return self._library

    @traitlets.default("voices")
    def _first_voices(self) -> list[KnownVoice]:
        return known_voices(self.voice_library)

    def refresh_cast(self) -> None:
        """Update the displayed cast; only differences are sent."""
        names = self.stand_in_names()
        rows = [_row(member, names.get(member.label, "")) for member in self.cast_project().cast.values()]
        if rows != self.speakers:
            self.speakers = rows

    def stand_in_names(self) -> dict[str, str]:
        """Return the built-in voices that replace recordings the model cannot follow, by speaker."""
        return {}

    def refresh_voices(self) -> None:
        """Reload the list of library voices."""
        self.voices = known_voices(self.voice_library)

    def upload_received(self, received: Received, speaker: str) -> dict[str, Any]:
        """Use a recording from the page as a speaker's voice, without consent so far."""
        self.cast_project().set_voice(speaker, voice_of(received), kind=received.kind)
        self.refresh_cast()
        return {}

    @call("set_voice", slow=True)
    def _set_voice(self, speaker: str, voice: str) -> None:
        # Only voices on the list: a page may not name files.
        for name in builtin_voices():
            if fold_name(name) == fold_name(voice):
                self.cast_project().set_voice(speaker, resolve_voice(name), kind="built-in")
                break
        else:
            kept = self.voice_library.get(voice)
            agreed = any(entry.name == kept.name and entry.consent for entry in self.voice_library.list())
            self.cast_project().set_voice(speaker, kept, kind="library", consent=agreed)
            self.refresh_voices()  # another page may have added the voice
        self.refresh_cast()

    @call("clear_voice")
    def _clear_voice(self, speaker: str) -> None:
        self.cast_project().clear_voice(speaker)
        self.refresh_cast()

    @call("set_consent")
    def _set_consent(self, speaker: str, consent: bool) -> None:
        self.cast_project().set_consent(speaker, consent)
        self.refresh_cast()

    @call("trim_voice", slow=True)
    def _trim_voice(self, speaker: str, start: int, stop: int) -> None:
        self.cast_project().trim_voice(speaker, start / SAMPLE_RATE, stop / SAMPLE_RATE)
        self.refresh_cast()

    @call("set_color")
    def _set_color(self, speaker: str, color: str) -> None:
        self.cast_project().set_color(speaker, color)
        self.refresh_cast()

    @call("save_voice", slow=True)
    def _save_voice(self, speaker: str, name: str) -> dict[str, Any]:
        member = self.cast_project().cast.get(speaker)
        if member is None or member.voice is None:
            raise VoiceError(f"{speaker} has no voice assigned", "a speaker with a voice", "assign one first")
        if member.needs_consent and not member.consent:
            raise VoiceError(
                f"consent for the voice of {speaker} is not confirmed",
                "a voice with consent",
                "tick the consent box first",
            )
        kept = self.voice_library.add(member.voice, name=name, consent=member.consent)
        self.cast_project().set_voice(speaker, kept, kind="library", consent=member.consent)
        self.refresh_voices()
        self.refresh_cast()
        return {"name": kept.name}


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_mapping(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


class VoicePicker(CastPanel, AudioRequests, VibeVoiceWidget):
    r"""Panel that assigns voices to speakers: built-in, from the library, uploaded, or recorded.

    Parameters
    ----------
    speakers : iterable of str or int
        Speakers as in the script: names or numbers, one to four.
    voices : mapping from speaker to voice, optional
        Initial voices, as for `Engine.speak`.
    library : VoiceLibrary, optional
        Voice library; the user's own by default.

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
        self._library = library
        for label, voice in (voices or {}).items():
            self._speakers.set_voice(label_of(label), voice)
        super().__init__()
        self.refresh_cast()

    def _repr_details(self) -> str:
        cast = self.cast
        pairs = [f"{label}: {cast[label].name if label in cast else None}" for label in self._speakers.cast]
        return ", ".join(pairs)

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

    def cast_project(self) -> Cast:
        """Return the owner of the cast."""
        return self._speakers

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of a source name: a speaker's voice, or a voice on offer."""
        return voice_source(name, self._speakers, self.voice_library)

    def close(self) -> None:
        """Close the widget and delete unfinished uploads."""
        self.inbox.close()
        super().close()


def voice_source(name: str, cast: Cast, library: VoiceLibrary) -> AudioSource:
    """Return the audio of "voice:<speaker>" or "library:<voice>".

    Raises
    ------
    VibeVoiceError
        If there is no such voice.
    """
    kind, _, rest = name.partition(":")
    if kind == "voice" and (member := cast.cast.get(rest)) and member.voice is not None:
        return ArraySource(member.voice.audio)
    if kind == "library":
        built_in = any(fold_name(rest) == fold_name(known) for known in builtin_voices())
        return ArraySource((resolve_voice(rest) if built_in else library.get(rest)).audio)
    raise VibeVoiceError(f"unknown audio {name!r}", "a voice of this widget", "reload the page")


def known_voices(library: VoiceLibrary) -> list[KnownVoice]:
    """Describe the built-in voices and the voices of a library."""
    described = builtin_descriptions()
    rows: list[KnownVoice] = [
        {"name": name, "kind": "built-in", "description": described[name], "seconds": seconds}
        for name, seconds in _builtin_seconds()
    ]
    try:
        entries = library.list()
    except VoiceError:  # the other voices remain if the library cannot be read
        entries = []
    return rows + [
        {"name": entry.name, "kind": "library", "description": "", "seconds": round(entry.seconds, 2)}
        for entry in entries
    ]


@functools.cache
def _builtin_seconds() -> tuple[tuple[str, float], ...]:
    import soundfile

    return tuple((name, round(soundfile.info(path).duration, 2)) for name, path in builtin_voices().items())


def _row(member: CastMember, stand_in: str = "") -> Speaker:
    voice = member.voice
    return {
        "label": member.label,
        "color": member.color,
        "voice": None
        if voice is None
        else {
            "name": voice.name,
            "kind": cast(VoiceKind, member.kind),
            "seconds": round(voice.seconds, 3),
            "checks": [
                {"severity": check.severity, "message": check.message, "remedy": check.remedy}
                for check in voice.checks
                if member.needs_consent  # built-in voices cannot be restored by another recording
            ],
            "consent": member.consent,
            "needs_consent": member.needs_consent,
            "stand_in": stand_in,
        },
    }
