"""What facts free: an unloaded box leaves its wagon, a delivered or returned one its cargo, and so their links end.

A fact that frees is a link of one of ``FREEING`` about its object, in force from the moment after it: the fact itself belongs to
the journey that it ends. It ends links whose end nobody wrote (``links.Network``, which also decides whose facts count).

- Unloading, gate-out, delivery and empty return take a box off its wagon, where the time suffices for the way from where it
  was loaded: else one of the two statements is wrong, and both stand. Within ``CLOCK_TOLERANCE`` of the loading at its very place
  they end the ride that came there, not the one that begins. An unloaded wagon or train ends its own link.
- A delivery, and an empty return, free a box from its cargo. What several say of one closing belongs to that journey, though
  they say it of different hours: gate-outs, deliveries and the empty return within ``CLOSING`` of the first delivery or
  return, and after an empty return what happened within ``SAME_DAY`` of it. The link ends after the last of them. The words of
  those who do not count belong to it within ``SAME_DAY``, to be shown as theirs.
- No cargo is carried, emptied and its box returned within ``SOONEST`` of the assignment: a return so early, without a delivery
  before it, ends the journey before, while the next cargo was already booked. The assignment begins after it.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.domain.facts import FOREVER, Link, LinkKind, Micros
from services.domain.next_leg import in_time
from services.domain.rules import CLOCK_TOLERANCE, HOUR

CLOSING: Micros = 14 * 24 * HOUR
"""How long after a delivery the box may leave the terminal, by another's clock, and come back empty."""
SAME_DAY: Micros = 24 * HOUR
"""How far apart several may date one empty return, and others what counts."""
SOONEST: Micros = 7 * 24 * HOUR
"""An empty return so soon after the assignment ends it only after a delivery; else it comes before its cargo."""

_OF_CARGO = (LinkKind.DELIVERED, LinkKind.EMPTY_RETURNED)


def off_wagon(ride: Link, facts: Iterable[Link]) -> Link | None:
    """The first of ``facts``, about what ``ride`` carries or about the wagon or train itself, that ends it; None where none does."""
    later = (
        fact
        for fact in facts
        if fact.start > ride.start + 1
        and (fact.left != ride.left or fact.kind is LinkKind.UNLOADED)
        and (fact.place != ride.place or fact.start - ride.start > CLOCK_TOLERANCE)
        and in_time(ride.place, ride.start, fact.place, fact.start)
    )
    return min(later, key=_order, default=None)


def of_cargo(assignment: Link, facts: Iterable[tuple[Link, bool]]) -> tuple[Micros, Micros, Link | None]:
    """When the box of ``assignment`` began and ceased to hold its cargo, and the last fact that counts of the closing that freed it.

    FOREVER and None where none did. ``facts`` are about the box or its cargo, each with whether it counts for the assignment.
    """
    ordered = sorted(facts, key=lambda each: (_order(each[0]), each[1]))
    begun, end, last = closing(
        assignment.start, [(fact.start, fact.kind, counted) for fact, counted in ordered]
    )
    return begun, end, None if last is None else ordered[last][0]


def closing(start: Micros, facts: Iterable[tuple[Micros, int, bool]]) -> tuple[Micros, Micros, int | None]:
    """When what was assigned at ``start`` began and ended, and the place of the last fact that counts of its closing among ``facts``.

    FOREVER and None where it is open. ``facts`` in order: (moment from which free, kind, whether it counts).
    """
    begun, end, last = start, FOREVER, None
    first = until = 0
    for place, (free, kind, counted) in enumerate(facts):
        if kind == LinkKind.UNLOADED or free <= start + 1:
            continue  # at the very start a fact ends what was before
        if last is None:
            if not counted or kind not in _OF_CARGO:
                continue
            if kind == LinkKind.EMPTY_RETURNED and free <= start + SOONEST:
                begun = free
                continue
            first, until = free, free + CLOSING
        elif free > until:
            break
        elif not counted:
            if free <= first + SAME_DAY:
                end = free
            continue
        end, last = free, place
        if kind == LinkKind.EMPTY_RETURNED:
            until = min(until, free + SAME_DAY)
    return begun, end, last


def _order(fact: Link) -> tuple[Micros, int, bytes, str]:
    return fact.start, int(fact.kind), fact.event, fact.left.key
