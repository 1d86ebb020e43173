"""How a payload of an old version becomes one of the next: pure steps, so that every version stays readable for ever.

A step takes the JSON value of version n and gives that of version n + 1, without changing its argument. Chains are
followed to the newest version. A step is never changed once it has been published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from schemas.events.customs_whole import whole
from schemas.events.finance_decision import said_less

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the ``type`` it leads to, and the pure function from the older value to the newer."""

    type: str
    apply: Callable[[Json], Json]


_WHOLE = (
    "transit_opened",
    "transit_closed",
    "unloading_permitted",
    "inspection_passed",
    "inspection_finding",
    "held",
)
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        **{f"cre.customs.{name}.v1": Step(f"cre.customs.{name}.v2", whole) for name in _WHOLE},
        "cre.finance.decided.v1": Step("cre.finance.decided.v2", said_less),
        "cre.finance.decided.v2": Step("cre.finance.decided.v3", said_less),
        "cre.finance.released.v1": Step("cre.finance.released.v2", said_less),
    }
)
"""The step away from each type that has a newer version, by the older type's name."""
