"""Other registries of financings, asked before money is paid: a port, what they answer, and a registry for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from services.financing.domain.documents import Papers

FRESH = 24 * 3_600 * 1_000_000
"""An answer older than a day is no answer."""


class Finding(StrEnum):
    """What another registry says of a deal. UNAVAILABLE never counts as CLEAR."""

    CLEAR = "CLEAR"
    HIT = "HIT"
    UNAVAILABLE = "UNAVAILABLE"


class Answer(NamedTuple):
    """One registry's answer on one financing, at a moment (UTC microseconds)."""

    registry: str
    finding: Finding
    at: int


class ExternalRegistry(Protocol):
    """A registry that is asked; ``ask`` may block up to its own limit and never raises: no answer is UNAVAILABLE."""

    name: str

    def ask(self, papers: Papers, at: int) -> Answer:
        """Ask about ``papers`` at the moment ``at``."""


@dataclass
class TestRegistry:
    """A registry that answers as it was told, by invoice number; CLEAR where it was told nothing."""

    __test__ = False

    name: str
    told: Mapping[str, Finding] = field(default_factory=dict)

    def ask(self, papers: Papers, at: int) -> Answer:
        """The gravest of what was told of the invoices."""
        found = {self.told.get(invoice.number, Finding.CLEAR) for invoice in papers.invoices}
        for grave in (Finding.HIT, Finding.UNAVAILABLE):
            if grave in found:
                return Answer(self.name, grave, at)
        return Answer(self.name, Finding.CLEAR, at)


def standing(required: Iterable[str], answers: Iterable[Answer], at: int) -> Mapping[str, Finding]:
    """For each registry that must be asked what counts at ``at``: its latest answer, UNAVAILABLE where there is no fresh one."""
    latest: dict[str, Answer] = {}
    for answer in answers:
        known = latest.get(answer.registry)
        if answer.at <= at and (known is None or answer.at > known.at):
            latest[answer.registry] = answer
    return {
        name: latest[name].finding
        if name in latest and at - latest[name].at <= FRESH
        else Finding.UNAVAILABLE
        for name in sorted(required)
    }
