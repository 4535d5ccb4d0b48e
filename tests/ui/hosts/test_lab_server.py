"""Server part of the extension: its routes need the server's authentication, and only read."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from conftest import HERE
from host_server import TOKEN, JupyterServer

OLD = HERE.parents[1] / "data" / "project_0_1_0"


def get(server: JupyterServer, route: str, token: str = TOKEN, method: str = "GET", **query: str) -> bytes:
    request = urllib.request.Request(
        f"{server.url}/vibevoice/{route}?{urllib.parse.urlencode(query)}",
        method=method,
        headers={"Authorization": f"token {token}"} if token else {},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def test_projects_and_voices_without_a_kernel(lab: JupyterServer) -> None:
    folder = lab.root / "listed 好" / "old.vibevoice"
    shutil.copytree(OLD, folder)
    home = json.loads(get(lab, "home", folder="listed 好"))
    (project,) = [one for one in home["projects"] if one["path"] == "listed 好/old.vibevoice"]
    assert project["spoken"] == 3 and {"Ada", "Kai"} <= {voice["name"] for voice in home["voices"]}
    assert get(lab, "voice", name="Ada")[:4] == b"fLaC"
    assert not lab.api("sessions") and not lab.api("kernels")
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize(
    ("route", "token", "method", "status"),
    [
        ("home", "", "GET", 403),
        ("voice", "", "GET", 403),
        ("home", "wrong", "GET", 403),
        ("home", TOKEN, "POST", 405),
        ("voice", TOKEN, "DELETE", 405),
        ("voice", TOKEN, "GET", 404),
    ],
)
def test_the_routes_only_read_and_only_for_users(
    lab: JupyterServer, route: str, token: str, method: str, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(lab, route, token, method, name="../../etc/passwd")
    assert refused.value.code == status
    assert b"root:" not in refused.value.read()


def test_the_wheel_enables_it() -> None:
    repository = Path(HERE).parents[2]
    config = json.loads((repository / "labextension" / "jupyter_server_config.json").read_text())
    assert config == {"ServerApp": {"jpserver_extensions": {"vibevoice_nb.lab": True}}}
    assert "jupyter_server_config.d/vibevoice-nb.json" in (repository / "pyproject.toml").read_text()
