"""Tokens of users: in a file, and of a JupyterHub."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from async_helpers import run as run_apart
from typer.testing import CliRunner

from vibevoice_nb.cli.app import app
from vibevoice_nb.errors import OptionError, ServerError
from vibevoice_nb.serve.hub_tokens import HubTokens
from vibevoice_nb.serve.requests import User
from vibevoice_nb.serve.users import TokenFile


def user_of(authenticator: object, token: str) -> User:
    return run_apart(authenticator(f"Bearer {token}"))  # type: ignore[operator]


def test_the_file_has_hashes_that_only_its_owner_reads(tmp_path: Path) -> None:
    users = TokenFile(tmp_path / "new" / "users.json")
    token = users.add("anna")
    assert token not in users.path.read_text() and user_of(users, token) == User("anna")
    if os.name == "posix":
        assert users.path.stat().st_mode & 0o077 == 0


def test_a_new_token_replaces_the_old_one_and_removal_ends_it(tmp_path: Path) -> None:
    users = TokenFile(tmp_path / "users.json")
    old, ben = users.add("anna"), users.add("ben")
    new = users.add("anna")
    assert user_of(users, new) == User("anna") and user_of(users, ben) == User("ben")
    with pytest.raises(ServerError):
        user_of(users, old)
    assert TokenFile(users.path).remove("anna") and users.names() == ["ben"]
    with pytest.raises(ServerError):
        user_of(users, new)


@pytest.mark.parametrize("name", ["", "../x", "a b", "é", "x" * 65, "-a"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError):
        TokenFile(tmp_path / "users.json").add(name)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": 3}', "[" * 100_000])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users.json"
    path.write_text(text)
    users = TokenFile(path)
    for _ in range(2):
        with pytest.raises(ServerError) as caught:
            user_of(users, "x")
        assert "users" not in str(caught.value)
        path.unlink(missing_ok=True)


class Hub:
    """A hub; the token "right" may access servers, "narrow" only reads names."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.leads_to, self.broken = "", False
        hub = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.headers["Authorization"])
                if hub.broken:
                    self.wfile.write(b"no HTTP\r\n\r\n")
                    return
                if hub.leads_to:
                    self.send_response(302)
                    self.send_header("Location", hub.leads_to)
                    self.end_headers()
                    return
                scopes = {
                    "token right": ["access:servers!server=anna/"],
                    "token narrow": ["read:users!user=anna"],
                }
                found = scopes.get(self.headers["Authorization"]) if self.path == "/hub/api/user" else None
                self.send_response(403 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"name": "anna", "scopes": found}).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.api = f"http://127.0.0.1:{self.server.server_port}/hub/api"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.close()


def test_tokens_of_a_hub_are_asked_for_once(hub: Hub) -> None:
    tokens = HubTokens(hub.api)
    assert user_of(tokens, "right") == user_of(tokens, "right") == User("anna")
    for _ in range(3):
        with pytest.raises(ServerError, match="no valid token"):
            user_of(tokens, "wrong")
    assert hub.asked == ["token right", "token wrong"]
    with pytest.raises(ServerError, match="does not answer"):
        user_of(HubTokens("http://127.0.0.1:9/hub/api"), "right")


def test_a_token_of_a_hub_needs_a_scope_of_access(hub: Hub) -> None:
    with pytest.raises(ServerError, match="no valid token"):
        user_of(HubTokens(hub.api), "narrow")


def test_a_token_is_not_sent_where_a_hub_redirects_to(hub: Hub, other: Hub) -> None:
    hub.leads_to = f"{other.api}/user"
    with pytest.raises(ServerError, match="does not answer"):
        user_of(HubTokens(hub.api), "right")
    assert other.asked == []


def test_a_broken_answer_of_a_hub_is_an_error(hub: Hub) -> None:
    hub.broken = True
    with pytest.raises(ServerError, match="does not answer"):
        user_of(HubTokens(hub.api), "right")


def test_a_hub_elsewhere_needs_https(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="unencrypted"):
        HubTokens("http://hub.example.org/hub/api")
    monkeypatch.setenv("VIBEVOICE_NB_INSECURE", "1")
    assert HubTokens("http://hub:8081/hub/api").api == "http://hub:8081/hub/api"


def test_users_added_at_the_same_time_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, both = tmp_path / "users.json", threading.Barrier(2)
    write = TokenFile._write

    def slow(users: TokenFile, content: Mapping[str, str]) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)  # without a lock, both have read the file before one writes it
        write(users, content)

    monkeypatch.setattr(TokenFile, "_write", slow)
    names = ["anna", "ben"]
    threads = [threading.Thread(target=TokenFile(path).add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert TokenFile(path).names() == names


def test_the_command_adds_and_removes_users(tmp_path: Path) -> None:
    path, run = tmp_path / "users.json", CliRunner().invoke
    added = run(app, ["serve", "--users", str(path), "--add-user", "anna"])
    token = added.stdout.strip().splitlines()[-1]
    assert added.exit_code == 0 and user_of(TokenFile(path), token) == User("anna")
    assert run(app, ["serve", "--users", str(path), "--remove-user", "ben"]).exit_code != 0
    assert run(app, ["serve", "--users", str(path), "--remove-user", "anna"]).exit_code == 0
    assert run(app, ["serve", "--add-user", "anna"]).exit_code != 0


def test_other_machines_need_tokens() -> None:
    refused = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert refused.exit_code != 0 and "reachable from other machines" in refused.stderr
