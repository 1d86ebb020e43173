"""Steps of cases: one step, one transaction, under the lock of the case; and the rule that opens and closes them.

Each step is recorded as an event signed by the platform's key over the bytes as stored. A step of a signed-in person names the
person by its pseudonym, and is taken only while that person belongs to the team and may take steps, under a lock with its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.base import Payload
from schemas.events.case import (
    Acknowledged,
    AcknowledgedByPerson,
    Assigned,
    AssignedByPerson,
    Closed,
    ClosedByPerson,
    Noted,
    NotedByPerson,
    Opened,
    OpenedOnFinding,
    OpenedOnForecast,
    Reopened,
    Snoozed,
    SnoozedByPerson,
)
from services.cases.domain.causes import CaseId, CaseKind, Cause, joined
from services.cases.domain.lifecycle import (
    Case,
    Closing,
    Refused,
    Step,
    StepKind,
    StepRequest,
    Team,
    after,
    case_of,
    decide,
    rule,
)
from services.cases.store import statement
from services.cases.store.rows import cause_of, head_row, life_row, step_of, step_row
from services.domain.facts import Micros
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.decision_locks import Clock, database_clock, lock
from services.people.domain.person import Signatory
from services.people.store import people

MODELS: dict[StepKind, type[Payload]] = {
    StepKind.OPENED: Opened,
    StepKind.REOPENED: Reopened,
    StepKind.ACKNOWLEDGED: Acknowledged,
    StepKind.ASSIGNED: Assigned,
    StepKind.SNOOZED: Snoozed,
    StepKind.NOTED: Noted,
    StepKind.CLOSED: Closed,
}
BY_PERSON: dict[StepKind, type[Payload]] = {
    StepKind.ACKNOWLEDGED: AcknowledgedByPerson,
    StepKind.ASSIGNED: AssignedByPerson,
    StepKind.SNOOZED: SnoozedByPerson,
    StepKind.NOTED: NotedByPerson,
    StepKind.CLOSED: ClosedByPerson,
}
"""The version of a step that a signed-in person took."""
MOST_EVIDENCE = 256
"""Events that an opening names; a case shows them all."""


def event_id_of(step: Step) -> str:
    """The CloudEvents id of the platform's event for ``step``."""
    return f"case-{step.number}"


def model_of(step: Step, kind: str = "") -> type[Payload]:
    """The event type of ``step`` in a case of that kind; KeyError for one that no person takes and that names one."""
    if step.kind is StepKind.OPENED and kind == CaseKind.ARRIVAL_LATE:
        return OpenedOnForecast
    if step.kind is StepKind.OPENED and kind == CaseKind.CONTRADICTION:
        return OpenedOnFinding
    return MODELS[step.kind] if step.person is None else BY_PERSON[step.kind]


def signed_step(signer: Signer, step: Step, cause: Cause | None = None) -> SignedEvent:
    """The event of ``step``; ``cause`` is what a case is opened for. The same arguments give the same bytes."""
    fields = {**stated(step), **(about(cause) if cause is not None and step.kind is StepKind.OPENED else {})}
    present = {name: value for name, value in fields.items() if value is not None}
    model = model_of(step, "" if cause is None else cause.kind)
    return signed_event(signer, model, event_id_of(step), step.at, present)


def stated(step: Step) -> dict[str, Any]:
    """The fields of the event that come from ``step`` itself; None for what it leaves out."""
    opens = step.kind in (StepKind.OPENED, StepKind.REOPENED)
    return {
        "happened": rfc3339(step.at),
        "case": step.case.hex(),
        "number": step.number,
        "position": step.position,
        "before": step.before,
        "by": _team(step.by),
        "person": None if step.person is None else step.person.plain,
        "to": _team(step.to),
        "until": None if step.until is None else rfc3339(step.until),
        "reason": step.reason or None,
        "remark": step.text or None,
        "since": None if step.since is None else rfc3339(step.since),
        "evidence": [event.hex() for event in step.evidence] if opens else None,
    }


def about(cause: Cause) -> dict[str, Any]:
    """The fields of a case's first event that identify the case."""
    return {
        "kind": str(cause.kind),
        "what": cause.what or str(cause.kind),
        "about": {"kind": cause.about.kind.wire, "id": cause.about.key},
        "jurisdiction": cause.jurisdiction,
        "place": cause.place or None,
        "occurrence": cause.occurrence,
    }


def _team(team: Team | None) -> dict[str, str] | None:
    return None if team is None else {"party": team.party, "desk": team.name}


Session = Connection[Any]


class NoSuchCase(Exception):
    """There is no case with that id."""


@dataclass(frozen=True)
class CaseService:
    """Takes steps in the caller's transaction, which it neither commits nor rolls back. Usable from several sessions and threads."""

    signer: Signer
    clock: Clock = database_clock

    def take_step(self, session: Session, case: CaseId, ask: StepRequest) -> Step | Refused | None:
        """Take the step that ``ask`` requests, None where its effect is there already, else the refusal; blocks on the case's lock.

        Raises NoSuchCase, and what Postgres raises.
        """
        adapt(session)
        lock(session, [case])  # also one that was never opened
        points.reach("case_locked")
        at, position = self.clock(session)
        known = case_of(steps_of(session, [case]).get(case, ()))
        if known is None:
            raise NoSuchCase(case.hex())
        moment = max(at, known.at)  # a clock that is set back gives nobody a second chance
        if ask.person is not None and not _belongs(session, ask, ask.person, moment):
            return Refused(f"you take no steps for {ask.by}", "choose one of your teams, or sign in again")
        kind = decide(known, ask, moment)
        if kind is None or isinstance(kind, Refused):
            return kind
        step = Step(
            number=_number(session),
            case=case,
            kind=kind,
            at=moment,
            position=position,
            before=known.last,
            by=ask.by,
            to=ask.to,
            until=ask.until,
            reason=ask.reason,
            text=ask.text,
            person=ask.person,
        )
        self._record(session, step)
        session.execute(statement("move_head"), life_row(after(known, step)))
        return step

    def follow_rule(self, session: Session, cases: Sequence[CaseId]) -> list[Step]:
        """Open, reopen and close ``cases`` by their stored causes, and update their heads."""
        adapt(session)
        lock(session, cases)
        at, position = self.clock(session)
        ids = {"ids": uuids(sorted(cases))}
        stood = dict(_rows(session, "standing", ids))
        causes = joined(cause for _, cause in map(cause_of, _rows(session, "causes_by_case", ids)))
        histories = steps_of(session, cases)
        taken = []
        for case in sorted(cases):
            known, cause = case_of(histories.get(case, ())), causes.get(case)
            kind = rule(known, stood.get(case, False), cause is not None)
            step = None if kind is None else self._ruled(session, case, kind, known, cause, at, position)
            if step is not None:
                taken.append(step)
            self._stand(session, case, known, step, cause)
        return taken

    def _ruled(
        self,
        session: Session,
        case: CaseId,
        kind: StepKind,
        known: Case | None,
        cause: Cause | None,
        at: Micros,
        position: int,
    ) -> Step:
        step = Step(
            number=_number(session),
            case=case,
            kind=kind,
            at=at if known is None else max(at, known.at),
            position=position,
            before=None if known is None else known.last,
            reason=str(Closing.CAUSE_GONE) if kind is StepKind.CLOSED else "",
            since=None if cause is None else cause.since,
            evidence=() if cause is None else cause.events[:MOST_EVIDENCE],
        )
        self._record(session, step, cause)
        return step

    def _record(self, session: Session, step: Step, cause: Cause | None = None) -> None:
        signed = signed_step(self.signer, step, cause)
        row = {**step_row(step), "headers": signed.headers, "payload": signed.payload}
        session.execute(statement("put_step"), row)

    @staticmethod
    def _stand(
        session: Session, case: CaseId, known: Case | None, step: Step | None, cause: Cause | None
    ) -> None:
        now = known if step is None else after(known, step)
        if now is None:
            return  # it never stood
        if known is None and cause is not None:
            session.execute(statement("put_head"), head_row(now, cause))
            return
        session.execute(statement("move_head"), life_row(now))
        since, due = (None, None) if cause is None else (cause.since, cause.due)
        stands = {"case_id": case.hex(), "stands": cause is not None, "since": since, "due": due}
        session.execute(statement("stand_head"), stands)


def steps_of(session: Session, cases: Iterable[CaseId]) -> dict[CaseId, list[Step]]:
    """The steps of each of the cases, in order."""
    found: dict[CaseId, list[Step]] = defaultdict(list)
    for row in _rows(session, "steps_of", {"ids": uuids(sorted(cases))}):
        step = step_of(row)
        found[step.case].append(step)
    return found


def _belongs(session: Session, ask: StepRequest, person: Signatory, at: Micros) -> bool:
    """Whether the person may take steps for the team, until this transaction ends."""
    people.hold_shared(session, person.person)
    known = people.by_id(session, person.person)
    return known is not None and known.signatory == person and known.acts_for(ask.by.party, ask.by.name, at)


def _number(session: Session) -> int:
    ((number,),) = _rows(session, "number", {})
    return int(number)


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
