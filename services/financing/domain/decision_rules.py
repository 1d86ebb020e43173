"""The decisions on requests: reserve, pledge, draw, release, cancel, substitute, and requests about cargo. Pure.

A decision is taken once, under the lock of what it concerns. Its time never lies before an earlier decision's, whatever the
clock does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import guards, lifecycle, partial_release
from services.financing.domain.assignment_rules import unsettled
from services.financing.domain.cargo import in_order
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.guards import Failed, Step
from services.financing.domain.lifecycle import Hold, Stage
from services.financing.domain.money import Money
from services.financing.domain.named_goods import still_named
from services.financing.domain.products import Product, Products, products
from services.financing.domain.requests import MOST_SHARED, DecisionContext, DecisionRequest
from services.financing.domain.reservation import goods_free, reserve, still_free
from services.financing.domain.reviews import against, resting, unless_reviewed


def decide(
    ask: DecisionRequest, context: DecisionContext, at: Micros, table: Products | None = None
) -> Decision:
    """Decide ``ask`` in ``context`` at ``at`` (UTC microseconds), by the table of products.

    A request that was decided before gives that recorded decision; any other one is not recorded yet. Never blocks, and raises
    nothing for a wrong request: that is a refusal with its guard.
    """
    known = products() if table is None else table
    moment = max([at, *(decision.at for decision in context.decisions)])
    earlier = context.earlier
    if earlier is not None and ask.is_same(earlier.asked):
        return earlier
    last = context.last
    taken = resting(_decided(ask, context, moment, known), ask, context)
    return taken._replace(rules=known.version, before=None if last is None else last.number)


def _decided(ask: DecisionRequest, context: DecisionContext, at: Micros, table: Products) -> Decision:
    if context.earlier is not None:
        other = "Another idempotency key: this one, or this event, was used for another request."
        return _refused(ask, at, Failed("IDEMPOTENCY_KEY_UNUSED", other))
    if ask.action.disposes:
        return dispose(ask, context, at, table)
    if ask.action is Action.RESERVE:
        return reserve(ask, context, at, table)
    hold = lifecycle.holds(context.decisions).get(ask.financing)
    if hold is None or hold.bank != ask.asked_by:
        return _refused(ask, at, Failed("PLEDGEE", "The bank whose financing it is."))
    taken = _STEPS[ask.action](ask, context, at, hold, table[hold.terms.product])
    return goods_free(ask, taken, context, table) if taken.done and ask.action.pledges else taken


def _pledge(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    if hold.pledged_at is not None or hold.ended in (Stage.RELEASED, Stage.CANCELLED, Stage.SUPERSEDED):
        return _refused(
            ask, at, Failed("NOT_PLEDGED_BEFORE", "A new financing: this one was pledged or ended before.")
        )
    failed = guards.first_failed(product.pledge, _step(ask, context, at, hold, product))
    if failed is not None:
        return _refused(ask, at, failed)
    in_the_way, takes_over = still_free(ask, hold, context, at, product)
    in_the_way = in_the_way or unless_reviewed(still_named(context, hold, at), ask, context)
    if in_the_way is not None:
        return against(ask, at, in_the_way)
    return _done(ask, at, frees=tuple(sorted(takes_over)))


def _draw(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    failed = guards.first_failed(product.draw, _step(ask, context, at, hold, product))
    if failed is None and product.one_draw and hold.draws:
        failed = Failed("ONE_DRAW", "A new financing: this product is drawn once.")
    if failed is not None:
        return _refused(ask, at, failed)
    uncertain = unsettled(ask, context, product, at, paying=True)
    uncertain = uncertain or unless_reviewed(still_named(context, hold, at), ask, context)
    return _done(ask, at, amount=ask.amount) if uncertain is None else against(ask, at, uncertain)


def _release(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    """Repayment frees the security; while something is owed only the bank's explicit, recorded waiver does."""
    step = _step(ask, context, at, hold, product)
    failed = guards.first_failed(("PLEDGED", "NOT_FROZEN"), step)
    owed = Money(step.state.outstanding, step.state.currency)
    if failed is None and owed.minor and not ask.waiver:
        failed = Failed(
            "NOTHING_OUTSTANDING", f"Repayment of {owed}, or the release with an explicit waiver of it."
        )
    if failed is not None:
        return _refused(ask, at, failed)
    return ask.done(at, amount=owed, waiver=ask.waiver) if owed.minor else _done(ask, at)


def _release_part(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    """A part of the security is given back: what is left has to be worth what is owed, or the bank waives it."""
    step = _step(ask, context, at, hold, product)
    guard_names = (
        ("PLEDGED", "NOT_FROZEN") if ask.amount is None else ("PLEDGED", "NOT_FROZEN", "SAME_CURRENCY")
    )
    failed = guards.first_failed(guard_names, step)
    if failed is not None:
        return _refused(ask, at, failed)
    part = partial_release.part_of(ask, context, hold, guards.value_left(step))
    if isinstance(part, Failed):
        return _refused(ask, at, part)
    short = partial_release.not_covered(step, part)
    if short is not None and not ask.waiver:
        return _refused(ask, at, short)
    waiver = "" if short is None else ask.waiver
    return ask.done(at, amount=part.value, waiver=waiver, goods=part.goods)


def _cancel(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    step = _step(ask, context, at, hold, product)
    if hold.ended is not None:
        return _refused(ask, at, Failed("NOT_ENDED", "A financing that has not ended."))
    if hold.draws:
        return _refused(ask, at, Failed("UNDRAWN", "Repayment and release: it was drawn."))
    failed = guards.first_failed(("NOT_FROZEN",), step)
    return _done(ask, at) if failed is None else _refused(ask, at, failed)


def _substitute(
    ask: DecisionRequest, context: DecisionContext, at: Micros, hold: Hold, product: Product
) -> Decision:
    """``hold`` replaces ``ask.replaces`` and takes over what is owed there."""
    old = lifecycle.holds(context.decisions).get(ask.replaces)
    if old is None or old.bank != hold.bank or not old.pledged:
        return _refused(ask, at, Failed("PLEDGED", "A pledged financing of the same bank to be replaced."))
    if hold.pledged_at is not None:
        return _refused(
            ask, at, Failed("NOT_PLEDGED_BEFORE", "A reserved financing that is not pledged yet.")
        )
    old_state = lifecycle.state(old, context.about(old), at)
    owed = Money(old_state.outstanding, old_state.currency)
    old_failed = "The end of the freeze." if old_state.frozen_by else None
    if old_failed is not None:
        return _refused(ask, at, Failed("NOT_FROZEN", old_failed))
    carried = owed if owed.minor else None
    step = _step(ask, context, at, hold, product, carried)
    names = product.pledge if carried is None else (*product.pledge, *_worth(product))
    failed = guards.first_failed(names, step)
    if failed is not None:
        return _refused(ask, at, failed)
    in_the_way, takes_over = still_free(ask, hold, context, at, product)
    in_the_way = in_the_way or unless_reviewed(still_named(context, hold, at), ask, context)
    if in_the_way is not None:
        return against(ask, at, in_the_way)
    return _done(ask, at, amount=carried, frees=tuple(sorted({*takes_over, old.financing})))


def _worth(product: Product) -> tuple[str, ...]:
    of_value = ("EXTERNAL_CLEAR", "SAME_CURRENCY", "WITHIN_APPROVED", "VALUE_VERIFIED", "WITHIN_ADVANCE")
    return tuple(name for name in product.draw if name in of_value)


_STEPS: Mapping[Action, Callable[[DecisionRequest, DecisionContext, Micros, Hold, Product], Decision]] = (
    MappingProxyType(
        {
            Action.PLEDGE: _pledge,
            Action.DRAW: _draw,
            Action.RELEASE: _release,
            Action.RELEASE_PART: _release_part,
            Action.CANCEL: _cancel,
            Action.SUBSTITUTE: _substitute,
        }
    )
)


def _step(
    ask: DecisionRequest,
    context: DecisionContext,
    at: Micros,
    hold: Hold,
    product: Product,
    amount: Money | None = None,
) -> Step:
    statements = context.about(hold)
    return Step(
        state=lifecycle.state(hold, statements, at),
        product=product,
        statements=statements,
        cargo=context.cargo,
        at=at,
        amount=ask.amount if amount is None else amount,
        external=context.external,
        required=context.required,
    )


def _done(
    ask: DecisionRequest, at: Micros, *, amount: Money | None = None, frees: tuple[str, ...] = ()
) -> Decision:
    return ask.done(at, amount=amount, frees=frees)


def _refused(ask: DecisionRequest, at: Micros, failed: Failed) -> Decision:
    return ask.refused(at, *failed, amount=ask.amount)


def dispose(ask: DecisionRequest, context: DecisionContext, at: Micros, table: Products) -> Decision:
    """Decide a request on ``context.cargo``; parties not engaged in all of it are refused without a reason.

    ``context.decisions`` are those of every financing on that cargo, and on consignments that may be of the same goods. A
    reservation blocks nothing; a pledge of a product with a release block does, frozen or overdue as it may be, for whatever
    identifies a box, note or declaration of the pledged goods, also where they may have left a box that is used again. What was
    given back while the rest stays pledged is free where the request names nothing else.
    """
    if not context.cargo or any(ask.asked_by not in cargo.engaged for cargo in context.cargo):
        return _refused_disposal(ask, at, "PARTY_OF_CARGO", "A party of the consignment.")
    near = {each.financing for each in context.near}
    blocking = [hold for hold in lifecycle.holds(context.decisions).values() if blocks(hold, table)]
    own = [hold for hold in blocking if hold.financing not in near]
    if any(not context.named <= hold.released() for hold in own):
        return _refused_disposal(
            ask, at, "RELEASE_BLOCKED", "The release of the interest that is held in the cargo."
        )
    found = in_order({thing for hold in blocking if hold.financing in near for thing in context.shared(hold)})
    if found:
        refused = _refused_disposal(ask, at, "RELEASE_BLOCKED", _satisfied_by(found[0]))
        return refused._replace(shares=found[:MOST_SHARED])
    return ask.done(at, financing="", goods=in_order(context.named) if own else ())


def blocks(hold: Hold, table: Products) -> bool:
    """Whether a financing blocks the release of its cargo."""
    return hold.pledged and table[hold.terms.product].blocks_release


def _satisfied_by(thing: Thing) -> str:
    named = f"{thing.kind.wire} {thing.key}"
    return (
        f"The release of the interest that is held in goods of {named}, also where they have left it: ask their parties to "
        "have it released."
    )[:200]


def _refused_disposal(ask: DecisionRequest, at: Micros, guard: str, satisfied_by: str) -> Decision:
    return ask.refused(at, guard, satisfied_by, financing="")
