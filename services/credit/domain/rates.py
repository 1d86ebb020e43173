"""A signal as a rate: decayed counts, drawn towards a prior as long as little is known, with the spread that remains.

All numbers are integers: weights in units of 2^-20, rates in millionths. Divisions round down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt

from services.credit.domain.counts import Count
from services.credit.domain.decay import ONE, weight
from services.credit.domain.observations import Day
from services.credit.domain.signals import PPM, WHOLE, Model, Signal


@dataclass(frozen=True, slots=True)
class Rate:
    """What went wrong of what was tried, as of a day: ``trials`` and ``bad`` are decayed sums in units of 2^-20.

    ``rate`` is in millionths, with shrinkage; ``deviation`` one standard deviation of it.
    """

    trials: int
    bad: int
    rate: int
    deviation: int

    @property
    def present(self) -> bool:
        """Whether at least one whole observation is known."""
        return self.trials >= ONE


def rate(counts: Iterable[tuple[Day, Count]], signal: Signal, model: Model, today: Day) -> Rate:
    """The rate of one signal from its counts by day; days after ``today`` do not count yet.

    (a + sum w bad) / (a + b + sum w), the Beta prior's a of ``prior_bad`` and a + b pseudo-observations. Adding what is bad, or
    turning good into bad, never lowers it.
    """
    table = model.of(signal)
    trials = bad = 0
    for day, (tried, wrong) in counts:
        factor = weight(today - day, table.half_life_days, model.retention_days)
        trials += factor * tried
        bad += factor * wrong
    known = model.pseudo_observations * ONE + trials
    found = (table.prior_bad * ONE + bad) * (PPM // WHOLE) // known
    return Rate(trials, bad // WHOLE, found, isqrt(found * (PPM - found) * ONE // (known + ONE)))
