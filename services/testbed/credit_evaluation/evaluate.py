"""Scores a simulated population through the real code, and measures discrimination, calibration and fairness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from services.credit.domain.consignment_signals import observe
from services.credit.domain.disputes import SetAside
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation, count, day_of
from services.credit.domain.score import Record, record
from services.credit.domain.signals import Model
from services.domain.liveness import judge
from services.domain.objects import consignment
from services.testbed.credit_evaluation.narrative import BEGINNING, facts_of
from services.testbed.credit_evaluation.population import DAYS, Firm, population, shipments


@dataclass(frozen=True, slots=True)
class ScoredFirm:
    """One scored firm and what became of it."""

    score: int
    defaulted: bool


def auc(outcomes: Iterable[ScoredFirm]) -> Fraction | None:
    """The chance that a firm that did not default has the higher score than one that did, ties counting half.

    None where either kind is missing. Mann and Whitney's U, by ranks, in n log n.
    """
    ordered = sorted(outcomes, key=lambda each: each.score)
    bad = sum(each.defaulted for each in ordered)
    good = len(ordered) - bad
    if not bad or not good:
        return None
    won, below, at = Fraction(0), 0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end].score == ordered[at].score:
            end += 1
        tied_bad = sum(each.defaulted for each in ordered[at:end])
        won += (end - at - tied_bad) * (below + Fraction(tied_bad, 2))
        below += tied_bad
        at = end
    return won / (good * bad)


@dataclass(frozen=True, slots=True)
class Band:
    """Firms of neighbouring scores: how many defaulted in the half that set the expectation and in the half that tested it."""

    low: int
    high: int
    expected: Fraction
    observed: Fraction
    firms: int


def calibration(
    known: Sequence[ScoredFirm], tested: Sequence[ScoredFirm], bands: int = 5
) -> tuple[Band, ...]:
    """Bands of equally many ``known`` firms with their rate of default, and the rate of the ``tested`` firms of these scores."""
    ordered = sorted(known, key=lambda each: each.score)
    edges = [ordered[n * len(ordered) // bands].score for n in range(1, bands)] if ordered else []
    limits = [0, *sorted(set(edges)), 10**9]
    found = []
    for low, high in pairwise(limits):
        inside = [[o for o in group if low <= o.score < high] for group in (known, tested)]
        if all(inside):
            expected, observed = (Fraction(sum(o.defaulted for o in g), len(g)) for g in inside)
            found.append(Band(low, high, expected, observed, len(inside[1])))
    return tuple(found)


def calibration_error(bands: Sequence[Band]) -> Fraction | None:
    """The mean distance of expected and observed rates, by number of firms (expected calibration error)."""
    firms = sum(band.firms for band in bands)
    if not firms:
        return None
    return sum((abs(b.expected - b.observed) * b.firms for b in bands), Fraction(0)) / firms


def acceptance(scores: Sequence[int | None], cut_off: int) -> Fraction | None:
    """The share of firms with at least ``cut_off``; a firm without a score is not accepted. None for no firms."""
    if not scores:
        return None
    return Fraction(sum(score is not None and score >= cut_off for score in scores), len(scores))


def ratio(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    """The smaller rate to the greater one: 4/5 or more passes the four-fifths rule. None where nobody is accepted."""
    if one is None or other is None or max(one, other) == 0:
        return None
    return min(one, other) / max(one, other)


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
        facts, extras = facts_of(firm, shipment)
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
    outcomes = [ScoredFirm(score, each.firm.defaults) for each, score in known]
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


def _truth(firm: Firm) -> ScoredFirm:
    """The firm as somebody would score it who knew how careful it is: no score of its conduct can do better on average."""
    return ScoredFirm(int(firm.carefulness * 1_000_000), firm.defaults)


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
