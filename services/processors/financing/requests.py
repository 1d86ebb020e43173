"""Requests to release, re-consign or transfer cargo: allowed, or refused without naming who holds an interest in it."""

from __future__ import annotations

from services.core.facts import Micros
from services.core.objects import Thing, consignment
from services.processors.financing import lifecycle
from services.processors.financing.asking import Ask, Book
from services.processors.financing.goods import goods, in_order
from services.processors.financing.lifecycle import Hold
from services.processors.financing.products import Products
from services.processors.financing.rulings import Ruling

MOST_SHARED = 16
"""Things in common that a decision names at most; one is enough to refuse."""


def dispose(ask: Ask, book: Book, at: Micros, table: Products) -> Ruling:
    """Decide a request on ``book.cargo``; only parties engaged in all of it are told anything.

    ``book.rulings`` are those of every financing on that cargo, and on consignments that may be of the same goods. A
    reservation blocks nothing, a pledge of a product with a release block does, frozen or overdue as it may be: whatever
    names a box, a note or a declaration of the pledged goods.
    """
    if not book.cargo or any(ask.asked_by not in cargo.engaged for cargo in book.cargo):
        return _refused(ask, at, "PARTY_OF_CARGO", "A party of the consignment.")
    near = {each.financing for each in book.near}
    blocking = [hold for hold in lifecycle.holds(book.rulings).values() if blocks(hold, table)]
    if any(hold.financing not in near for hold in blocking):
        return _refused(ask, at, "RELEASE_BLOCKED", "The release of the interest that is held in the cargo.")
    found = in_order({thing for hold in blocking for thing in shared(book, hold)})
    if found:
        return _refused(ask, at, "RELEASE_BLOCKED", _satisfied_by(found[0]))._replace(
            shares=found[:MOST_SHARED]
        )
    return ask.done(at, financing="")


def blocks(hold: Hold, table: Products) -> bool:
    """Whether a financing keeps the cargo where it is."""
    return hold.pledged and table[hold.terms.product].blocks_release


def shared(book: Book, hold: Hold) -> frozenset[Thing]:
    """What names both the cargo that is asked about and the goods of the pledge ``hold`` on other consignments.

    A box that is used again while the pledge stands is among it: whether the goods have left it is not judged here.
    """
    since = hold.pledged_at
    if since is None:
        return frozenset()
    asked = [consignment(*member.split("/", 1)) for cargo in book.cargo for member in cargo.members]
    theirs = frozenset[Thing]().union(*(e.consignments for e in book.near if e.financing == hold.financing))
    return goods(book.reports, theirs, since) & (goods(book.reports, asked, since) | book.named)


def _satisfied_by(thing: Thing) -> str:
    named = f"{thing.kind.wire} {thing.key}"
    return (
        f"The release of the interest that is held in goods of {named}, also where they have left it: ask their parties to "
        "have it released."
    )[:200]


def _refused(ask: Ask, at: Micros, guard: str, satisfied_by: str) -> Ruling:
    return ask.refused(at, guard, satisfied_by, financing="")
