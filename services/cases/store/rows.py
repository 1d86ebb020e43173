"""Rows of the tables as values and back; ids are 16 bytes (binary results)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas import railnet
from schemas.events.base import ObjectKind
from services.cases.domain.causes import CaseKind, Cause
from services.cases.domain.lifecycle import Case, Step, StepKind, Team
from services.domain.objects import ObjectId, Thing
from services.ledger.storage.arrays import uuids
from services.people.domain.person import Signatory


def cause_row(consignment: ObjectId, cause: Cause) -> dict[str, Any]:
    """A cause of one consignment, by the names of its columns."""
    return {
        "cons": consignment.hex(),
        "case_id": cause.case.hex(),
        "kind": str(cause.kind),
        "what": cause.what,
        "about_kind": int(cause.about.kind),
        "about": cause.about.key,
        "jurisdiction": cause.jurisdiction,
        "scope": cause.scope,
        "place": cause.place,
        "occurrence": cause.occurrence,
        "since": cause.since,
        "due": cause.due,
        "events": uuids(cause.events),
        "missing": sorted(cause.missing),
        "surplus": sorted(cause.surplus),
        "normal": cause.normal,
        "parties": list(cause.parties),
    }


def cause_of(row: Sequence[Any]) -> tuple[ObjectId, Cause]:
    """(consignment or trade, cause) of a row of ``causes_of``."""
    cons, _, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, *rest = row
    since, due, events, missing, surplus, normal, parties = rest
    thing = Thing(ObjectKind(about_kind), about)
    values = jurisdiction, scope, place, occurrence, since, due, tuple(events)
    boxes = frozenset(missing), frozenset(surplus)
    return cons, Cause(CaseKind(kind), what, thing, *values, *boxes, normal, tuple(parties))


def step_row(step: Step) -> dict[str, Any]:
    """A step, by the names of its columns."""
    by, to = step.by, step.to
    return {
        "number": step.number,
        "case_id": step.case.hex(),
        "before": step.before,
        "kind": str(step.kind),
        "at": step.at,
        "position": step.position,
        "by_party": by and by.party,
        "by_desk": by and by.name,
        "to_party": to and to.party,
        "to_desk": to and to.name,
        "until": step.until,
        "reason": step.reason,
        "text": step.text,
        "since": step.since,
        "evidence": uuids(step.evidence),
        "by_issuer": step.person and step.person.issuer,
        "by_person": step.person and step.person.person.hex(),
    }


STEP_COLUMNS = 17


def step_of(row: Sequence[Any]) -> Step:
    """The step in a row of ``steps_of``."""
    number, case, before, kind, at, position, by_party, by_desk, to_party, to_desk, *rest = row[:STEP_COLUMNS]
    until, reason, text, since, evidence, issuer, person = rest
    by, to = team_of(by_party, by_desk), team_of(to_party, to_desk)
    return Step(
        number,
        case,
        StepKind(kind),
        at,
        position,
        before,
        by,
        to,
        until,
        reason,
        text,
        since,
        tuple(evidence),
        None if issuer is None or person is None else Signatory(issuer, person),
    )


def team_of(party: str | None, desk: str | None) -> Team | None:
    """The team of two columns."""
    return None if party is None or desk is None else Team(party, desk)


def life_row(case: Case) -> dict[str, Any]:
    """The head's columns that follow from a case's steps."""
    owner = case.owner
    return {
        "case_id": case.id.hex(),
        "opened": case.opened,
        "last": case.last,
        "at": case.at,
        "closed": case.closed,
        "owner_party": owner and owner.party,
        "owner_desk": owner and owner.name,
        "snoozed_until": case.snoozed_until,
        "reason": case.reason,
    }


def head_row(case: Case, cause: Cause) -> dict[str, Any]:
    """A whole head of a case that is opened for ``cause``."""
    return {
        **life_row(case),
        "kind": str(cause.kind),
        "what": cause.what,
        "about_kind": int(cause.about.kind),
        "about": cause.about.key,
        "jurisdiction": cause.jurisdiction,
        "place": cause.place,
        "occurrence": cause.occurrence,
        "crossing": crossing_of(cause.place),
        "since": cause.since,
        "due": cause.due,
        "stands": True,
    }


def crossing_of(place: str) -> str:
    """The id of the crossing that a place is, or the only one that it is a side of; "" where there is none."""
    named = railnet.crossing(place) if place else None
    if named is not None:
        return named.id
    station = railnet.resolve(place) if place else None
    found = () if station is None else railnet.crossings_at(station.id)
    return found[0].id if len(found) == 1 else ""
