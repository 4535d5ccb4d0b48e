"""Studio on a server in the browser: connect with a token, type, generate, stop, regenerate a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from endless import ENDLESS
from studio_helpers import select_turn

pytest.importorskip("torch")
pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[web]'")

from server_helpers import Watched, served

from vibevoice_nb import Engine, Studio
from vibevoice_nb.engine.registry import engines

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def service() -> Watched:
    return Watched(Engine.load("nano"))


@pytest.fixture
def address(service: Watched) -> Iterator[str]:
    with served(service) as url:
        yield url
        engines.unload(url)


def test_the_flows_of_a_studio_on_a_server(
    mount: Callable[..., Any], address: str, service: Watched, tmp_path: Path
) -> None:
    studio = Studio(tmp_path / "talk", model=address, num_steps=3, seed=2)
    mounted = mount(studio)
    page = mounted.page
    mounted.until(lambda: studio.model_state["state"] == "failed", "a rejected connection without a token")
    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("Token", exact=True).fill("secret")
    page.get_by_label("Token", exact=True).press("Enter")
    mounted.until(lambda: studio.model_state["state"] == "ready", "the connection")
    host = address.removeprefix("http://")
    page.get_by_role("button", name=f"Model: {host}, nano, loaded").wait_for()
    assert page.get_by_label("Token", exact=True).count() == 0 or not page.get_by_label("Token").is_visible()

    bar = page.get_by_role("region", name="Generate")
    generate = bar.get_by_role("button", name=re.compile("^Generate"))
    page.locator(".cm-content").click()
    page.keyboard.type("Anna: Hello there.")
    page.keyboard.press("Enter")
    page.keyboard.type("Ben: Yes.")
    mounted.until(lambda: len(studio.turns) == 2, "two turns")
    generate.click()
    mounted.until(lambda: studio.job["state"] == "finished", "the end of the generation", 60)
    assert [turn["state"] for turn in studio.turns] == ["spoken"] * 2
    assert {take.manifest.server for take in map(studio.project.takes.get, studio.takes)} == {address}

    lane = select_turn(page, 2)
    lane.get_by_role("button", name="Regenerate").click()
    mounted.until(lambda: len(studio.takes) == 3, "a third take", 60)

    page.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+End")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(ENDLESS)
    mounted.until(lambda: len(studio.turns) == 3, "three turns")
    service.cancelled.clear()
    generate.click()
    bar.get_by_role("button", name="Stop").click()
    mounted.until(lambda: studio.job["state"] == "cancelled", "the end of the generation", 60)
    studio.close()
