"""A project that cannot be saved: the message, and the actions it offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import asked, consenting, faults, studio, wait_for_call

from vibevoice_nb.errors import ProjectError

__all__ = ["studio"]  # a fixture

GONE = {
    "name": "episode",
    "path": "/home/anna/episode.vibevoice",
    "read_only": False,
    "holder": "",
    "problem": "/home/anna/episode.vibevoice was deleted or moved while it was open",
    "unsaved": True,
    "actions": ["recreate", "save_copy"],
}
SAVED = {**GONE, "problem": "", "unsaved": False, "actions": []}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_project_whose_folder_is_gone(studio: Callable[..., Any], theme: str) -> None:
    mounted = studio(theme, methods={"recreate_project": lambda **_: {}}, project_state=GONE)
    page = mounted.page
    alert = page.get_by_role("alert")
    assert "This project is not saved." in alert.inner_text() and "was deleted or moved" in alert.inner_text()
    assert page.get_by_text("Not saved: the script shown is not in the project’s folder.").is_visible()
    assert page.get_by_text("turns generated").count() == 0
    assert page.get_by_role("button", name="Generate", exact=False).first.is_disabled()
    assert faults(page) == []
    page.get_by_role("button", name="Show options").click()
    assert page.evaluate("() => document.activeElement.textContent") == "Recreate here"
    page.get_by_role("button", name="Recreate here").click()
    wait_for_call(mounted, "recreate_project")
    mounted.set(project_state=SAVED)
    alert.wait_for(state="hidden")
    page.get_by_text("Not saved").wait_for(state="hidden")


def test_a_generation_without_its_folder_is_reported_once(studio: Callable[..., Any]) -> None:
    def gone(**_: Any) -> Any:
        mounted.set(project_state={**GONE, "unsaved": False})
        raise ProjectError(GONE["problem"], "the project's folder", "recreate it here (project.recreate())")

    mounted = studio(methods={"generate": gone}, project_state=SAVED, speakers=consenting())
    page = mounted.page
    page.get_by_role("button", name="Generate", exact=False).first.click()
    page.get_by_role("button", name="Show options").wait_for()
    page.get_by_text("Not saved: the project cannot be written.").wait_for()
    assert page.get_by_text("was deleted or moved").count() == 1
    assert page.get_by_text("project.recreate()").count() == 0


def test_a_copy_elsewhere(studio: Callable[..., Any]) -> None:
    def taken(path: str, **_: Any) -> Any:
        if path == "episode-copy":
            raise ProjectError(f"{path} already exists", "a new name", "choose another name")
        return {}

    mounted = studio(methods={"save_copy": taken}, project_state=GONE)
    page = mounted.page
    page.get_by_role("button", name="Save a copy elsewhere").click()
    path = page.get_by_label("Folder for the copy")
    assert path.input_value() == "episode-copy" and path.evaluate("one => one === document.activeElement")
    page.get_by_role("button", name="Save copy", exact=True).click()
    page.get_by_text("already exists").wait_for()
    path.fill("elsewhere/episode 😀")
    path.press("Enter")
    mounted.until(lambda: len(asked(mounted, "save_copy")) == 2)
    assert asked(mounted, "save_copy")[1] == {"path": "elsewhere/episode 😀"}


def test_a_full_disk_can_be_tried_again(studio: Callable[..., Any]) -> None:
    def full(**_: Any) -> Any:
        raise ProjectError("the disk is full", "studio for the script", "free some space")

    problem = {**GONE, "problem": "the disk is full", "actions": ["retry", "save_copy"]}
    mounted = studio(methods={"retry_save": full}, project_state=problem)
    page = mounted.page
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("To fix it: free some space.").wait_for()
    assert page.get_by_role("button", name="Try again").is_enabled()
    for width in (320, 900):
        page.set_viewport_size({"width": width, "height": 900})
        # Canvases follow a frame later.
        page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


def test_several_notices_are_all_shown(studio: Callable[..., Any]) -> None:
    mounted = studio()
    for number in (1, 2, 2, 3, 4):
        mounted.send("notice", [], severity="info", text=f"Notice {number}.")
    page = mounted.page
    page.get_by_text("Notice 4.").wait_for()
    texts = page.locator(".vvnb-notices .vvnb-note").all_inner_texts()
    assert [text.strip() for text in texts] == ["Notice 2.", "Notice 3.", "Notice 4."]
