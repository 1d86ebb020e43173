"""What the platform decides for a bank: reserve, pledge, draw, release, cancel, substitute. Pure: state and request in.

A decision is taken once, under the lock of what it concerns. Its moment never lies before an earlier decision's, so a
clock that is set back gives nobody a second chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.domain.facts import Micros
from services.financing.domain import guards, lifecycle
from services.financing.domain.cargo_requests import dispose
from services.financing.domain.decisions import Action, Ruling
from services.financing.domain.guards import Failed, Step
from services.financing.domain.lifecycle import Hold, Stage
from services.financing.domain.money import Money
from services.financing.domain.products import Product, Products, products
from services.financing.domain.requests import Ask, Book
from services.financing.domain.reservation import reserve, still_free


def decide(ask: Ask, book: Book, at: Micros, table: Products | None = None) -> Ruling:
    """Decide ``ask`` on what is known under the lock at ``at`` (UTC microseconds), by the table of products.

    A request that was decided before gives that recorded decision again; any other one that is not recorded yet. Blocks
    nowhere and raises nothing for what a party can ask wrongly: that is a refusal with its guard.
    """
    known = products() if table is None else table
    moment = max([at, *(ruling.at for ruling in book.rulings)])
    earlier = book.earlier
    if earlier is not None and earlier.asked == ask.digest:
        return earlier
    last = book.last
    taken = _taken(ask, book, moment, known)
    return taken._replace(rules=known.version, before=None if last is None else last.number)


def _taken(ask: Ask, book: Book, at: Micros, table: Products) -> Ruling:
    if book.earlier is not None:
        other = "Another idempotency key: this one, or this event, was used for another request."
        return _refused(ask, at, Failed("IDEMPOTENCY_KEY_UNUSED", other))
    if ask.action.disposes:
        return dispose(ask, book, at, table)
    if ask.action is Action.RESERVE:
        return reserve(ask, book, at, table)
    hold = lifecycle.holds(book.rulings).get(ask.financing)
    if hold is None or hold.bank != ask.asked_by:
        return _refused(ask, at, Failed("PLEDGEE", "The bank whose financing it is."))
    return _STEPS[ask.action](ask, book, at, hold, table[hold.terms.product])


def _pledge(ask: Ask, book: Book, at: Micros, hold: Hold, product: Product) -> Ruling:
    if hold.pledged_at is not None or hold.ended in (Stage.RELEASED, Stage.CANCELLED, Stage.SUPERSEDED):
        return _refused(
            ask, at, Failed("NOT_PLEDGED_BEFORE", "A new financing: this one was pledged or ended before.")
        )
    failed = guards.first_failed(product.pledge, _step(ask, book, at, hold, product))
    if failed is not None:
        return _refused(ask, at, failed)
    free, takes_over = still_free(hold, book, at, product)
    if free is not None:
        return _refused(ask, at, free)
    return _done(ask, at, frees=tuple(sorted(takes_over)))


def _draw(ask: Ask, book: Book, at: Micros, hold: Hold, product: Product) -> Ruling:
    failed = guards.first_failed(product.draw, _step(ask, book, at, hold, product))
    if failed is None and product.one_draw and hold.draws:
        failed = Failed("ONE_DRAW", "A new financing: this product is drawn once.")
    return _done(ask, at, amount=ask.amount) if failed is None else _refused(ask, at, failed)


def _release(ask: Ask, book: Book, at: Micros, hold: Hold, product: Product) -> Ruling:
    """Repayment frees the security; while something is owed only the bank's explicit waiver does, and is recorded."""
    step = _step(ask, book, at, hold, product)
    failed = guards.first_failed(("PLEDGED", "NOT_FROZEN"), step)
    owed = Money(step.state.outstanding, step.state.currency)
    if failed is None and owed.minor and not ask.waiver:
        failed = Failed(
            "NOTHING_OUTSTANDING", f"Repayment of {owed}, or the release with an explicit waiver of it."
        )
    if failed is not None:
        return _refused(ask, at, failed)
    return ask.done(at, amount=owed, waiver=ask.waiver) if owed.minor else _done(ask, at)


def _cancel(ask: Ask, book: Book, at: Micros, hold: Hold, product: Product) -> Ruling:
    step = _step(ask, book, at, hold, product)
    if hold.ended is not None:
        return _refused(ask, at, Failed("NOT_ENDED", "A financing that has not ended."))
    if hold.draws:
        return _refused(ask, at, Failed("UNDRAWN", "Repayment and release: it was drawn."))
    failed = guards.first_failed(("NOT_FROZEN",), step)
    return _done(ask, at) if failed is None else _refused(ask, at, failed)


def _substitute(ask: Ask, book: Book, at: Micros, hold: Hold, product: Product) -> Ruling:
    """``hold`` takes the place of ``ask.replaces``, with what is owed there."""
    old = lifecycle.holds(book.rulings).get(ask.replaces)
    if old is None or old.bank != hold.bank or not old.pledged:
        return _refused(ask, at, Failed("PLEDGED", "A pledged financing of the same bank to be replaced."))
    if hold.pledged_at is not None:
        return _refused(
            ask, at, Failed("NOT_PLEDGED_BEFORE", "A reserved financing that is not pledged yet.")
        )
    old_state = lifecycle.state(old, book.about(old), at)
    owed = Money(old_state.outstanding, old_state.currency)
    old_failed = "The end of the freeze." if old_state.frozen_by else None
    if old_failed is not None:
        return _refused(ask, at, Failed("NOT_FROZEN", old_failed))
    carried = owed if owed.minor else None
    step = _step(ask, book, at, hold, product, carried)
    names = product.pledge if carried is None else (*product.pledge, *_worth(product))
    failed = guards.first_failed(names, step)
    if failed is not None:
        return _refused(ask, at, failed)
    free, takes_over = still_free(hold, book, at, product)
    if free is not None:
        return _refused(ask, at, free)
    return _done(ask, at, amount=carried, frees=tuple(sorted({*takes_over, old.financing})))


def _worth(product: Product) -> tuple[str, ...]:
    of_value = ("SAME_CURRENCY", "WITHIN_APPROVED", "VALUE_VERIFIED", "WITHIN_ADVANCE")
    return tuple(name for name in product.draw if name in of_value)


_STEPS: Mapping[Action, Callable[[Ask, Book, Micros, Hold, Product], Ruling]] = MappingProxyType(
    {
        Action.PLEDGE: _pledge,
        Action.DRAW: _draw,
        Action.RELEASE: _release,
        Action.CANCEL: _cancel,
        Action.SUBSTITUTE: _substitute,
    }
)


def _step(
    ask: Ask, book: Book, at: Micros, hold: Hold, product: Product, amount: Money | None = None
) -> Step:
    words = book.about(hold)
    return Step(
        state=lifecycle.state(hold, words, at),
        product=product,
        words=words,
        cargo=book.cargo,
        at=at,
        amount=ask.amount if amount is None else amount,
        external=book.external,
        required=book.required,
    )


def _done(ask: Ask, at: Micros, *, amount: Money | None = None, frees: tuple[str, ...] = ()) -> Ruling:
    return ask.done(at, amount=amount, frees=frees)


def _refused(ask: Ask, at: Micros, failed: Failed) -> Ruling:
    return ask.refused(at, *failed, amount=ask.amount)
