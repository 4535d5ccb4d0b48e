"""`ReadAlongPanel`: what is typed in the editor is spoken as its sentences are completed."""

from __future__ import annotations

import difflib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_int16
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.script.clauses import ClauseReader

from .base import Part
from .channel import Channel

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.live_text.text_stream import TextStream

STABLE = 0.5
"""Seconds without a change after which a sentence is spoken."""
_AHEAD = 0.3
"""Seconds before the end of the audio at which the next sentence is taken: until then it can be edited."""
_POLL = 0.1
_SENT_AHEAD = 0.6
"""Seconds of audio that the page has before it is heard: what is sent cannot be taken back."""
_log = logging.getLogger(__name__)


class ReadAlongTraits(traitlets.HasTraits):
    """Traits of a widget that reads along.

    Attributes
    ----------
    read_along : bool
    """

    read_along = traitlets.Bool(False).tag(sync=True, page=True)


@dataclass
class _Sentence:
    speaker: str
    text: str
    waits: bool

    @property
    def key(self) -> tuple[str, str]:
        return self.speaker, self.text


class Sentences:
    r"""Complete sentences of a script that is edited, and which of them wait to be spoken.

    Parameters
    ----------
    script : str
        Its sentences count as spoken.

    Examples
    --------
    >>> sentences = Sentences("Anna: Hello.\n")
    >>> sentences.update("Anna: Hello.\nBen: It rains. It sno")
    >>> sentences.update("Anna: Hello.\nBen: It pours. It snows.\n")
    >>> sentences.take(), sentences.take(), sentences.take()
    (('Ben', 'It pours.'), ('Ben', 'It snows.'), None)
    """

    def __init__(self, script: str) -> None:
        self._known = _complete(script)

    def update(self, script: str) -> None:
        """Compare a script with the last one: what is new or edited waits, what was removed does not."""
        old, new = self._known, _complete(script, waits=True)
        # Typing changes little: only what lies between equal beginnings and ends is compared.
        first, most = 0, min(len(old), len(new))
        while first < most and old[first].key == new[first].key:
            first += 1
        last = 0
        while last < most - first and old[-1 - last].key == new[-1 - last].key:
            last += 1
        middle, edited = old[first : len(old) - last], new[first : len(new) - last]
        matcher = difflib.SequenceMatcher(
            None, [one.key for one in middle], [one.key for one in edited], autojunk=False
        )
        for kind, start, stop, at, _ in matcher.get_opcodes():
            if kind == "equal":
                edited[at : at + stop - start] = middle[start:stop]
        self._known = old[:first] + edited + old[len(old) - last :]

    def take(self) -> tuple[str, str] | None:
        """Return speaker and text of the next sentence that waits; it is spoken then."""
        for one in self._known:
            if one.waits:
                one.waits = False
                return one.key
        return None


def _complete(script: str, *, waits: bool = False) -> list[_Sentence]:
    reader = ClauseReader(unit="sentence")
    found = reader.feed(script)
    if reader.complete:
        found += reader.close()
    return [_Sentence(one.speaker, one.text, waits) for one in found]


class ReadAlongPanel(Part):
    """Reads along in the voices of the cast; its audio is played in the page and not kept.

    Parameters
    ----------
    widget : ReadAlongTraits
        With the traits `script` and `model`.
    channel : Channel
    project : callable
        Returns the project.
    engine : callable
        Returns the engine of a model; called in the thread of the panel.
    busy : callable
        Returns True during a generation, which has precedence.
    options : callable
        Returns the options of a generation.
    notify : callable
        Shows a message to the user.
    """

    def __init__(
        self,
        widget: Any,
        channel: Channel,
        *,
        project: Callable[[], Project],
        engine: Callable[[str], Engine],
        busy: Callable[[], bool],
        options: Callable[[], Any],
        notify: Callable[[str, str], None],
    ) -> None:
        self._widget, self._channel, self._project, self._engine = widget, channel, project, engine
        self._busy, self._options, self._notify = busy, options, notify
        self._edited: tuple[str, float] | None = None
        self._stop = threading.Event()
        widget.observe(self._switched, "read_along")
        widget.observe(self._typed, "script")

    def close(self) -> None:
        """Stop reading along."""
        self._stop.set()

    def _switched(self, change: Any) -> None:
        self._stop.set()
        if change["new"]:
            self._edited, self._stop = None, threading.Event()
            given = (self._widget.script, self._stop)
            threading.Thread(target=self._read, args=given, name="read-along", daemon=True).start()

    def _typed(self, change: Any) -> None:
        if self._widget.read_along:  # the script is compared in the thread: a long one takes a while
            self._edited = (change["new"], time.monotonic())

    def _read(self, script: str, stop: threading.Event) -> None:
        """Speak sentences until the mode is switched off; runs in a thread of its own."""
        try:
            self._engine(self._widget.model)  # loaded before the first sentence is complete
            self._read_edits(Sentences(script), stop)
        except Exception as error:
            if not isinstance(error, VibeVoiceError):
                _log.exception("reading along failed")
            if self._stop is stop:
                self._notify("error", str(error) or type(error).__name__)
                self._widget.read_along = False

    def _read_edits(self, sentences: Sentences, stop: threading.Event) -> None:
        audio, seen = _Audio(self._channel), None
        try:
            while not stop.wait(_POLL):
                edited = self._edited
                if edited is None or self._busy() or audio.left > _AHEAD:
                    continue
                if time.monotonic() - edited[1] < STABLE:
                    continue
                if edited is not seen:
                    sentences.update(edited[0])
                    seen = edited
                sentence = sentences.take()
                if sentence is not None:
                    self._speak(*sentence, audio, stop)
                elif not audio.left:
                    audio.end()
        finally:
            audio.end()

    def _speak(self, speaker: str, text: str, audio: _Audio, stop: threading.Event) -> None:
        """Speak a sentence with the model, cast and lexicon of this moment."""
        project = self._project()
        voices: dict[str, Any] = dict(project.cast.default_voices())
        voices |= {
            label: member.voice
            for label, member in project.cast.items()
            if member.voice is not None and not member.needs_consent
        }
        texts: queue.Queue[str | None] = queue.Queue()
        texts.put(f"{speaker}: {text}\n" if speaker else f"{text}\n")
        texts.put(None)
        stream: TextStream = self._engine(self._widget.model).stream_text(
            texts,
            {speaker: voices[speaker]} if speaker in voices else None,
            pronunciation=project.pronunciation,
            **self._options(),
        )
        with stream:
            for spoken in stream:
                while audio.left > _SENT_AHEAD and not (self._busy() or stop.is_set()):
                    stop.wait(_POLL)
                if stop.is_set() or self._busy():
                    return
                if spoken.audio.size:
                    audio.send(spoken.audio)


class _Audio:
    """One live stream of the page, as long as the speech has no longer gap."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._name, self._samples, self._until = channel, "", 0, 0.0

    @property
    def left(self) -> float:
        """Seconds of audio that are not played yet, as far as the kernel knows."""
        return max(0.0, self._until - time.monotonic())

    def send(self, audio: Any) -> None:
        if not self._name:
            self._name, self._samples = f"read-along-{uuid.uuid4().hex[:8]}", 0
            self._channel.send("stream_begin", stream=self._name, sample_rate=SAMPLE_RATE)
        pcm = to_int16(audio).astype("<i2").tobytes()
        self._channel.send(
            "audio", [pcm], stream=self._name, start=self._samples, generated_at=time.time() * 1000
        )
        self._samples += len(audio)
        self._until = max(self._until, time.monotonic()) + len(audio) / SAMPLE_RATE

    def end(self) -> None:
        if self._name:
            self._channel.send("stream_end", stream=self._name, samples=self._samples, ended="finished")
            self._name = ""
