"""The rules by which there is cause for a case: from the view of one consignment to what somebody has to look at. Pure.

A case is about what the trouble is of (a train, a box, a hand-over), not about the cargo that it concerns: a train that is set
aside with fifty consignments is one case. Its id follows from that alone, so it never depends on arrival.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, ObjectKind
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.domain.rules import SECOND, SILENT_AFTER, UNMATCHED_AFTER, rules
from services.domain.view import HandoverState, HandoverView, OpenException, Standing, View

CaseId = bytes
"""16 bytes: the digest of what a case is about."""
HOUR = 3_600 * SECOND


class CaseKind(StrEnum):
    """What sort of trouble; the names are those of the events."""

    HELD = "HELD"
    DETAINED = "DETAINED"
    TROUBLE = "TROUBLE"
    SILENT = "SILENT"
    OVERDUE = "OVERDUE"
    HANDOVER_DIFFERENCE = "HANDOVER_DIFFERENCE"
    DISPUTE = "DISPUTE"
    FINANCING_ALERT = "FINANCING_ALERT"


_KINDS = {
    Episode.TRAIN_HELD: CaseKind.HELD,
    Episode.CUSTOMS_HELD: CaseKind.HELD,
    Episode.DETAINED: CaseKind.DETAINED,
}
"""The exceptions that have a kind of their own; all others are TROUBLE."""
LOOKED_AT_WITHIN: dict[CaseKind, Micros] = {
    CaseKind.SILENT: 24 * HOUR,
    CaseKind.OVERDUE: 24 * HOUR,
    CaseKind.HANDOVER_DIFFERENCE: 12 * HOUR,
    CaseKind.DISPUTE: 72 * HOUR,
    CaseKind.FINANCING_ALERT: 24 * HOUR,
}
"""Within which time somebody has to have acted; an exception brings its own time with its event type."""


class Cause(NamedTuple):
    """Why there should be a case, as one consignment shows it. ``about`` and the four after it say which case it is.

    ``scope`` tells apart what one object may be asked about at several places and runs. ``events`` are the 16-byte ids of
    what it rests on. ``missing`` and ``surplus`` are boxes of a hand-over.
    """

    kind: CaseKind
    what: str
    about: Thing
    jurisdiction: str
    scope: str
    place: str
    occurrence: str
    since: Micros
    due: Micros
    events: tuple[EventId, ...]
    missing: frozenset[str] = frozenset()
    surplus: frozenset[str] = frozenset()

    @property
    def case(self) -> CaseId:
        """The id of the case; the same for every consignment that shows the cause."""
        about = "" if self.kind is CaseKind.OVERDUE else f"{self.about.kind.wire}\x1f{self.about.key}"
        text = "\x1f".join((self.kind, self.what, about, self.jurisdiction, self.scope))
        return hashlib.sha256(text.encode()).digest()[:16]


class FinancingAlert(NamedTuple):
    """An alert of a pledge in the cargo as far as others may know of it: no bank and no financing is named."""

    covenant: str
    since: Micros
    events: tuple[EventId, ...]


def causes(view: View, as_of: Micros, alerts: Iterable[FinancingAlert] = ()) -> frozenset[Cause]:
    """Every cause that ``view`` (as of ``as_of``) shows, with the alerts that nobody has acknowledged; any order, one result."""
    return frozenset(
        (
            *map(_trouble, view.exceptions),
            *_silent(view),
            *_overdue(view),
            *_handovers(view),
            *_disputes(view),
            *(_alert(view, alert) for alert in alerts if alert.since <= as_of),
        )
    )


def joined(causes: Iterable[Cause]) -> dict[CaseId, Cause]:
    """The causes of each case as one: the earliest moments, all events and boxes, the smallest of what they are about."""
    found: dict[CaseId, Cause] = {}
    for cause in causes:
        other = found.get(cause.case)
        found[cause.case] = cause if other is None else _both(cause, other)
    return found


def _both(one: Cause, other: Cause) -> Cause:
    first = min(one, other, key=lambda cause: (cause.about, cause.place, cause.occurrence))
    return first._replace(
        since=min(one.since, other.since),
        due=min(one.due, other.due),
        events=tuple(sorted({*one.events, *other.events})),
        missing=one.missing | other.missing,
        surplus=one.surplus | other.surplus,
    )


def _trouble(exception: OpenException) -> Cause:
    episode, claim = Episode(exception.episode), exception.claim
    within = (catalogue.by_number(claim.milestone).due_seconds or 0) * SECOND
    return Cause(
        kind=_KINDS.get(episode, CaseKind.TROUBLE),
        what=episode.name,
        about=exception.thing,
        jurisdiction=exception.jurisdiction,
        scope="",
        place=claim.place,
        occurrence=claim.occurrence,
        since=claim.happened,
        due=claim.happened + within,
        events=(claim.event,),
    )


def _silent(view: View) -> Iterator[Cause]:
    """Silence is that of what moves the cargo: where its last news is of a train or wagon, that one fell silent."""
    if not view.silent or view.movement is None:
        return
    heard = max(
        (
            a.claim
            for a in view.arrivals
            if a.standing is Standing.COUNTED and a.claim.classifier is Classifier.ACT
        ),
        key=lambda claim: (claim.happened, claim.published, claim.event),
    )
    last = view.movement.claim
    since = heard.happened + SILENT_AFTER
    yield _cause(
        CaseKind.SILENT,
        "",
        last.thing if last.thing.rides else view.consignment,
        since,
        (heard.event,),
        place=last.place,
    )


def _overdue(view: View) -> Iterator[Cause]:
    """One case for each announcement, however many boxes it is of: what it is about says nothing of which case it is."""
    for claim in view.overdue:
        rule = rules()[claim.milestone]
        name = catalogue.by_number(claim.milestone).name
        yield _cause(
            CaseKind.OVERDUE,
            name,
            claim.thing,
            claim.happened + (rule.tolerance or 0),
            (claim.event,),
            jurisdiction=claim.jurisdiction,
            scope=claim.event.hex(),
            place=claim.place,
            occurrence=claim.occurrence,
        )


def _handovers(view: View) -> Iterator[Cause]:
    for handover in view.handovers:
        if handover.differs or handover.unmatched:
            yield _handover(handover)


def _handover(handover: HandoverView) -> Cause:
    """One case for each hand-over, whatever is wrong with it; lists without a run are told apart by their train or event."""
    one_sided = handover.state is HandoverState.ONE_SIDED
    run = handover.occurrence or min(
        (train.key for train in handover.trains), default=handover.events[0].hex()
    )
    return _cause(
        CaseKind.HANDOVER_DIFFERENCE,
        "",
        Thing(ObjectKind.PLACE, handover.border),
        handover.since + (UNMATCHED_AFTER if one_sided else 0),
        handover.events,
        scope=run,
        place=handover.border,
        occurrence=handover.occurrence,
        missing=handover.missing | handover.announced_only,
        surplus=handover.surplus | handover.unannounced,
    )


def _disputes(view: View) -> Iterator[Cause]:
    for answers in view.disputes:
        asked = answers.question
        yield _cause(
            CaseKind.DISPUTE,
            catalogue.by_number(asked.milestone).name,
            asked.thing,
            max(claim.published for claim in answers.current),
            tuple(sorted(claim.event for claim in answers.current)),
            jurisdiction=asked.jurisdiction,
            scope=f"{asked.place}\x1f{asked.occurrence}\x1f{asked.classifier}",
            place=asked.place,
            occurrence=asked.occurrence,
        )


def _alert(view: View, alert: FinancingAlert) -> Cause:
    place = "" if view.movement is None else view.movement.claim.place
    return _cause(
        CaseKind.FINANCING_ALERT, alert.covenant, view.consignment, alert.since, alert.events, place=place
    )


def _cause(
    kind: CaseKind,
    what: str,
    about: Thing,
    since: Micros,
    events: tuple[EventId, ...],
    *,
    jurisdiction: str = "",
    scope: str = "",
    place: str = "",
    occurrence: str = "",
    missing: frozenset[str] = frozenset(),
    surplus: frozenset[str] = frozenset(),
) -> Cause:
    due = since + LOOKED_AT_WITHIN[kind]
    return Cause(
        kind, what, about, jurisdiction, scope, place, occurrence, since, due, events, missing, surplus
    )
