"""Cast of a project: the speakers by label, each with a color and a voice."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script.lines import is_name, speaker_number
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice, load_voice

from .history import History, inverse
from .storage.schema import MemberRecord, checked_color, read_record
from .storage.undo import Kept
from .store import ProjectStore


@dataclass(frozen=True)
class CastMember:
    """Speaker of a project.

    Attributes
    ----------
    label : str
        As in the script: "Anna", "Speaker 1".
    color : str
        Such as "#0072b2".
    voice : Voice or None
        The reference recording; None if not set.
    kind : str
        Origin of the voice: "built-in", "library", "upload", "recording" or "file"; empty without a voice.
    consent : bool
        True if the right to use the voice was confirmed.
    """

    label: str
    color: str
    voice: Voice | None = None
    kind: str = ""
    consent: bool = False

    def __repr__(self) -> str:
        voice = "no voice" if self.voice is None else f"voice {self.voice.name!r} ({self.kind})"
        return f"<CastMember {self.label!r}: {voice}>"

    @property
    def needs_consent(self) -> bool:
        """True if the voice is that of a person, who must consent; built-in voices are synthetic."""
        return self.kind not in ("", "built-in")


class Cast(Mapping[str, CastMember]):
    """Speakers by label: those of the script in the model's order, then others that have a voice."""

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history

    def snapshot(self) -> dict[str, CastMember]:
        """Return the speakers as they are now."""
        with self._store.mutex:
            order = {turn.label: turn.speaker_index for turn in self._store.script.turns}
            last = len(order) + 4
            records = sorted(self._store.state.cast, key=lambda member: order.get(member.label, last))
            return {record.label: self._member(record) for record in records}

    def __getitem__(self, label: str) -> CastMember:
        return self.snapshot()[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.snapshot())

    def __len__(self) -> int:
        return len(self._store.state.cast)

    # Views of one moment: another thread may change the cast while they are iterated.

    def keys(self) -> KeysView[str]:
        return self.snapshot().keys()

    def values(self) -> ValuesView[CastMember]:
        return self.snapshot().values()

    def items(self) -> ItemsView[str, CastMember]:
        return self.snapshot().items()

    def __repr__(self) -> str:
        voices = (f"{label}: {member.voice.name if member.voice else None}" for label, member in self.items())
        return f"<Cast {', '.join(voices)}>"

    def set_voice(self, label: str, voice: Any, kind: str | None = None, consent: bool = False) -> CastMember:
        """Give a speaker a voice; it is copied into the project.

        Parameters
        ----------
        label : str
            As in the script: "Anna", "Speaker 1".
        voice : Voice, str, path or float32 [N]
            A voice, or anything that `resolve_voice` accepts.
        kind : {"built-in", "library", "upload", "recording", "file"}, optional
            By default that of the voice.
        consent : bool
            Record that the right to use it is confirmed.

        Raises
        ------
        OptionError
            If the label is not valid, or the kind is unknown.
        VoiceError
            If the voice is missing or can't be used.
        ProjectError
            If the project can't be changed.
        """
        label = checked_label(label)
        resolved = voice if isinstance(voice, Voice) else resolve_voice(voice)
        self._replace_voice(label, f"gave {label} the voice {resolved.name}", resolved, kind, consent)
        return self[label]

    def clear_voice(self, label: str) -> None:
        """Remove a speaker's voice.

        Raises
        ------
        VoiceError
            If the speaker has none.
        ProjectError
        """
        label = self._voiced(label).label
        with self._store.changing("cast") as state:
            self._member_can_be_undone(label, f"removed the voice of {label}")
            member = state.member(label)
            member.voice, member.consent = None, False
            if all(turn.label != label for turn in self._store.script.turns):
                state.cast.remove(member)

    def trim_voice(self, label: str, start_s: float, stop_s: float) -> CastMember:
        """Keep only `[start_s, stop_s)` of a speaker's recording, in seconds.

        Raises
        ------
        VoiceError
            If the speaker has no voice, or the rest can't be used.
        OptionError
            If the times are not in the recording.
        ProjectError
        """
        member = self._voiced(label)
        assert member.voice is not None
        cut = trimmed(member.voice, start_s, stop_s)
        self._replace_voice(
            member.label, f"trimmed the voice of {member.label}", cut, member.kind, member.consent
        )
        return self[member.label]

    def set_consent(self, label: str, consent: bool) -> None:
        """Record whether the right to use a speaker's voice is confirmed.

        Raises
        ------
        VoiceError
            If the speaker has no voice.
        ProjectError
        """
        label = self._voiced(label).label
        with self._store.changing("cast") as state:
            state.member(label).consent = bool(consent)

    def set_color(self, label: str, color: str) -> None:
        """Give a speaker a color, such as "#0072b2".

        Raises
        ------
        OptionError
            If the color is not valid, or the speaker is unknown.
        ProjectError
        """
        label, color = checked_label(label), checked_color(color)
        if label not in self:
            raise OptionError(f"the speaker {label!r}", f"one of {', '.join(self)}", "see project.cast")
        with self._store.changing("cast") as state:
            state.member(label).color = color

    def _replace_voice(self, label: str, words: str, voice: Voice, kind: str | None, consent: bool) -> None:
        with self._store.changing("cast") as state:
            name = self._store.voices.add(label, voice, kind)
            self._member_can_be_undone(label, words)
            member = state.member(label)
            member.voice, member.consent = name, bool(consent)

    def _member_can_be_undone(self, label: str, words: str) -> None:
        before = asdict(self._store.state.member(label))
        self._history.record(words, ["member", label, before])

    def _voiced(self, label: str) -> CastMember:
        label = checked_label(label)
        member = self.get(label)
        if member is None or member.voice is None:
            got = f"{label} has no voice assigned"
            raise VoiceError(got, "a speaker with a voice", f"assign one with set_voice({label!r}, ...)")
        return member

    def _member(self, record: MemberRecord) -> CastMember:
        found = self._store.voices.get(record.voice, record.label) if record.voice else None
        bare = CastMember(record.label, record.color)
        return replace(bare, voice=found[0], kind=found[1], consent=record.consent) if found else bare


def _check_member(key: str, before: Mapping[str, Any]) -> Kept:
    voice = read_record(MemberRecord, before).voice
    return Kept(voices=frozenset([voice] if voice else []))


@inverse("member", _check_member)
def _restore_member(store: ProjectStore, key: str, before: Mapping[str, Any]) -> bool:
    """Give a speaker the voice of before."""
    old = read_record(MemberRecord, before)
    member = store.state.member(old.label)
    member.voice, member.consent = old.voice, old.consent
    return True


def checked_label(label: object) -> str:
    """Return a speaker's label in its usual form.

    Raises
    ------
    OptionError
        If it can't be the speaker's name at the beginning of a line.

    Examples
    --------
    >>> checked_label("speaker 2"), checked_label("Anna")
    ('Speaker 2', 'Anna')
    """
    number = speaker_number(label) if isinstance(label, str) else None
    if number is not None:
        return label_of(number)
    if not (isinstance(label, str) and is_name(label)):
        expected = "a name of 1 to 40 characters without a colon, brackets or asterisks"
        raise OptionError(f"the speaker {shown(label)}", expected, "rename the speaker")
    return label


def trimmed(voice: Voice, start_s: float, stop_s: float) -> Voice:
    """Return `[start_s, stop_s)` of a voice, checked again and with its level set.

    Raises
    ------
    VoiceError
        If the rest can't be used.
    OptionError
        If the times are not in the recording.
    """
    if not 0 <= start_s < stop_s or start_s >= voice.seconds:
        raise OptionError(
            f"the range {start_s:g} s to {stop_s:g} s of {voice.name}",
            f"a range inside its {voice.seconds:.1f} s",
            "give start and stop in seconds",
        )
    audio = np.array(voice.audio[round(start_s * SAMPLE_RATE) : round(stop_s * SAMPLE_RATE)])
    cut = load_voice(audio, name=voice.name, trim=False)
    return replace(cut, source=voice.source, info=voice.info)
