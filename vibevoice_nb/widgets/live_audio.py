"""Conversion of generation events to messages for the page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_int16
from vibevoice_nb.project.jobs.generation import Event, Generation

from .channel import Channel

PROGRESS_EVERY = 0.1
"""Seconds between progress messages; a small model generates a hundred frames per second."""


class LiveAudio:
    """Stream of messages with the audio of one generation, sent from its thread."""

    def __init__(
        self, channel: Channel, job: Generation, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._channel, self._job, self._clock = channel, job, clock
        self._open = False
        self._reported = -math.inf

    def on_event(self, event: Event) -> None:
        """Send the messages for an event."""
        if event.kind == "turn":
            self._begin()
            self._channel.send("stream_turn", stream=self._job.id, turn=event.turn, start=event.start)
        elif event.kind == "audio" and event.audio is not None:
            generated_at = time.time() * 1000
            pcm = to_int16(event.audio).astype("<i2").tobytes()
            self._channel.send(
                "audio", [pcm], stream=self._job.id, start=event.start, generated_at=generated_at
            )
        elif event.kind == "state" and self._job.done and self._open:
            samples = round(self._job.progress.seconds * SAMPLE_RATE)
            self._channel.send("stream_end", stream=self._job.id, samples=samples, ended=self._job.state)
        due = self._clock() - self._reported >= PROGRESS_EVERY
        if event.kind in ("turn", "take") or (event.kind == "audio" and due):
            self._progress()

    def _begin(self) -> None:
        if not self._open:
            self._open = True
            self._channel.send("stream_begin", stream=self._job.id, sample_rate=SAMPLE_RATE)

    def _progress(self) -> None:
        self._reported = self._clock()
        progress = self._job.progress
        self._channel.send(
            "progress",
            job=self._job.id,
            turn=progress.turn,
            turns_done=progress.turns_done,
            turns_total=progress.turns_total,
            turn_seconds=progress.turn_seconds,
            turn_estimated=progress.turn_estimated,
            seconds=progress.seconds,
            estimated=progress.estimated,
            elapsed=progress.elapsed,
            remaining=progress.remaining if progress.pace else None,
            rtf=progress.rtf,
            ttfa=progress.ttfa,
        )
