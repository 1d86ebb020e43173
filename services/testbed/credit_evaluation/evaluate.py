"""Scores a simulated population through the real code, and measures discrimination, calibration and fairness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from services.credit.domain.consignment_observations import observe
from services.credit.domain.counts import count
from services.credit.domain.disputes import SetAside
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation, day_of
from services.credit.domain.score import Record, record
from services.credit.domain.signals import Model
from services.domain.liveness import judge
from services.domain.objects import consignment
from services.testbed.credit_evaluation.measures import (
    Outcome,
    acceptance,
    auc,
    calibration,
    calibration_error,
    ratio,
)
from services.testbed.credit_evaluation.narrative import BEGINNING, told
from services.testbed.credit_evaluation.population import DAYS, Firm, population, shipments

NOTICE = (
    "SIMULATED population: these figures test the code, not the world. The generator shares no parameters with the scorer; "
    "a real validation needs real outcomes."
)
FOUR_FIFTHS = Fraction(4, 5)
NOTHING_DISPUTED = SetAside(frozenset(), frozenset())
READ_ON = day_of(int((BEGINNING + timedelta(days=DAYS)).timestamp()) * 1_000_000)


@dataclass(frozen=True, slots=True)
class Scored:
    """One firm with its record."""

    firm: Firm
    record: Record

    @property
    def score(self) -> int | None:
        return self.record.assessment.score


def score_firm(firm: Firm, seed: int, table: Model) -> Scored:
    """Tell a year of the firm's shipments and read its record at the end; about a millisecond a shipment."""
    seen: set[Observation] = set()
    for shipment in shipments(firm, seed):
        facts, extras = told(firm, shipment)
        subject = consignment("operator", f"{firm.code}-{shipment.number}")
        seen |= observe(facts, extras, subject, table)
        seen |= observe_financings(extras, judge(facts.withdrawals), table)
    inputs = record(firm.code, count(seen), seen, NOTHING_DISPUTED, frozenset(), READ_ON, table)
    return Scored(firm, inputs)


def evaluate(firms: int, seed: int, table: Model) -> dict[str, Any]:
    """The report as plain values for JSON; rates in millionths. Pure: the same arguments give the same report.

    ``cut_off`` of acceptance is the median of the scores: with it half of the scored firms are accepted.
    """
    scored = [score_firm(firm, seed, table) for firm in population(firms, seed)]
    known = [(each, each.score) for each in scored if each.score is not None]
    outcomes = [Outcome(score, each.firm.defaults) for each, score in known]
    scores = sorted(score for _, score in known)
    cut_off = scores[len(scores) // 2] if scores else 0
    bands = calibration(outcomes[::2], outcomes[1::2])
    return {
        "simulated": True,
        "notice": NOTICE,
        "model": table.version,
        "seed": seed,
        "firms": firms,
        "scored": len(known),
        "insufficient_data": firms - len(known),
        "defaults": sum(each.firm.defaults for each in scored),
        "auc_ppm": _ppm(auc(outcomes)),
        "auc_of_the_truth_ppm": _ppm(auc(_truth(each.firm) for each, _ in known)),
        "calibration_error_ppm": _ppm(calibration_error(bands)),
        "calibration": [
            {
                "from_score": band.low,
                "below_score": min(band.high, table.best + 1),
                "expected_ppm": _ppm(band.expected),
                "observed_ppm": _ppm(band.observed),
                "firms": band.firms,
            }
            for band in bands
        ],
        "cut_off": cut_off,
        "fairness": [
            _compared("small and large", scored, lambda firm: firm.large, cut_off),
            _compared("coastal and inland", scored, lambda firm: firm.inland, cut_off),
        ],
    }


def _truth(firm: Firm) -> Outcome:
    """The firm as somebody would score it who knew how careful it is: no score of its conduct can do better on average."""
    return Outcome(int(firm.carefulness * 1_000_000), firm.defaults)


def _compared(
    name: str, scored: Sequence[Scored], group: Callable[[Firm], bool], cut_off: int
) -> dict[str, Any]:
    """Acceptance of both groups among the firms that have a score, and how many of each have one."""
    rates, coverage = [], []
    for member in (False, True):
        all_of = [each.score for each in scored if group(each.firm) is member]
        have = [score for score in all_of if score is not None]
        rates.append(acceptance(have, cut_off))
        coverage.append(acceptance(all_of, 0))
    found = ratio(*rates)
    return {
        "groups": name,
        "accepted_ppm": [_ppm(each) for each in rates],
        "ratio_ppm": _ppm(found),
        "four_fifths": found is not None and found >= FOUR_FIFTHS,
        "with_a_score_ppm": [_ppm(each) for each in coverage],
    }


def _ppm(value: Fraction | None) -> int | None:
    return None if value is None else value.numerator * 1_000_000 // value.denominator
