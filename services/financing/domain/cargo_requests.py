"""Requests to release, re-consign or transfer cargo: allowed, or refused without naming who holds an interest in it."""

from __future__ import annotations

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.decisions import Ruling
from services.financing.domain.goods import in_order
from services.financing.domain.lifecycle import Hold
from services.financing.domain.products import Products
from services.financing.domain.requests import MOST_SHARED, Ask, Book


def dispose(ask: Ask, book: Book, at: Micros, table: Products) -> Ruling:
    """Decide a request on ``book.cargo``; only parties engaged in all of it are told anything.

    ``book.rulings`` are those of every financing on that cargo, and on consignments that may be of the same goods. A
    reservation blocks nothing, a pledge of a product with a release block does, frozen or overdue as it may be: whatever
    names a box, a note or a declaration of the pledged goods. Whether these have left a box that is used again is not judged.
    """
    if not book.cargo or any(ask.asked_by not in cargo.engaged for cargo in book.cargo):
        return _refused(ask, at, "PARTY_OF_CARGO", "A party of the consignment.")
    near = {each.financing for each in book.near}
    blocking = [hold for hold in lifecycle.holds(book.rulings).values() if blocks(hold, table)]
    if any(hold.financing not in near for hold in blocking):
        return _refused(ask, at, "RELEASE_BLOCKED", "The release of the interest that is held in the cargo.")
    found = in_order(
        {thing for hold in blocking for thing in book.shared(hold.financing, hold.pledged_at or at)}
    )
    if found:
        refused = _refused(ask, at, "RELEASE_BLOCKED", _satisfied_by(found[0]))
        return refused._replace(shares=found[:MOST_SHARED])
    return ask.done(at, financing="")


def blocks(hold: Hold, table: Products) -> bool:
    """Whether a financing keeps the cargo where it is."""
    return hold.pledged and table[hold.terms.product].blocks_release


def _satisfied_by(thing: Thing) -> str:
    named = f"{thing.kind.wire} {thing.key}"
    return (
        f"The release of the interest that is held in goods of {named}, also where they have left it: ask their parties to "
        "have it released."
    )[:200]


def _refused(ask: Ask, at: Micros, guard: str, satisfied_by: str) -> Ruling:
    return ask.refused(at, guard, satisfied_by, financing="")
