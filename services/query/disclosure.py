"""Statistical disclosure control: which cells of a published table are hidden, and how its numbers are rounded. Pure.

Whatever is published as a table goes by these rules: a cell comes from enough contributors, none of whom dominates it; what a total tells
of the hidden cells together does, too; and numbers are rounded one way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

K = TypeVar("K")

LEAST = 5
"""Contributors of each kind that a published cell comes from."""
DOMINANCE_PERCENT = 20
"""p of the p % rule: nobody may be able to compute another's part of an amount to within so much of it."""
BASE = 5
"""Counts are published as multiples of it."""


def hidden(cells: Sequence[K], passes: Callable[[Collection[K]], bool]) -> frozenset[K]:
    """The cells that are not shown where their total is. ``cells`` are in the order in which they are given up: the least first.

    A cell is hidden unless it ``passes`` alone; and others with it until all that are hidden pass together, since whoever subtracts the cells
    that are shown from the total knows that much of them. Empty where all pass.
    """
    found = [cell for cell in cells if not passes((cell,))]
    few = set(found)
    others = (cell for cell in cells if cell not in few)
    while found and not passes(found):
        more = next(others, None)
        if more is None:
            break
        found.append(more)
    return frozenset(found)


def dominated(parts: Iterable[int], percent: int = DOMINANCE_PERCENT) -> bool:
    """Whether the contributor with the second largest part of a sum could compute the largest to within ``percent`` of it."""
    largest, _, *rest = (*sorted(map(abs, parts), reverse=True), 0, 0)
    return sum(rest) * 100 < percent * largest


def rounded(value: int, base: int = BASE) -> int:
    """``value`` as a multiple of ``base``, the nearest; half-way up."""
    return (2 * value + base) // (2 * base) * base


def significant(value: int, digits: int = 2) -> int:
    """``value`` (at least 0) to so many significant digits."""
    return rounded(value, 10 ** max(0, len(str(value)) - digits))
