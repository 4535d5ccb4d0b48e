"""A server without tokens, used from pages of other sites, and the health of its worker."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs vibevoice-nb[serve]")
pytest.importorskip("prometheus_client", reason="needs vibevoice-nb[serve]")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_worker import events_of, request, run

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.remote.wire import PATH
from vibevoice_nb.serve.events import Failed
from vibevoice_nb.serve.http import Server, build_http
from vibevoice_nb.serve.limits import ServeLimits
from vibevoice_nb.serve.users import Local
from vibevoice_nb.serve.voice_store import VoiceStore
from vibevoice_nb.serve.worker import SpeechWorker


@pytest.mark.parametrize(
    ("host", "origin", "served"),
    [
        ("localhost:8000", None, True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("speech.lan", None, True),
        ("127.0.0.1:8000", "https://evil.example", False),
        ("127.0.0.1:8000", "null", False),
        ("evil.example:8000", "http://evil.example:8000", False),
        ("evil.example", None, False),
    ],
)
def test_pages_of_other_sites_are_refused(
    worker: SpeechWorker, tmp_path: Path, host: str, origin: str | None, served: bool
) -> None:
    limits = ServeLimits()
    site = build_http(Server(worker, Local(["speech.lan"]), VoiceStore(tmp_path, limits), limits))
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    with TestClient(site) as client:
        assert client.get("/v1/models", headers=headers).status_code == (200 if served else 421)
        assert client.get("/health", headers=headers).status_code == 200
        if served:
            with client.websocket_connect(PATH, headers=headers) as socket:
                assert "welcome" in socket.receive_text()
        else:
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(PATH, headers=headers):
                pass


def test_a_worker_survives_a_fault_and_repeated_ones_are_seen(
    nano: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError("a fault")

    worker = SpeechWorker(nano)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(worker, "_retire", fail)
            for _ in range(3):
                (events,) = run(events_of(worker, request("Speaker 1: One.")))
                assert isinstance(events[-1], Failed) and events[-1].kind == "internal"
            assert not worker.healthy
        run(events_of(worker, request("Speaker 1: One.")))
        assert worker.healthy
    finally:
        worker.close()
    assert not worker.healthy
