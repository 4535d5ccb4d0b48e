"""Cast: speakers and their voices, and a line heard in every voice."""

from __future__ import annotations

from typing import Literal, TypedDict

from vibevoice_nb.script.turns import Severity

from .generation import JobStatus

VoiceKind = Literal["built-in", "library", "upload", "recording", "file"]
AuditionStatus = Literal["waiting", "speaking", "finished", "cancelled", "failed"]


class Check(TypedDict):
    """Finding about a recording."""

    severity: Severity
    message: str
    remedy: str


class SpeakerVoice(TypedDict):
    """Voice of a speaker."""

    name: str
    kind: VoiceKind
    seconds: float
    checks: list[Check]
    consent: bool
    needs_consent: bool
    stand_in: str
    """Built-in voice used instead, if the model cannot follow a recording; else empty."""
    prompt: str
    """Sizes of the models that a voice prompt fits; empty for a recording."""


class Speaker(TypedDict):
    """Speaker of the script."""

    label: str
    color: str
    voice: SpeakerVoice | None
    default_voice: str
    """Built-in voice that is used while none is chosen; empty if there is none."""
    gain: float
    """Gain of all turns of the speaker, in dB."""
    pace: float


class KnownVoice(TypedDict):
    """Voice that can be assigned: built-in, or from the library."""

    name: str
    kind: VoiceKind
    words: str
    """Two words about a built-in voice; else empty."""
    description: str
    seconds: float
    prompt: str
    """Sizes of the models that a voice prompt fits; empty for a recording."""


class AuditionVoice(TypedDict):
    """A speaker's line in one voice."""

    name: str
    kind: VoiceKind
    state: AuditionStatus
    source: str
    """Audio source; empty until the line is finished."""
    seconds: float
    message: str
    """Reason of a failure; else empty."""


class AuditionState(TypedDict):
    """A speaker's first line in every voice."""

    speaker: str
    text: str
    state: JobStatus
    message: str
    voices: list[AuditionVoice]
