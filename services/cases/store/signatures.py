"""A step as an event of the platform, signed by its key over the bytes as stored."""

from __future__ import annotations

from typing import Any

from schemas.events.base import Payload
from schemas.events.case import Acknowledged, Assigned, Closed, Noted, Opened, Reopened, Snoozed
from services.cases.domain.causes import Cause
from services.cases.domain.lifecycle import Desk, Step, StepKind
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event

MODELS: dict[StepKind, type[Payload]] = {
    StepKind.OPENED: Opened,
    StepKind.REOPENED: Reopened,
    StepKind.ACKNOWLEDGED: Acknowledged,
    StepKind.ASSIGNED: Assigned,
    StepKind.SNOOZED: Snoozed,
    StepKind.NOTED: Noted,
    StepKind.CLOSED: Closed,
}
MOST_EVIDENCE = 256
"""Events that an opening names; a case shows them all."""


def event_id_of(step: Step) -> str:
    """The CloudEvents id under which the platform says ``step``."""
    return f"case-{step.number}"


def signed_step(signer: Signer, step: Step, cause: Cause | None = None) -> SignedEvent:
    """The event of ``step``; ``cause`` is what a case is opened for. The same arguments give the same bytes."""
    said = {**stated(step), **(about(cause) if cause is not None and step.kind is StepKind.OPENED else {})}
    told = {name: value for name, value in said.items() if value is not None}
    return signed_event(signer, MODELS[step.kind], event_id_of(step), step.at, told)


def stated(step: Step) -> dict[str, Any]:
    """What the event says of ``step`` itself, by the names of its fields; None for what it leaves out."""
    opens = step.kind in (StepKind.OPENED, StepKind.REOPENED)
    return {
        "happened": rfc3339(step.at),
        "case": step.case.hex(),
        "number": step.number,
        "position": step.position,
        "before": step.before,
        "by": _desk(step.by),
        "to": _desk(step.to),
        "until": None if step.until is None else rfc3339(step.until),
        "reason": step.reason or None,
        "remark": step.text or None,
        "since": None if step.since is None else rfc3339(step.since),
        "evidence": [event.hex() for event in step.evidence] if opens else None,
    }


def about(cause: Cause) -> dict[str, Any]:
    """What the first event of a case says that it is about."""
    return {
        "kind": str(cause.kind),
        "what": cause.what or str(cause.kind),
        "about": {"kind": cause.about.kind.wire, "id": cause.about.key},
        "jurisdiction": cause.jurisdiction,
        "place": cause.place or None,
        "occurrence": cause.occurrence,
    }


def _desk(desk: Desk | None) -> dict[str, str] | None:
    return None if desk is None else {"party": desk.party, "desk": desk.desk}
