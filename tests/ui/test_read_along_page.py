"""Switch of reading along in the editor's footer: only in the Studio, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import faults, studio

__all__ = ["studio"]  # a fixture

pytestmark = pytest.mark.ui


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_switched_by_mouse_and_keyboard(studio: Callable[..., Any], theme: str) -> None:
    mounted = studio(theme)
    switch = mounted.page.get_by_role("button", name="Read along")
    assert not switch.count()  # a host without it, such as the plain editor
    mounted.set(read_along=False)
    switch.wait_for()
    assert switch.get_attribute("aria-pressed") == "false" and faults(mounted.page) == []
    switch.click()
    mounted.until(lambda: mounted.traits.get("read_along") is True)
    assert switch.get_attribute("aria-pressed") == "true"
    mounted.page.locator(".cm-content").first.focus()
    mounted.page.keyboard.press("Alt+r")
    mounted.until(lambda: mounted.traits.get("read_along") is False)
    assert switch.get_attribute("aria-pressed") == "false" and faults(mounted.page) == []
