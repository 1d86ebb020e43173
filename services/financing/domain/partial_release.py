"""The release of a part of a security: which goods, what they are worth, and whether what is left covers what is owed."""

from __future__ import annotations

from typing import NamedTuple

from schemas.events.base import ObjectKind
from services.domain.objects import Thing
from services.financing.domain.cargo import goods, in_order
from services.financing.domain.guards import Failed, Step, lendable, value_left
from services.financing.domain.lifecycle import Hold
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionContext, DecisionRequest


class Part(NamedTuple):
    """The goods that are given back, and what they are worth; None where nobody knows."""

    goods: tuple[Thing, ...]
    value: Money | None


MOST_GOODS = 256
"""Objects that one partial release gives back at most."""


def part_of(ask: DecisionRequest, context: DecisionContext, hold: Hold, value: Money | None) -> Part | Failed:
    """The part that ``ask`` means, while ``value`` is left of the security; why not, where it is none.

    Without an amount the boxes are of equal value, which is rounded up: what is left is never overstated.
    """
    if not ask.goods and ask.amount is None:
        return Failed("PART_OF_GOODS", "Goods, or an amount, that are given back.")
    pledged = context.pledged(hold)
    if not pledged.issuperset(ask.goods):
        return Failed(
            "GOODS_PLEDGED",
            "Boxes, notes, declarations or consignments of the pledged goods that were not given back before.",
        )
    given = _whole(ask.goods, context, hold, pledged)
    left = pledged - given
    boxes, boxes_left = (sum(t.kind is ObjectKind.CONTAINER for t in some) for some in (pledged, left))
    amount = ask.amount
    if amount is None and value is not None and boxes:
        amount = Money(-(-value.minor * (boxes - boxes_left) // boxes), value.currency)
    nothing_left = (boxes > 0 and boxes_left == 0) or not left
    if nothing_left or (amount is not None and value is not None and amount.minor >= value.minor):
        return Failed("PART_OF_GOODS", "The release of the whole: nothing of the security would be left.")
    if len(given) > MOST_GOODS:
        return Failed("PART_OF_GOODS", f"At most {MOST_GOODS} objects at a time.")
    return Part(in_order(given), amount)


def not_covered(step: Step, part: Part) -> Failed | None:
    """Why the part is not given back without a waiver: what is left is worth less than what is owed."""
    owed = step.state.outstanding
    if not owed:
        return None
    value = value_left(step)
    if value is None or part.value is None:
        return Failed(
            "VALUE_COVERS", "The value of what is given back and of the whole, or an explicit waiver."
        )
    covered = lendable(step, Money(value.minor - part.value.minor, value.currency))
    if owed <= covered:
        return None
    most = Money(covered, value.currency)
    return Failed(
        "VALUE_COVERS",
        f"Repayment down to {most}, which the value that is left covers, or an explicit waiver.",
    )


def _whole(
    named: tuple[Thing, ...], context: DecisionContext, hold: Hold, pledged: frozenset[Thing]
) -> frozenset[Thing]:
    """``named``, and what identifies a named consignment and none of those that are left."""
    given = frozenset(named)
    consignments = {thing for thing in named if thing.kind is ObjectKind.CONSIGNMENT}
    if consignments:
        rest = context.named - hold.released() - consignments
        given |= goods(context.reports, consignments, *hold.named_at) - goods(
            context.reports, rest, *hold.named_at
        )
    return given & pledged
