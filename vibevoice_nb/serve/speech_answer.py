"""Answers of the speech route: encoded audio, or server-sent events as OpenAI's API has them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import numpy as np

from ..audio.pcm import SAMPLE_RATE
from ..errors import VibeVoiceError
from .encoding import AudioFormat, Pace, stream_encoder
from .events import INTERNAL, Accepted, Ended, Event, Failed, Frame, Silence

EVENTS = "text/event-stream"
"""Media type of server-sent events."""


class StreamError(Exception):
    """The stream cannot be completed: the connection is cut, so that no client takes it for complete."""

    def __init__(self, event: Failed) -> None:
        super().__init__(event.kind)
        self.event = event


class SpeechAnswer:
    """Audio of an accepted request in a format.

    Parameters
    ----------
    events : async generator of Event
        Those after `Accepted`.
    accepted : Accepted
    format : AudioFormat
    speed : float

    Attributes
    ----------
    ended : Ended or None
        Last event, once the audio is complete.
    samples : int
        Samples of the audio so far, at its speed.
    """

    def __init__(
        self, events: AsyncGenerator[Event, None], accepted: Accepted, format: AudioFormat, speed: float
    ) -> None:
        self._events, self._accepted = events, accepted
        self._encoder, self._pace = stream_encoder(format), Pace(speed)
        self.ended: Ended | None = None
        self.samples = 0

    async def audio(self) -> AsyncGenerator[bytes, None]:
        """Encode the audio as it is generated.

        Raises
        ------
        StreamError
            If the request fails.
        """
        async with aclosing(self._events) as events:
            async for event in events:
                if isinstance(event, Frame | Silence):
                    audio = event.audio if isinstance(event, Frame) else np.zeros(event.samples, np.float32)
                    if self._pace.pace != 1.0:
                        audio = await asyncio.to_thread(self._pace.write, audio)
                    if len(audio) and (data := self._encoded(audio)):
                        yield data
                elif isinstance(event, Failed):
                    raise StreamError(event)
                elif isinstance(event, Ended):
                    self.ended = event
        if self.ended is None:
            raise StreamError(INTERNAL)
        rest = await asyncio.to_thread(self._pace.close)
        if last := (self._encoded(rest) if len(rest) else b"") + self._encoder.close():
            yield last

    async def server_sent(self) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events: the audio in parts, and last how it ended, or an error."""
        try:
            async with aclosing(self.audio()) as parts:
                async for part in parts:
                    data = base64.b64encode(part).decode("ascii")
                    yield _event({"type": "speech.audio.delta", "audio": data})
        except StreamError as error:
            failed = error.event
            message = str(VibeVoiceError(failed.got, failed.expected, failed.remedy))
            yield _event({"type": "error", "error": error_fields(500, failed.kind, message)})
        else:
            yield _event({"type": "speech.audio.done", **self._summary()})

    def _encoded(self, audio: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
        self.samples += len(audio)
        return self._encoder.write(audio)

    def _summary(self) -> dict[str, Any]:
        """Return the tokens of the model, and what only this server says."""
        end = self.ended
        assert end is not None
        read, made = end.prompt_tokens, end.tokens
        return {
            "usage": {"input_tokens": read, "output_tokens": made, "total_tokens": read + made},
            "vibevoice": {
                "ended": end.ended,
                "cut": end.ended != "finished",
                "seconds": round(self.samples / SAMPLE_RATE, 3),
                "seed": self._accepted.seed,
            },
        }


def error_fields(status: int, kind: str, message: str) -> dict[str, Any]:
    """Return an error as OpenAI's API has it.

    >>> error_fields(429, "busy", "full")["type"]
    'invalid_request_error'
    """
    group = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": group, "code": kind, "param": None}


def _event(fields: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()
