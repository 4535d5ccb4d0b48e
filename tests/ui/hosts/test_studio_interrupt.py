"""The kernel is interrupted or restarted while the Studio generates: what stops, and what is kept."""

from __future__ import annotations

import pytest
from conftest import OpenNotebook, studio_cell
from endless import ENDLESS
from host_server import JupyterServer
from playwright.sync_api import expect
from studio_page import STOPPED, StudioPage


@pytest.fixture
def speaking(open_notebook: OpenNotebook, lab: JupyterServer, request: pytest.FixtureRequest) -> StudioPage:
    """A Studio in the middle of a long turn, slow enough for a kernel's client to find silence."""
    studio = StudioPage(open_notebook(lab, studio_cell(request.node.name, ENDLESS, num_steps=300)).run_all())
    studio.choose_voice("Anna", "Ada")
    studio.generate()
    studio.ear.wait_for_sound()
    return studio


def test_the_toolbars_square_stops_a_generation(speaking: StudioPage) -> None:
    """No cell runs, so ipykernel itself would ignore it."""
    button = speaking.page.locator("[data-jp-item-name=interrupt]").first
    button.locator("button, jp-button").first.click()
    expect(speaking.transport.get_by_role("status")).to_have_text(STOPPED)
    kernel = speaking.notebook.kernel
    assert kernel.value("studio.job['state']") == "cancelled"
    assert kernel.value("studio.turns[0]['seconds']") > 0 and kernel.value("studio.project.turns[0].partial")
    assert speaking.gutter() == ["partial"]
    expect(speaking.generate_button).to_have_text("Generate")
    assert kernel.value("6 * 7") == 42, "the kernel goes on"


def test_live_audio_ends_with_its_kernel(speaking: StudioPage) -> None:
    badge = speaking.root.locator(".vvnb-deck-badge")
    expect(badge).to_contain_text("Live: generating")
    speaking.notebook.restart_kernel()
    expect(speaking.root.get_by_text("Live: generating")).to_have_count(0)
    expect(speaking.root.get_by_text("allow audio playback")).to_have_count(0)
    expect(speaking.stop_button).to_be_hidden()
    assert speaking.gutter() == ["unspoken"], "no turn is shown as being generated"
    expect(speaking.generate_button).to_be_disabled()
