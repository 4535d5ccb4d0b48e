"""Helpers of the studio tests: a Studio whose kernel accepts every call, its calls, axe-core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_traits import SOUND, speaker, studio_traits, voice

AXE = Path(__file__).parents[2] / "labextension/node_modules/axe-core/axe.min.js"
EXPECTED = ("generate", "cancel", "choose_take", "star_take", "delete_take", "undo", "regenerate")
ADJUSTING = ("adjust_turn", "adjust_speaker", "trim_take")
QUIET = ("set_voice", "clear_voice", "set_consent", "trim_voice", "set_color", "load_model", "unload_model")


@pytest.fixture
def studio(mount: Callable[..., Any]) -> Callable[..., Any]:
    """A Studio whose kernel accepts every call; `traits` override the default ones."""

    def studio(
        theme: str = "light",
        methods: dict[str, Any] | None = None,
        language: str = "en",
        **traits: Any,
    ) -> Any:
        agree = {name: (lambda **_: {}) for name in (*EXPECTED, *ADJUSTING, *QUIET)}
        return mount(
            "studio",
            traits=studio_traits(**traits),
            methods={**SOUND, **agree, **(methods or {})},
            theme=theme,
            language=language,
        )

    return studio


def select_turn(page: Any, number: int) -> Any:
    """Click a line of the script, counted from 1 (one turn a line), and return what the Turn tab shows."""
    page.get_by_role("tab", name="Turn").click()
    page.locator(".cm-line").nth(number - 1).click()
    lane = page.get_by_role("region", name="Selected turn")
    lane.get_by_role("heading", name=f"Turn {number},").wait_for()
    return lane


def asked(mounted: Any, method: str) -> list[dict[str, Any]]:
    return [params for name, params in mounted.calls if name == method]


def wait_for_call(mounted: Any, method: str) -> dict[str, Any]:
    return mounted.until(lambda: asked(mounted, method), f"call {method}")[-1]


def consenting(**more: Any) -> list[dict[str, Any]]:
    own = voice("Ben", "recording", consent=True, **more)
    return [speaker("Anna", "#0072b2", voice("Ada")), speaker("Ben", "#d55e00", own)]


def faults(page: Any) -> list[str]:
    """Serious and critical violations that axe-core finds, in words."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=AXE)
    found = page.evaluate("() => axe.run('#views', { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:160]} {node['any'][:1]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
