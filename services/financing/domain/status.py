"""The answer to a bank on its own financing: everything that is known of it as of a moment, as it was known at another.

``as_of`` is when it happened, ``known_at`` when the platform knew: an answer that a bank filed can be given again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.domain.facts import EventId, Micros
from services.financing.domain import lifecycle
from services.financing.domain.cargo import Cargo, Corroborated, corroboration
from services.financing.domain.control import Control, Registration, controls, registrations
from services.financing.domain.covenants import Alert, Watched, alerts
from services.financing.domain.decisions import Ruling, Terms
from services.financing.domain.lifecycle import Hold, Stage, State
from services.financing.domain.money import Money
from services.financing.domain.products import Interest, Products, products
from services.financing.domain.requests import LIMITS, Book
from services.financing.domain.statements import Record, live
from services.financing.domain.valuation import Valued, verified


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


@dataclass(frozen=True, slots=True)
class Status:
    """All of one financing; an empty ``registrations`` says "not registered", and ``limits`` what it cannot say."""

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
    value: Valued
    corroboration: tuple[Corroborated, ...]
    control: tuple[Control, ...]
    registrations: tuple[Registration, ...]
    alerts: tuple[Alert, ...]
    history: tuple[Step, ...]
    position: int  # number of the latest decision that it rests on
    limits: str = LIMITS


def status(
    financing: str,
    asked_by: str,
    rulings: Iterable[Ruling],
    record: Record,
    cargo: tuple[Cargo, ...],
    as_of: Micros,
    known_at: Micros,
    table: Products | None = None,
) -> Status | None:
    """The status of ``financing`` for the bank whose it is; None for everybody else, as for what does not exist.

    ``cargo`` is as of the same two moments; ``rulings`` are those on the financing and on whatever shares its cargo.
    """
    known = [ruling for ruling in rulings if ruling.at <= min(as_of, known_at)]
    holds = lifecycle.holds(known)
    hold = holds.get(financing)
    if hold is None or hold.bank != asked_by:
        return None
    rows = products() if table is None else table
    product = rows[hold.terms.product]
    book = Book(rulings=tuple(known), words=live(record, as_of, known_at), cargo=cargo)
    words = book.about(hold)
    own = lifecycle.of_financing(words, financing, hold.terms.application)
    state = lifecycle.state(hold, own, as_of)
    engaged = frozenset[str]().union(*(each.engaged for each in cargo))
    others = tuple(other for other in holds.values() if _competes(hold, other, rows))
    watched = Watched(state, product, cargo, words, as_of, others)
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
        value=verified(words, engaged, currency, product.value_publishers),
        corroboration=tuple(fact for each in cargo for fact in corroboration(each)),
        control=tuple(
            control
            for each in cargo
            for control in controls(words, each.notes, each.engaged, hold.bank, as_of)
        ),
        registrations=registrations(own),
        alerts=alerts(watched),
        history=_history(known, state, book, financing),
        position=hold.last,
    )


def _competes(hold: Hold, other: Hold, table: Products) -> bool:
    """Whether another financing is of the same interest in the same value: the buyer's bank is no rival of the seller's."""
    if other.financing == hold.financing or other.terms.product not in table.rows:
        return False
    own, its = table[hold.terms.product], table[other.terms.product]
    same_interest = Interest(hold.terms.interest).group == Interest(other.terms.interest).group
    return same_interest and own.value is its.value


def _history(known: list[Ruling], state: State, book: Book, financing: str) -> tuple[Step, ...]:
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
        )
        for r in known
        if r.financing == financing or financing in r.frees
    ]
    by_event = {word.event: word for word in book.words}
    for event in state.events:
        word = by_event[event]
        steps.append(Step(word.happened, word.payload.spec.name, "", word.publisher, None, event))
    return tuple(sorted(steps, key=lambda step: (step.at, step.number or 0, step.event or b"")))
