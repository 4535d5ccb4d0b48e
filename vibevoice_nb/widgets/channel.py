"""Numbered messages between a widget in the kernel and its page, with repetition of lost ones.

A page sends `hello` first, also after a reload. The kernel replies with `welcome`, which has its identity
and the next number, and with `probe`, which tests whether buffers arrive (some hosts drop them; they are then
sent as text). The page's `probe_result` reports the messages received; stored later ones are repeated.
After a gap in the numbers, the page sends `resend`. Repeats are condensed: outdated progress is dropped, and
audio of one stream is joined. A repeat therefore has `after`, the number that its receiver must have reached.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vibevoice_nb.texts import whole_texts
from vibevoice_nb.widgets.protocol import VERSION, fault_to_kernel, fault_to_page

Buffer = bytes | bytearray | memoryview
Send = Callable[[dict[str, Any], list[bytes]], None]
OnCall = Callable[[int, str, dict[str, Any], list[memoryview]], None]

_log = logging.getLogger(__name__)

# jupyter_server silently drops messages beyond about 1000 per second, of all widgets together.
MESSAGES_PER_SECOND = 150
BURST = 30
JOINED_BYTES = 512 * 1024
KEPT_BYTES = 32 * 1024 * 1024
KEPT_MESSAGES = 4096
_PROBE = bytes(range(256))


@dataclass
class _Message:
    """Message; `n` is 0 until it is sent, and `after` is set in a repeat."""

    kind: str
    fields: dict[str, Any]
    buffers: list[bytes]
    n: int = 0
    after: int | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.buffers)) + 200  # about the size of the rest

    def continued_by(self, other: _Message) -> bool:
        """Return true if both are audio of one stream and the other directly follows this one."""
        return (
            self.kind == other.kind == "audio"
            and self.fields["stream"] == other.fields["stream"]
            and self.fields["start"] + len(self.buffers[0]) // 2 == other.fields["start"]
            and self.size + other.size <= JOINED_BYTES
        )

    def joined(self, other: _Message) -> _Message:
        return _Message("audio", self.fields, [self.buffers[0] + other.buffers[0]], other.n, self.after)

    def outdated_by(self, other: _Message) -> bool:
        return self.kind == other.kind == "progress" and self.fields["job"] == other.fields["job"]


class Channel:
    """Kernel side of a widget's channel; every method may be called from any thread.

    Parameters
    ----------
    send : callable
        Sends a content and its buffers to the page.
    on_call : callable
        Called with each call: id, method, params, buffers. The answer is sent as "reply" or "failed".
    kept_bytes, kept_messages : int
        Size and number of messages stored for repetition; the newest one is always stored.

    Examples
    --------
    >>> sent = []
    >>> channel = Channel(lambda content, buffers: sent.append((content, buffers)), print)
    >>> channel.send("notice", severity="info", text="Hello.")
    >>> sent[0][0]
    {'v': 1, 'n': 1, 'kind': 'notice', 'severity': 'info', 'text': 'Hello.'}
    """

    def __init__(
        self,
        send: Send,
        on_call: OnCall,
        *,
        kept_bytes: int = KEPT_BYTES,
        kept_messages: int = KEPT_MESSAGES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.instance = secrets.token_hex(8)
        self._send, self._on_call, self._clock = send, on_call, clock
        self._kept_bytes, self._kept_messages = kept_bytes, kept_messages
        self._lock = threading.RLock()
        self._queue: deque[_Message] = deque()
        self._kept: dict[int, _Message] = {}
        self._bytes = 0
        self._progress: dict[str, int] = {}  # number of the latest progress, by job
        self._next = 1
        self._as_text = False
        self._allowance, self._counted = float(BURST), clock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def send(self, kind: str, buffers: Sequence[Buffer] = (), /, **fields: Any) -> None:
        """Send a message of `protocol.json`, delayed if there are too many.

        Raises
        ------
        ValueError
            If the message is invalid, which is a bug.
        """
        fields = whole_texts(fields)
        message = _Message(kind, fields, [bytes(buffer) for buffer in buffers])
        fault = fault_to_page({"v": VERSION, "n": 1, "kind": kind, **fields})
        if fault or (kind == "audio" and len(message.buffers) != 1):
            raise ValueError(fault or "audio needs one buffer")
        with self._lock:
            self._enqueue(message)
            self._flush()

    def receive(self, content: object, buffers: Iterable[Buffer] = ()) -> None:
        """Process a message from the page; calls are passed to `on_call`."""
        fault = fault_to_kernel(content)
        if fault or not isinstance(content, dict):
            self._refuse(content, fault)
            return
        if content["kind"] == "hello":
            with self._lock:
                self._control("welcome", next=self._next, instance=self.instance)
                self._control("probe", [_PROBE], sum=sum(_PROBE))
        elif content["kind"] == "probe_result":
            with self._lock:
                self._as_text = not content["ok"]
                self._repeat(content["received"])
        elif content["kind"] == "resend":
            self._repeat(content["from"] - 1)
        else:
            try:
                carried = [memoryview(base64.b64decode(text, validate=True)) for text in content["base64"]]
            except KeyError:
                carried = [memoryview(buffer) for buffer in buffers]
            except ValueError:
                self._refuse(content, "base64 cannot be decoded")
                return
            self._on_call(content["id"], content["method"], content["params"], carried)

    def close(self) -> None:
        """Stop sending."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._kept.clear()
            if self._timer:
                self._timer.cancel()

    def _refuse(self, content: object, fault: str) -> None:
        _log.warning("ignored a message from the page: %s", fault)
        call = content if isinstance(content, Mapping) else {}
        if call.get("kind") == "call" and type(call.get("id")) is int:
            expected = "a call defined in protocol.json"
            self.send("failed", id=call["id"], got=fault, expected=expected, remedy="reload the page")

    def _control(self, kind: str, buffers: Sequence[bytes] = (), **fields: Any) -> None:
        """Send an unnumbered message, which starts a connection and is not stored."""
        if not self._closed:
            self._send({"v": VERSION, "n": 0, "kind": kind, **fields}, list(buffers))

    def _enqueue(self, message: _Message) -> None:
        if message.kind == "progress":
            for item in [item for item in self._queue if not item.n and item.outdated_by(message)]:
                self._queue.remove(item)
        last = next((item for item in reversed(self._queue) if item.kind != "progress"), None)
        if last and not last.n and last.continued_by(message):
            self._queue[self._queue.index(last)] = last.joined(message)
        else:
            self._queue.append(message)

    def _repeat(self, received: int) -> None:
        with self._lock:
            repeats: list[_Message] = []
            for message in self._kept.values():
                if message.n <= received:
                    continue
                if repeats and repeats[-1].continued_by(message):
                    repeats[-1] = repeats[-1].joined(message)
                else:
                    after = repeats[-1].n if repeats else received
                    repeats.append(_Message(message.kind, message.fields, message.buffers, message.n, after))
            place = sum(1 for item in self._queue if item.n)  # before messages without a number
            for message in reversed(repeats):
                self._queue.insert(place, message)
            self._flush()

    def _flush(self) -> None:
        """Send the messages that the rate limit allows; a timer sends the rest."""
        now = self._clock()
        self._allowance = min(BURST, self._allowance + (now - self._counted) * MESSAGES_PER_SECOND)
        self._counted = now
        while self._queue and self._allowance >= 1 and not self._closed:
            self._allowance -= 1
            self._dispatch(self._queue.popleft())
        if self._queue and self._timer is None and not self._closed:
            self._timer = threading.Timer((1 - self._allowance) / MESSAGES_PER_SECOND, self._flush_late)
            self._timer.daemon = True
            self._timer.start()

    def _flush_late(self) -> None:
        with self._lock:
            self._timer = None
            self._flush()

    def _dispatch(self, message: _Message) -> None:
        if not message.n:
            message.n = self._next
            self._next += 1
            self._keep(message)
        content = {"v": VERSION, "n": message.n, "kind": message.kind, **message.fields}
        if message.after is not None:
            content["after"] = message.after
        if self._as_text and message.buffers:
            content["base64"] = [base64.b64encode(buffer).decode() for buffer in message.buffers]
        self._send(content, [] if self._as_text else message.buffers)

    def _keep(self, message: _Message) -> None:
        if message.kind == "progress":
            outdated = self._progress.get(message.fields["job"], 0)
            if outdated in self._kept:
                self._forget(outdated)
            self._progress[message.fields["job"]] = message.n
        self._kept[message.n] = message
        self._bytes += message.size
        while len(self._kept) > 1 and (
            self._bytes > self._kept_bytes or len(self._kept) > self._kept_messages
        ):
            # Answers are dropped first: a reloaded page does not wait for them, and it can repeat the call.
            replies = (n for n, item in self._kept.items() if item.kind == "reply" and n != message.n)
            self._forget(next(replies, next(iter(self._kept))))

    def _forget(self, n: int) -> None:
        self._bytes -= self._kept.pop(n).size
