"""Other registries of financings, queried before money is paid: the port, their answers, and a registry for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from services.financing.domain.documents import Papers

FRESH = 24 * 3_600 * 1_000_000
"""An answer older than a day is no answer."""


class RegistryFinding(StrEnum):
    """A registry's finding on a deal. UNAVAILABLE never counts as CLEAR."""

    CLEAR = "CLEAR"
    HIT = "HIT"
    UNAVAILABLE = "UNAVAILABLE"


class RegistryAnswer(NamedTuple):
    """One registry's answer on one financing, at a moment (UTC microseconds)."""

    registry: str
    finding: RegistryFinding
    at: int


class ExternalRegistry(Protocol):
    """A registry to query; ``ask`` may block up to its own limit and never raises: no answer is UNAVAILABLE."""

    name: str

    def ask(self, papers: Papers, at: int) -> RegistryAnswer:
        """Query ``papers`` at the moment ``at``."""


@dataclass
class TestRegistry:
    """A registry with fixed findings by invoice number; CLEAR for all others."""

    __test__ = False

    name: str
    findings: Mapping[str, RegistryFinding] = field(default_factory=dict)

    def ask(self, papers: Papers, at: int) -> RegistryAnswer:
        """The gravest finding of the invoices."""
        found = {self.findings.get(invoice.number, RegistryFinding.CLEAR) for invoice in papers.invoices}
        for grave in (RegistryFinding.HIT, RegistryFinding.UNAVAILABLE):
            if grave in found:
                return RegistryAnswer(self.name, grave, at)
        return RegistryAnswer(self.name, RegistryFinding.CLEAR, at)


def current_findings(
    required: Iterable[str], answers: Iterable[RegistryAnswer], at: int
) -> Mapping[str, RegistryFinding]:
    """The finding of each required registry at ``at``: its latest answer, UNAVAILABLE where none is fresh."""
    latest: dict[str, RegistryAnswer] = {}
    for answer in answers:
        known = latest.get(answer.registry)
        if answer.at <= at and (known is None or answer.at > known.at):
            latest[answer.registry] = answer
    return {
        name: latest[name].finding
        if name in latest and at - latest[name].at <= FRESH
        else RegistryFinding.UNAVAILABLE
        for name in sorted(required)
    }
