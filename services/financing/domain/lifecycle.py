"""Where a financing stands: a fold of its recorded decisions in their order, and of the set of facts about it.

Decisions alone say what is held: no fact, however late, gives or takes a hold. Facts say what became of the money and of
the parties' will, and their order of arrival does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from schemas.events import finance
from schemas.events.base import Role
from schemas.events.finance_terms import OfApplication, OfFinancing
from services.domain.facts import FOREVER, Micros
from services.financing.domain.decisions import Action, Ruling, Terms
from services.financing.domain.money import Money
from services.financing.domain.statements import Word, said


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
    """What the decisions alone say: the terms, what is reserved, pledged and paid out, and how it ended."""

    financing: str
    terms: Terms
    reserved_until: Micros
    pledged_at: Micros | None = None
    draws: tuple[tuple[Micros, Money], ...] = ()
    ended: Stage | None = None
    ended_at: Micros = FOREVER
    first: int = 0  # number of the decision that reserved it first
    last: int = 0

    @property
    def bank(self) -> str:
        """The code of the bank."""
        return self.financing.partition("/")[0]

    @property
    def pledged(self) -> bool:
        """Whether it is pledged and neither released nor replaced."""
        return self.pledged_at is not None and self.ended is None

    def held(self, at: Micros) -> bool:
        """Whether nobody else may take the interest at that moment."""
        return self.ended is None and (self.pledged_at is not None or at < self.reserved_until)


@dataclass(frozen=True, slots=True)
class State:
    """A financing as of a moment: what decisions and facts together say of it."""

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


def holds(rulings: Iterable[Ruling], at: Micros = FOREVER) -> dict[str, Hold]:
    """Every financing that the decisions up to ``at`` reserved, folded in the order of their numbers."""
    found: dict[str, Hold] = {}
    for ruling in sorted(rulings, key=lambda ruling: ruling.number):
        if ruling.done and ruling.at <= at and not ruling.action.disposes:
            _apply(found, ruling)
    return found


def _apply(found: dict[str, Hold], ruling: Ruling) -> None:
    changed = _changed(found.get(ruling.financing), ruling)
    if changed is not None:
        found[ruling.financing] = replace(changed, last=ruling.number)
    for freed in ruling.frees:
        # Also where the decisions of the one that freed it are not among those folded.
        other = found.get(freed)
        if other is not None and other.ended is None:
            ended = Stage.RESERVATION_EXPIRED if other.pledged_at is None else Stage.SUPERSEDED
            found[freed] = replace(other, ended=ended, ended_at=ruling.at, last=ruling.number)


def _changed(present: Hold | None, ruling: Ruling) -> Hold | None:
    match ruling.action:
        case Action.RESERVE:
            assert ruling.terms is not None
            assert ruling.until is not None
            first = ruling.number if present is None else present.first
            return Hold(ruling.financing, ruling.terms, ruling.until, first=first)
        case _ if present is None:
            return None
        case Action.PLEDGE:
            return replace(present, pledged_at=ruling.at)
        case Action.DRAW:
            assert ruling.amount is not None
            return replace(present, draws=(*present.draws, (ruling.at, ruling.amount)))
        case Action.SUBSTITUTE:
            carried = () if ruling.amount is None else ((ruling.at, ruling.amount),)
            return replace(present, pledged_at=ruling.at, draws=(*present.draws, *carried))
        case Action.RELEASE:
            return replace(present, ended=Stage.RELEASED, ended_at=ruling.at)
        case _:
            return replace(present, ended=Stage.CANCELLED, ended_at=ruling.at)


def of_financing(words: Iterable[Word], financing: str, application: str) -> list[Word]:
    """The words about one financing and its application that count: of its bank, its applicant, and courts."""
    bank, applicant = financing.partition("/")[0], application.partition("/")[0]
    found = []
    for word in words:
        payload = word.payload
        if isinstance(payload, finance.Applied):
            if f"{word.publisher}/{payload.reference}" == application and payload.bank == bank:
                found.append(word)
        elif isinstance(payload, OfFinancing) and payload.financing_key == financing:
            if word.publisher == bank or Role.AUTHORITY in word.roles:
                found.append(word)
        elif isinstance(payload, OfApplication) and payload.application_key == application:
            rejects = isinstance(payload, finance.Rejected)
            if word.publisher == (bank if rejects else applicant):
                found.append(word)
    return sorted(found, key=lambda word: word.order)


def state(hold: Hold, words: Sequence[Word], at: Micros) -> State:
    """Where ``hold`` stands at ``at``; ``words`` are those of :func:`of_financing` that happened by then."""
    approvals = said(words, finance.Approved)
    approval = approvals[-1][1] if approvals else None
    drawn = sum(money.minor for _, money in hold.draws)
    outstanding, repaid = _owed(hold, words)
    frozen = _frozen(words)
    currencies = [money.currency for _, money in hold.draws]
    approved = None if approval is None else Money.of(approval.approved_amount)
    return State(
        hold=hold,
        stage=_stage(hold, words, at, outstanding, repaid, frozen, approval is not None),
        approved=approved,
        advance_rate=None if approval is None else approval.advance_rate,
        matures_on=None if approval is None else date.fromisoformat(approval.matures_on),
        drawn=drawn,
        outstanding=outstanding,
        currency=(currencies or ["" if approved is None else approved.currency])[0],
        frozen_by=frozen,
        events=tuple(word.event for word in words),
    )


def _stage(
    hold: Hold,
    words: Sequence[Word],
    at: Micros,
    outstanding: int,
    repaid: bool,
    frozen: frozenset[str],
    approved: bool,
) -> Stage:
    if hold.ended is not None:
        return hold.ended
    if hold.pledged_at is None:
        return _unpledged(hold, words, at, approved)
    for told, kind in (
        (said(words, finance.WrittenOff), Stage.CLOSED),
        ([1] if frozen else [], Stage.FROZEN),
        (said(words, finance.Enforced), Stage.ENFORCED),
        (said(words, finance.Defaulted), Stage.DEFAULTED),
        (_overdue(words), Stage.OVERDUE),
    ):
        if told and (kind in (Stage.FROZEN, Stage.OVERDUE) or hold.draws):
            return kind
    if not hold.draws:
        return Stage.PLEDGED
    if outstanding == 0:
        return Stage.REPAID
    return Stage.PARTIALLY_REPAID if repaid else Stage.DRAWN


def _unpledged(hold: Hold, words: Sequence[Word], at: Micros, approved: bool) -> Stage:
    if said(words, finance.ApplicationWithdrawn):
        return Stage.WITHDRAWN
    if said(words, finance.Rejected):
        return Stage.REJECTED
    if at >= hold.reserved_until:
        return Stage.RESERVATION_EXPIRED
    return Stage.APPROVED if approved else Stage.RESERVED


def _owed(hold: Hold, words: Sequence[Word]) -> tuple[int, bool]:
    """(what is owed in minor units, whether anything was repaid): draws and repayments in the order of their times."""
    steps: list[tuple[Micros, int, int, bool]] = [(at, 0, money.minor, False) for at, money in hold.draws]
    currency = hold.draws[0][1].currency if hold.draws else ""
    for word, repaid in said(words, finance.Repaid):
        if repaid.repaid_amount.currency_code == currency:
            steps.append((word.happened, 1, repaid.repaid_amount.minor_units, repaid.extent == "FULL"))
    owed, any_repaid = 0, False
    for _, kind, minor, full in sorted(steps):
        if kind == 0:
            owed += minor
        else:
            any_repaid = True
            owed = 0 if full else max(0, owed - minor)
    return owed, any_repaid


def _overdue(words: Sequence[Word]) -> list[Word]:
    """The latest missed repayment that nothing made good since."""
    missed = said(words, finance.FellOverdue)
    if not missed:
        return []
    word, last = missed[-1]
    since = [r for w, r in said(words, finance.Repaid) if w.order > word.order]
    paid = sum(r.repaid_amount.minor_units for r in since)
    if paid >= last.overdue_amount.minor_units or any(r.extent == "FULL" for r in since):
        return []
    return [word]


def _frozen(words: Sequence[Word]) -> frozenset[str]:
    """Whose freeze is in force: each publisher lifts its own."""
    last: dict[str, bool] = {}
    for word in words:
        if isinstance(word.payload, finance.Frozen | finance.Unfrozen):
            last[word.publisher] = isinstance(word.payload, finance.Frozen)
    return frozenset(publisher for publisher, frozen in last.items() if frozen)


def end_of(day: date) -> Micros:
    """The moment (UTC microseconds) at which ``day`` is over."""
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return int(after.timestamp()) * 1_000_000
