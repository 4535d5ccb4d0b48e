"""A widget without a page: its messages are recorded, those of the page are simulated."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vibevoice_nb.widgets.base import VibeVoiceWidget


class FakePage:
    """Talks to a widget as its page does, past ipywidgets' connection."""

    def __init__(self, widget: VibeVoiceWidget) -> None:
        self.widget = widget
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        widget.channel._send = lambda content, buffers: self.sent.append((content, buffers))
        self._calls = 0

    def call(self, method: str, buffers: tuple[bytes, ...] = (), /, **params: Any) -> dict[str, Any]:
        """Call a method and wait for its answer: a "reply" with `buffers`, or a "failed"."""
        self._calls += 1
        content = {"v": 1, "n": self._calls, "kind": "call", "id": self._calls, "method": method}
        self.widget._from_page(self.widget, {**content, "params": params}, list(buffers))
        return self.until(lambda: self._answer(self._calls))

    def _answer(self, call_id: int) -> dict[str, Any] | None:
        for content, buffers in list(self.sent):
            if content["kind"] in ("reply", "failed") and content["id"] == call_id:
                return {**content, "buffers": buffers}
        return None

    def kinds(self) -> list[str]:
        return [content["kind"] for content, _ in self.sent]

    @staticmethod
    def until(ready: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := ready()):
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.005)
        return value
