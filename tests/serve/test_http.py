"""HTTP routes of the server, in this process without Ray."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs vibevoice-nb[serve]")
pytest.importorskip("prometheus_client", reason="needs vibevoice-nb[serve]")

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from server_helpers import at_a_port
from starlette.testclient import TestClient

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.remote.wire import PATH as NATIVE
from vibevoice_nb.engine.remote.wire import unpack
from vibevoice_nb.serve.events import Event, Failed, Frame
from vibevoice_nb.serve.http import SPEECH, Server, build_http
from vibevoice_nb.serve.limits import ServeLimits
from vibevoice_nb.serve.request_log import LOGGER
from vibevoice_nb.serve.requests import SpeechRequest, User
from vibevoice_nb.serve.users import TokenFile
from vibevoice_nb.serve.voice_store import VoiceStore
from vibevoice_nb.serve.worker import SpeechWorker

SCRIPT = "Anna: Good morning.\nBen: Hello!"
BODY: dict[str, Any] = {"model": "nano", "input": SCRIPT, "seed": 3, "num_steps": 2, "response_format": "pcm"}
LIMITS = ServeLimits(max_minutes=0.2, upload_megabytes=1, voices_per_user=2)


class Site:
    """A server with two users, and clients of each."""

    def __init__(self, worker: Any, folder: Path, *, log_texts: bool = False) -> None:
        users = TokenFile(folder / "users.json")
        self.tokens = {name: users.add(name) for name in ("anna", "ben")}
        self.worker, self.folder = worker, folder
        store = VoiceStore(folder / "voices", LIMITS)
        self.app = build_http(Server(worker, users, store, LIMITS, log_texts))
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def headers(self, user: str = "anna") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[user]}"}

    def ask(self, method: str, path: str, user: str = "anna", **options: Any) -> Any:
        return self.client.request(method, path, headers=self.headers(user), **options)

    def speech(self, user: str = "anna", **changes: Any) -> Any:
        return self.ask("POST", "/v1/audio/speech", user, json={**BODY, **changes})


@pytest.fixture(scope="module")
def site(worker: SpeechWorker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(worker, tmp_path_factory.mktemp("site"))
    with made.client:
        yield made


@pytest.fixture(scope="module")
def expected(nano: Engine) -> np.ndarray:
    speech = nano.speak(SCRIPT, seed=3, num_steps=2)
    return np.round(np.clip(speech.audio, -1, 1) * 32767).astype(np.int16)


def recording() -> bytes:
    file = io.BytesIO()
    time = np.arange(48_000) / 24_000
    tone = 0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 3 * time))
    soundfile.write(file, tone, 24_000, format="WAV")
    return file.getvalue()


def decoded(data: bytes) -> tuple[int, int]:
    """Return samples and sample rate of a file."""
    with av.open(io.BytesIO(data)) as container:
        (stream,) = container.streams.audio
        return sum(frame.samples for frame in container.decode(stream)), stream.rate


def test_pcm_is_the_audio_of_the_engine(site: Site, expected: np.ndarray) -> None:
    answer = site.speech()
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/pcm"
    assert answer.headers["x-vibevoice-seed"] == "3"
    heard = np.frombuffer(answer.content, "<i2")
    assert heard.shape == expected.shape and np.abs(heard.astype(int) - expected).max() <= 1
    again = site.speech(stream=False)
    assert again.content == answer.content and "content-length" in again.headers


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "opus"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_format_can_be_decoded(site: Site, expected: np.ndarray, format: str, stream: bool) -> None:
    answer = site.speech(response_format=format, stream=stream)
    samples, rate = decoded(answer.content)
    padding = {"wav": 0, "flac": 0, "mp3": 0.12, "opus": 0.05}[format]
    assert abs(samples / rate - len(expected) / 24_000) <= padding
    if format == "wav" and not stream:
        assert soundfile.info(io.BytesIO(answer.content)).frames == len(expected)


def test_speed_keeps_the_script_and_changes_its_length(site: Site, expected: np.ndarray) -> None:
    answer = site.speech(speed=1.25)
    assert len(answer.content) // 2 == round(len(expected) / 1.25)


def events_of(text: str) -> list[dict[str, Any]]:
    """Return the data of server-sent events."""
    lines = [line for line in text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def audio_of(events: list[dict[str, Any]]) -> bytes:
    assert {event["type"] for event in events} == {"speech.audio.delta"}
    return b"".join(base64.b64decode(event["audio"]) for event in events)


@pytest.mark.parametrize(
    ("changes", "ended", "seconds"),
    [
        ({}, "finished", None),
        ({"response_format": "mp3"}, "finished", None),
        ({"max_seconds": 0.3}, "length", 2 * 3200 / 24_000),
        ({"max_seconds": 0.3, "speed": 2.0}, "length", 3200 / 24_000),
    ],
)
def test_server_sent_events_have_the_audio_and_how_it_ended(
    site: Site, expected: np.ndarray, changes: dict[str, Any], ended: str, seconds: float | None
) -> None:
    answer = site.speech(stream_format="sse", **changes)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *parts, last = events_of(answer.text)
    assert audio_of(parts) == site.speech(**changes).content
    usage = last.pop("usage")
    assert usage["output_tokens"] >= (len(expected) / 3200 if seconds is None else 2)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > usage["output_tokens"]
    seconds = len(expected) / 24_000 if seconds is None else seconds
    facts = {"ended": ended, "cut": ended != "finished", "seconds": round(seconds, 3), "seed": 3}
    assert last == {"type": "speech.audio.done", "vibevoice": facts}
    whole = site.speech(stream=False, **changes)
    assert whole.headers["x-vibevoice-ended"] == ended


class Failing:
    """Service that fails after the first frame of a request."""

    def __init__(self, worker: SpeechWorker) -> None:
        self.facts, self._worker = worker.facts, worker

    async def submit(self, request: SpeechRequest, user: User) -> AsyncIterator[Event]:
        async with aclosing(self._worker.submit(request, user)) as events:
            async for event in events:
                yield event
                if isinstance(event, Frame):
                    yield Failed("lost", "the server lost the request", "a running replica", "try again")
                    return


def test_a_failure_on_the_way_is_an_event_or_a_status(site: Site, tmp_path: Path) -> None:
    failing = Site(Failing(site.worker), tmp_path)
    with failing.client:
        first, last = events_of(failing.speech(stream_format="sse").text)
        whole = failing.speech(stream=False)
    assert (first["type"], last["type"], last["error"]["code"]) == ("speech.audio.delta", "error", "lost")
    assert whole.status_code == 503
    assert last["error"]["message"] == whole.json()["error"]["message"]


def test_the_openai_client_reads_server_sent_events(site: Site) -> None:
    openai = pytest.importorskip("openai")
    with at_a_port(site.app) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=site.tokens["anna"], max_retries=0)
        asked = {"model": "nano", "input": SCRIPT, "voice": "Ada", "response_format": "pcm"}
        extra = {
            "stream_format": "sse",
            "seed": 3,
            "num_steps": 2,
        }  # the first is an argument of newer clients
        with client.audio.speech.with_streaming_response.create(**asked, extra_body=extra) as answer:
            *parts, last = events_of("\n".join(answer.iter_lines()))
    assert audio_of(parts) == site.speech(voice="Ada").content
    assert last["type"] == "speech.audio.done" and not last["vibevoice"]["cut"]


def test_voices_by_name_list_and_speaker(site: Site) -> None:
    by_list = site.speech(voice=["Kai", "Ada"]).content
    assert by_list == site.speech(voice={"Ben": "ada", "anna": "KAI"}).content
    assert by_list != site.speech().content
    assert site.speech(voice="Ada").status_code == 200


def test_voices_belong_to_their_user(site: Site) -> None:
    form = {"files": {"file": ("my hum.wav", recording())}, "data": {"name": "Hum", "consent": "true"}}
    made = site.ask("POST", "/v1/voices", **form)
    assert made.status_code == 201 and made.json()["name"] == "Hum"
    id = made.json()["id"]
    kinds = {
        user: [v["name"] for v in site.ask("GET", "/v1/voices", user).json()["data"]] for user in site.tokens
    }
    assert "Hum" in kinds["anna"] and "Hum" not in kinds["ben"] and "Ada" in kinds["ben"]
    assert site.speech(voice="Hum").status_code == 200
    for name in ("Hum", id):
        answer = site.speech("ben", voice=name)
        assert answer.status_code == 400 and "unknown voice" in answer.json()["error"]["message"]
    assert site.ask("DELETE", f"/v1/voices/{id}", "ben").status_code == 404
    assert site.ask("DELETE", f"/v1/voices/{id}").json() == {"id": id, "deleted": True}
    assert site.speech(voice="Hum").status_code == 400


def test_a_voice_needs_consent_and_has_limits(site: Site) -> None:
    plain = site.ask("POST", "/v1/voices?name=Hum", content=recording())
    form = site.ask("POST", "/v1/voices", files={"file": ("hum.wav", recording())})
    assert [answer.status_code for answer in (plain, form)] == [400, 400]
    assert "consent" in plain.json()["error"]["message"] and "consent" in form.json()["error"]["message"]
    query = "/v1/voices?name=Hum&consent=true"
    assert site.ask("POST", query, content=b"\0" * 3_000_000).status_code == 413
    wrong = site.ask("POST", query, content=b"not audio at all")
    assert wrong.status_code == 400 and "/" not in wrong.json()["error"]["message"]
    answers = [site.ask("POST", query, "ben", content=recording()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 400]


ENDPOINTS = [
    ("POST", "/v1/audio/speech"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/nano"),
    ("GET", "/v1/voices"),
    ("POST", "/v1/voices?name=Hum&consent=true"),
    ("DELETE", "/v1/voices/voice_0123456789abcdef"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer " + "x" * 600])
def test_without_a_token_nothing_is_answered(site: Site, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = site.client.request(method, path, headers=headers, json=BODY)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_token"


def test_every_route_is_among_those_tested(site: Site) -> None:
    paths = {route.split("?")[0].replace("voice_0123456789abcdef", "{id}") for _, route in ENDPOINTS}
    described = site.ask("GET", "/openapi.json").json()["paths"]
    assert {path.replace("/{name}", "/nano") for path in described} - paths == {"/health"}


def test_the_native_stream_needs_a_token(site: Site) -> None:
    with site.client.websocket_connect(NATIVE, headers={"Authorization": "Bearer wrong"}) as socket:
        message = socket.receive()
    text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
    assert "no valid token" in text and "nano" not in text


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"model": "other"}, 404, "model"),
        ({"input": " "}, 400, "empty"),
        ({"input": "word " * 3000}, 400, "characters"),
        ({"input": "Anna: " + "word " * 60}, 400, "minutes"),
        ({"voice": "Unknown"}, 400, "unknown voice"),
        ({"voice": "/etc/passwd"}, 400, "unknown voice"),
        ({"voice": ["Ada"]}, 400, "voice"),
        ({"response_format": "aac"}, 400, "response_format"),
        ({"speed": 9}, 400, "speed"),
        ({"stream_format": "json"}, 400, "stream_format"),
        ({"stream_format": "sse", "stream": False}, 400, "stream"),
        ({"seed": -1}, 400, "seed"),
        ({"num_steps": 51}, 400, "num_steps"),
        ({"unknown": 1}, 400, "unknown"),
        ({"seed": "7"}, 400, "seed"),
    ],
)
def test_invalid_requests_are_described(site: Site, changes: dict[str, Any], status: int, word: str) -> None:
    answer = site.speech(**changes)
    assert answer.status_code == status and word in answer.json()["error"]["message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "model",
    "input",
    "voice",
    "response_format",
    "speed",
    "stream",
    "stream_format",
    "seed",
    "cfg_scale",
    "num_steps",
    "x",
]


def check_answer(answer: Any, folder: Path) -> None:
    """Check that an answer is audio or a described error of the client, without paths of the server."""
    assert answer.status_code in (200, 400, 404, 413, 429), answer.text
    if answer.status_code != 200:
        assert str(folder) not in answer.text and answer.json()["error"]["message"]


@settings(max_examples=150)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=4))
def test_malformed_fields_never_crash_the_server(site: Site, changes: dict[str, Any]) -> None:
    raw = json.dumps({**BODY, "input": "A.", **changes}).encode("utf-8", "surrogatepass")
    check_answer(site.ask("POST", "/v1/audio/speech", content=raw), site.folder)


@settings(max_examples=150)
@given(
    raw=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
)
def test_malformed_bodies_never_crash_the_server(site: Site, raw: bytes) -> None:
    check_answer(site.ask("POST", "/v1/audio/speech", content=raw), site.folder)


def test_metrics_count_without_texts(site: Site) -> None:
    site.speech()
    text = site.ask("GET", "/metrics").text
    assert 'vibevoice_requests_total{ended="finished"}' in text and "vibevoice_first_audio_seconds" in text
    assert "Good morning" not in text and "anna" not in text


def spoken_natively(site: Site, user: str) -> int:
    """Generate the script over the native stream; return the samples of its audio."""
    turns = [
        {"speaker": label, "text": text, "speaker_index": index}
        for index, (label, text) in enumerate([("Anna", "Good morning."), ("Ben", "Hello!")])
    ]
    options = {"seed": 3, "num_steps": 2}
    request = {"type": "request", "mode": "whole", "turns": turns, "options": options}
    with site.client.websocket_connect(NATIVE, headers=site.headers(user)) as socket:
        assert unpack(socket.receive()["text"]).type == "welcome"
        socket.send_text(json.dumps(request))
        while True:
            received = socket.receive()
            message = unpack(received.get("bytes") or received["text"])
            if message.type == "ended":
                return int(message.fields["samples"])


@pytest.mark.parametrize("route", [SPEECH, NATIVE])
@pytest.mark.parametrize("texts", [False, True])
def test_every_request_is_logged(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, route: str, texts: bool
) -> None:
    made = Site(site.worker, tmp_path, log_texts=texts)
    with made.client, caplog.at_level(logging.INFO, "vibevoice_nb"):
        samples = spoken_natively(made, "ben") if route == NATIVE else len(made.speech("ben").content) // 2
    (facts,) = logged(caplog)
    assert facts.pop("seconds") > 0
    text = {"text": SCRIPT} if texts else {}
    assert facts == {
        "user": "ben",
        "route": route,
        "turns": 2,
        "characters": len("Good morning.Hello!"),
        "audio_seconds": round(samples / 24_000, 3),
        "ended": "finished",
        **text,
    }
    assert ("Good morning" in caplog.text) == texts


def test_a_refused_request_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vibevoice_nb"):
        assert site.speech(num_steps=51).status_code == 400
    (facts,) = logged(caplog)
    assert (facts["ended"], facts["audio_seconds"]) == ("OptionError", 0)


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines of the log of requests."""
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == LOGGER]


def test_health_needs_no_token(site: Site) -> None:
    assert site.client.get("/health").json() == {"status": "ok"}
