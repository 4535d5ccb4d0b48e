"""What all widgets have in common: their page code, a channel to it, and methods the page can call."""

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
    """What a method gives the page when a result alone won't do: a result, and binary buffers."""

    result: Mapping[str, Any]
    buffers: Sequence[Buffer] = ()


def call(method: str, *, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a widget's function as what answers a method of `protocol.json`.

    It is given the method's parameters by name, checked against the table (one that may be null should have a
    default: the page may leave it out), and `buffers`, a list of memoryviews, if it has a parameter of that
    name. It returns a dict, an `Answer`, or None. A `VibeVoiceError` it raises reaches the person in the page
    as it is, any other exception as one plain sentence; the rest goes to the log.

    Parameters
    ----------
    method : str
        The name in the table.
    slow : bool
        Whether it may take more than some milliseconds. It then runs in a thread of its own, so that the
        kernel stays free for the messages that follow; slow calls may end in another order than they began.

    Examples
    --------
    >>> class Room(VibeVoiceWidget):
    ...     @call("describe")
    ...     def _describe(self, source: str) -> dict[str, object]:
    ...         return {"samples": 0}
    """
    if method not in TABLE["methods"]:
        raise ValueError(f"no method of protocol.json is called {method!r}")

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


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_WORKERS, thread_name_prefix="vibevoice-nb")


def static_text(name: str) -> str:
    """Read a built file of the page.

    Raises
    ------
    VibeVoiceError
        When it is missing: the package is a copy of the sources that was never built.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise VibeVoiceError(
            f"the widgets' page code, {name}, is missing in {STATIC}",
            "a package installed by pip, which builds it",
            "run `pip install .` in the repository, or `npm ci && npm run build` in labextension",
        ) from None


class VibeVoiceWidget(anywidget.AnyWidget):
    """Base of our widgets; a subclass names its built module in `_page` and marks functions with `call`.

    A page may set only the traits that have the tag `page=True`. Texts are made whole in both directions: a
    lone surrogate, which JavaScript and JSON allow, can't be encoded, and its message would be lost.
    """

    _page: ClassVar[str] = ""
    _methods: ClassVar[Mapping[str, str]] = {}

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        functions = {name: inspect.getattr_static(cls, name, None) for name in dir(cls)}
        handlers = {name: getattr(function, "_answers", None) for name, function in functions.items()}
        cls._methods = {handler.method: name for name, handler in handlers.items() if handler}

    def __init__(self, **kwargs: Any) -> None:
        # The channel is there before the traits are set: what observes them may have something to say.
        self.channel = Channel(self._to_page, self._called)
        super().__init__(**kwargs)
        self.on_msg(self._from_page)

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

    def close(self) -> None:
        """Close the widget in every page that shows it."""
        if "channel" in vars(self):  # or else what it was to be made from was refused
            self.channel.close()
        super().close()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the traits as they are sent to a page."""
        return _sendable(super().get_state(key, drop_defaults))

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take values from a page: those of the traits that it owns."""
        owned = {name: value for name, value in sync_data.items() if self._is_owned_by_page(name)}
        if ignored := sorted(sync_data.keys() - owned.keys()):
            _log.warning("values that no page may set were left out: %s", ", ".join(ignored)[:200])
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
        """Take values the page had set before a call: the call may have overtaken them on the way."""
        for name, value in values.items():
            try:
                if not self._is_owned_by_page(name) or getattr(self, name) != value:
                    self.set_state({name: value})
            except (traitlets.TraitError, VibeVoiceError) as error:
                _log.warning("a value from the page was left out: %s", error)

    def _called(self, call_id: int, method: str, params: dict[str, Any], buffers: list[memoryview]) -> None:
        function = getattr(self, self._methods.get(method, ""), None)
        if function is None:
            message = f"{type(self).__name__} doesn't answer {method!r}"
            self._fail(call_id, VibeVoiceError(message, "a method of this widget", "reload the page"))
            return
        handler: _Handler = function._answers
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
        except Exception as error:  # whatever it is, the person who clicked must hear of it
            _log.exception("%s failed", function.__qualname__)
            reason = " ".join(str(error).split())[:300]
            got = f"something went wrong in the kernel: {type(error).__name__}{reason and f': {reason}'}"
            self._fail(call_id, VibeVoiceError(got, "", "try again; the log has the details"))

    def _fail(self, call_id: int, error: VibeVoiceError) -> None:
        self.channel.send("failed", id=call_id, got=error.got, expected=error.expected, remedy=error.remedy)


def system_error(error: OSError) -> VibeVoiceError:
    """Return the error for what the disk or the system refused."""
    name = str(error.filename or "")
    shown = name if len(name) <= 100 else f"{name[:40]}...{name[-40:]}"
    got = f"{shown}: {error.strerror or error}".removeprefix(": ")
    return VibeVoiceError(got, "a file or folder that can be used", "choose another one, or free some space")


def _sendable(value: Any) -> Any:
    """Return plain values as a kernel can send them: texts whole, numbers finite."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in value]
    return value
