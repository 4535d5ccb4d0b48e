"""Reception of runs from a server: a thread for each, which reconnects and continues where it was cut off."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ServerError
from ..frames import FrameBuffer
from ..interface import Audio, Cancelled
from .connection import Connection, ConnectionLostError, RetryError, opened, unreachable
from .request import Received
from .run import RemoteRun, check_event
from .wire import Message

if TYPE_CHECKING:
    from .model import RemoteModel

MAX_TOGETHER = 8
"""Most requests of one call at a time; the server generates them in one batch."""
RETRY_SECONDS = 60.0
"""Longest time without a connection before a run that had begun fails."""
_PAUSES = (0.1, 0.3, 1.0, 2.0, 4.0)
"""Seconds between attempts to connect; the last one repeats."""
_AHEAD = 1024
"""Most messages received before they are taken."""
_POLL = 0.05
"""Seconds between calls of `cancelled`."""


class Receiver:
    """Thread that receives the messages of a run, and puts (run, message or error) into a queue."""

    def __init__(
        self, model: RemoteModel, run: RemoteRun, inbox: queue.Queue[tuple[RemoteRun, object]]
    ) -> None:
        self._model, self._run, self._inbox = model, run, inbox
        self._frames = FrameBuffer(*model.frame_sizes, frames=run.frames)
        self._tokens, self._samples = list(run.tokens), run.samples
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._begun = False
        self._alive_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="vibevoice-receive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cancel the request; the server stops within a frame."""
        self._stop.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            # Closing waits for the answer of the server: not while someone waits for the cancellation.
            threading.Thread(target=connection.close, name="vibevoice-close", daemon=True).start()

    def _work(self) -> None:
        try:
            attempt = 0
            while not self._stop.is_set():
                try:
                    if self._attempt():
                        return
                    attempt = 0
                except (ConnectionLostError, RetryError) as error:
                    attempt = 0 if self._fresh() else attempt
                    self._check_patience(error)
                    self._stop.wait(_PAUSES[min(attempt, len(_PAUSES) - 1)])
                    attempt += 1
        except BaseException as error:  # raised in the thread that takes the messages
            self._put(error)

    def _fresh(self) -> bool:
        return time.monotonic() - self._alive_at < _PAUSES[0]

    def _check_patience(self, error: ConnectionLostError | RetryError) -> None:
        """Raise the error of an attempt that is not repeated."""
        failed = error if isinstance(error, ServerError) else unreachable(self._model.address, error)
        if not self._begun:
            raise failed
        if time.monotonic() - self._alive_at > RETRY_SECONDS:
            raise failed.final()

    def _attempt(self) -> bool:
        """Receive over one connection; return True at the end."""
        with opened(self._model.address) as connection:
            self._model.check(connection.facts)
            with self._lock:
                self._connection = connection
            if self._stop.is_set():
                return True
            done = self._received()
            request = self._run.request
            connection.send(request.message(self._run.options, done))
            while not self._stop.is_set():
                message = connection.receive()
                self._begun, self._alive_at = True, time.monotonic()
                if message.type == "need":
                    for digest in message.fields.get("blobs", []):
                        for part in request.parts(str(digest)):
                            connection.send(part)
                elif message.type != "alive":
                    self._account(message)
                    self._put(message)
                if message.type == "ended":
                    return True
        return True

    def _received(self) -> Received | None:
        if not self._samples:
            return None
        return Received(self._frames.frames, tuple(self._tokens), self._samples)

    def _account(self, message: Message) -> None:
        check_event(message, len(self._frames), self._model.frame_sizes, self._model.hop_length)
        if message.type == "frame":
            self._frames.append(message.arrays["latent"], message.arrays["semantic"])
            self._tokens += message.fields["tokens"]
            self._samples += self._model.hop_length
        elif message.type == "silence":
            self._samples += message.fields["samples"]

    def _put(self, item: object) -> None:
        while not self._stop.is_set():
            try:
                return self._inbox.put((self._run, item), timeout=1.0)
            except queue.Full:
                continue


def advance(
    model: RemoteModel, runs: Sequence[RemoteRun], cancelled: Cancelled
) -> Iterator[tuple[RemoteRun, Audio]]:
    """Receive runs together: yield (run, audio), a frame or a pause at a time.

    When `cancelled` returns True, or the iterator is closed, the server stops within a frame.
    """
    inbox: queue.Queue[tuple[RemoteRun, object]] = queue.Queue(_AHEAD)
    waiting = deque(run for run in runs if not run.done)
    receivers: dict[int, Receiver] = {}
    together = MAX_TOGETHER
    try:
        while waiting or receivers:
            if cancelled():
                return
            while waiting and len(receivers) < together:
                run = waiting.popleft()
                receivers[id(run)] = Receiver(model, run, inbox)
            try:
                run, item = inbox.get(timeout=_POLL)
            except queue.Empty:
                continue
            if isinstance(item, RetryError) and len(receivers) > 1:
                # The server is full, also of these: this one waits for another to end.
                del receivers[id(run)]
                waiting.appendleft(run)
                together = len(receivers)
            elif isinstance(item, RetryError):
                raise item.final()
            elif isinstance(item, BaseException):
                raise item
            elif isinstance(item, Message):
                if item.type == "queued":
                    model.queued(item)
                elif item.type == "accepted":
                    model.queued(None)
                audio = run.take(item)
                if item.type == "ended":
                    del receivers[id(run)]
                if audio is not None:
                    yield run, audio
    finally:
        for receiver in receivers.values():
            receiver.stop()
        model.queued(None)


def ask_end(model: RemoteModel, run: RemoteRun) -> Mapping[str, Any]:
    """Return the facts with which a server ends a run that is as long as what was received.

    Raises
    ------
    VibeVoiceError
        If the server cannot be reached.
    """
    whole = run.resumed(run.seconds, model)
    for _ in advance(model, [whole], lambda: whole.samples > run.samples):
        pass
    return whole.end
