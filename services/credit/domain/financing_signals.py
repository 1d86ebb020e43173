"""S8: how a shipper behaves towards the banks that lent to it, one trial for each financing, and for cargo offered twice.

A financing that neither ended nor was complained of says nothing. An application that was refused because the same interest
was already taken at another bank is an attempt to pledge twice; the same bank asking again is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.credit.domain.observations import Observation, day_of
from services.credit.domain.signals import WHOLE, Model, Signal
from services.credit.domain.statements import DAY, CreditFacts, FinancingSaid
from services.domain.facts import EventId, Micros
from services.domain.liveness import Liveness


class Borrowing(NamedTuple):
    """One application with all that was said of it and of the financings that grew from it."""

    applicant: str
    application: str
    applied: FinancingSaid
    said: tuple[FinancingSaid, ...]


def observe_financings(told: CreditFacts, liveness: Liveness, model: Model) -> frozenset[Observation]:
    """The observations of every applicant whose applications are among the facts."""
    return frozenset(seen for each in borrowings(told, liveness) for seen in _judge(each, model))


def borrowings(told: CreditFacts, liveness: Liveness) -> Iterator[Borrowing]:
    """Gather live facts by application; what its own source says that somebody else caused is left out."""
    excused = {
        d.concerns
        for d in told.details
        if d.concerns is not None and d.word != "SHIPPER" and liveness.live(d.event)
    }
    live = [s for s in told.financings if liveness.live(s.event) and s.event not in excused]
    applications = {s.application: s for s in sorted(live, key=_order) if s.word == "APPLIED"}
    by_request = {s.event: s.application for s in applications.values()}
    of_financing = {s.financing: s.application for s in sorted(live, key=_order) if s.word == "APPROVED"}
    gathered: dict[str, list[FinancingSaid]] = defaultdict(list)
    for said in live:
        asked = by_request.get(said.request) if said.request is not None else None
        application = said.application or asked or of_financing.get(said.financing, "")
        if application in applications:
            gathered[application].append(said)
    for application, applied in sorted(applications.items()):
        applicant = application.partition("/")[0]
        yield Borrowing(applicant, application, applied, tuple(sorted(gathered[application], key=_order)))


def _order(said: FinancingSaid) -> tuple[Micros, EventId]:
    return said.happened, said.event


def _judge(borrowing: Borrowing, model: Model) -> Iterator[Observation]:
    table = model.of(Signal.FINANCING_BEHAVIOUR)
    twice = [s for s in borrowing.said if s.word in table.held_against]
    if twice:
        yield _seen(borrowing, "offered twice", twice[0].happened, (borrowing.applied, *twice), WHOLE)
    by_financing: dict[str, list[FinancingSaid]] = defaultdict(list)
    for said in borrowing.said:
        if said.word in ("APPROVED", "REPAID", "OVERDUE", "DEFAULTED"):
            by_financing[said.financing].append(said)
    for financing, words in by_financing.items():
        ended = [s for s in words if s.word != "APPROVED"]
        matures = next((s.moment for s in reversed(words) if s.word == "APPROVED"), None)
        if not ended or matures is None:
            continue
        bad = max(WHOLE if s.word == "DEFAULTED" else table.severity(_days_late(s, matures)) for s in ended)
        yield _seen(borrowing, financing, max(s.happened for s in ended), words, bad)


def _days_late(said: FinancingSaid, matures: Micros) -> int:
    due = matures if said.word == "REPAID" or said.moment is None else said.moment
    return max(0, -(-(said.happened - due) // DAY))


def _seen(
    borrowing: Borrowing, unit: str, at: Micros, rests_on: Iterable[FinancingSaid], bad: int
) -> Observation:
    events = tuple(sorted({said.event for said in rests_on}))
    return Observation(
        borrowing.applicant,
        Signal.FINANCING_BEHAVIOUR,
        borrowing.application,
        unit,
        day_of(at),
        bad,
        events,
    )
