"""The state of a financing: a fold of its recorded decisions in their order, and of the set of statements on it.

Decisions alone determine what is held: no statement, however late, gives or takes a hold. Statements determine repayment,
default and the will of the parties, in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from schemas.events import finance
from schemas.events.base import Role
from schemas.events.finance_terms import OfApplication, OfFinancing
from services.domain.facts import FOREVER, SINCE_EVER, Micros
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision, Terms
from services.financing.domain.money import Money
from services.financing.domain.statements import Statement, of_type


class Stage(StrEnum):
    """The stages of a financing and its side states."""

    APPLIED = "APPLIED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    RESERVED = "UNIQUENESS_RESERVED"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    APPROVED = "APPROVED"
    PLEDGED = "PLEDGED"
    CANCELLED = "CANCELLED_BEFORE_DRAW"
    DRAWN = "DRAWN"
    PARTIALLY_REPAID = "PARTIALLY_REPAID"
    REPAID = "REPAID"
    RELEASED = "RELEASED"
    OVERDUE = "OVERDUE"
    DEFAULTED = "DEFAULTED"
    ENFORCED = "ENFORCED"
    CLOSED = "CLOSED"
    FROZEN = "FROZEN"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True)
class Hold:
    """The state by decisions alone: the terms, what is reserved, pledged and paid out, and how it ended."""

    financing: str
    terms: Terms
    reserved_until: Micros
    pledged_at: Micros | None = None
    draws: tuple[tuple[Micros, Money], ...] = ()
    ended: Stage | None = None
    ended_at: Micros = FOREVER
    given_back: tuple[tuple[Micros, Thing], ...] = ()  # goods that a partial release gave back, and when
    value_given_back: int = 0  # minor units of the currency of the financing
    first: int = 0  # number of the decision that reserved it first
    last: int = 0
    reserved_at: Micros = SINCE_EVER

    @property
    def bank(self) -> str:
        """The code of the bank."""
        return self.financing.partition("/")[0]

    @property
    def pledged(self) -> bool:
        """Whether it is pledged and neither released nor replaced."""
        return self.pledged_at is not None and self.ended is None

    @property
    def named_at(self) -> tuple[Micros, ...]:
        """The moments as of which its goods are named: of its reservation, and of its pledge."""
        return (self.reserved_at,) if self.pledged_at is None else (self.reserved_at, self.pledged_at)

    def released(self, at: Micros = FOREVER) -> frozenset[Thing]:
        """The goods that were given back by then while the rest stays pledged."""
        return frozenset(thing for since, thing in self.given_back if since <= at)

    def held(self, at: Micros) -> bool:
        """Whether the interest is taken at that moment."""
        return self.ended is None and (self.pledged_at is not None or at < self.reserved_until)


@dataclass(frozen=True, slots=True)
class State:
    """A financing as of a moment, by decisions and statements."""

    hold: Hold
    stage: Stage
    approved: Money | None
    advance_rate: int | None
    matures_on: date | None
    drawn: int
    outstanding: int
    currency: str
    frozen_by: frozenset[str]
    events: tuple[bytes, ...]  # the facts that were read, in their order

    @property
    def matures(self) -> Micros | None:
        """The end of the day on which it matures, UTC."""
        return None if self.matures_on is None else end_of(self.matures_on)


def holds(decisions: Iterable[Decision], at: Micros = FOREVER) -> dict[str, Hold]:
    """Every financing that the decisions up to ``at`` reserved, folded in the order of their numbers."""
    found: dict[str, Hold] = {}
    for decision in sorted(decisions, key=lambda decision: decision.number):
        if decision.done and decision.at <= at and not decision.action.disposes:
            _apply(found, decision)
    return found


def _apply(found: dict[str, Hold], decision: Decision) -> None:
    changed = _changed(found.get(decision.financing), decision)
    if changed is not None:
        found[decision.financing] = replace(changed, last=decision.number)
    for freed in decision.frees:
        # Also where the decisions of the one that freed it are not among those folded.
        other = found.get(freed)
        if other is not None and other.ended is None:
            ended = Stage.RESERVATION_EXPIRED if other.pledged_at is None else Stage.SUPERSEDED
            found[freed] = replace(other, ended=ended, ended_at=decision.at, last=decision.number)


def _changed(present: Hold | None, decision: Decision) -> Hold | None:
    match decision.action:
        case Action.RESERVE:
            assert decision.terms is not None
            assert decision.until is not None
            first = decision.number if present is None else present.first
            return Hold(
                decision.financing, decision.terms, decision.until, first=first, reserved_at=decision.at
            )
        case _ if present is None:
            return None
        case Action.PLEDGE:
            return replace(present, pledged_at=decision.at)
        case Action.DRAW:
            assert decision.amount is not None
            return replace(present, draws=(*present.draws, (decision.at, decision.amount)))
        case Action.SUBSTITUTE:
            carried = () if decision.amount is None else ((decision.at, decision.amount),)
            return replace(present, pledged_at=decision.at, draws=(*present.draws, *carried))
        case Action.RELEASE:
            return replace(present, ended=Stage.RELEASED, ended_at=decision.at)
        case Action.RELEASE_PART:
            given_back = (*present.given_back, *((decision.at, thing) for thing in decision.goods))
            value = present.value_given_back + (0 if decision.amount is None else decision.amount.minor)
            return replace(present, given_back=given_back, value_given_back=value)
        case _:
            return replace(present, ended=Stage.CANCELLED, ended_at=decision.at)


def of_financing(statements: Iterable[Statement], financing: str, application: str) -> list[Statement]:
    """The statements on one financing and its application that count: of its bank, its applicant, and courts."""
    bank, applicant = financing.partition("/")[0], application.partition("/")[0]
    found = []
    for statement in statements:
        payload = statement.payload
        if isinstance(payload, finance.Applied):
            if f"{statement.publisher}/{payload.reference}" == application and payload.bank == bank:
                found.append(statement)
        elif isinstance(payload, OfFinancing) and payload.financing_key == financing:
            if statement.publisher == bank or Role.AUTHORITY in statement.roles:
                found.append(statement)
        elif isinstance(payload, OfApplication) and payload.application_key == application:
            rejects = isinstance(payload, finance.Rejected)
            if statement.publisher == (bank if rejects else applicant):
                found.append(statement)
    return sorted(found, key=lambda statement: statement.order)


def state(hold: Hold, statements: Sequence[Statement], at: Micros) -> State:
    """The state of ``hold`` at ``at``; ``statements`` are those of :func:`of_financing` that happened by then."""
    approvals = of_type(statements, finance.Approved)
    approval = approvals[-1][1] if approvals else None
    drawn = sum(money.minor for _, money in hold.draws)
    outstanding, repaid = _owed(hold, statements)
    frozen = _frozen(statements)
    currencies = [money.currency for _, money in hold.draws]
    approved = None if approval is None else Money.of(approval.approved_amount)
    return State(
        hold=hold,
        stage=_stage(hold, statements, at, outstanding, repaid, frozen, approval is not None),
        approved=approved,
        advance_rate=None if approval is None else approval.advance_rate,
        matures_on=None if approval is None else date.fromisoformat(approval.matures_on),
        drawn=drawn,
        outstanding=outstanding,
        currency=(currencies or ["" if approved is None else approved.currency])[0],
        frozen_by=frozen,
        events=tuple(statement.event for statement in statements),
    )


def _stage(
    hold: Hold,
    statements: Sequence[Statement],
    at: Micros,
    outstanding: int,
    repaid: bool,
    frozen: frozenset[str],
    approved: bool,
) -> Stage:
    if hold.ended is not None:
        return hold.ended
    if hold.pledged_at is None:
        return _unpledged(hold, statements, at, approved)
    for found, kind in (
        (of_type(statements, finance.WrittenOff), Stage.CLOSED),
        ([1] if frozen else [], Stage.FROZEN),
        (of_type(statements, finance.Enforced), Stage.ENFORCED),
        (of_type(statements, finance.Defaulted), Stage.DEFAULTED),
        (_overdue(statements), Stage.OVERDUE),
    ):
        if found and (kind in (Stage.FROZEN, Stage.OVERDUE) or hold.draws):
            return kind
    if not hold.draws:
        return Stage.PLEDGED
    if outstanding == 0:
        return Stage.REPAID
    return Stage.PARTIALLY_REPAID if repaid else Stage.DRAWN


def _unpledged(hold: Hold, statements: Sequence[Statement], at: Micros, approved: bool) -> Stage:
    if of_type(statements, finance.ApplicationWithdrawn):
        return Stage.WITHDRAWN
    if of_type(statements, finance.Rejected):
        return Stage.REJECTED
    if at >= hold.reserved_until:
        return Stage.RESERVATION_EXPIRED
    return Stage.APPROVED if approved else Stage.RESERVED


def _owed(hold: Hold, statements: Sequence[Statement]) -> tuple[int, bool]:
    """(what is owed in minor units, whether anything was repaid): draws and repayments in the order of their times."""
    steps: list[tuple[Micros, int, int, bool]] = [(at, 0, money.minor, False) for at, money in hold.draws]
    currency = hold.draws[0][1].currency if hold.draws else ""
    for statement, repaid in of_type(statements, finance.Repaid):
        if repaid.repaid_amount.currency_code == currency:
            steps.append((statement.happened, 1, repaid.repaid_amount.minor_units, repaid.extent == "FULL"))
    owed, any_repaid = 0, False
    for _, kind, minor, full in sorted(steps):
        if kind == 0:
            owed += minor
        else:
            any_repaid = True
            owed = 0 if full else max(0, owed - minor)
    return owed, any_repaid


def _overdue(statements: Sequence[Statement]) -> list[Statement]:
    """The latest missed repayment that is not made good since."""
    missed = of_type(statements, finance.FellOverdue)
    if not missed:
        return []
    statement, last = missed[-1]
    since = [r for w, r in of_type(statements, finance.Repaid) if w.order > statement.order]
    paid = sum(r.repaid_amount.minor_units for r in since)
    if paid >= last.overdue_amount.minor_units or any(r.extent == "FULL" for r in since):
        return []
    return [statement]


def _frozen(statements: Sequence[Statement]) -> frozenset[str]:
    """The publishers whose freeze is in force: each lifts its own."""
    last: dict[str, bool] = {}
    for statement in statements:
        if isinstance(statement.payload, finance.Frozen | finance.Unfrozen):
            last[statement.publisher] = isinstance(statement.payload, finance.Frozen)
    return frozenset(publisher for publisher, frozen in last.items() if frozen)


def end_of(day: date) -> Micros:
    """The moment (UTC microseconds) at which ``day`` is over."""
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return int(after.timestamp()) * 1_000_000
