"""Messages of the native stream, as they are sent over a WebSocket by client and server.

A message is a JSON object with a `type`. Without arrays it is a text message. With arrays it is a binary
message: the length of the JSON in 4 bytes (little-endian), the JSON, then each array of its `arrays`, a
mapping from name to shape, as little-endian float32 in that order. Nothing is pickled, and every size is
checked before memory is taken.

==========  ======  ====================================================================================
type        from    content
==========  ======  ====================================================================================
welcome     server  `protocol`; `server` (version of vibevoice-nb); `facts` of the model
request     client  `turns`, `cast`, `context`, `options`, `mode`, `pauses`, `done`; large arrays are blobs
need        server  `blobs`: SHA-256 of those that it does not have
blob        client  `sha256`, `shape`, `offset`; array `part`: the values from `offset` on
queued      server  `position` in the queue, from 1, and how many requests are `waiting`
accepted    server  model, options with the seed, limits, use of the context; array `lead`
frame       server  `index`, `tokens`, `elapsed`; arrays `audio`, `latent`, `semantic`
silence     server  `samples` of a pause
ended       server  reason, samples, spans of the turns; the last message
failed      server  `kind`, `got`, `expected`, `remedy`; the last message
alive       server  sent when nothing else was for 10 seconds
cancel      client  stop within a frame; closing the connection does the same
==========  ======  ====================================================================================
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ServerError
from ...ranges import shown

PROTOCOL = 1
"""Version of the messages."""
PATH = "/v1/native"
"""Path of the WebSocket."""
MAX_HEADER = 4 << 20
"""Most bytes of a message's JSON: a script of 90 minutes is 0.1 MB."""
PART = 1 << 18
"""Most values of an array that are sent in one message."""
MAX_MESSAGE = MAX_HEADER + 4 * PART + 4
"""Most bytes of a message."""
MAX_BLOB = 1 << 24
"""Most values of a blob: 11 minutes of a recording, or 90 minutes of frames."""
ALIVE_SECONDS = 10.0
"""Longest silence of the server."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes
    ----------
    type : str
    fields : mapping
        JSON values.
    arrays : mapping from name to float32 array

    Examples
    --------
    >>> unpack(pack(Message("silence", {"samples": 4800})))
    Message(type='silence', fields={'samples': 4800}, arrays={})
    >>> unpack(pack(Message("frame", {"index": 0}, {"audio": np.ones(2, np.float32)}))).arrays["audio"]
    array([1., 1.], dtype=float32)
    """

    type: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Floats] = field(default_factory=dict)


def pack(message: Message) -> str | bytes:
    """Return a message as text, or as bytes if it has arrays."""
    header: dict[str, Any] = {"type": message.type, **message.fields}
    if not message.arrays:
        return json.dumps(header, ensure_ascii=False, allow_nan=False)
    header["arrays"] = {name: list(array.shape) for name, array in message.arrays.items()}
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    values = [np.ascontiguousarray(array, "<f4").tobytes() for array in message.arrays.values()]
    return b"".join([struct.pack("<I", len(text)), text, *values])


def unpack(data: str | bytes) -> Message:
    """Read a message.

    Raises
    ------
    ServerError
        If it is malformed or too large.

    Examples
    --------
    >>> unpack("[]")
    Traceback (most recent call last):
    vibevoice_nb.errors.ServerError: a message that is not a JSON object with a type. Expected ...
    """
    if isinstance(data, str):
        if len(data) > MAX_HEADER:
            raise malformed(f"a message of {len(data)} characters")
        return Message(*_header(data))
    if not 4 <= len(data) <= MAX_MESSAGE:
        raise malformed(f"a binary message of {len(data)} bytes")
    (size,) = struct.unpack_from("<I", data)
    if size > min(len(data) - 4, MAX_HEADER):
        raise malformed("a binary message that is shorter than its header says")
    try:
        text = data[4 : 4 + size].decode()
    except UnicodeDecodeError:
        raise malformed("a header that is not UTF-8") from None
    kind, fields = _header(text)
    return Message(kind, fields, _arrays(fields.pop("arrays", None), memoryview(data)[4 + size :]))


def _header(text: str) -> tuple[str, dict[str, Any]]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed("a message that is not JSON") from None
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise malformed("a message that is not a JSON object with a type")
    return header.pop("type"), header


def _arrays(shapes: object, data: memoryview) -> dict[str, Floats]:
    if not isinstance(shapes, dict):
        raise malformed("a binary message without shapes of its arrays")
    arrays: dict[str, Floats] = {}
    start = 0
    for name, shape in shapes.items():
        size = size_of(shape)
        if size is None or start + 4 * size > len(data):
            raise malformed(f"the shape {shown(shape)} of the array {shown(name)}")
        values = np.frombuffer(data, "<f4", size, start).astype(np.float32).reshape(shape)
        if not np.isfinite(values).all():
            raise malformed(f"the array {shown(name)} with values that are not finite")
        arrays[name], start = values, start + 4 * size
    if start != len(data):
        raise malformed(f"a binary message with {len(data) - start} bytes too many")
    return arrays


def size_of(shape: object) -> int | None:
    """Return the number of values of a shape of one or two dimensions; None if it is not valid."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 2:
        return None
    if any(type(size) is not int or not 0 <= size <= MAX_BLOB for size in shape):
        return None
    size = math.prod(shape)
    return size if size <= MAX_BLOB else None


def blob_digest(array: Floats) -> str:
    """Return the SHA-256 of an array's shape and values."""
    shape = json.dumps(list(array.shape)).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()


def malformed(got: str) -> ServerError:
    """Return the error of a message that cannot be read."""
    return ServerError(
        got, f"a message of protocol {PROTOCOL}", "use the same version of vibevoice-nb on both sides"
    )
