"""`CastPanel`: a voice for each speaker, in the Studio and in `VoicePicker`.

The panel edits a cast: a `Project`, or `Speakers`, which keeps it in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource
from vibevoice_nb.errors import VibeVoiceError, VoiceError
from vibevoice_nb.project.cast import CastMember
from vibevoice_nb.voices.available import available_voices
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.names import fold_name
from vibevoice_nb.voices.resolve import resolve_voice

from .base import Part, call
from .payloads import KnownVoice, Speaker, VoiceKind, payload_list
from .uploads import Received, voice_of


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


class CastTraits(traitlets.HasTraits):
    """Traits of a widget with a cast.

    Attributes
    ----------
    speakers : list of dict
        Label, color and voice of each speaker.
    voices : list of dict
        Name, kind, description and length of each built-in voice and each of the library.
    """

    speakers = payload_list(Speaker)
    voices = payload_list(KnownVoice)


class CastPanel(Part):
    """Cast of a widget, edited by the page.

    Parameters
    ----------
    widget : CastTraits
    cast : callable
        Returns the owner of the cast.
    library : VoiceLibrary
    stand_ins : callable
        Returns the built-in voices that replace recordings the model cannot follow, by speaker.
    defaults : callable
        Returns the built-in voices of speakers for whom none is chosen, by speaker.
    """

    def __init__(
        self,
        widget: CastTraits,
        cast: Callable[[], Cast],
        library: VoiceLibrary,
        stand_ins: Callable[[], Mapping[str, str]] = dict,
        defaults: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._widget, self._cast, self._library = widget, cast, library
        self._stand_ins, self._defaults = stand_ins, defaults

    def refresh(self) -> None:
        """Update the displayed cast; only differences are sent."""
        names, defaults = self._stand_ins(), self._defaults()
        rows = [
            _row(member, names.get(member.label, ""), defaults.get(member.label, ""))
            for member in self._cast().cast.values()
        ]
        if rows != self._widget.speakers:
            self._widget.speakers = rows

    def refresh_voices(self) -> None:
        """Reload the list of library voices; another page or process may have changed it."""
        voices = known_voices(self._library)
        if voices != self._widget.voices:
            self._widget.voices = voices

    def use_recording(self, received: Received, speaker: str) -> dict[str, Any]:
        """Use a recording from the page as a speaker's voice, without consent so far."""
        self._cast().set_voice(speaker, voice_of(received), kind=received.kind)
        self.refresh()
        return {}

    @call("set_voice", slow=True)
    def _set_voice(self, speaker: str, voice: str) -> None:
        # Only voices on the list: a page may not name files.
        for name in builtin_voices():
            if fold_name(name) == fold_name(voice):
                self._cast().set_voice(speaker, resolve_voice(name), kind="built-in")
                break
        else:
            kept = self._library.get(voice)
            agreed = any(entry.name == kept.name and entry.consent for entry in self._library.list())
            self._cast().set_voice(speaker, kept, kind="library", consent=agreed)
            self.refresh_voices()  # another page may have added the voice
        self.refresh()

    @call("list_voices", slow=True)
    def _list_voices(self) -> None:
        self.refresh_voices()

    @call("clear_voice")
    def _clear_voice(self, speaker: str) -> None:
        self._cast().clear_voice(speaker)
        self.refresh()

    @call("set_consent")
    def _set_consent(self, speaker: str, consent: bool) -> None:
        self._cast().set_consent(speaker, consent)
        self.refresh()

    @call("trim_voice", slow=True)
    def _trim_voice(self, speaker: str, start: int, stop: int) -> None:
        self._cast().trim_voice(speaker, start / SAMPLE_RATE, stop / SAMPLE_RATE)
        self.refresh()

    @call("set_color")
    def _set_color(self, speaker: str, color: str) -> None:
        self._cast().set_color(speaker, color)
        self.refresh()

    @call("save_voice", slow=True)
    def _save_voice(self, speaker: str, name: str) -> dict[str, Any]:
        member = self._cast().cast.get(speaker)
        if member is None or member.voice is None:
            raise VoiceError(f"{speaker} has no voice assigned", "a speaker with a voice", "assign one first")
        if member.needs_consent and not member.consent:
            raise VoiceError(
                f"consent for the voice of {speaker} is not confirmed",
                "a voice with consent",
                "tick the consent box first",
            )
        kept = self._library.add(member.voice, name=name, consent=member.consent)
        self._cast().set_voice(speaker, kept, kind="library", consent=member.consent)
        self.refresh_voices()
        self.refresh()
        return {"name": kept.name}


def voice_source(name: str, cast: Cast, library: VoiceLibrary) -> AudioSource:
    """Return the audio of "voice:<speaker>" or "library:<voice>".

    Raises
    ------
    VibeVoiceError
        If there is no such voice.
    """
    kind, _, rest = name.partition(":")
    if kind == "library" and any(entry.name == rest and entry.prompt for entry in library.list()):
        raise VibeVoiceError(
            f"audio of the voice prompt {rest!r}",
            "a recording",
            "have the speaker's line spoken in this voice",
        )
    if kind == "voice" and (member := cast.cast.get(rest)) and member.voice is not None:
        return ArraySource(member.voice.audio)
    if kind == "library":
        built_in = any(fold_name(rest) == fold_name(known) for known in builtin_voices())
        return ArraySource((resolve_voice(rest) if built_in else library.get(rest)).audio)
    raise VibeVoiceError(f"unknown audio {name!r}", "a voice of this widget", "reload the page")


def known_voices(library: VoiceLibrary) -> list[KnownVoice]:
    """Describe the built-in voices and the voices of a library."""
    return [
        {
            "name": voice.name,
            "kind": voice.kind,
            "words": voice.words,
            "description": voice.description,
            "seconds": voice.seconds,
            "prompt": voice.prompt,
        }
        for voice in available_voices(library)
    ]


def _row(member: CastMember, stand_in: str, default: str) -> Speaker:
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
            "prompt": "" if voice.prompt is None else str(voice.prompt.shape),
        },
        "default_voice": default,
        "gain": member.gain,
        "pace": member.pace,
    }
