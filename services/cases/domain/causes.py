"""The causes of cases that the view of one consignment shows, and when time alone may change them. Pure.

A case is about the object of the trouble (a train, a box, a hand-over), not about the cargo: a train set aside with fifty
consignments is one case. Its id is a digest of that object and the kind of trouble, independent of arrival. Silence is that of a
publisher on a leg: when it stops reporting, its trains on one leg are one case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, ObjectKind
from services.arrival.domain.cargo import cargo
from services.arrival.domain.lateness import Judgment, promise
from services.arrival.domain.legs import Progress, segment_of
from services.arrival.domain.silence import Habit, silence
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
    ARRIVAL_LATE = "ARRIVAL_LATE"
    CONTRADICTION = "CONTRADICTION"


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
    CaseKind.ARRIVAL_LATE: 24 * HOUR,
    CaseKind.CONTRADICTION: 72 * HOUR,
}
"""Within which time somebody has to have acted; an exception brings its own time with its event type."""


class Cause(NamedTuple):
    """A cause for a case, as one consignment or trade shows it; ``kind``, ``what``, ``about``, ``jurisdiction`` and ``scope`` identify the case.

    ``scope`` distinguishes places and runs of one object. ``events`` are the 16-byte ids of its evidence. ``missing`` and ``surplus``
    are boxes of a hand-over. ``normal`` is for how long no news would have been normal where there is silence. ``parties`` are those whose
    desk a contradiction is for.
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
    normal: Micros = 0
    parties: tuple[str, ...] = ()

    @property
    def leg(self) -> tuple[str, ...]:
        """The places between which its publisher is silent, one where it is a run's end or an origin; () of all other causes."""
        parts = self.scope.split("\x1f") if self.kind is CaseKind.SILENT else []
        return tuple(dict.fromkeys(place for place in parts[2:] if place))

    @property
    def case(self) -> CaseId:
        """The id of the case; the same for every consignment that shows the cause."""
        about = (
            ""
            if self.kind in (CaseKind.OVERDUE, CaseKind.ARRIVAL_LATE)
            else f"{self.about.kind.wire}\x1f{self.about.key}"
        )
        text = "\x1f".join((self.kind, self.what, about, self.jurisdiction, self.scope))
        return hashlib.sha256(text.encode()).digest()[:16]


class FinancingAlert(NamedTuple):
    """An unacknowledged alert of a pledge in the cargo, without the bank and the financing."""

    covenant: str
    since: Micros
    events: tuple[EventId, ...]


class Contradiction(NamedTuple):
    """A contradiction that a check of a trade found and nobody explained, without its values: since when, on which events, for whose desk."""

    check: str
    since: Micros
    events: tuple[EventId, ...]
    parties: tuple[str, ...]


class Journey(NamedTuple):
    """Where the box of a cargo is that is furthest behind, and how long no news is normal there (None: not known, so a week)."""

    behind: Progress
    habit: Habit | None = None

    @classmethod
    def of(cls, view: View) -> Journey:
        """The journey that ``view`` shows, without a habit."""
        return cls(cargo(view).behind)


def causes(
    view: View,
    as_of: Micros,
    alerts: Iterable[FinancingAlert] = (),
    journey: Journey | None = None,
    judged: Judgment | None = None,
) -> frozenset[Cause]:
    """Every cause that ``view`` (as of ``as_of``) shows, including ``alerts`` raised by then.

    ``judged`` is what the latest forecast meant for the date that the carriers gave.
    """
    return frozenset(
        (
            *map(_trouble, view.exceptions),
            *_silent(view, as_of, journey or Journey.of(view)),
            *_overdue(view),
            *_late(view, judged),
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
        normal=max(one.normal, other.normal),
        parties=tuple(sorted({*one.parties, *other.parties})),
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


class Awaited(NamedTuple):
    """The news that is awaited of a cargo: from whom, from when on its absence is a case, and the last event before it.

    ``normal`` is for how long no news is normal.
    """

    publisher: str
    until: Micros
    normal: Micros
    last: EventId


def awaited(view: View, journey: Journey) -> Awaited | None:
    """The news that is awaited of the cargo; None where it is not on its way.

    On a leg with a habit it is the next fact of the journey. Elsewhere somebody has to have said something of the cargo within a week,
    whatever it was.
    """
    if view.movement is None or rules()[view.movement.claim.milestone].phase >= DELIVERED_PHASE:
        return None
    behind, usual = journey
    if usual is not None and behind.last is not None:
        quiet = silence(behind, usual, behind.last.at)
        if quiet is not None:
            return Awaited(quiet.awaited, quiet.alarming_at, usual.normal, behind.last.event)
    latest = max(
        (
            a.claim
            for a in view.arrivals
            if a.status is ClaimStatus.COUNTED and a.claim.classifier is Classifier.ACT
        ),
        key=lambda claim: (claim.happened, claim.published, claim.event),
    )
    return Awaited(latest.publisher, latest.happened + SILENT_AFTER, SILENT_AFTER, latest.event)


def _silent(view: View, as_of: Micros, journey: Journey) -> Iterator[Cause]:
    """One case for each publisher and segment of the way, whatever it is silent about there.

    Where the leg is not known, it is one for what moves the cargo: a train or wagon, if the last news is of one.
    """
    found, leg = awaited(view, journey), journey.behind.leg
    if found is None or as_of <= found.until or view.movement is None:
        return
    if leg is None:
        moved = view.movement.claim
        about = moved.thing if moved.thing.rides else view.consignment
        place, occurrence, scope = moved.place, "", ""
    else:
        number, first, last = segment_of(leg)
        place = first if number in (0, 2) else last
        about = Thing(ObjectKind.PLACE, place)
        ends = f"{first}>{last}" if first not in ("", last) else last
        occurrence = f"{_SEGMENTS[number]} {ends}"[:_OCCURRENCE]
        scope = f"{found.publisher}\x1f{number}\x1f{first}\x1f{last}"
    cause = _cause(
        CaseKind.SILENT,
        found.publisher[:_CODE],
        about,
        found.until,
        (found.last,),
        scope=scope,
        place=place,
        occurrence=occurrence,
    )
    yield cause._replace(normal=found.normal)


_SEGMENTS = ("AT_ORIGIN", "RUNNING", "AT_BORDER", "HANDED_OVER")
_CODE, _OCCURRENCE = 32, 64
"""Characters of these fields of the event at most; the whole is in the scope."""


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


def _late(view: View, judged: Judgment | None) -> Iterator[Cause]:
    """One case for each plan, as long as the latest judgment of a forecast is that it will not be met."""
    due = promise(view)
    if judged is None or due is None or not judged.lateness.raised or judged.due_event != due.event:
        return
    yield _cause(
        CaseKind.ARRIVAL_LATE,
        "",
        view.consignment,
        judged.at,
        tuple(sorted({due.event, *judged.evidence})),
        scope=due.event.hex(),
        place=view.route.places[-1] if view.route is not None else "",
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


def contradicted(trade: Thing, found: Iterable[Contradiction]) -> tuple[Cause, ...]:
    """One case for each check of the trade, whatever its lines."""
    causes = (
        _cause(CaseKind.CONTRADICTION, each.check, trade, each.since, each.events)._replace(
            parties=each.parties
        )
        for each in found
    )
    by_case = joined(causes)
    return tuple(by_case[case] for case in sorted(by_case))


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


def next_due(facts: Facts, view: View, as_of: Micros, journey: Journey | None = None) -> Micros | None:
    """The first moment after ``as_of`` at which ``view`` (of ``facts``) may show another cause without a new fact or habit.

    Rather too early than too late: what is looked at for nothing costs a few milliseconds.
    """
    moments = _moments(facts, view, journey or Journey.of(view))
    return min((at for at in moments if at > as_of), default=None)


def _moments(facts: Facts, view: View, journey: Journey) -> Iterator[Micros]:
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
    found = awaited(view, journey)
    if found is not None:
        yield found.until + 1
