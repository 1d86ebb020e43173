"""The causes of cases that the view of one consignment shows, and when time alone may change them. Pure.

A case is about the object of the trouble (a train, a box, a hand-over), not about the cargo: a train set aside with fifty
consignments is one case. Its id is a digest of that object and the kind of trouble, independent of arrival.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, ObjectKind
from services.domain.facts import EventId, Facts, Micros
from services.domain.objects import Thing
from services.domain.rules import DELIVERED_PHASE, SECOND, SILENT_AFTER, UNMATCHED_AFTER, rules
from services.domain.view import ClaimStatus, HandoverState, HandoverView, OpenException, View

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
    """A cause for a case, as one consignment shows it; ``kind``, ``what``, ``about``, ``jurisdiction`` and ``scope`` identify the case.

    ``scope`` distinguishes places and runs of one object. ``events`` are the 16-byte ids of its evidence. ``missing`` and ``surplus``
    are boxes of a hand-over.
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
    """An unacknowledged alert of a pledge in the cargo, without the bank and the financing."""

    covenant: str
    since: Micros
    events: tuple[EventId, ...]


def causes(view: View, as_of: Micros, alerts: Iterable[FinancingAlert] = ()) -> frozenset[Cause]:
    """Every cause that ``view`` (as of ``as_of``) shows, including ``alerts`` raised by then."""
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
    """The causes of each case as one: the earliest times, all events and boxes, the smallest object."""
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
    latest = max(
        (
            a.claim
            for a in view.arrivals
            if a.status is ClaimStatus.COUNTED and a.claim.classifier is Classifier.ACT
        ),
        key=lambda claim: (claim.happened, claim.published, claim.event),
    )
    last = view.movement.claim
    since = latest.happened + SILENT_AFTER
    yield _cause(
        CaseKind.SILENT,
        "",
        last.thing if last.thing.rides else view.consignment,
        since,
        (latest.event,),
        place=last.place,
    )


def _overdue(view: View) -> Iterator[Cause]:
    """One case for each announcement, however many boxes it is of: the object is no part of the id."""
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
    """One case for each hand-over, whatever is wrong with it; lists without a run are distinguished by their train or event."""
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
        question = answers.question
        yield _cause(
            CaseKind.DISPUTE,
            catalogue.by_number(question.milestone).name,
            question.thing,
            max(claim.published for claim in answers.current),
            tuple(sorted(claim.event for claim in answers.current)),
            jurisdiction=question.jurisdiction,
            scope=f"{question.place}\x1f{question.occurrence}\x1f{question.classifier}",
            place=question.place,
            occurrence=question.occurrence,
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


def next_due(facts: Facts, view: View, as_of: Micros) -> Micros | None:
    """The first moment after ``as_of`` at which ``view`` (of ``facts``) may show another cause without a new fact.

    Rather too early than too late: what is looked at for nothing costs a few milliseconds.
    """
    return min((at for at in _moments(facts, view) if at > as_of), default=None)


def _moments(facts: Facts, view: View) -> Iterator[Micros]:
    """Every moment at which something begins or ends to hold; a cause holds from the microsecond behind its limit."""
    for arrival in view.arrivals:
        claim = arrival.claim
        if claim.classifier is not Classifier.ACT:
            yield claim.happened + (rules()[claim.milestone].tolerance or 0) + 1
    for claim in facts.claims:
        if claim.classifier is Classifier.ACT:
            yield claim.happened  # a fact that its publisher dates later than now
    for link in facts.links:
        yield from (at for at in (link.start, link.end) if at is not None)
    for listed in facts.handovers:
        yield listed.happened
    for handover in view.handovers:
        if handover.state is HandoverState.ONE_SIDED:
            yield handover.since + UNMATCHED_AFTER + 1
    if view.movement is not None and rules()[view.movement.claim.milestone].phase < DELIVERED_PHASE:
        latest = (
            a.claim.happened
            for a in view.arrivals
            if a.status is ClaimStatus.COUNTED and a.claim.classifier is Classifier.ACT
        )
        yield max(latest, default=0) + SILENT_AFTER + 1
