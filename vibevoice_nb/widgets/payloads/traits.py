"""Traits whose values are payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import traitlets

_Payload = TypeVar("_Payload")


def payload(kind: type[_Payload], default: _Payload | None = None) -> traitlets.TraitType[_Payload, _Payload]:
    """Return a synchronized trait whose value is a payload."""
    value: Any = default
    trait: Any = traitlets.Dict() if default is None else traitlets.Dict(value)
    return trait.tag(sync=True, payload=kind.__name__)


def payload_list(
    kind: type[_Payload], default: Sequence[_Payload] = ()
) -> traitlets.TraitType[list[_Payload], list[_Payload]]:
    """Return a synchronized trait whose value is a list of payloads."""
    trait: Any = traitlets.List(traitlets.Dict(), list(default))
    return trait.tag(sync=True, payload=f"{kind.__name__}[]")


def payload_dict(
    kind: type[_Payload],
) -> traitlets.TraitType[dict[str, _Payload], dict[str, _Payload]]:
    """Return a synchronized trait whose value is a dict of payloads by id."""
    trait: Any = traitlets.Dict()
    return trait.tag(sync=True, payload=f"{kind.__name__}{{}}")
