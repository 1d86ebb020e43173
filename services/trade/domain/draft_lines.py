"""Lines of a dataset as the items of declarations: one each while they fit, alike ones merged and the rest split where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from services.trade.domain.dataset import DatasetLine
from services.trade.domain.draft import Item, total


def items(lines: Sequence[DatasetLine], limit: int) -> tuple[tuple[Item, ...], ...]:
    """The items of each declaration, in the order of the dataset, at most ``limit`` a declaration.

    Where there are more lines than that, those alike in commodity code, description, origin, unit and unit price become one item,
    with the sums of the others; an item stands where its first line does. What is still too many goes on in a further declaration.
    """
    groups: list[list[int]] = [[at] for at in range(len(lines))]
    if len(lines) > limit:
        alike: dict[tuple[object, ...], list[int]] = {}
        for at, each in enumerate(lines):
            key = (each.code, each.description, each.origin, each.unit, each.price)
            alike.setdefault(key, []).append(at)
        groups = list(alike.values())
    return tuple(
        tuple(
            Item(number, tuple(group), _together([lines[at] for at in group]))
            for number, group in enumerate(groups[start : start + limit], 1)
        )
        for start in range(0, len(groups), limit)
    )


def _together(lines: Sequence[DatasetLine]) -> DatasetLine:
    counts = [each.packages for each in lines]
    return replace(
        lines[0],
        quantity=sum((each.quantity for each in lines), Decimal(0)),
        amount=sum((each.amount for each in lines), Decimal(0)),
        gross=total([each.gross for each in lines]),
        net=total([each.net for each in lines]),
        packages=None if None in counts else sum(count for count in counts if count is not None),
    )


def apportioned(amount: Decimal, by: Sequence[Decimal], smallest: Decimal) -> tuple[Decimal, ...]:
    """``amount`` divided in the proportion of ``by``, each part in whole ``smallest``; what is over is in the last. They add up to it."""
    whole = sum(by, Decimal(0))
    if not whole:
        return (amount, *(Decimal(0) for _ in by[1:]))
    parts = [(amount * each / whole / smallest).to_integral_value(ROUND_DOWN) * smallest for each in by[:-1]]
    return (*parts, amount - sum(parts, Decimal(0)))
