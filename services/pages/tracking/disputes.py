"""What publishers state differently, side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.pages.tracking.summary import Claim, claim


@dataclass(frozen=True, slots=True)
class Dispute:
    """One question with every answer, the earliest time first; ``spread`` and ``tolerance`` in microseconds."""

    milestone: str
    object: str
    place: str
    spread: int
    tolerance: int
    answers: tuple[Claim, ...]


def disputes(body: Mapping[str, Any]) -> tuple[Dispute, ...]:
    """The disputes of a filtered view."""
    return tuple(
        Dispute(
            each["milestone"],
            each["object"] or "",
            each["place"] or "",
            each["spread_seconds"] * 1_000_000,
            each["tolerance_seconds"] * 1_000_000,
            tuple(sorted(map(claim, each["answers"]), key=lambda a: (a.happened, a.by))),
        )
        for each in body["disputes"]
    )
