"""The rows of a consignment in the lists of the parties engaged in it, from its view. Pure."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from schemas import railnet
from services.domain.facts import Facts, Micros
from services.domain.liveness import judge
from services.domain.objects import ObjectId
from services.domain.rules import rules
from services.domain.view import View
from services.ledger.storage.term_numbers import term_number


class ListRow(NamedTuple):
    """A consignment in the list of a party.

    ``party`` is the number of its code, ``opened`` when the consignment was founded; ``corridor`` is the first crossing at China's border on
    the planned route, "" for none; the flags are those of the view as of the moment of evaluation.
    """

    party: int
    cons: ObjectId
    opened: Micros
    phase: int
    corridor: str
    late: bool
    disputed: bool
    trouble: bool
    silent: bool


def rows_of(view: View, facts: Facts) -> frozenset[ListRow]:
    """The rows of the group of ``view``, which was derived from ``facts``; under the id of the group."""
    live = judge(facts.withdrawals, facts.equivocated).live
    opened = min(f.published for f in facts.foundings if f.consignment in view.members and live(f.event))
    movement = view.movement
    shared = (
        view.consignment.id,
        opened,
        0 if movement is None else rules()[movement.claim.milestone].phase,
        corridor_of(() if view.route is None else view.route.places),
        bool(view.overdue),
        bool(view.disputes or view.disputed_links),
        bool(view.exceptions),
        view.silent,
    )
    return frozenset(ListRow(term_number(code), *shared) for code in view.engaged)


def corridor_of(places: tuple[str, ...]) -> str:
    """The first crossing at China's border that a route passes; "" where it passes none."""
    return next((each for each in railnet.crossings_on(places) if each in corridors()), "")


@cache
def corridors() -> frozenset[str]:
    """The crossings at China's land border by which corridors are told apart."""
    stations = railnet.stations()
    return frozenset(
        each.id
        for each in railnet.crossings().values()
        if not each.by_sea and "CN" in {stations[side.station].country for side in (each.a, each.b)}
    )
