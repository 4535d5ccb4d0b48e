"""Studio whose model is on a server: token, defaults of its model, queue, generation, manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[web]'")

from server_helpers import Watched, served
from widget_helpers import FakePage

from vibevoice_nb import Engine, GenerationControls, OptionError, Project, Studio
from vibevoice_nb.engine.registry import engines
from vibevoice_nb.engine.remote.address import default_model
from vibevoice_nb.serve.events import Queued


@pytest.fixture(scope="module")
def service() -> Watched:
    return Watched(Engine.load("nano"))


@pytest.fixture
def address(service: Watched) -> Iterator[str]:
    with served(service) as url:
        yield url
        engines.unload(url)


def test_a_studio_connects_with_a_token_and_generates(address: str, service: Watched, tmp_path: Path) -> None:
    studio = Studio(tmp_path / "talk", script="Anna: Hello there.\nBen: Yes.", num_steps=3, seed=4)
    page = FakePage(studio)
    studio.model = address
    page.until(lambda: studio.model_state["state"] == "failed")
    assert "rejects" in studio.model_state["message"] or "token" in studio.model_state["message"]
    page.call("give_token", token="secret")
    page.until(lambda: studio.model_state["state"] == "ready")
    host = address.removeprefix("http://")
    assert studio.model_state["server"] == {"host": host, "model": "nano", "position": 0, "waiting": 0}
    assert studio.cfg_scale == service.engine.defaults.cfg_scale, "nano's own default"
    assert studio.project.settings["cfg_scale"] is None
    assert studio.model_limits["languages"] == ["en"] and studio.model_limits["follows_voices"] is True
    places: list[Any] = []
    studio.observe(lambda change: places.append(change["new"]["server"]["position"]), "model_state")
    service.queue = [Queued(3, 5)]
    try:
        take = studio.generate().result(60)
    finally:
        service.queue = []
    assert 3 in places and places[-1] == 0
    local = Project.create(tmp_path / "local", "Anna: Hello there.\nBen: Yes.")
    mine = local.generate(service.engine, num_steps=3, seed=4).result(60)
    assert np.abs(mine.audio - take.audio).max() <= 1e-6
    manifests = [studio.project.takes.get(turn.chosen).manifest for turn in studio.project.turns]
    assert {(one.server, one.model) for one in manifests} == {(address, "nano")}
    assert "secret" not in repr(studio.get_state())
    local.close()
    studio.close()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"secret" not in file.read_bytes()


def test_the_server_of_a_project_is_not_connected_to_without_being_asked(
    address: str, service: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vibevoice_nb.engine.remote.address._CONFIRMED", set())
    monkeypatch.setattr("vibevoice_nb.engine.defaults._OF_SERVERS", {})
    tried: list[str] = []
    before = len(service.submitted)
    connect = Engine.connect
    monkeypatch.setattr(Engine, "connect", lambda model: (tried.append(model), connect(model))[1])
    with Project.create(tmp_path / "foreign", "Anna: My secret script.") as project:
        project.settings.update({"model": address})
    studio = Studio(tmp_path / "own", script="Anna: Hello.", num_steps=3)
    page = FakePage(studio)
    studio.open_project(tmp_path / "foreign")
    assert studio.model == address and studio.model_state["state"] == "unloaded"
    assert "nothing is sent to it until you connect" in studio.model_state["message"]
    with pytest.raises(OptionError, match=r"nothing was sent to it.*press Connect"):
        studio.generate().result(60)
    assert tried == [] and len(service.submitted) == before
    page.call("give_token", token="secret")
    page.until(lambda: studio.model_state["state"] == "ready")
    assert studio.generate().result(60).audio.size and tried == [address]
    studio.close()


def test_an_address_is_the_default_of_a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_SERVER", "https://gpu.example.org")
    assert default_model("nano") == "https://gpu.example.org"
    controls = GenerationControls()
    assert controls.model == "https://gpu.example.org" and controls.model_state["state"] == "unloaded"
    assert controls.model_state["server"]["host"] == "gpu.example.org"
    with Project.create(tmp_path / "talk", "Anna: Hi.") as project:
        assert project.settings["model"] == project.settings.current.model == "https://gpu.example.org"
