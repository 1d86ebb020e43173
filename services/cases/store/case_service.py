"""The desk: one case, one step, one transaction, under the lock of the case; and the rule that opens and closes cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.cases.domain.causes import CaseId, Cause, joined
from services.cases.domain.lifecycle import (
    Ask,
    Case,
    Closing,
    Refused,
    Step,
    StepKind,
    after,
    case_of,
    decide,
    rule,
)
from services.cases.store import statement
from services.cases.store.rows import (
    cause_of,
    head_row,
    life_row,
    lock_key,
    step_of,
    step_row,
)
from services.cases.store.signatures import MOST_EVIDENCE, signed_step
from services.domain.facts import Micros
from services.financing.store import statement as keyed
from services.financing.store.decision_service import database_clock
from services.ledger.platform_signature import Signer
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt, bigints, uuids

Session = Connection[Any]
Clock = Callable[[Session], tuple[Micros, int]]


class NoSuchCase(Exception):
    """There is no case with that id."""


@dataclass(frozen=True)
class CaseDesk:
    """Takes steps in the caller's transaction, which it neither commits nor rolls back. For several sessions and threads."""

    signer: Signer
    clock: Clock = database_clock

    def ask(self, session: Session, case: CaseId, ask: Ask) -> Step | Refused | None:
        """Take the step that ``ask`` wants, None where it is done already, else why not; blocks while another takes one.

        Raises NoSuchCase, and what Postgres raises.
        """
        adapt(session)
        _lock(session, [case])
        points.reach("case_locked")
        at, position = self.clock(session)
        known = case_of(steps_of(session, [case]).get(case, ()))
        if known is None:
            raise NoSuchCase(case.hex())
        moment = max(at, known.at)  # a clock that is set back gives nobody a second chance
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
        )
        self._record(session, step)
        session.execute(statement("move_head"), life_row(after(known, step)))
        return step

    def follow_rule(self, session: Session, cases: Sequence[CaseId]) -> list[Step]:
        """Open, reopen and close ``cases`` as their causes stand stored, and note in their heads how these stand."""
        adapt(session)
        _lock(session, cases)
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


def _lock(session: Session, cases: Iterable[CaseId]) -> None:
    """In ascending order, by id: a case that was never opened is locked, too."""
    session.execute(keyed("lock"), {"keys": bigints(sorted(map(lock_key, cases)))})


def _number(session: Session) -> int:
    ((number,),) = _rows(session, "number", {})
    return int(number)


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
