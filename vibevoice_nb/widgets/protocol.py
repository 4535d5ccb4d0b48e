"""Validation of messages between kernel and page with `protocol.json`, which the page's code uses too."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

TABLE: Final[Mapping[str, Any]] = json.loads(
    files("vibevoice_nb.widgets").joinpath("protocol.json").read_text(encoding="utf-8")
)
VERSION: Final[int] = TABLE["version"]
_SAFE_INTEGER = 2**53  # integers below are exact in JavaScript


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _SAFE_INTEGER


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or (isinstance(value, float) and math.isfinite(value)),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def fits(value: object, kind: str) -> bool:
    """Return True if a value is of a plain type of the table; `kind` is "string", "integer", "number" ...

    Examples
    --------
    >>> fits(3, "number"), fits(True, "integer")
    (True, False)
    """
    return _FITS[kind](value)


def fault_to_page(content: object) -> str:
    """Return the fault of a message to the page, or an empty string.

    Examples
    --------
    >>> fault_to_page({"v": 1, "n": 7, "kind": "audio", "stream": "take-1", "start": 3200})
    ''
    >>> fault_to_page({"v": 1, "n": 8, "kind": "audio", "stream": "take-1"})
    'audio lacks start'
    """
    return _fault(content, TABLE["to_page"])


def fault_to_kernel(content: object) -> str:
    """Return the fault of a message from the page or of its call's parameters, or an empty string.

    Examples
    --------
    >>> params = {"turns": 5, "takes": 1}
    >>> fault_to_kernel({"v": 1, "n": 3, "kind": "call", "id": 1, "method": "regenerate", "params": params})
    'call regenerate: turns is 5, not of type array'
    """
    fault = _fault(content, TABLE["to_kernel"])
    if fault or not isinstance(content, dict) or content["kind"] != "call":
        return fault
    method = content["method"]
    if method not in TABLE["methods"]:
        return f"no method is called {_shown(method)}"
    return _fault_in(content["params"], TABLE["methods"][method], f"call {method}")


def _fault(content: object, kinds: Mapping[str, Mapping[str, str]]) -> str:
    if not isinstance(content, dict):
        return "the message is not an object"
    fields = dict(content)
    version, n, kind = (fields.pop(name, None) for name in ("v", "n", "kind"))
    after, base64 = fields.pop("after", 0), fields.pop("base64", [])
    if version != VERSION or isinstance(version, bool):
        return f"v is {_shown(version)}, not {VERSION}"
    if not _is_integer(n) or n < 0:
        return f"n is {_shown(n)}, not a number from 0"
    if "after" in content and not (_is_integer(after) and 0 <= after < n):
        return f"after is {_shown(after)}, not a number below n"
    if not isinstance(base64, list) or not all(isinstance(text, str) for text in base64):
        return "base64 is not a list of strings"
    if not isinstance(kind, str) or kind not in kinds:
        return f"no message is called {_shown(kind)}"
    return _fault_in(fields, kinds[kind], kind)


def _fault_in(fields: Mapping[str, Any], expected: Mapping[str, str], where: str) -> str:
    for name, kind in expected.items():
        value = fields.get(name)
        if value is None:
            if not kind.endswith("?"):
                return f"{where} lacks {name}"
        elif not fits(value, kind.rstrip("?")):
            return f"{where}: {name} is {_shown(value)}, not of type {kind}"
    unread = [name for name in fields if name not in expected]
    return f"{where} has no field {', '.join(unread)}" if unread else ""


def _shown(value: object) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
