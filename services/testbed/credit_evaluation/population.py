"""A simulated population of shippers with a truth of its own: how careful each is, and whether it will default.

The generator knows no parameter of the scorer: no signal, weight, prior or bin, only what firms do. Carefulness is drawn apart
from size and place, so that whatever a score makes of size and place is unfair. Floats are allowed here: nothing of it is a score.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

DAYS = 365
"""How long each firm is watched; the outcome lies in the year after."""


@dataclass(frozen=True, slots=True)
class Firm:
    """One simulated shipper; ``defaults`` is what will happen after the watched year."""

    number: int
    carefulness: float  # 0 careless to 1 careful; seen by nobody
    monthly: float  # consignments a month
    large: bool
    inland: bool
    steady: bool
    defaults: bool

    @property
    def code(self) -> str:
        return f"firm-{self.number:05}"


@dataclass(frozen=True, slots=True)
class Shipment:
    """What happened in one consignment of a firm; None where it did not come up."""

    number: int
    day: int
    papers_late: bool
    rejected: bool
    inspected: bool
    found: bool
    mass_off: bool
    given_back_late: bool
    paid_days_late: int
    claimed: bool
    loan_days_late: int | None
    filings_differ: bool
    held_by_policy: bool


def population(firms: int, seed: int) -> Iterator[Firm]:
    """``firms`` shippers, the same for the same seed."""
    rng = random.Random(f"population {seed}")
    for number in range(firms):
        carefulness = rng.betavariate(2.4, 1.6)
        large = rng.random() < 0.3
        monthly = rng.uniform(5.0, 9.0) if large else rng.uniform(1.2, 3.5)
        inland, steady = rng.random() < 0.6, rng.random() < 0.7
        risk = 1.0 / (1.0 + math.exp(-(1.4 - 5.5 * carefulness)))
        yield Firm(number, carefulness, monthly, large, inland, steady, rng.random() < risk)


def shipments(firm: Firm, seed: int) -> Iterator[Shipment]:
    """A year of what ``firm`` does, by days since the beginning."""
    rng = random.Random(f"shipments {seed} {firm.number}")
    carelessness = 1.0 - firm.carefulness
    slips = 0.01 + 0.30 * carelessness**2  # how often something is done badly

    def slip(share: float) -> bool:
        return rng.random() < min(0.95, slips * share)

    number = 0
    for month in range(12):
        busy = firm.monthly * (1.0 if firm.steady else rng.choice((0.3, 1.0, 1.8)))
        for _ in range(_poisson(rng, busy)):
            inspected = rng.random() < 0.12
            lends = rng.random() < 0.25
            yield Shipment(
                number=number,
                day=month * 30 + rng.randrange(30),
                papers_late=slip(1.5),
                rejected=slip(0.6),
                inspected=inspected,
                found=inspected and slip(1.4),
                mass_off=slip(0.4),
                given_back_late=slip(0.6),
                paid_days_late=rng.choice((5, 15, 50)) if slip(1.6) else 0,
                claimed=slip(0.2),
                loan_days_late=None if not lends else (rng.choice((8, 20, 70)) if slip(0.9) else 0),
                filings_differ=slip(0.7),
                held_by_policy=firm.inland and rng.random() < 0.06,
            )
            number += 1


def _poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number (Knuth's product of uniforms)."""
    limit, product, n = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        n += 1
    return n
