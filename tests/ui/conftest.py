"""Browser tests: a headless Chromium for all of them, a page of its own for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vibevoice_nb.widgets.base import STATIC

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    context.set_default_timeout(20_000)  # for busy machines
    yield context.new_page()
    context.close()


@pytest.fixture
def mount(page: Any) -> Iterator[Callable[..., Any]]:
    """`mount("editor", traits={...})` or `mount(ScriptEditor(...))`; a fault in the page fails the test."""
    from harness_page import show

    if not STATIC.is_dir():
        pytest.skip("the page's code isn't built (npm run build in labextension)")
    shown = []

    def mount(*args: Any, **options: Any) -> Any:
        shown.append(show(page, *args, **options))
        return shown[-1]

    yield mount
    for mounted in shown:
        page.evaluate("() => harness.unmount()")
        assert not mounted.errors, "\n".join(mounted.errors)
