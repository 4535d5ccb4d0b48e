"""Payloads of the traits: the values that a widget sends to its page, one class for each object.

`payloads.json` is the table of the same objects, fields and types. Tests compare this module and the
interfaces of the page (`labextension/src/core/host/traits.ts`) with it. A type of the table is one of
`protocol.json`, or the name of a payload or of a list of choices. `T?` is a value or null, `T[]` a list, and
`T{}` an object with values of one type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, Literal, TypedDict, TypeVar

import traitlets

from vibevoice_nb.engine.model_limits import OddLength
from vibevoice_nb.project.jobs.generation import Mode as Mode
from vibevoice_nb.project.storage.music import Role as MusicRole
from vibevoice_nb.project.storage.schema import ListenBack as ListenBack
from vibevoice_nb.review.differences import Kind as DifferenceKind
from vibevoice_nb.script.turns import Severity

from .protocol import fits

TABLE: Final[Mapping[str, Any]] = json.loads(
    files("vibevoice_nb.widgets").joinpath("payloads.json").read_text(encoding="utf-8")
)

VoiceKind = Literal["built-in", "library", "upload", "recording", "file"]
TurnStatus = Literal["unspoken", "queued", "speaking", "spoken", "changed", "unspeakable"]
JobStatus = Literal["idle", "queued", "loading", "speaking", "finished", "cancelled", "failed"]
ModelStatus = Literal["unloaded", "loading", "ready", "failed"]
AuditionStatus = Literal["waiting", "speaking", "finished", "cancelled", "failed"]
CellStatus = Literal["waiting", "speaking", "finished", "cancelled"]
SaveAction = Literal["recreate", "retry", "save_copy"]
ReviewStatus = Literal["missing", "download", "available", "loading", "listening", "ready", "failed"]

_Payload = TypeVar("_Payload")


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
    prompt: str
    """Sizes of the models that a voice prompt fits; empty for a recording."""
    """Built-in voice used instead, if the model cannot follow a recording; else empty."""


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


class ScriptDiagnostic(TypedDict):
    """Problem in the script; lines and columns count from 1, columns in code points."""

    severity: Severity
    message: str
    line: int
    column: int
    end_column: int
    expected: str
    suggestion: str
    fix: str | None
    alternatives: list[str]


class TurnState(TypedDict):
    """Turn of the script and the state of its takes."""

    id: str
    speaker: str
    speaker_index: int
    line: int
    end_line: int
    text_column: int
    """Column of its first word in `line`; columns count as in `ScriptDiagnostic`."""
    end_column: int
    """Column after its last word in `end_line`."""
    state: TurnStatus
    reason: str
    """Reason why it is unspeakable; else empty."""
    partial: bool
    """True if the chosen take was stopped before its end."""
    context_changed: bool
    estimated: float
    seconds: float | None
    gap_ms: int | None
    pause_ms: int
    gain: float
    """In dB, without that of the speaker."""
    gain_limit: float | None
    """Gain of turn and speaker that is applied, if their sum would exceed full scale; else None."""
    pace: float
    takes: list[str]
    chosen: str | None


class TakeState(TypedDict):
    """Take of a turn."""

    id: str
    turn: str
    speaker: str
    text: str
    earlier: bool
    """Its words are not those of its turn now."""
    voice: str
    """Name of the voice that it was generated with."""
    created: str
    seed: int | None
    num_steps: int | None
    cfg_scale: float | None
    solver: str | None
    model: str
    seconds: float
    rtf: float | None
    samples: int
    trim_start: int
    """First sample that is played."""
    trim_stop: int
    """One past the last sample that is played."""
    starred: bool
    follows: str | None
    context_changed: bool
    ended: str
    odd_length: OddLength


class TakeTurn(TypedDict):
    """Turn of audio: samples `[start, stop)`."""

    turn: str
    label: str
    text: str
    color: str
    start: int
    stop: int
    confidence: float
    """Confidence in the boundaries, 0 to 1."""
    words: list[int]
    """Words, four numbers each: range of the text in UTF-16 units, and samples [start, stop); empty if their
    times are unknown."""


class TakeSummary(TypedDict):
    """Audio source with its turns: the `take` trait, and the reply to `describe`."""

    source: str
    name: str
    samples: int
    sample_rate: int
    revision: int
    """Changes with the audio."""
    turns: list[TakeTurn]


class MusicState(TypedDict):
    """Intro, outro or bed of the episode; its audio is the source "music:ROLE"."""

    role: MusicRole
    name: str
    seconds: float
    gain: float
    fade_in: float
    fade_out: float
    alone: float
    overlap: float
    ducking: float
    loop: bool
    license: str
    problem: str
    """Reason why it is left out; else empty."""


class LexiconEntry(TypedDict):
    """Word or phrase with its reading: a respelling, or phones between slashes."""

    word: str
    reading: str


class ReadWord(TypedDict):
    """Word of the script that is read in another way; lines and columns as in `ScriptDiagnostic`."""

    line: int
    column: int
    end_column: int
    word: str
    reading: str


class ScriptPlace(TypedDict):
    """Range of the script; lines and columns as in `ScriptDiagnostic`."""

    line: int
    column: int
    end_line: int
    end_column: int


class ReviewDifference(TypedDict):
    """Difference between the words of a take and those that were heard."""

    kind: DifferenceKind
    said: str
    """Words of the script; empty for extra words, silence and sound."""
    heard: str
    certain: bool
    start: float
    """Place in the take, in seconds."""
    end: float
    offset: int | None
    """Samples after the start of its turn in the episode; None if it is not played there."""
    place: ScriptPlace | None
    """Place in the script; None if the script has other words now, or the place is not known exactly."""


class TakeReview(TypedDict):
    """Review of a take."""

    wer: float
    """Word error rate in percent."""
    score: float
    flagged: bool
    """True if it has a difference that is certain."""
    similarity: float | None
    """Likeness of the voice to its recording, from -1 to 1; None if it was not measured."""
    nearest: str
    """Speaker whose voice is the most similar; empty if it was not measured."""
    words_per_minute: float | None
    relative_pace: float | None
    """Syllables per second, divided by the median of its speaker; None if that is not known."""
    loudness: float | None
    """In LUFS; None for silence, and for less than 0.4 s."""
    recognizer: str
    note: str
    differences: list[ReviewDifference]


class KnownRecognizer(TypedDict):
    """Suggested recognizer."""

    id: str
    note: str


class ReviewState(TypedDict):
    """State of the recognizer and of the reviews in the background."""

    state: ReviewStatus
    recognizer: str
    done: int
    total: int
    """Takes reviewed, and of all, while it is listening."""
    memory: int
    """Bytes; 0 if it is not loaded, or if that is not known."""
    download: int
    """Size of the download in bytes; 0 if it is not known."""
    license: str
    """Empty if it is not known."""
    message: str
    """Command that installs a missing package, or reason of a failure."""


class ServerState(TypedDict):
    """Server that has the model, and the place of the latest request in its queue."""

    host: str
    """Host and port."""
    model: str
    """Name of its model; empty if it is not connected."""
    position: int
    """From 1; 0 if no request waits."""
    waiting: int
    """Requests that wait, of all users."""


class ModelState(TypedDict):
    """State of the model."""

    state: ModelStatus
    name: str
    device: str
    dtype: str
    memory: int
    """Bytes; 0 if it is not loaded."""
    message: str
    fraction: float | None
    """Fraction loaded so far; None if it is not loading."""
    server: ServerState | None
    """None for a model in the kernel."""


class ModelLimits(TypedDict):
    """Limits of the model: languages, voices, lengths."""

    languages: list[str]
    follows_voices: bool
    voice_prompts: str
    """Sizes of the voice prompts that it speaks with; empty for a model that takes recordings."""
    max_seconds: float | None
    passage_seconds: float | None
    sentences: list[str]


class KnownModel(TypedDict):
    """Suggested model."""

    id: str
    note: str


class JobState(TypedDict):
    """State of the current generation, or of the last one."""

    id: str
    state: JobStatus
    turns: list[str]
    message: str


class ProjectState(TypedDict):
    """State of the project on disk."""

    name: str
    path: str
    read_only: bool
    holder: str
    """Holder of the write lock, if the project is read-only because of it; else empty."""
    problem: str
    """Reason why the project cannot be saved; else empty."""
    unsaved: bool
    """True if the script shown differs from the one on disk."""
    actions: list[SaveAction]
    """Actions offered to the user."""


class CoverPicture(TypedDict):
    """Cover picture of a project; the method `cover` returns it small."""

    width: int
    height: int
    size: int
    """Size of the file in bytes."""
    version: str
    """Changes with the picture."""


class ListedTake(TypedDict):
    """Take in the sidebar's list of projects."""

    id: str
    text: str
    seconds: float
    starred: bool
    model: str


class ListedProject(TypedDict):
    """Project in the sidebar."""

    name: str
    title: str
    path: str
    """Path of its folder on the server."""
    opening: str
    """Beginning of its script."""
    turns: int
    spoken: int
    """Number of turns with audio."""
    seconds: float
    """Length of the audio of these turns."""
    modified: float
    """Seconds since 1970."""
    bars: list[int]
    """Outline of the waveform in percent; empty if it is not known."""
    takes: list[ListedTake]


class ListedVoice(TypedDict):
    """Voice in the sidebar."""

    name: str
    kind: VoiceKind
    description: str
    seconds: float
    bars: list[int]


class Home(TypedDict):
    """Content of the sidebar, from the Jupyter server."""

    projects: list[ListedProject]
    voices: list[ListedVoice]
    incomplete: bool
    """True if there are more projects than are listed, or not all folders were searched."""


class CellReview(TypedDict):
    """Review of a cell of a sweep, of its whole script."""

    wer: float
    """Word error rate in percent."""
    score: float
    similarity: float | None
    words_per_minute: float | None
    recognizer: str
    differences: list[ReviewDifference]
    """The first ones that are certain, without places in the script and the episode."""
    count: int
    """Number of all that are certain."""


class SweepCell(TypedDict):
    """Cell of a sweep."""

    source: str
    num_steps: int | None
    cfg_scale: float | None
    seed: int | None
    solver: str | None
    temperature: float | None
    seconds: float
    elapsed: float
    rtf: float
    loudness: float | None
    state: CellStatus
    review: CellReview | None


def payload(kind: type[_Payload], default: _Payload | None = None) -> traitlets.TraitType[_Payload, _Payload]:
    """Return a synchronized trait whose value is a payload."""
    value: Any = default
    trait: Any = traitlets.Dict() if default is None else traitlets.Dict(value)
    return trait.tag(sync=True, payload=kind.__name__)


def payload_list(
    kind: type[_Payload], default: Sequence[_Payload] = ()
) -> traitlets.TraitType[list[_Payload], list[_Payload]]:
    """Return a synchronized trait whose value is a list of payloads."""
    trait: Any = traitlets.List(traitlets.Dict(), list(default))
    return trait.tag(sync=True, payload=f"{kind.__name__}[]")


def payload_dict(
    kind: type[_Payload],
) -> traitlets.TraitType[dict[str, _Payload], dict[str, _Payload]]:
    """Return a synchronized trait whose value is a dict of payloads by id."""
    trait: Any = traitlets.Dict()
    return trait.tag(sync=True, payload=f"{kind.__name__}{{}}")


def fault_in_trait(name: str, value: object) -> str:
    """Describe the first difference between the value of a trait and the table; empty if there is none.

    Examples
    --------
    >>> fault_in_trait("job", {"id": "", "state": "idle", "turns": [7], "message": ""})
    'job.turns[0] is 7, not of type string'
    """
    if name not in TABLE["traits"]:
        return f"no trait is called {name}"
    return _fault(value, TABLE["traits"][name], name)


def fault_in_payload(name: str, value: object) -> str:
    """Describe the first difference between a payload and the table; empty if there is none.

    Examples
    --------
    >>> fault_in_payload("KnownModel", {"id": "nano"})
    'KnownModel lacks note'
    """
    return _fault(value, name, name)


def _fault(value: Any, kind: str, where: str) -> str:
    if kind.endswith("?"):
        return "" if value is None else _fault(value, kind[:-1], where)
    wrong = f"{where} is {json.dumps(value, default=repr)[:60]}, not of type {kind}"
    if kind.endswith("[]"):
        if not isinstance(value, list):
            return wrong
        return _first(_fault(item, kind[:-2], f"{where}[{index}]") for index, item in enumerate(value))
    if kind.endswith("{}"):
        if not isinstance(value, dict):
            return wrong
        return _first(_fault(item, kind[:-2], f"{where}[{key!r}]") for key, item in value.items())
    if kind in TABLE["choices"]:
        return "" if value in TABLE["choices"][kind] else wrong
    if kind not in TABLE["payloads"]:
        return "" if fits(value, kind) else wrong
    if not isinstance(value, dict):
        return wrong
    fields: Mapping[str, str] = TABLE["payloads"][kind]
    if missing := [name for name in fields if name not in value]:
        return f"{where} lacks {', '.join(missing)}"
    if unknown := [name for name in value if name not in fields]:
        return f"{where} has no field {', '.join(unknown)}"
    return _first(_fault(value[name], field, f"{where}.{name}") for name, field in fields.items())


def _first(faults: Iterable[str]) -> str:
    return next(filter(None, faults), "")
