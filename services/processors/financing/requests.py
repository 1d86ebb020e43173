"""Requests to release, re-consign or transfer cargo: allowed, or refused without naming who holds an interest in it."""

from __future__ import annotations

from services.core.facts import Micros
from services.processors.financing import lifecycle
from services.processors.financing.asking import Ask, Book
from services.processors.financing.lifecycle import Hold
from services.processors.financing.products import Products
from services.processors.financing.rulings import Ruling


def dispose(ask: Ask, book: Book, at: Micros, table: Products) -> Ruling:
    """Decide a request on ``book.cargo``; only parties engaged in all of it are told anything.

    ``book.rulings`` are those of every financing on that cargo. A reservation blocks nothing, a pledge of a product with a
    release block does, frozen or overdue as it may be.
    """
    if not book.cargo or any(ask.asked_by not in cargo.engaged for cargo in book.cargo):
        return _refused(ask, at, "PARTY_OF_CARGO", "A party of the consignment.")
    if any(blocks(hold, table) for hold in lifecycle.holds(book.rulings).values()):
        return _refused(ask, at, "RELEASE_BLOCKED", "The release of the interest that is held in the cargo.")
    return ask.done(at, financing="")


def blocks(hold: Hold, table: Products) -> bool:
    """Whether a financing keeps the cargo where it is."""
    return hold.pledged and table[hold.terms.product].blocks_release


def _refused(ask: Ask, at: Micros, guard: str, satisfied_by: str) -> Ruling:
    return ask.refused(at, guard, satisfied_by, financing="")
