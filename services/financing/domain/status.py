"""The status of a bank's own financing as of a moment, as it was known at another.

``as_of`` is when it happened, ``known_at`` when the platform knew: an earlier answer can be reproduced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.cargo import CorroboratedFact, VerifiedValue, corroboration, in_order, verified
from services.financing.domain.control import Control, Registration, controls, registrations, taken_back
from services.financing.domain.covenants import Alert, JudgedArrival, Watched, alerts
from services.financing.domain.decisions import Decision, Terms
from services.financing.domain.followed_goods import FollowedGoods
from services.financing.domain.lifecycle import Hold, Stage, State
from services.financing.domain.money import Money
from services.financing.domain.pledged_goods import Pledge
from services.financing.domain.products import Interest, Products, products
from services.financing.domain.requests import LIMITS, DecisionContext
from services.financing.domain.statements import Record, live


class Step(NamedTuple):
    """One line of the history: a decision (with its number) or a fact (with its event)."""

    at: Micros
    what: str
    outcome: str
    by: str
    number: int | None = None
    event: EventId | None = None
    guard: str = ""
    waiver: str = ""
    goods: tuple[Thing, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """All of one financing; empty ``registrations`` mean "not registered", and ``limits`` states what it cannot cover."""

    financing: str
    terms: Terms
    stage: Stage
    as_of: Micros
    known_at: Micros
    reserved_until: Micros
    pledged: bool
    blocks_release: bool
    approved: Money | None
    advance_rate: int | None
    matures_on: date | None
    drawn: Money
    outstanding: Money
    given_back: tuple[Thing, ...]
    value_given_back: Money
    value: VerifiedValue
    corroboration: tuple[CorroboratedFact, ...]
    control: tuple[Control, ...]
    registrations: tuple[Registration, ...]
    alerts: tuple[Alert, ...]
    history: tuple[Step, ...]
    position: int  # number of the latest decision that it rests on
    limits: str = LIMITS


def pledge_of(
    financing: str,
    decisions: Iterable[Decision],
    consignments: Iterable[Thing],
    as_of: Micros,
    known_at: Micros,
) -> Pledge | None:
    """The pledge of ``consignments`` to ``financing`` as of a moment, as it was known at another; None before there is one."""
    known = (decision for decision in decisions if decision.at <= min(as_of, known_at))
    hold = lifecycle.holds(known).get(financing)
    if hold is None or hold.pledged_at is None:
        return None
    return Pledge(tuple(sorted(consignments)), hold.pledged_at, hold.ended_at, hold.reserved_at)


def status(
    financing: str,
    asked_by: str,
    decisions: Iterable[Decision],
    record: Record,
    goods: FollowedGoods,
    as_of: Micros,
    known_at: Micros,
    table: Products | None = None,
    judged: Iterable[JudgedArrival] = (),
) -> Status | None:
    """The status of ``financing`` for its bank; None for everybody else, as for one that does not exist.

    ``goods`` are as of the same two moments (:func:`pledge_of`), and so is what was ``judged``; ``decisions`` are those on the
    financing and on all that share its cargo.
    """
    cargo = goods.cargo
    known = [decision for decision in decisions if decision.at <= min(as_of, known_at)]
    holds = lifecycle.holds(known)
    hold = holds.get(financing)
    if hold is None or hold.bank != asked_by:
        return None
    rows = products() if table is None else table
    product = rows[hold.terms.product]
    context = DecisionContext(decisions=tuple(known), statements=live(record, as_of, known_at), cargo=cargo)
    statements = context.about(hold)
    own = lifecycle.of_financing(statements, financing, hold.terms.application)
    state = lifecycle.state(hold, own, as_of)
    engaged = frozenset[str]().union(*(each.engaged for each in cargo))
    others = tuple(other for other in holds.values() if _competes(hold, other, rows))
    everywhere = (*cargo, *(other.cargo for other in goods.elsewhere))
    said = replace(context, cargo=everywhere).about(hold) if goods.elsewhere else statements
    gone = tuple(
        found
        for each in cargo
        for found in taken_back(record, context.statements, each, hold.bank, as_of, known_at)
    )
    watched = Watched(state, product, goods, said, as_of, others, gone, tuple(judged))
    currency = state.currency
    return Status(
        financing=financing,
        terms=hold.terms,
        stage=state.stage,
        as_of=as_of,
        known_at=known_at,
        reserved_until=hold.reserved_until,
        pledged=hold.pledged,
        blocks_release=hold.pledged and product.blocks_release,
        approved=state.approved,
        advance_rate=state.advance_rate,
        matures_on=state.matures_on,
        drawn=Money(state.drawn, currency),
        outstanding=Money(state.outstanding, currency),
        given_back=in_order(hold.released()),
        value_given_back=Money(hold.value_given_back, currency),
        value=verified(statements, engaged, currency, product.value_publishers),
        corroboration=tuple(fact for each in cargo for fact in corroboration(each)),
        control=tuple(control for each in cargo for control in controls(statements, each, hold.bank, as_of)),
        registrations=registrations(own),
        alerts=alerts(watched),
        history=_history(known, state, context, financing),
        position=hold.last,
    )


def _competes(hold: Hold, other: Hold, table: Products) -> bool:
    """Whether another financing is of the same interest in the same value: the buyer's bank does not compete with the seller's."""
    if other.financing == hold.financing or other.terms.product not in table.rows:
        return False
    own, its = table[hold.terms.product], table[other.terms.product]
    same_interest = Interest(hold.terms.interest).group == Interest(other.terms.interest).group
    return same_interest and own.value is its.value


def _history(
    known: list[Decision], state: State, context: DecisionContext, financing: str
) -> tuple[Step, ...]:
    steps = [
        Step(
            r.at,
            r.action,
            r.outcome,
            r.asked_by if r.financing == financing else "",
            r.number,
            None,
            r.guard,
            r.waiver,
            r.goods,
        )
        for r in known
        if r.financing == financing or financing in r.frees
    ]
    by_event = {statement.event: statement for statement in context.statements}
    for event in state.events:
        statement = by_event[event]
        steps.append(
            Step(statement.happened, statement.payload.spec.name, "", statement.publisher, None, event)
        )
    return tuple(sorted(steps, key=lambda step: (step.at, step.number or 0, step.event or b"")))
