"""Cast of a project: the speakers by label, each with a color and a voice."""

from __future__ import annotations

from collections.abc import Container, ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script.lines import is_name, speaker_number
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.voices.casting import VoiceSpec, default_voice
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
    gain, pace : float
        Adjustments of all turns of the speaker; see `Adjustments`.
    """

    label: str
    color: str
    voice: Voice | None = None
    kind: str = ""
    consent: bool = False
    gain: float = 0.0
    pace: float = 1.0

    def __repr__(self) -> str:
        voice = "no voice" if self.voice is None else f"voice {self.voice.name!r} ({self.kind})"
        return f"<CastMember {self.label!r}: {voice}>"

    @property
    def needs_consent(self) -> bool:
        """True if the voice is that of a person, who must consent; built-in voices are synthetic."""
        return self.kind not in ("", "built-in")


class Cast(Mapping[str, CastMember]):
    """Speakers by label: those of the script in the model's order, then others that have a voice.

    Labels are compared as in a script: upper and lower case do not matter.
    """

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history

    def snapshot(self) -> dict[str, CastMember]:
        """Return the speakers as they are now."""
        with self._store.mutex:
            order = {turn.label: turn.speaker_index for turn in self._store.script.turns}
            last = len(order) + 4
            records = sorted(self._store.state.cast, key=lambda member: order.get(member.label, last))
            return {record.label: self._member(record) for record in records}

    def __getitem__(self, label: object) -> CastMember:
        with self._store.mutex:
            record = self._store.state.find_member(label) if isinstance(label, str) else None
            if record is None:
                raise KeyError(label)
            return self._member(record)

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

    def set_voice(
        self, label: str, voice: VoiceSpec, kind: str | None = None, consent: bool = False
    ) -> CastMember:
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
        label = self._known_label(label)
        resolved = resolve_voice(voice)
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
        if member.voice.prompt is not None:
            raise OptionError(
                "a voice prompt, which has no audio", "a recording", "choose a recording to trim"
            )
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
        label, color = self._known_label(label), checked_color(color)
        if label not in self:
            raise OptionError(f"the speaker {label!r}", f"one of {', '.join(self)}", "see project.cast")
        with self._store.changing("cast") as state:
            state.member(label).color = color

    def default_voices(self) -> dict[str, str]:
        """Return the built-in voices of the script's speakers for whom none was chosen, by label.

        A speaker whose recording is missing from the project's folder gets none: the voice was chosen.
        """
        with self._store.mutex:
            order = {turn.label: turn.speaker_index for turn in self._store.script.turns}
            records = {record.label: record for record in self._store.state.cast}
            members = [member for member in self.snapshot().values() if member.label in order]
            taken = [member.voice.name for member in members if member.voice is not None]
            chosen: dict[str, str] = {}
            for label, index in sorted(order.items(), key=lambda item: item[1]):
                record = records.get(label)
                if record is not None and record.voice is not None:
                    continue
                name = default_voice(index, [*taken, *chosen.values()])
                if name is not None:
                    chosen[label] = name
            return chosen

    def keep_default_voices(self, labels: Container[str]) -> None:
        """Give these speakers the default voices that they are about to speak with, so that they keep them.

        It is not a change of its own, so there is nothing to undo.
        """
        defaults = {label: name for label, name in self.default_voices().items() if label in labels}
        if not defaults:
            return
        with self._store.changing("cast") as state:
            for label, name in defaults.items():
                state.member(label).voice = self._store.voices.add(label, resolve_voice(name), "built-in")

    def _replace_voice(self, label: str, words: str, voice: Voice, kind: str | None, consent: bool) -> None:
        with self._store.changing("cast") as state:
            name = self._store.voices.add(label, voice, kind)
            self._member_can_be_undone(label, words)
            member = state.member(label)
            member.voice, member.consent = name, bool(consent)

    def _known_label(self, label: object) -> str:
        """Return a label as the cast has it, or in its usual form if it is not in the cast."""
        checked = checked_label(label)
        known = self._store.state.find_member(checked)
        return checked if known is None else known.label

    def _member_can_be_undone(self, label: str, words: str) -> None:
        before = asdict(self._store.state.member(label))
        self._history.record(words, ["member", label, before])

    def _voiced(self, label: str) -> CastMember:
        label = self._known_label(label)
        member = self.get(label)
        if member is None or member.voice is None:
            got = f"{label} has no voice assigned"
            raise VoiceError(got, "a speaker with a voice", f"assign one with set_voice({label!r}, ...)")
        return member

    def _member(self, record: MemberRecord) -> CastMember:
        found = self._store.voices.get(record.voice, record.label) if record.voice else None
        bare = CastMember(record.label, record.color, gain=record.gain, pace=record.pace)
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
