"""How well scores order outcomes, how well they are calibrated, and whether groups are treated alike. Integers and fractions only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scored firm and what became of it."""

    score: int
    defaulted: bool


def auc(outcomes: Iterable[Outcome]) -> Fraction | None:
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


def calibration(known: Sequence[Outcome], tested: Sequence[Outcome], bands: int = 5) -> tuple[Band, ...]:
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
