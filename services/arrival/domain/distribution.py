"""Durations as whole masses on a grid of hours: integer arithmetic, so every machine computes the same.

``mass[h]`` is how much of ``MASS`` lies in [h, h + 1) hours; on average that is h and a half. Sums of durations are products of
polynomials, computed as one product of long integers (Kronecker's substitution).
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise, zip_longest

from services.domain.facts import Micros
from services.domain.rules import HOUR

_BITS = 24
MASS = 1 << _BITS
"""The whole of a distribution."""
LONGEST = 24 * 120
"""Hours after which the grid ends; what lasts longer counts there."""
HORIZON: Micros = (LONGEST - 1) * HOUR
"""From here on a quantile only says that it takes at least so long."""

Mass = Sequence[int]


def normal(weights: Iterable[int]) -> list[int]:
    """Masses in proportion to ``weights``, MASS in all, without empty hours at the end; [] where all are 0."""
    sums = list(accumulate(weights))
    if not sums or not sums[-1]:
        return []
    total = sums[-1]
    return _masses([each * MASS // total for each in _ended(sums)])


def _ended(sums: list[int]) -> list[int]:
    """Sums up to the end of the grid."""
    return sums if len(sums) <= LONGEST else [*sums[: LONGEST - 1], sums[-1]]


def _masses(sums: list[int]) -> list[int]:
    found = [after - before for before, after in pairwise((0, *sums))]
    while not found[-1]:
        found.pop()
    return found


def at(hours: int) -> list[int]:
    """All of it in one hour."""
    return [0] * min(hours, LONGEST - 1) + [MASS]


def counted(counts: Iterable[tuple[int, int]]) -> list[int]:
    """Weights by hour of ``(hour, weight)``."""
    known = [(min(hour, LONGEST - 1), weight) for hour, weight in counts]
    found = [0] * (max((hour for hour, _ in known), default=-1) + 1)
    for hour, weight in known:
        found[hour] += weight
    return found


def added(one: Mass, other: Mass) -> list[int]:
    """The sum of two independent durations; the last few are remembered, as all boxes of a train have the same way before them."""
    if len(one) < len(other):
        one, other = other, one
    return list(_added(tuple(one), tuple(other)))


@lru_cache(maxsize=512)
def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    # Two halves of an hour are a whole one: half of it goes an hour on.
    spread = [a + b for a, b in zip((*other, 0), (0, *other), strict=True)]
    product = _packed(one) * _packed(spread)
    count = len(one) + len(spread) - 1
    terms = struct.unpack(f"<{count}Q", product.to_bytes(8 * count, "little"))
    # In all 2 MASS squared; MASS is a power of two.
    return tuple(_masses([each >> _BITS + 1 for each in _ended(list(accumulate(terms)))]))


def _packed(mass: Mass) -> int:
    return int.from_bytes(struct.pack(f"<{len(mass)}Q", *mass), "little")


def mixed(parts: Iterable[tuple[Mass, int]]) -> list[int]:
    """One of several distributions, each with its weight."""
    known = [(mass, weight) for mass, weight in parts if mass and weight]
    found = [0] * max((len(mass) for mass, _ in known), default=0)
    for mass, weight in known:
        for hour, each in enumerate(mass):
            if each:
                found[hour] += each * weight
    return normal(found)


def later(one: Mass, other: Mass) -> list[int]:
    """The later of two independent moments."""
    length = max(len(one), len(other))
    product = zip(_below(one, length), _below(other, length), strict=True)
    return _masses(_ended([a * b >> _BITS for a, b in product]))


def _below(mass: Mass, length: int) -> list[int]:
    return [*accumulate(mass), *[MASS] * (length - len(mass))]


def rest(mass: Mass, elapsed: int) -> list[int]:
    """What is left of a duration that has lasted ``elapsed`` hours already.

    Longer than anything known: up to half as long again, at least a day.
    """
    left = normal(mass[elapsed:]) if elapsed > 0 else list(mass)
    return left or normal([1] * max(24, elapsed // 2))


def lessened(mass: Mass, elapsed: int) -> list[int]:
    """What is left of a duration after ``elapsed`` hours of which nobody knows whether it is over: nothing where it is."""
    if elapsed <= 0:
        return list(mass)
    left = list(mass[elapsed:]) or [0]
    left[0] += sum(mass[:elapsed])
    return left


def delayed(mass: Mass, start: int, opening: Mass) -> list[int]:
    """A moment of passing that, from hour ``start`` on, comes not before ``opening``."""
    if start <= 0:
        return later(mass, opening)
    before, after = list(mass[:start]), [0] * min(start, len(mass)) + list(mass[start:])
    held = sum(after)
    if not held:
        return list(mass)
    moved = later(normal(after), opening)
    found = [each * MASS for each in before] + [0] * max(0, len(moved) - len(before))
    for hour, each in enumerate(moved):
        found[hour] += each * held
    return normal(found)


def middle(hour: int) -> Micros:
    """What a duration of that hour is on average."""
    return hour * HOUR + HOUR // 2


def stretched(mass: Mass, percent: int) -> list[int]:
    """A duration that takes so many percent of what it was."""
    return normal(counted(((2 * hour + 1) * percent // 200, each) for hour, each in enumerate(mass) if each))


def quantile(mass: Mass, percent: int) -> Micros:
    """The duration that ``percent`` of the mass does not exceed, evenly within its hour."""
    (found,) = quantiles(mass, (percent,))
    return found


def quantiles(mass: Mass, percents: Iterable[int]) -> list[Micros]:
    """The ``quantile`` of each of ``percents``."""
    sums, found = list(accumulate(mass)), []
    for percent in percents:
        wanted = MASS * percent // 100
        hour = bisect_left(sums, wanted)
        within = 0 if hour == len(sums) else (wanted - sums[hour] + mass[hour]) * HOUR // mass[hour]
        found.append(hour * HOUR + within)
    return found


def outlasting(ended: Mass, unended: Mass, prior: Mass, strength: int) -> list[int]:
    """The distribution of a duration from weights by hour of those that ``ended``, those ``unended`` after so long, and a ``prior``.

    The product-limit estimate with a beta process as prior (Susarla and Van Ryzin 1976; Hjort 1990): without unended ones it is
    the mixture of counts and ``strength`` times the prior. What has not ended counts for all that it has lasted. The last few are
    remembered, as many cargoes have the same leg ahead of them.
    """
    return list(_outlasting(tuple(ended), tuple(unended), tuple(prior), strength))


@lru_cache(maxsize=512)
def _outlasting(
    ended: tuple[int, ...], unended: tuple[int, ...], prior: tuple[int, ...], strength: int
) -> tuple[int, ...]:
    if not any(unended):
        return tuple(mixed(((normal(ended), sum(ended)), (prior, strength))))
    at_risk, left, survives = sum(ended) + sum(unended), MASS, MASS << 24
    found = []
    for d, u, m in zip_longest(ended, unended, prior, fillvalue=0):
        if d or m:
            risk = at_risk * MASS + strength * left
            ends = survives if not risk else survives * (d * MASS + strength * m) // risk
            survives -= ends
            at_risk -= d
            left -= m
        elif at_risk or strength * left:
            ends = 0
        else:
            ends, survives = survives, 0
        at_risk -= u
        found.append(ends)
    found[-1] += survives
    return tuple(normal(found))
