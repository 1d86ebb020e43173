"""A consignment for the signals: its shipper, its counted facts, and which of them are its own.

*Own* facts are about this shipper's cargo alone. What reached it by train or wagon, through a box or document that also carries
another consignment, or by a disputed link, is never held against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind, Region, Role
from services.credit.domain.statements import CreditFacts, Detail, TradeStatement
from services.domain import restrictions
from services.domain.evidence import (
    GroupEvidence,
    canonical_consignment,
    founding_parties,
    group_evidence,
)
from services.domain.facts import FOREVER, Assurance, Claim, EventId, Facts, Micros, counts
from services.domain.links import RIDES, Network, Span
from services.domain.objects import Thing
from services.domain.restrictions import Journey
from services.domain.view import Arrival, ClaimStatus

SHIPPER = "SHIPPER"
"""The one stated cause that leaves an event to count; any other excuses the shipper."""


JUDGED = (
    "customs.accepted", "customs.amended", "customs.cancelled", "customs.detained", "customs.detention_lifted", "customs.export_lodged", "customs.finding_settled",
    "customs.import_lodged", "customs.inspection_finding", "customs.inspection_passed", "customs.rejected", "movement.booking_cancelled",
    "movement.booking_confirmed", "movement.dangerous_goods_rejected", "movement.delivered", "movement.departed",
    "movement.gated_in", "movement.loaded_on_wagon", "movement.stuffed", "movement.train_cancelled", "credit.cause_stated",
    "credit.claim_decided", "credit.cut_off_set", "credit.documents_completed", "credit.freight_disputed",
    "credit.freight_fell_overdue", "credit.freight_invoiced", "credit.freight_paid", "credit.particulars_declared", "trade.dataset_stated",
)  # fmt: skip
"""The types of facts that signals look at."""


def number(name: str) -> int:
    """The stable number of the type ``cre.<name>.v1``."""
    return catalogue.spec(f"cre.{name}.v1").number


@cache
def judged() -> frozenset[int]:
    """The numbers of JUDGED."""
    return frozenset(map(number, JUDGED))


@cache
def matters() -> frozenset[int]:
    """The types of facts that can change an observation: those of JUDGED, and all that a shipper may state (S11)."""
    return judged() | {spec.number for spec in catalogue.specs() if Role.SHIPPER in spec.publishers}


class CargoFact(NamedTuple):
    """One counted fact of a cargo with its detail. ``own``: it is about this cargo alone."""

    claim: Claim
    detail: Detail
    own: bool

    @property
    def at(self) -> Micros:
        return self.claim.happened

    @property
    def code(self) -> str:
        return self.detail.code


class TradeFact(NamedTuple):
    """What was signed of a trade's data or declarations, once for each object that it is about. ``own`` as of a ``CargoFact``."""

    claim: Claim
    statement: TradeStatement
    own: bool


@dataclass(frozen=True, slots=True)
class Cargo:
    """One consignment (or group declared one): its shipper, and its counted facts by the number of their type."""

    consignment: Thing
    shipper: str
    facts: Facts
    group: GroupEvidence
    facts_by_type: Mapping[int, tuple[CargoFact, ...]]
    causes: Mapping[EventId, frozenset[str]]
    trades: tuple[TradeFact, ...] = ()

    def of(self, name: str, least: Assurance = Assurance.ASSERTED) -> tuple[CargoFact, ...]:
        """The facts of one type of JUDGED, by time, whose assurance is at least ``least``; KeyError for another type."""
        if number(name) not in judged():
            raise KeyError(f"{name} is not among the types that signals look at")
        return tuple(h for h in self.facts_by_type.get(number(name), ()) if h.claim.assurance >= least)

    def excused(self, event: EventId) -> bool:
        """Whether the event's own publisher states a cause other than the shipper, alone or beside it."""
        return bool(self.causes.get(event, frozenset()) - {SHIPPER})

    def blamed(self, event: EventId) -> bool:
        """Whether the event's own publisher states the shipper as the only cause."""
        return self.causes.get(event) == frozenset({SHIPPER})

    def restricted(self, at: Micros) -> bool:
        """Whether a restriction lay on the planned route at that moment, wherever the cargo was."""
        live, engaged = self.group.liveness.live, self.group.engaged
        routed = {path.thing for path in self.group.paths if path.counted}
        route = restrictions.current_route(
            r for r in self.facts.routes if live(r.event) and r.thing in routed and r.publisher in engaged
        )
        known = (r for r in self.facts.restrictions if live(r.event) and counts(r, engaged))
        lifted = (each for each in self.facts.liftings if live(each.event))
        journey = Journey(() if route is None else route.places)
        return bool(restrictions.on_journey(journey, restrictions.known_ends(known, lifted), at).in_force)


def cargo(facts: Facts, credit: CreditFacts, consignment: Thing) -> Cargo | None:
    """The cargo of ``consignment``; None if it is not founded, goes by another name, or does not name exactly one shipper.

    ``facts`` may hold more than concerns it, and has to hold the links of what shares its boxes and documents.
    """
    group = group_evidence(facts, consignment, FOREVER)
    if group is None or canonical_consignment(group.members) != consignment:
        return None
    live = group.liveness.live
    named = {s.party for s in credit.shippers if live(s.event) and s.consignment in group.members}
    if len(named) != 1:
        return None
    details = {detail.event: detail for detail in credit.details}
    stated = {each.event: each for each in credit.trades}
    facts_by_type: dict[int, list[CargoFact]] = defaultdict(list)
    trades: list[TradeFact] = []
    own = _Own(facts, group)
    for arrival in group.arrivals:
        claim = arrival.claim
        judging = claim.milestone in judged() and claim.classifier is Classifier.ACT
        if judging and _stands(arrival, group):
            detail = details.get(claim.event) or Detail(claim.event, False)
            facts_by_type[claim.milestone].append(CargoFact(claim, detail, own(arrival)))
        counted = arrival.status is not ClaimStatus.UNENGAGED and claim.classifier is Classifier.ACT
        if (
            counted and claim.event in stated
        ):  # a later version replaces none before it, nor does an amendment
            trades.append(TradeFact(claim, stated[claim.event], own(arrival)))
    causes: dict[EventId, frozenset[str]] = defaultdict(frozenset)
    for detail in credit.details:
        if detail.concerns is not None and live(detail.event):
            causes[detail.concerns] |= {detail.code}
    return Cargo(
        consignment,
        next(iter(named)),
        facts,
        group,
        {n: tuple(found) for n, found in facts_by_type.items()},
        causes,
        tuple(sorted(trades, key=lambda each: (each.claim.event, each.claim.thing))),
    )


def _stands(arrival: Arrival, group: GroupEvidence) -> bool:
    """Whether a fact counts here. Invoices, claims and deadlines do not replace one another: each has its own number."""
    if arrival.claim.region is Region.CREDIT:
        return arrival.status is not ClaimStatus.UNENGAGED
    return arrival.claim in group.shown


class _Own:
    """Whether an arrival is about one cargo alone, by the links that count there."""

    def __init__(self, facts: Facts, group: GroupEvidence) -> None:
        self._members = group.members
        self._engaged = group.engaged
        live = group.liveness.live
        self._network = Network(
            (link for link in facts.links if live(link.event) and link.kind not in RIDES),
            founding_parties(founding for founding in facts.foundings if live(founding.event)),
        )

    def __call__(self, arrival: Arrival) -> bool:
        if arrival.by_train or arrival.via_disputed_link:
            return False
        thing, at = arrival.claim.thing, arrival.claim.happened
        return all(
            not span.link.shared
            and (span.link.right.kind is not ObjectKind.CONSIGNMENT or span.link.right in self._members)
            for span in self._ways(thing, at)
        )

    def _ways(self, thing: Thing, at: Micros) -> Iterator[Span]:
        """Every counted link in force from ``thing`` onward."""
        todo, seen = [thing], {thing}
        while todo:
            for span in self._network.onward(todo.pop()):
                if not span.holds(at) or not counts(span.link, self._engaged):
                    continue
                yield span
                if span.link.right not in seen:
                    seen.add(span.link.right)
                    todo.append(span.link.right)
