"""A built widget in a browser without Jupyter: its model is a fake, its kernel is the test."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.widgets.base import STATIC, Answer, VibeVoiceWidget
from vibevoice_nb.widgets.channel import Channel

LABEXTENSION = Path(__file__).parents[2] / "labextension"
HARNESS = Path(__file__).parent / "harness"
# localhost is a secure context, as a page with AudioWorklet or a microphone must be; nothing listens there.
ADDRESS = "http://localhost:9/"
THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

Method = Callable[..., "Mapping[str, Any] | Answer | None"]


class Mounted:
    """A widget on a page. `traits` is the kernel's side of its values, `calls` what the page has asked.

    `methods` answers calls: each function is given the parameters by name and `buffers`, and returns a
    result, an `Answer`, or raises a VibeVoiceError. A call that has no method is noted, and stays unanswered.
    """

    def __init__(self, page: Any, methods: Mapping[str, Method], traits: Mapping[str, Any]) -> None:
        self.page = page
        self.methods, self.traits = dict(methods), dict(traits)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.changes: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.on_change: Callable[[dict[str, Any]], None] = self.traits.update
        self.receive: Callable[[Any, list[bytes]], None]
        self.channel = Channel(self.to_page, self._called)
        self.receive = self.channel.receive
        self._waiting: deque[dict[str, Any]] = deque()  # also from threads of the kernel

    def set(self, **traits: Any) -> None:
        """Change values as the kernel does."""
        self.traits.update(traits)
        self._waiting.append({"traits": traits})
        self.flush()

    def send(self, kind: str, buffers: Sequence[bytes] = (), /, **fields: Any) -> None:
        """Send a message as the kernel does."""
        self.channel.send(kind, buffers, **fields)
        self.flush()

    def until(self, ready: Callable[[], Any], what: str = "", seconds: float = 20.0) -> Any:
        """Wait, the page running on, until something is truthy; return it."""
        deadline = time.monotonic() + seconds
        while not (value := ready()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what or ready}")
            self.page.wait_for_timeout(10)
            self.flush()
        self.flush()
        return value

    def faults(self, selector: str = "body") -> list[str]:
        """Return the serious accessibility problems that axe-core finds in a part of the page."""
        axe = LABEXTENSION / "node_modules/axe-core/axe.min.js"
        if not axe.is_file():
            pytest.skip("axe-core is not installed (npm ci in labextension)")
        self.page.evaluate(axe.read_text(encoding="utf-8"))
        found = self.page.evaluate("part => axe.run(part, { resultTypes: ['violations'] })", selector)
        return [
            f"{fault['help']}: {node['html'][:200]}: {node.get('failureSummary', '')}"
            for fault in found["violations"]
            for node in fault["nodes"]
            if fault["impact"] in ("serious", "critical")
        ]

    def flush(self) -> None:
        """Let the page have what waits for it."""
        if messages := self._taken():
            self.page.evaluate("messages => harness.receive(messages)", messages)

    def to_page(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        texts = [base64.b64encode(buffer).decode() for buffer in buffers]
        self._waiting.append({"content": content, "buffers": texts})

    def to_kernel(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Receive the page's messages and send the prepared answers."""
        if message.get("poll"):
            pass
        elif "changes" in message:
            self.changes.append(message["changes"])
            self.on_change(message["changes"])
        else:
            self.receive(message["content"], [base64.b64decode(text) for text in message["buffers"]])
        return self._taken()

    def _taken(self) -> list[dict[str, Any]]:
        messages = []
        while self._waiting:
            messages.append(self._waiting.popleft())
        return messages

    def _called(self, call_id: int, method: str, params: dict[str, Any], buffers: list[memoryview]) -> None:
        self.calls.append((method, params))
        if method not in self.methods:
            return
        try:
            answer = self.methods[method](**params, buffers=buffers)
        except VibeVoiceError as error:
            fields = {"got": error.got, "expected": error.expected, "remedy": error.remedy}
            self.channel.send("failed", id=call_id, **fields)
            return
        if not isinstance(answer, Answer):
            answer = Answer(answer or {})
        self.channel.send("reply", answer.buffers, id=call_id, result=dict(answer.result))


def show(
    page: Any,
    widget: str | VibeVoiceWidget,
    *,
    traits: Mapping[str, Any] | None = None,
    methods: Mapping[str, Method] | None = None,
    theme: str = "light",
    widths: Sequence[int | None] = (None,),
    shadow: bool = False,
    language: str = "en",
) -> Mounted:
    """Show a built widget: by its name and traits, or a real one, which then is its own kernel."""
    mounted = Mounted(page, methods or {}, traits or {})
    page.on("pageerror", lambda error: mounted.errors.append(str(error)))
    page.on("console", lambda line: line.type == "error" and mounted.errors.append(line.text))
    if isinstance(widget, VibeVoiceWidget):
        _connect(mounted, widget)
    page.route(f"{ADDRESS}**", lambda route: _serve(route, theme))
    page.expose_function("toKernel", mounted.to_kernel)
    page.emulate_media(color_scheme=theme)
    page.goto(f"{ADDRESS}index.html")
    page.evaluate(
        "light => document.body.setAttribute('data-jp-theme-light', light)", str(theme == "light").lower()
    )
    page.evaluate("tag => (document.documentElement.lang = tag)", language)
    name = widget._page if isinstance(widget, VibeVoiceWidget) else widget
    options = {"widget": name, "traits": mounted.traits, "widths": list(widths), "shadow": shadow}
    options["poll"] = isinstance(widget, VibeVoiceWidget)
    page.evaluate("options => harness.mount(options)", json.loads(json.dumps(options)))
    return mounted


def _connect(mounted: Mounted, widget: VibeVoiceWidget) -> None:
    """Let a real widget be the kernel: its values and its channel go both ways."""
    hidden = ("_esm", "_css")
    names = [name for name in widget.keys if name not in hidden and not name.startswith(("_view", "_model"))]
    mounted.traits = {name: value for name, value in widget.get_state(names).items() if _is_plain(value)}

    def changed(change: Any) -> None:
        state = widget.get_state(change.name)  # as it travels: not every value is plain in Python
        mounted.traits.update(state)
        mounted._waiting.append({"traits": state})

    widget._to_page = mounted.to_page  # type: ignore[method-assign]
    widget.channel._send = mounted.to_page
    mounted.receive = widget.channel.receive
    mounted.on_change = widget.set_state
    widget.observe(changed, names=list(mounted.traits))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, list, tuple, dict))


def _serve(route: Any, theme: str) -> None:
    path = route.request.url.removeprefix(ADDRESS).split("?")[0]
    file = STATIC / path.removeprefix("static/") if path.startswith("static/") else HARNESS / path
    if path == "theme.css":
        file = THEMES / f"theme-{theme}-extension/index.css"
    if not file.is_file():
        route.fulfill(status=404 if path != "theme.css" else 200, body="", content_type=TYPES[".css"])
        return
    route.fulfill(body=file.read_bytes(), content_type=TYPES.get(file.suffix, "application/octet-stream"))
