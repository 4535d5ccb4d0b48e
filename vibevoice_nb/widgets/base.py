"""Base of all widgets: page code, a channel to the page, and methods that the page can call."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import anywidget
import traitlets

from vibevoice_nb.display.static import Static
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.texts import whole_text, whole_texts
from vibevoice_nb.widgets.channel import Buffer, Channel
from vibevoice_nb.widgets.protocol import TABLE

STATIC = Path(__file__).parent / "static"
_WORKERS = 8

_log = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Answer:
    """Result of a method with binary buffers."""

    result: Mapping[str, Any]
    buffers: Sequence[Buffer] = ()


def call(method: str, *, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a function of a widget or of its parts as the implementation of a method of `protocol.json`.

    It is called with the method's parameters by name, checked against the table (a nullable one needs a
    default, as the page may omit it). If it has a parameter `buffers`, it also gets a list of memoryviews. It
    returns a dict, an `Answer`, or None. The page shows a `VibeVoiceError` in full, and any other exception
    as one sentence, with the details in the log.

    Parameters
    ----------
    method : str
        Name of the method in the table.
    slow : bool
        True if it can take more than a few milliseconds. It then runs in a worker thread, so that the kernel
        can process further messages; slow calls may finish in a different order.

    Examples
    --------
    >>> class Viewer(VibeVoiceWidget):
    ...     @call("describe")
    ...     def _describe(self, source: str) -> dict[str, object]:
    ...         return {"samples": 0}
    """
    if method not in TABLE["methods"]:
        raise ValueError(f"protocol.json has no method {method!r}")

    def mark(function: Function) -> Function:
        takes_buffers = "buffers" in inspect.signature(function).parameters
        function._answers = _Handler(method, slow, takes_buffers)  # type: ignore[attr-defined]
        return function

    return mark


@dataclass(frozen=True)
class _Handler:
    method: str
    slow: bool
    takes_buffers: bool


def _methods(owner: VibeVoiceWidget | Part) -> dict[str, Callable[..., Any]]:
    """Return the functions of an object that are marked with `call`, by method."""
    functions = {name: value for kind in reversed(type(owner).__mro__) for name, value in vars(kind).items()}
    handlers = {name: getattr(function, "_answers", None) for name, function in functions.items()}
    return {handler.method: getattr(owner, name) for name, handler in handlers.items() if handler}


class Part:
    """Part of a widget: a group of methods that the page can call, marked with `call`, and their state.

    A part gets what it needs from its widget as arguments, and is registered by `VibeVoiceWidget.add_parts`.
    """

    def close(self) -> None:
        """Release resources; called when the widget is closed, possibly more than once."""


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_WORKERS, thread_name_prefix="vibevoice-nb")


def static_text(name: str) -> str:
    """Return the text of a built file of the page.

    Raises
    ------
    VibeVoiceError
        If the file is missing because the package was not built.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise VibeVoiceError(
            f"the page code {name} is missing in {STATIC}",
            "a built package, as pip installs it",
            "run `pip install .` in the repository, or `npm ci && npm run build` in labextension",
        ) from None


class VibeVoiceWidget(anywidget.AnyWidget):
    """Base of all widgets; a subclass names its built module in `_page`.

    The page calls functions marked with `call`: the widget's own, and those of its parts, see `add_parts`.

    A page may set only traits with the tag `page=True`. Lone surrogates are replaced in both directions:
    JavaScript and JSON allow them, but they cannot be encoded, and the message would be lost.
    """

    _page: ClassVar[str] = ""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        # The channel is created before the traits are set, as their observers may send messages.
        self.channel = Channel(self._to_page, self._called)
        self._methods, self._parts = _methods(self), list[Part]()
        super().__init__(**kwargs)
        self.on_msg(self._from_page)

    def add_parts(self, *parts: Part) -> None:
        """Register the methods of parts, so that the page can call them; `close` closes the parts."""
        for part in parts:
            methods = _methods(part)
            if again := self._methods.keys() & methods.keys():
                raise ValueError(f"{type(self).__name__} already has the methods {', '.join(sorted(again))}")
            self._methods |= methods
            self._parts.append(part)

    @traitlets.default("_esm")
    def _read_esm(self) -> str:
        return static_text(f"{self._page}.js")

    @traitlets.default("_css")
    def _read_css(self) -> str:
        return static_text("style.css")

    def __repr__(self) -> str:
        details = self._repr_details()
        return f"{type(self).__name__}({details})"

    def _repr_details(self) -> str:
        """Return the text between the parentheses of `repr`."""
        return ""

    def _static(self) -> Static | None:
        """Return the widget as it is now for notebooks without a kernel; None if there is nothing to show."""
        return None

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and beside it its static form, for saved notebooks and nbconvert.

        A notebook keeps the static form of the moment in which the widget was displayed.
        """
        shown = super()._repr_mimebundle_(**options)
        if not shown:
            return shown
        bundle, metadata = shown
        try:
            static = self._static()
        except (VibeVoiceError, OSError) as error:  # the widget itself works
            _log.warning("%s has no static form: %s", type(self).__name__, error)
            static = None
        return ({**bundle, **static.bundle(repr(self))} if static else bundle), metadata

    def close(self) -> None:
        """Close the widget in every page that shows it."""
        if "_parts" in vars(self):  # otherwise the constructor failed
            for part in self._parts:
                part.close()
            self.channel.close()
        super().close()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the traits in the form that is sent to a page."""
        return _sendable(super().get_state(key, drop_defaults))

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Apply values from a page to the traits it may set."""
        owned = {name: value for name, value in sync_data.items() if self._is_owned_by_page(name)}
        if ignored := sorted(sync_data.keys() - owned.keys()):
            _log.warning("ignored values that a page may not set: %s", ", ".join(ignored)[:200])
        if owned:
            super().set_state(whole_texts(owned))

    def _is_owned_by_page(self, name: str) -> bool:
        return name in self.keys and bool(self.trait_metadata(name, "page", False))

    def _to_page(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(content, buffers)

    def _from_page(self, _widget: object, content: object, buffers: Sequence[Buffer]) -> None:
        content = whole_texts(content)
        values = content.get("values") if isinstance(content, Mapping) else None
        if isinstance(values, Mapping):
            self._catch_up(values)
        self.channel.receive(content, buffers)

    def _catch_up(self, values: Mapping[str, Any]) -> None:
        """Apply values that the page set before a call, as the call may arrive before them."""
        for name, value in values.items():
            try:
                if not self._is_owned_by_page(name) or getattr(self, name) != value:
                    self.set_state({name: value})
            except (traitlets.TraitError, VibeVoiceError) as error:
                _log.warning("ignored a value from the page: %s", error)

    def _called(self, call_id: int, method: str, params: dict[str, Any], buffers: list[memoryview]) -> None:
        function = self._methods.get(method)
        if function is None:
            message = f"{type(self).__name__} has no method {method!r}"
            self._fail(call_id, VibeVoiceError(message, "a method of this widget", "reload the page"))
            return
        handler: _Handler = function._answers  # type: ignore[attr-defined]
        arguments = {**params, "buffers": buffers} if handler.takes_buffers else params
        if handler.slow:
            _workers().submit(self._answer, call_id, function, arguments)
        else:
            self._answer(call_id, function, arguments)

    def _answer(self, call_id: int, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        try:
            answer = function(**arguments)
            if not isinstance(answer, Answer):
                answer = Answer(answer or {})
            self.channel.send("reply", answer.buffers, id=call_id, result=dict(answer.result))
        except VibeVoiceError as error:
            self._fail(call_id, error)
        except OSError as error:
            self._fail(call_id, system_error(error))
        except Exception as error:  # every error must reach the page
            _log.exception("%s failed", function.__qualname__)
            reason = " ".join(str(error).split())[:300]
            got = f"internal error in the kernel: {type(error).__name__}{reason and f': {reason}'}"
            self._fail(call_id, VibeVoiceError(got, "", "try again; the log has the details"))

    def _fail(self, call_id: int, error: VibeVoiceError) -> None:
        self.channel.send("failed", id=call_id, got=error.got, expected=error.expected, remedy=error.remedy)


def system_error(error: OSError) -> VibeVoiceError:
    """Return an error for the page from an error of the operating system."""
    name = str(error.filename or "")
    shown = name if len(name) <= 100 else f"{name[:40]}...{name[-40:]}"
    got = f"{shown}: {error.strerror or error}".removeprefix(": ")
    return VibeVoiceError(
        got, "a file or folder that can be read and written", "choose another one, or free some space"
    )


def _sendable(value: Any) -> Any:
    """Return plain values that a kernel can send: text without lone surrogates, finite numbers."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in value]
    return value
