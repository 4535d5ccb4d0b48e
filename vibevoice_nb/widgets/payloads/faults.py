"""Faults of payloads: the first difference between a value and the table `payloads.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final

from ..protocol import fits

TABLE: Final[Mapping[str, Any]] = json.loads(
    files("vibevoice_nb.widgets").joinpath("payloads.json").read_text(encoding="utf-8")
)


def fault_in_trait(name: str, value: object) -> str:
    """Describe the first difference between the value of a trait and the table; empty if there is none.

    Examples
    --------
    >>> fault_in_trait("job", {"id": "", "state": "idle", "turns": [7], "message": ""})
    'job.turns[0] is 7, not of type string'
    """
    if name not in TABLE["traits"]:
        return f"no trait is called {name}"
    return _fault(value, TABLE["traits"][name], name)


def fault_in_payload(name: str, value: object) -> str:
    """Describe the first difference between a payload and the table; empty if there is none.

    Examples
    --------
    >>> fault_in_payload("KnownModel", {"id": "nano"})
    'KnownModel lacks note'
    """
    return _fault(value, name, name)


def _fault(value: Any, kind: str, where: str) -> str:
    if kind.endswith("?"):
        return "" if value is None else _fault(value, kind[:-1], where)
    wrong = f"{where} is {json.dumps(value, default=repr)[:60]}, not of type {kind}"
    if kind.endswith("[]"):
        if not isinstance(value, list):
            return wrong
        return _first(_fault(item, kind[:-2], f"{where}[{index}]") for index, item in enumerate(value))
    if kind.endswith("{}"):
        if not isinstance(value, dict):
            return wrong
        return _first(_fault(item, kind[:-2], f"{where}[{key!r}]") for key, item in value.items())
    if kind in TABLE["choices"]:
        return "" if value in TABLE["choices"][kind] else wrong
    if kind not in TABLE["payloads"]:
        return "" if fits(value, kind) else wrong
    if not isinstance(value, dict):
        return wrong
    fields: Mapping[str, str] = TABLE["payloads"][kind]
    if missing := [name for name in fields if name not in value]:
        return f"{where} lacks {', '.join(missing)}"
    if unknown := [name for name in value if name not in fields]:
        return f"{where} has no field {', '.join(unknown)}"
    return _first(_fault(value[name], field, f"{where}.{name}") for name, field in fields.items())


def _first(faults: Iterable[str]) -> str:
    return next(filter(None, faults), "")
