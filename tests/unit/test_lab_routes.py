"""Answers of the server part, from a web server with its routes."""

from __future__ import annotations

from pathlib import Path

import pytest
from async_helpers import run

pytest.importorskip("jupyter_server")

from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.auth.identity import IdentityProvider
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from vibevoice_nb.lab.routes import routes


async def answer_of(path: str) -> HTTPResponse:
    identity = IdentityProvider(token="open")
    application = Application(
        routes("/"),
        base_url="/",
        identity_provider=identity,
        authorizer=AllowAllAuthorizer(identity_provider=identity),
        allow_remote_access=True,
        cookie_secret="secret",
    )
    socket, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_socket(socket)
    try:
        url = f"http://127.0.0.1:{port}/vibevoice/{path}"
        return await AsyncHTTPClient().fetch(
            url, headers={"Authorization": "token open"}, raise_error=False, request_timeout=60
        )
    finally:
        server.stop()


def test_a_voice_is_sent_as_flac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path))
    answer = run(answer_of("voice?name=Ada"))
    assert (answer.code, answer.headers["Content-Type"], answer.body[:4]) == (200, "audio/flac", b"fLaC")
    assert run(answer_of("voice?name=none")).code == 404
