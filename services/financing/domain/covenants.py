"""Covenants of a running financing: trouble of the cargo or its documents, and facts that contradict a pledge, raise alerts.

An alert is a function of decisions and facts in any order of arrival; its id is a digest of its subject. What depends on
time is evaluated on read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from schemas import railnet
from schemas.events.base import Classifier, Episode
from schemas.events.document_trade import InsuranceBound, InsuranceCancelled
from schemas.events.finance import AlertAcknowledged, Applied
from schemas.events.keys import canonical_place
from schemas.events.movement_exceptions import Reconsigned
from schemas.rfc3339 import parse_micros
from services.documents.domain.transfer import OriginalState
from services.domain.facts import FOREVER, Claim, EventId, Micros
from services.domain.objects import Thing
from services.financing.domain.cargo import (
    ARRIVED_AT_DESTINATION,
    DELIVERED,
    GATED_OUT,
    RECONSIGNED,
    TRANSIT_CLOSED,
    TRANSIT_OPENED,
    Cargo,
)
from services.financing.domain.control import ControlState, TakenBack, controls, registrations
from services.financing.domain.followed_goods import FollowedGoods
from services.financing.domain.goods_elsewhere import NamedElsewhere
from services.financing.domain.goods_unnamed import Unnamed
from services.financing.domain.lifecycle import Hold, State, end_of
from services.financing.domain.products import Product
from services.financing.domain.statements import Statement, of_type


def entered(cargo: Cargo) -> Iterator[tuple[str, Claim]]:
    """(country by ISO 3166 alpha-2, the first fact there), in the order in which they were entered.

    A border station that belongs to two countries tells nothing by itself.
    """
    seen: set[str] = set()
    facts = (a.claim for a in cargo.counted if a.claim.classifier is Classifier.ACT and a.claim.place)
    for claim in sorted(facts, key=lambda c: (c.happened, c.published, c.event)):
        countries = railnet.countries_of(claim.place)
        if len(countries) == 1:
            (country,) = countries
            if country not in seen:
                seen.add(country)
                yield country, claim


TRANSIT_DAYS = 30
"""The deadline of a transit whose opening names none."""
SILENT_AFTER = 7 * 86_400 * 1_000_000
DAY = 86_400 * 1_000_000


class Alert(NamedTuple):
    """One alert: its covenant, its subject, since when, and the events behind it.

    ``moved_to`` are the consignments that pledged goods were moved to: the pledgee may know which ones, and nothing more of them.
    """

    id: str
    financing: str
    covenant: str
    about: str
    since: Micros
    events: tuple[EventId, ...]
    acknowledged: EventId | None = None
    moved_to: tuple[str, ...] = ()


class JudgedArrival(NamedTuple):
    """What the platform's forecast of the arrival of ``consignment`` means for the maturity, since ``at``.

    ``lateness`` is LIKELY_LATE where its middle lies behind it, LATE where even its lower bound does. Recorded, and never judged again.
    """

    consignment: str
    at: Micros
    lateness: str
    events: tuple[EventId, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A financing with its goods and statements at a moment; ``others`` are holds on the same interest in the same cargo.

    ``taken_back`` is the control that was recorded and withdrawn, ``judged`` the latest judgment of each consignment's forecast.
    """

    state: State
    product: Product
    goods: FollowedGoods
    statements: Sequence[Statement]
    at: Micros
    others: tuple[Hold, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()
    judged: tuple[JudgedArrival, ...] = ()

    @property
    def cargo(self) -> tuple[Cargo, ...]:
        """The cargo of the consignments that were pledged."""
        return self.goods.cargo


Found = Iterator[tuple[str, Micros, tuple[EventId, ...]]]


def alerts(watched: Watched) -> tuple[Alert, ...]:
    """All alerts of a financing that is or was pledged, the oldest first, with their acknowledgements."""
    hold = watched.state.hold
    if hold.pledged_at is None:
        return ()
    seen: dict[str, EventId] = {}
    for statement, acknowledged in of_type(watched.statements, AlertAcknowledged):
        if statement.publisher == hold.bank and acknowledged.financing_key == hold.financing:
            seen.setdefault(acknowledged.alert, statement.event)
    names = [*watched.product.covenants, *(_AGAINST_A_PLEDGE if watched.product.blocks_release else ())]
    moved = {(_gone(u), u.since, u.events): tuple(t.key for t in u.to) for u in watched.goods.unnamed}
    found: dict[Alert, None] = {}
    for name in sorted(names):
        for about, since, events in _COVENANTS[name](watched):
            id_ = _id(hold.financing, name, about)
            to = moved.get((about, since, events), ())
            found[Alert(id_, hold.financing, name, about, since, events, seen.get(id_), to)] = None
    return tuple(sorted(found, key=lambda alert: (alert.since, alert.covenant, alert.about)))


def _id(financing: str, covenant: str, about: str) -> str:
    return hashlib.sha256(f"{financing}\x1f{covenant}\x1f{about}".encode()).hexdigest()[:32]


def _against(milestone: int) -> Callable[[Watched], Found]:
    def judge(watched: Watched) -> Found:
        # Whatever date the fact carries: a delivery dated before the drawdown is the one to know of.
        for claim in _facts(watched, milestone):
            hold = watched.state.hold
            if claim.happened < hold.ended_at and claim.thing not in hold.released(claim.happened):
                yield str(claim.thing), claim.happened, (claim.event,)
        for other in watched.goods.elsewhere:
            for claim in other.cargo.facts(milestone):
                if claim.happened < watched.state.hold.ended_at:
                    yield _under(other, claim), claim.happened, (claim.event,)

    return judge


def _under(other: NamedElsewhere, claim: Claim) -> str:
    """What a fact is about that only another consignment leads to the goods: what it shares with them, by whom."""
    return f"{other.shared} by {claim.publisher}"


def _episode(*episodes: Episode) -> Callable[[Watched], Found]:
    def judge(watched: Watched) -> Found:
        for cargo in watched.cargo:
            for opened in cargo.exceptions:
                if opened.episode in episodes and _running(watched, opened.claim.happened):
                    yield str(opened.thing), opened.claim.happened, (opened.claim.event,)
        for other in watched.goods.elsewhere:
            for opened in other.cargo.exceptions:
                if opened.episode in episodes and _running(watched, opened.claim.happened):
                    yield _under(other, opened.claim), opened.claim.happened, (opened.claim.event,)

    return judge


def _transit(watched: Watched) -> Found:
    limits = {
        statement.event: parse_micros(limit, "/time_limit")
        for statement in watched.statements
        if (limit := getattr(statement.payload, "time_limit", None)) is not None
    }
    for cargo in watched.cargo:
        for opened in cargo.facts(TRANSIT_OPENED):
            closed = [
                c
                for c in cargo.facts(TRANSIT_CLOSED)
                if c.jurisdiction == opened.jurisdiction and c.happened >= opened.happened
            ]
            due = limits.get(opened.event, opened.happened + TRANSIT_DAYS * DAY)
            late = min((c.happened for c in closed), default=FOREVER)
            if min(late, watched.at) > due and _running(watched, due):
                yield f"{opened.jurisdiction} {opened.thing}", due, (opened.event,)


def _consignee(watched: Watched) -> Found:
    for statement, changed in _reconsigned(watched):
        if changed.consignee is not None and not _as_applied(watched, consignee=changed.consignee):
            yield changed.consignee, statement.happened, (statement.event,)


def _destination(watched: Watched) -> Found:
    for statement, changed in _reconsigned(watched):
        if changed.place_of_delivery is not None and not _as_applied(
            watched, place=changed.place_of_delivery
        ):
            yield canonical_place(changed.place_of_delivery), statement.happened, (statement.event,)


def _reconsigned(watched: Watched) -> Iterator[tuple[Statement, Reconsigned]]:
    counted = {claim.event for claim in _facts(watched, RECONSIGNED)}
    counted |= {c.event for other in watched.goods.elsewhere for c in other.cargo.facts(RECONSIGNED)}
    for statement, changed in of_type(watched.statements, Reconsigned):
        if statement.event in counted and _running(watched, statement.happened):
            yield statement, changed


def _as_applied(watched: Watched, consignee: str = "", place: str = "") -> bool:
    for _, applied in of_type(watched.statements, Applied):
        party = applied.consignee_party
        if consignee and party is not None and party.scheme == "PARTY" and party.id == consignee:
            return True
        if place and applied.deliver_to and canonical_place(applied.deliver_to) == canonical_place(place):
            return True
    return False


def _jurisdiction(watched: Watched) -> Found:
    applied = of_type(watched.statements, Applied)
    agreed = {country for _, application in applied for country in application.jurisdictions}
    if not agreed:
        return
    for cargo in watched.cargo:
        for country, claim in entered(cargo):
            if country not in agreed and _running(watched, claim.happened):
                yield country, claim.happened, (claim.event,)
    for other in watched.goods.elsewhere:
        for country, claim in entered(other.cargo):
            if country not in agreed and _running(watched, claim.happened):
                yield f"{country}: {_under(other, claim)}", claim.happened, (claim.event,)


def _eta(watched: Watched) -> Found:
    matures = watched.state.matures
    for cargo in watched.cargo:
        expected = cargo.expected
        if matures is not None and expected is not None and expected.happened > matures:
            yield str(expected.thing), expected.published, (expected.event,)


def _forecast(lateness: str) -> Callable[[Watched], Found]:
    """A forecast raises an alert and nothing else: no guard reads it, so it blocks no money and lifts no block."""

    def judge(watched: Watched) -> Found:
        if watched.state.matures is None or watched.state.hold.ended is not None:
            return
        under_way = {cargo.consignment for cargo in watched.cargo if not cargo.facts(ARRIVED_AT_DESTINATION)}
        for each in watched.judged:
            if each.lateness == lateness and each.consignment in under_way:
                yield each.consignment, each.at, each.events

    return judge


def _silent(watched: Watched) -> Found:
    matures = watched.state.matures
    for cargo in watched.cargo:
        last = cargo.last
        if matures is None or last is None or cargo.facts(DELIVERED):
            continue
        since = max(matures, last.happened + SILENT_AFTER)
        if last.happened < matures and watched.at >= since and watched.state.hold.ended is None:
            yield cargo.consignment, since, (last.event,)


def _insurance(watched: Watched) -> Found:
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in watched.cargo))
    relevant = [statement for statement in watched.statements if statement.publisher in engaged]
    bound = [
        statement for statement, cover in of_type(relevant, InsuranceBound) if _covers(cover, watched.at)
    ]
    for statement, cancelled in of_type(relevant, InsuranceCancelled):
        insured_since = any(each.order > statement.order for each in bound)
        if not insured_since and cancelled.reason != "REPLACED" and _running(watched, statement.happened):
            yield cancelled.document_id, statement.happened, (statement.event,)


def _covers(cover: InsuranceBound, at: Micros) -> bool:
    return cover.valid_to is None or at < end_of(date.fromisoformat(cover.valid_to))


def _control(watched: Watched) -> Found:
    hold = watched.state.hold
    if hold.ended is not None:
        return
    for gone in watched.taken_back:
        yield f"{gone.note} WITHDRAWN", gone.since, gone.events
    for cargo in watched.cargo:
        for control in controls(watched.statements, cargo, hold.bank, watched.at):
            if control.state is not ControlState.HELD:
                since = control.ends_at if control.state is ControlState.LAPSED and control.ends_at else None
                yield (
                    f"{control.note} {control.state}",
                    since or control.since,
                    control.events,
                )


def _unsurrendered(watched: Watched) -> Found:
    """Delivered while the original whose surrender delivery needs was not surrendered, whatever becomes of it later."""
    for cargo in watched.cargo:
        for original in cargo.originals:
            surrendered = original.since if original.state is OriginalState.SURRENDERED else FOREVER
            early = [
                claim
                for claim in cargo.facts(DELIVERED)
                if claim.happened < surrendered and _running(watched, claim.happened)
            ]
            if early:
                events = tuple(sorted({claim.event for claim in early}))
                yield f"{original.number} of {original.issuer}", early[0].happened, events


def _registration(watched: Watched) -> Found:
    if watched.state.hold.ended is not None:
        return
    for entry in registrations(watched.statements):
        if entry.expires(watched.at):
            yield entry.number, entry.expiring_from, (entry.event,)


def _elsewhere(watched: Watched) -> Found:
    """Two consignments turned out to be one, or cargo was merged, after each was financed; the other bank is not named."""
    hold = watched.state.hold
    for other in watched.others:
        if other.pledged and other.bank != hold.bank and hold.ended is None and other.pledged_at is not None:
            about = hashlib.sha256(other.financing.encode()).hexdigest()[:8]
            joined_by = tuple(sorted({event for cargo in watched.cargo for event in cargo.joined_by}))
            yield about, max(other.pledged_at, hold.pledged_at or 0), joined_by


def _named_elsewhere(watched: Watched) -> Found:
    """Another founded consignment names the goods, too; what was moved to it, and to which, is said by GOODS_NO_LONGER_NAMED."""
    moved = frozenset(event for gone in watched.goods.unnamed for event in gone.events)
    found: dict[tuple[Thing, str], tuple[Micros, frozenset[EventId]]] = {}
    for naming in (n for other in watched.goods.elsewhere if other.stands for n in other.namings):
        if not moved.issuperset(naming.events):
            key = naming.thing, naming.publisher
            since, events = found.get(key, (naming.since, frozenset()))
            found[key] = min(since, naming.since), events.union(naming.events)
    for (thing, publisher), (since, events) in sorted(found.items()):
        yield f"{thing} by {publisher}", since, tuple(sorted(events))


def _no_longer_named(watched: Watched) -> Found:
    for gone in watched.goods.unnamed:
        yield _gone(gone), gone.since, gone.events


def _gone(gone: Unnamed) -> str:
    return f"{gone.thing} {gone.happened} by {gone.publisher}"


def _facts(watched: Watched, milestone: int) -> list[Claim]:
    return [claim for cargo in watched.cargo for claim in cargo.facts(milestone)]


def _running(watched: Watched, moment: Micros) -> bool:
    return moment < watched.state.hold.ended_at


ON_FORECAST = frozenset({"ARRIVAL_LIKELY_BEYOND_MATURITY", "ARRIVAL_BEYOND_MATURITY"})
"""The covenants that rest on the platform's forecast of the arrival."""
_AGAINST_A_PLEDGE = ("DELIVERED_AGAINST_PLEDGE", "DELIVERED_WITHOUT_SURRENDER", "GATED_OUT_AGAINST_PLEDGE")
_COVENANTS: Mapping[str, Callable[[Watched], Found]] = MappingProxyType(
    {
        "DELIVERED_AGAINST_PLEDGE": _against(DELIVERED),
        "DELIVERED_WITHOUT_SURRENDER": _unsurrendered,
        "GATED_OUT_AGAINST_PLEDGE": _against(GATED_OUT),
        "DETAINED": _episode(Episode.DETAINED),
        "RETURNED": _episode(Episode.RETURNED),
        "LOST": _episode(Episode.LOST),
        "ABANDONED": _episode(Episode.ABANDONED),
        "TEMPERATURE": _episode(Episode.TEMPERATURE),
        "SEAL_BROKEN": _episode(Episode.SEAL_BROKEN),
        "TRANSIT_NOT_CLOSED": _transit,
        "CONSIGNEE_CHANGED": _consignee,
        "DESTINATION_CHANGED": _destination,
        "JURISDICTION_ENTERED": _jurisdiction,
        "ETA_BEYOND_MATURITY": _eta,
        "ARRIVAL_LIKELY_BEYOND_MATURITY": _forecast("LIKELY_LATE"),
        "ARRIVAL_BEYOND_MATURITY": _forecast("LATE"),
        "SILENT_BEYOND_MATURITY": _silent,
        "INSURANCE_CANCELLED": _insurance,
        "CONTROL_LAPSED": _control,
        "REGISTRATION_EXPIRES": _registration,
        "SAME_CARGO_ELSEWHERE": _elsewhere,
        "GOODS_NAMED_ELSEWHERE": _named_elsewhere,
        "GOODS_NO_LONGER_NAMED": _no_longer_named,
    }
)
COVENANTS = frozenset(_COVENANTS)
"""Every covenant that a product's table may name, and what contradicts a pledge."""
