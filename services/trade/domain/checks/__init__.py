"""The 32 checks of a shipment's papers, and D00: whether every line has its counterpart."""

from __future__ import annotations

from typing import Final

from services.trade.domain.checks import amounts, goods, journey, masses, terms, valuation
from services.trade.domain.checks.shipment import Check, Shipment
from services.trade.domain.finding import Finding, Rules
from services.trade.domain.paper import PaperSet


def _number(check: Check) -> str:
    return str(getattr(check, "__name__", ""))[:3].upper()


CHECKS: Final[dict[str, Check]] = {
    _number(check): check
    for check in sorted(
        (*amounts.CHECKS, *valuation.CHECKS, *terms.CHECKS, *goods.CHECKS, *masses.CHECKS, *journey.CHECKS),
        key=_number,
    )
}


def findings(papers: PaperSet, rules: Rules) -> tuple[Finding, ...]:
    """What every check says of ``papers`` under ``rules``, in the order of the checks; every check says something."""
    shipment = Shipment(papers, rules)
    return tuple(finding for check in CHECKS.values() for finding in check(shipment))
