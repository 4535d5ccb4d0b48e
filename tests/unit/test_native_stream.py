"""Native stream: its messages, and a server that answers whatever it is sent."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from async_helpers import run
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb import Engine
from vibevoice_nb.engine.remote import connection, wire
from vibevoice_nb.engine.remote.address import check_address
from vibevoice_nb.engine.remote.wire import Message, blob_digest, pack, unpack
from vibevoice_nb.errors import ServerError
from vibevoice_nb.serve import blobs, native
from vibevoice_nb.serve.blobs import BlobLimits
from vibevoice_nb.serve.events import Accepted, Ended, Event, Failed, Frame, Queued, Silence
from vibevoice_nb.serve.native import NativeStream, message_of
from vibevoice_nb.serve.native_request import read_request
from vibevoice_nb.serve.requests import ModelFacts, SpeechRequest, User

TURN = {"speaker": 1, "text": "Hello.", "speaker_index": 0}
REQUEST = {"mode": "whole", "turns": [TURN], "options": {"seed": 1}}


@given(st.binary(max_size=100) | st.text('[]{}":,at1y', max_size=50))
def test_any_message_is_read_or_rejected(data: bytes | str) -> None:
    try:
        assert isinstance(unpack(data), Message)
    except ServerError as error:
        assert error.expected.startswith("a message of protocol")


@given(st.dictionaries(st.sampled_from("ab"), st.lists(st.floats(-1, 1, width=32), max_size=9)))
def test_messages_are_read_as_they_were(arrays: dict[str, list[float]]) -> None:
    sent = Message("frame", {"index": 3}, {name: np.array(v, np.float32) for name, v in arrays.items()})
    read = unpack(pack(sent))
    assert (read.type, read.fields) == (sent.type, sent.fields)
    assert {name: array.tolist() for name, array in read.arrays.items()} == arrays


def _binary(header: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + data


BROKEN: dict[str, str | bytes] = {
    "no json": "hello",
    "deep json": "[" * 100_000,
    "no type": "{}",
    "another type": '{"type": "dance"}',
    "short": b"\x01",
    "long header": struct.pack("<I", 1 << 31) + b"{}",
    "header not text": struct.pack("<I", 2) + b"\xff\xfe",
    "array too long": _binary({"type": "blob", "arrays": {"part": [1 << 23]}}),
    "negative shape": _binary({"type": "blob", "arrays": {"part": [-1]}}),
    "shapes that are no shapes": _binary({"type": "blob", "arrays": [1]}),
    "not finite": _binary({"type": "blob", "arrays": {"part": [1]}}, struct.pack("<f", float("nan"))),
    "trailing bytes": _binary({"type": "blob", "arrays": {}}, b"1234"),
    "no turns": json.dumps({"type": "request", **REQUEST, "turns": []}),
    "turn without text": json.dumps({"type": "request", **REQUEST, "turns": [{"speaker": 1}]}),
    "speaker far off": json.dumps({"type": "request", **REQUEST, "turns": [{**TURN, "speaker_index": -1}]}),
    "wrong mode": json.dumps({"type": "request", **REQUEST, "mode": "sing"}),
    "unknown option": json.dumps({"type": "request", **REQUEST, "options": {"cfg": 2}}),
    "cast by name": json.dumps({"type": "request", **REQUEST, "cast": {"anna": {}}}),
    "no checksum": json.dumps({"type": "request", **REQUEST, "cast": {"0": {"audio": "../../etc"}}}),
    "voice without audio": json.dumps({"type": "request", **REQUEST, "cast": {"0": {"name": "Ada"}}}),
    "unknown voice without audio": json.dumps({"type": "request", **REQUEST, "cast": {"0": {"name": "Zed"}}}),
    "done without tokens": json.dumps(
        {"type": "request", **REQUEST, "done": {"frames": "a" * 64, "latent_size": 2, "samples": 1}}
    ),
}


class Fixed:
    """Service with given events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.requests: list[SpeechRequest] = []

    async def facts(self) -> ModelFacts:
        return ModelFacts("m", "", "w", "cpu", "float32", None, "none", {}, {}, 4, 2, 3, 100)

    async def submit(self, request: SpeechRequest, user: User) -> AsyncIterator[Event]:
        self.requests.append(request)
        for event in self.events:
            yield event


@pytest.fixture(scope="module")
def service() -> Fixed:
    return Fixed()


@pytest.fixture(scope="module")
def address(service: Fixed) -> Iterator[str]:
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[web]'")
    from server_helpers import served

    with served(service) as url:
        yield url.replace("http", "ws") + wire.PATH


def _exchange(address: str, *messages: str | bytes) -> list[Message]:
    """Send messages after the welcome; return the answers."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    answers = []
    with connect(address, additional_headers={"Authorization": "Bearer secret"}, max_size=1 << 24) as socket:
        assert unpack(socket.recv(10)).fields["protocol"] == wire.PROTOCOL
        for message in messages:
            socket.send(message)
        try:
            while not answers or answers[-1].type not in ("ended", "failed"):
                answers.append(unpack(socket.recv(10)))
            return answers
        except ConnectionClosed:
            return answers


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_malformed_message_is_answered(address: str, broken: str | bytes, service: Fixed) -> None:
    before = len(service.requests)
    (answer,) = _exchange(address, broken)
    assert answer.type == "failed" and answer.fields["kind"] in ("ServerError", "OptionError")
    assert all(answer.fields[name] for name in ("got", "expected", "remedy"))
    assert len(service.requests) == before


def test_arrays_are_asked_for_checked_and_kept(address: str, service: Fixed) -> None:
    service.events = [Ended("finished", 0, 0, (), (), "", ())]
    audio = np.linspace(-1, 1, 1000).astype(np.float32)
    digest = blob_digest(audio)
    request = json.dumps({"type": "request", **REQUEST, "cast": {"0": {"audio": digest}}})

    def part(values: np.ndarray, offset: int) -> bytes | str:
        fields = {"sha256": digest, "shape": [1000], "offset": offset}
        return pack(Message("blob", fields, {"part": values}))

    need, failed = _exchange(address, request, part(audio[::-1].copy(), 0))
    assert need == Message("need", {"blobs": [digest]}) and "checksum" in failed.fields["got"]
    _, failed = _exchange(address, request, part(audio[:10], 10))
    assert "not the next one" in failed.fields["got"]
    need, ended = _exchange(address, request, part(audio[:600], 0), part(audio[600:], 600))
    assert (need.type, ended.type) == ("need", "ended")
    (ended,) = _exchange(address, request)
    received: Any = service.requests[-1].cast[0]
    assert ended.type == "ended" and np.array_equal(received, audio)


def test_every_event_has_a_message(address: str, service: Fixed) -> None:
    zeros = np.zeros
    service.events = [
        Queued(2, 5),
        Accepted("m", "", "w", 1, {"seed": 1}, 9.0, 3.0, 1, "f" * 64, zeros(480, np.float32), {0: "Ada"}),
        Frame(0, np.ones(4, np.float32), zeros(2, np.float32), zeros(3, np.float32), (7, 9)),
        Silence(12),
        Ended("finished", 16, 12, ((0, 1, 1.0),), ((0, 4, 1.0),), "short", ((0.1, 2.0),)),
    ]
    answers = _exchange(address, json.dumps({"type": "request", **REQUEST}))
    assert [answer.type for answer in answers] == ["queued", "accepted", "frame", "silence", "ended"]
    assert answers[1].arrays["lead"].shape == (480,) and answers[1].fields["replaced"] == {"0": "Ada"}
    assert answers[2].fields["tokens"] == [7, 9] and answers[2].fields["elapsed"] >= 0
    assert {name: array.shape for name, array in answers[2].arrays.items()} == {
        "audio": (4,),
        "latent": (2,),
        "semantic": (3,),
    }
    assert answers[4].fields["spans"] == [[0, 1, 1.0]]
    service.events = [Failed("busy", "full", "a place", "wait")]
    (failed,) = _exchange(address, json.dumps({"type": "request", **REQUEST}))
    assert failed.fields == {"kind": "busy", "got": "full", "expected": "a place", "remedy": "wait"}
    documented = set(re.findall(r"^(\w+) +(?:client|server) ", wire.__doc__ or "", re.MULTILINE))
    sent = {"welcome", "need", "queued", "accepted", "frame", "silence", "ended", "failed", "alive"}
    assert documented == sent | {"request", "blob", "cancel"}
    page = Path(__file__).parents[2] / "docs" / "serve-protocol.md"
    assert documented == set(re.findall(r"^\| `(\w+)`", page.read_text("utf-8"), re.MULTILINE))


class _Handshake:
    """Starlette's side of a connection that a client has just asked for."""

    def __init__(self, *extensions: str) -> None:
        from starlette.websockets import WebSocket

        self.sent: list[Any] = []
        self._incoming = iter(({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}))
        scope = {"type": "websocket", "headers": [], "extensions": dict.fromkeys(extensions)}
        self.socket = WebSocket(scope, self._receive, self._send)

    async def _receive(self) -> Any:
        return next(self._incoming)

    async def _send(self, message: Any) -> None:
        self.sent.append(message["type"])


@pytest.mark.parametrize("user", [None, User("ann")])
def test_a_connection_is_not_accepted_before_its_user_is_known(service: Fixed, user: User | None) -> None:
    pytest.importorskip("starlette", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
    made = _Handshake()
    before: list[list[str]] = []

    async def authenticate(header: str) -> User:
        before.append(list(made.sent))
        if user is None:
            raise ServerError("a wrong token", "a valid token", "pass token=...")
        return user

    run(NativeStream(service, authenticate).serve(made.socket))
    assert before == [[]]
    assert made.sent == ["websocket.accept", "websocket.send"], "a client that left is not closed"


@pytest.mark.parametrize("extensions", [(), ("websocket.http.response",)])
def test_a_connection_is_closed_without_being_accepted(
    service: Fixed, monkeypatch: pytest.MonkeyPatch, extensions: tuple[str, ...]
) -> None:
    pytest.importorskip("starlette", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
    monkeypatch.setattr(native, "REFUSALS", 0)
    made = _Handshake(*extensions)

    def authenticate(header: str) -> User:
        raise ServerError("a wrong token", "a valid token", "pass token=...")

    run(NativeStream(service, authenticate).serve(made.socket))
    started = [f"{name}.start" for name in extensions] or ["websocket.close"]
    assert made.sent[:1] == started and "websocket.accept" not in made.sent


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b'{"kind": "ServerError", "got": "no valid token", "expected": "one"}', "no valid token"),
        (403, b"", "rejects the token"),
        (429, b'{"kind": "busy", "got": "64 connections of ann"}', "64 connections of ann"),
        (503, b"<html>", "is full"),
    ],
)
def test_a_refused_connection_is_described(status: int, body: bytes, message: str) -> None:
    error = connection._refused(check_address("http://localhost:1", "secret"), status, body)
    assert isinstance(error, ServerError) and message in str(error)
    assert isinstance(error, connection.RetryError) == (status in (429, 503))


def test_a_wrong_token_is_rejected_with_a_message(address: str) -> None:
    from websockets.sync.client import connect

    with connect(address) as socket:
        assert unpack(socket.recv(10)).fields["kind"] == "ServerError"


def test_strangers_are_not_accepted_beyond_a_number(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    monkeypatch.setattr(native, "REFUSALS", 2)
    monkeypatch.setattr(native, "GOODBYE", 600.0)  # those that are accepted stay until they leave
    with connect(address) as first, connect(address) as second:
        assert [unpack(one.recv(30)).type for one in (first, second)] == ["failed", "failed"]
        with pytest.raises(InvalidStatus) as refused:
            connect(address)
        assert refused.value.response.status_code in (401, 403, 503)
        with pytest.raises(ServerError, match="a wrong token"):
            Engine.connect(_http(address), token="wrong")
        assert Engine.connect(_http(address), token="secret").name == "m", (
            "a user is not limited by strangers"
        )


def test_connections_of_one_user_do_not_limit_others(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from websockets.sync.client import connect

    monkeypatch.setattr(native, "CONNECTIONS", 1)
    header = {"Authorization": "Bearer secret"}
    with connect(address, additional_headers=header) as first:
        assert unpack(first.recv(30)).type == "welcome"
        for refusals in (1, 0):  # with a message, and without being accepted
            monkeypatch.setattr(native, "REFUSALS", refusals)
            with pytest.raises(ServerError, match="1 connections of ann"):
                Engine.connect(_http(address), token="secret")
        with connect(address, additional_headers={"Authorization": "Bearer other"}) as second:
            assert unpack(second.recv(30)).type == "welcome"


def _http(address: str) -> str:
    return address.replace("ws", "http").removesuffix(wire.PATH)


def test_arrays_beyond_a_limit_are_refused(service: Fixed, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[web]'")
    from server_helpers import served

    audio = np.full(1000, 0.25, np.float32)
    digest = blob_digest(audio)
    request = json.dumps({"type": "request", **REQUEST, "cast": {"0": {"audio": digest}}})
    part = pack(Message("blob", {"sha256": digest, "shape": [1000], "offset": 0}, {"part": audio}))
    with served(service, blobs=BlobLimits(used_per_user=5000)) as url:
        address = url.replace("http", "ws") + wire.PATH
        _, failed = _exchange(address, request, part)
        assert failed.fields["kind"] == "busy" and "of yours" in failed.fields["got"]
        monkeypatch.setattr(blobs, "MAX_VALUES", 999)
        _, failed = _exchange(address, request, part)
        assert failed.fields["kind"] == "too_large" and "in a request" in failed.fields["got"]


def test_a_request_names_its_arrays() -> None:
    frames = {"turn": TURN, "frames": "b" * 64, "latent_size": 2}
    asked = read_request(
        {**REQUEST, "mode": "context", "cast": {"0": {"name": "Ada", "audio": "a" * 64}}, "context": [frames]}
    )
    assert asked.blobs == ("a" * 64, "b" * 64), "a recording that only claims to be built in is asked for"
    array = np.arange(10, dtype=np.float32).reshape(2, 5)
    request = asked.filled({"a" * 64: array[0], "b" * 64: array})
    assert request.context[0].latent.shape == (2, 2) and request.context[0].semantic.shape == (2, 3)
    assert message_of(Silence(3)).fields == {"samples": 3}
