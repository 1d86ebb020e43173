"""S8: conduct towards lenders, one trial for each financing that ended or was complained of, and for cargo offered twice.

An application that was refused because the same interest was already taken at another bank counts as an attempt to pledge twice;
a repeated request of the same bank does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.credit.domain.observations import Observation, day_of
from services.credit.domain.signals import WHOLE, Model, Signal
from services.credit.domain.statements import DAY, CreditFacts, FinancingStatement
from services.domain.facts import EventId, Micros
from services.domain.liveness import Liveness


class Borrowing(NamedTuple):
    """One application with all statements on it and on the financings that grew from it."""

    applicant: str
    application: str
    applied: FinancingStatement
    statements: tuple[FinancingStatement, ...]


def observe_financings(credit: CreditFacts, liveness: Liveness, model: Model) -> frozenset[Observation]:
    """The observations of every applicant whose applications are among the facts."""
    return frozenset(seen for each in borrowings(credit, liveness) for seen in _judge(each, model))


def borrowings(credit: CreditFacts, liveness: Liveness) -> Iterator[Borrowing]:
    """Live statements by application, without those whose own source states another cause."""
    excused = {
        d.concerns
        for d in credit.details
        if d.concerns is not None and d.code != "SHIPPER" and liveness.live(d.event)
    }
    live = [s for s in credit.financings if liveness.live(s.event) and s.event not in excused]
    applications = {s.application: s for s in sorted(live, key=_order) if s.code == "APPLIED"}
    by_request = {s.event: s.application for s in applications.values()}
    of_financing = {s.financing: s.application for s in sorted(live, key=_order) if s.code == "APPROVED"}
    group: dict[str, list[FinancingStatement]] = defaultdict(list)
    for statement in live:
        asked = by_request.get(statement.request) if statement.request is not None else None
        application = statement.application or asked or of_financing.get(statement.financing, "")
        if application in applications:
            group[application].append(statement)
    for application, applied in sorted(applications.items()):
        applicant = application.partition("/")[0]
        yield Borrowing(applicant, application, applied, tuple(sorted(group[application], key=_order)))


def _order(statement: FinancingStatement) -> tuple[Micros, EventId]:
    return statement.happened, statement.event


def _judge(borrowing: Borrowing, model: Model) -> Iterator[Observation]:
    table = model.of(Signal.FINANCING_BEHAVIOUR)
    twice = [s for s in borrowing.statements if s.code in table.held_against]
    if twice:
        yield _seen(borrowing, "offered twice", twice[0].happened, (borrowing.applied, *twice), WHOLE)
    by_financing: dict[str, list[FinancingStatement]] = defaultdict(list)
    for statement in borrowing.statements:
        if statement.code in ("APPROVED", "REPAID", "OVERDUE", "DEFAULTED"):
            by_financing[statement.financing].append(statement)
    for financing, own_statements in by_financing.items():
        ended = [s for s in own_statements if s.code != "APPROVED"]
        matures = next((s.moment for s in reversed(own_statements) if s.code == "APPROVED"), None)
        if not ended or matures is None:
            continue
        bad = max(WHOLE if s.code == "DEFAULTED" else table.severity(_days_late(s, matures)) for s in ended)
        yield _seen(borrowing, financing, max(s.happened for s in ended), own_statements, bad)


def _days_late(statement: FinancingStatement, matures: Micros) -> int:
    due = matures if statement.code == "REPAID" or statement.moment is None else statement.moment
    return max(0, -(-(statement.happened - due) // DAY))


def _seen(
    borrowing: Borrowing, unit: str, at: Micros, rests_on: Iterable[FinancingStatement], bad: int
) -> Observation:
    events = tuple(sorted({statement.event for statement in rests_on}))
    return Observation(
        borrowing.applicant,
        Signal.FINANCING_BEHAVIOUR,
        borrowing.application,
        unit,
        day_of(at),
        bad,
        events,
    )
