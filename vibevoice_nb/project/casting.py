"""A project's cast: each speaker's color and voice."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

from .cast import CastMember, checked_label, trimmed
from .opened import OpenProject
from .storage.schema import MemberRecord, checked_color


class CastProject(OpenProject):
    """The part of a `Project` that is about voices."""

    @property
    def cast(self) -> dict[str, CastMember]:
        """The speakers by label: those of the script in the model's order, then others who have a voice."""
        with self._mutex:
            order = {turn.label: turn.speaker_index for turn in self._script.turns}
            records = sorted(self._state.cast, key=lambda member: order.get(member.label, len(order) + 4))
            return {record.label: self._shelf.member(record) for record in records}

    def set_voice(self, label: str, voice: Any, kind: str | None = None, consent: bool = False) -> CastMember:
        """Give a speaker a voice; it is copied into the project.

        Parameters
        ----------
        label : str
            As in the script: "Anna", "Speaker 1".
        voice : Voice, str, path or float32 [N]
            A voice, or whatever `resolve_voice` makes one of.
        kind : {"built-in", "library", "upload", "recording", "file"}, optional
            By default what the voice says of itself.
        consent : bool
            Whether the right to use it is confirmed.

        Raises
        ------
        OptionError
            No label, or an unknown kind.
        VoiceError
            No voice, or one that can't be used.
        ProjectError
            The project can't be changed.
        """
        label = checked_label(label)
        resolved = voice if isinstance(voice, Voice) else resolve_voice(voice)
        self._replace_voice(label, f"gave {label} the voice {resolved.name}", resolved, kind, consent)
        return self.cast[label]

    def clear_voice(self, label: str) -> None:
        """Take a speaker's voice away.

        Raises
        ------
        VoiceError
            The speaker has none.
        ProjectError
        """
        label = self._voiced(label).label
        with self._changing("cast") as state:
            self._member_can_be_undone(label, f"took the voice of {label} away")
            member = state.member(label)
            member.voice, member.consent = None, False
            if all(turn.label != label for turn in self._script.turns):
                state.cast.remove(member)

    def trim_voice(self, label: str, start_s: float, stop_s: float) -> CastMember:
        """Keep only `[start_s, stop_s)` of a speaker's recording, in seconds.

        Raises
        ------
        VoiceError
            The speaker has no voice, or what is left can't be used.
        OptionError
            No stretch of the recording.
        ProjectError
        """
        member = self._voiced(label)
        assert member.voice is not None
        cut = trimmed(member.voice, start_s, stop_s)
        self._replace_voice(
            member.label, f"trimmed the voice of {member.label}", cut, member.kind, member.consent
        )
        return self.cast[member.label]

    def set_consent(self, label: str, consent: bool) -> None:
        """Say whether the right to use a speaker's voice is confirmed.

        Raises
        ------
        VoiceError
            The speaker has no voice.
        ProjectError
        """
        label = self._voiced(label).label
        with self._changing("cast") as state:
            state.member(label).consent = bool(consent)

    def set_color(self, label: str, color: str) -> None:
        """Give a speaker a color, such as "#0072b2".

        Raises
        ------
        OptionError
            No color, or no speaker.
        ProjectError
        """
        label, color = checked_label(label), checked_color(color)
        if label not in self.cast:
            raise OptionError(f"the speaker {label!r}", f"one of {', '.join(self.cast)}", "see project.cast")
        with self._changing("cast") as state:
            state.member(label).color = color

    def _replace_voice(self, label: str, words: str, voice: Voice, kind: str | None, consent: bool) -> None:
        with self._changing("cast") as state:
            name = self._shelf.add(label, voice, kind)
            self._member_can_be_undone(label, words)
            member = state.member(label)
            member.voice, member.consent = name, bool(consent)

    def _member_can_be_undone(self, label: str, words: str) -> None:
        before = asdict(self._state.member(label))
        self._can_be_undone(words, ["member", label, before])

    def _put_back(self, before: dict[str, Any]) -> None:
        """Undo what was done to a speaker."""
        old = MemberRecord(**before)
        member = self._state.member(old.label)
        member.voice, member.consent = old.voice, old.consent

    def _voiced(self, label: str) -> CastMember:
        label = checked_label(label)
        member = self.cast.get(label)
        if member is None or member.voice is None:
            got = f"{label}, who has no voice"
            raise VoiceError(got, "a speaker with a voice", f"set_voice({label!r}, ...) gives one")
        return member
