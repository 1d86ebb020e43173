"""A consignment as credit sees it: whose it is, what was said of it by those whose word counts, and what is its own.

*Own* is what speaks of this shipper's cargo alone. What reached it by train or wagon, through a box or a paper that also
carries another consignment, or by a disputed link, is never held against it: a neighbour's trouble is the neighbour's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind, Region, Role
from services.credit.domain.statements import CreditFacts, Detail
from services.domain import engagement, restrictions
from services.domain.evidence import Gathered, gather
from services.domain.facts import FOREVER, Assurance, Claim, EventId, Facts, LinkKind, Micros
from services.domain.links import RIDES, Span, counts, spans
from services.domain.objects import Thing
from services.domain.view import Arrival, Standing

SHIPPER = "SHIPPER"
"""The one stated cause that leaves an event to count; any other excuses the shipper."""


JUDGED = (
    "customs.amended", "customs.detained", "customs.detention_lifted", "customs.export_lodged", "customs.finding_settled",
    "customs.inspection_finding", "customs.inspection_passed", "customs.rejected", "movement.booking_cancelled",
    "movement.booking_confirmed", "movement.dangerous_goods_rejected", "movement.delivered", "movement.departed",
    "movement.gated_in", "movement.loaded_on_wagon", "movement.stuffed", "movement.train_cancelled", "credit.cause_stated",
    "credit.claim_decided", "credit.cut_off_set", "credit.documents_completed", "credit.freight_disputed",
    "credit.freight_fell_overdue", "credit.freight_invoiced", "credit.freight_paid", "credit.particulars_declared",
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
    """The types a fact of which can change what is observed: those judged, and all that a shipper may state (S11)."""
    return judged() | {spec.number for spec in catalogue.specs() if Role.SHIPPER in spec.publishers}


class Heard(NamedTuple):
    """One counted fact of a cargo, with its extras. ``own``: it speaks of this cargo alone."""

    claim: Claim
    detail: Detail
    own: bool

    @property
    def at(self) -> Micros:
        return self.claim.happened

    @property
    def word(self) -> str:
        return self.detail.word


@dataclass(frozen=True, slots=True)
class Cargo:
    """One consignment (or group declared one), judged: its shipper and the facts by number of their type."""

    consignment: Thing
    shipper: str
    facts: Facts
    gathered: Gathered
    heard: Mapping[int, tuple[Heard, ...]]
    causes: Mapping[EventId, frozenset[str]]

    def of(self, name: str, least: Assurance = Assurance.ASSERTED) -> tuple[Heard, ...]:
        """The facts of one type of JUDGED, by time, whose assurance is at least ``least``; KeyError for another type."""
        if number(name) not in judged():
            raise KeyError(f"{name} is not among the types that signals look at")
        return tuple(h for h in self.heard.get(number(name), ()) if h.claim.assurance >= least)

    def excused(self, event: EventId) -> bool:
        """Whether its own publisher says that somebody or something else than the shipper caused it, or also says so."""
        return bool(self.causes.get(event, frozenset()) - {SHIPPER})

    def blamed(self, event: EventId) -> bool:
        """Whether its own publisher says that the shipper caused it, and nothing else."""
        return self.causes.get(event) == frozenset({SHIPPER})

    def restricted(self, at: Micros) -> bool:
        """Whether a restriction lay on the planned route at that moment, wherever the cargo was."""
        live, engaged = self.gathered.liveness.live, self.gathered.engaged
        routed = {path.thing for path in self.gathered.paths if path.counted}
        route = restrictions.current_route(
            r for r in self.facts.routes if live(r.event) and r.thing in routed and r.publisher in engaged
        )
        known = (
            r for r in self.facts.restrictions if live(r.event) and (r.territorial or r.publisher in engaged)
        )
        lifted = (each for each in self.facts.liftings if live(each.event))
        return bool(restrictions.on_route(route, known, lifted, (), frozenset(), at))


def cargo(facts: Facts, told: CreditFacts, consignment: Thing) -> Cargo | None:
    """Judge what reaches ``consignment``; None if nobody founded it, it goes by another name, or not one shipper is named.

    ``facts`` may hold more than concerns it, and has to hold the links of what shares its boxes and papers.
    """
    gathered = gather(facts, consignment, FOREVER)
    if gathered is None or engagement.canonical(gathered.members) != consignment:
        return None
    live = gathered.liveness.live
    named = {s.party for s in told.shippers if live(s.event) and s.consignment in gathered.members}
    if len(named) != 1:
        return None
    details = {detail.event: detail for detail in told.details}
    heard: dict[int, list[Heard]] = defaultdict(list)
    own = _Own(facts, gathered)
    for arrival in gathered.arrivals:
        claim = arrival.claim
        judging = claim.milestone in judged() and claim.classifier is Classifier.ACT
        if judging and _stands(arrival, gathered):
            detail = details.get(claim.event) or Detail(claim.event, False)
            heard[claim.milestone].append(Heard(claim, detail, own(arrival)))
    causes: dict[EventId, frozenset[str]] = defaultdict(frozenset)
    for detail in told.details:
        if detail.concerns is not None and live(detail.event):
            causes[detail.concerns] |= {detail.word}
    return Cargo(
        consignment,
        next(iter(named)),
        facts,
        gathered,
        {n: tuple(found) for n, found in heard.items()},
        causes,
    )


def _stands(arrival: Arrival, gathered: Gathered) -> bool:
    """Whether a fact counts here. Invoices, claims and deadlines do not replace one another, each has its own number."""
    if arrival.claim.region is Region.CREDIT:
        return arrival.standing is not Standing.UNENGAGED
    return arrival.claim in gathered.shown


class _Own:
    """Tells what speaks of one cargo alone, by the links that count there."""

    def __init__(self, facts: Facts, gathered: Gathered) -> None:
        self._members = gathered.members
        self._engaged = gathered.engaged
        self._onward: dict[Thing, list[Span]] = defaultdict(list)
        for span in spans(link for link in facts.links if gathered.liveness.live(link.event)):
            if span.link.kind not in RIDES and span.link.kind is not LinkKind.SAME_CONSIGNMENT:
                self._onward[span.link.left].append(span)

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
        """Every link in force from ``thing`` onward, by the word of somebody who counts here."""
        todo, seen = [thing], {thing}
        while todo:
            for span in self._onward.get(todo.pop(), ()):
                if not span.holds(at) or not counts(span.link, self._engaged):
                    continue
                yield span
                if span.link.right not in seen:
                    seen.add(span.link.right)
                    todo.append(span.link.right)
