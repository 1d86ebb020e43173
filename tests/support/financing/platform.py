"""What a story is told to and asks of: a platform in memory, or in a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from services.domain.objects import Thing
from services.financing.domain.decisions import Decision
from services.financing.domain.requests import DecisionRequest, Reply
from services.financing.domain.status import Status

from .stories import Case

DECIDED = (
    "outcome",
    "guard",
    "satisfied_by",
    "frees",
    "notices",
    "until",
    "amount",
    "terms",
    "rules",
    "shares",
    "waiver",
    "goods",
    "resembles",
    "reviewers",
)
"""What two platforms decide alike; numbers and positions are each one's own."""


class Platform(Protocol):
    """Decides requests in the order in which they come, by what is known at each moment."""

    def ask(self, ask: DecisionRequest, at: int, on: tuple[Thing, ...] = ()) -> tuple[Decision, Reply]:
        """Decide ``ask`` at ``at``, or give the decision that it has; ``on`` are the objects that it names."""

    def status(self, financing: str, asked_by: str, as_of: int, known_at: int | None = None) -> Status | None:
        """The status of a financing for a bank."""

    def decided(self) -> int:
        """How many decisions are recorded."""


def asked(case: Case, number: int, numbers: Sequence[int]) -> tuple[DecisionRequest, int, tuple[Thing, ...]]:
    """The request of a story where the decisions so far have ``numbers``: stories count them from 1."""
    ask, at, on = case.ask(number)
    if ask.reviewed is not None:
        ask = replace(ask, reviewed=numbers[ask.reviewed - 1])
    return ask, at, on
