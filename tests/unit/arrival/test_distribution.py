"""Distributions on hours: sums, moments that come later, what is left, and what has not ended yet; against plain arithmetic."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.arrival.domain import distribution
from services.arrival.domain.distribution import LONGEST, MASS
from services.domain.rules import HOUR

weights = st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any)


@given(weights, weights)
def test_a_sum_is_that_of_all_pairs(one: list[int], other: list[int]) -> None:
    a, b = distribution.normal(one), distribution.normal(other)
    right: dict[int, Fraction] = defaultdict(Fraction)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            for hour in (i + j, i + j + 1):
                right[hour] += Fraction(x * y, 2 * MASS)
    found = distribution.added(a, b)
    assert sum(found) == MASS
    assert all(abs(found[hour] - right[hour]) <= 1 for hour in range(len(found)))


@given(weights, weights, st.integers(0, 60))
def test_nothing_passes_while_it_is_closed(ready: list[int], opening: list[int], start: int) -> None:
    moment, opens = distribution.normal(ready), distribution.normal([0] * start + opening)
    passed = distribution.delayed(moment, start, opens)
    assert sum(passed) == MASS
    assert abs(sum(passed[:start]) - sum(moment[:start])) <= 1
    first = next(hour for hour, each in enumerate(opens) if each)
    assert not any(passed[start:first])


@given(weights, st.integers(0, 60))
def test_what_is_left(lasting: list[int], elapsed: int) -> None:
    mass = distribution.normal(lasting)
    assert sum(distribution.rest(mass, elapsed)) == MASS
    assert sum(distribution.lessened(mass, elapsed)) == MASS
    if elapsed < len(mass):
        assert len(distribution.rest(mass, elapsed)) == len(mass) - elapsed


@given(weights, weights)
def test_without_unended_ones_counts_and_prior_are_mixed(ended: list[int], prior: list[int]) -> None:
    mass = distribution.normal(prior)
    found = distribution.outlasting(ended, [0], mass, 4)
    # The same by the product-limit estimate, with one that ended censored far behind everything.
    other = distribution.outlasting(ended, [*([0] * 100), 0, 1], mass, 4)
    share = Fraction(sum(ended) + 4, sum(ended) + 5)
    assert all(abs(other[hour] - found[hour] * share) <= 64 + MASS // 50 for hour in range(len(found)))


def test_the_product_limit_estimate() -> None:
    """Five of ten end in hour 1, two are lost sight of in hour 2, the rest ends in hour 4: 1/2 and 1/2."""
    found = distribution.outlasting([0, 5, 0, 0, 3], [0, 0, 2], (), 0)
    assert [round(each * 10 / MASS) for each in found] == [0, 5, 0, 0, 5]


def test_what_lasts_counts_against_the_quick_ones() -> None:
    """Where three quick ones have ended and seven have lasted ten hours, the middle is not quick."""
    prior = distribution.normal([0] * 20 + [1] * 20)
    quick = distribution.outlasting([0, 3], [], prior, 1)
    honest = distribution.outlasting([0, 3], [0] * 10 + [7], prior, 1)
    assert distribution.quantile(quick, 50) < 2 * HOUR
    assert distribution.quantile(honest, 50) > 10 * HOUR


def test_the_grid_ends() -> None:
    assert len(distribution.normal([1] * (LONGEST + 50))) == LONGEST
    assert distribution.normal([]) == []
    assert distribution.quantile(distribution.at(5), 50) == 5 * HOUR + HOUR // 2
