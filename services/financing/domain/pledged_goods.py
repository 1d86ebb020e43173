"""Pledged goods until the pledge ends: their cargo as it was reserved and pledged, and what is known of them since.

An interest is in goods, not in a number. What named the goods when they were reserved, or pledged, goes on leading facts to the
pledgee, whatever is withdrawn, moved or ended later; links that come later add while they stand. Everything is a function of the set of
reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.domain.derive import view_of
from services.domain.evidence import (
    GroupEvidence,
    canonical_consignment,
    engaged_parties,
    founding_parties,
    group_evidence,
)
from services.domain.facts import FOREVER, SINCE_EVER, Claim, EventId, Facts, Founding, Link, LinkKind, Micros
from services.domain.links import Network, Path
from services.domain.liveness import judge
from services.domain.objects import Thing
from services.domain.view import ClaimStatus
from services.financing.domain.cargo import LEFT, NAMING, UNSEEN, Cargo, Report

GONE = frozenset({*LEFT, catalogue.spec("cre.movement.empty_returned.v1").number})
"""Facts after which goods are no longer in their box: whoever names it later means another journey."""
IDENTIFYING = (ObjectKind.CONTAINER, ObjectKind.NOTE)
"""What is of one consignment only, unless it is consolidated; a declaration rightly covers several."""


class Pledge(NamedTuple):
    """The consignments of a financing, and since and until when it is pledged; ``until`` is FOREVER while the pledge stands.

    ``reserved`` is when they were reserved before. Of what is only reserved ``since`` is that moment.
    """

    consignments: tuple[Thing, ...]
    since: Micros
    until: Micros = FOREVER
    reserved: Micros = SINCE_EVER


class NamedThen(NamedTuple):
    """The links and foundings that named goods as of a moment.

    Withdrawals that came so shortly before it that they may not have been seen count as later.
    """

    at: Micros
    links: frozenset[Link]
    foundings: frozenset[Founding]

    @classmethod
    def of(cls, reports: Sequence[Report], at: Micros) -> NamedThen:
        """What of ``reports`` named goods at ``at``."""
        then = Facts.union(report.facts for report in reports if report.known <= at - UNSEEN)
        before = judge(then.withdrawals, then.equivocated)
        seen = [report.facts for report in reports if report.known <= at]
        links = (link for facts in seen for link in facts.links if link.kind in NAMING)
        foundings = (founding for facts in seen for founding in facts.foundings)
        return cls(
            at,
            frozenset(link for link in links if before.live(link.event)),
            frozenset(founding for founding in foundings if before.live(founding.event)),
        )


class KnownFacts:
    """The facts that count now, what named the goods when they were reserved and pledged, and since when each event is known."""

    def __init__(self, reports: Iterable[Report], pledge: Pledge) -> None:
        every = tuple(reports)
        self.facts = Facts.union(report.facts for report in every if not report.aside)
        self.now = judge(self.facts.withdrawals, self.facts.equivocated)
        self.then = tuple(NamedThen.of(every, at) for at in sorted({pledge.reserved, pledge.since}))
        self.links_then = frozenset[Link]().union(*(then.links for then in self.then))
        self.foundings_then = frozenset[Founding]().union(*(then.foundings for then in self.then))
        self.contents: dict[EventId, dict[bytes, Micros]] = {}
        for report in every:
            for event, content in report.facts.contents:
                known = self.contents.setdefault(event, {})
                known[content] = min(report.known, known.get(content, report.known))
        self.aside = self.contents.keys() - {event for event, _ in self.facts.contents}
        self.links = frozenset(
            link for link in self.facts.links if link.kind in NAMING and self.live(link.event)
        )
        self.foundings = frozenset(f for f in self.facts.foundings if self.live(f.event))
        self.founded = founding_parties(self.foundings)
        self.network = Network(self.links)

    def live(self, event: EventId) -> bool:
        """Whether an event counts now."""
        return event not in self.aside and self.now.live(event)

    def since(self, events: Iterable[EventId]) -> Micros:
        """The moment from which one of ``events`` is known; SINCE_EVER where none is."""
        known = (min(self.contents[event].values()) for event in events if event in self.contents)
        return min(known, default=SINCE_EVER)

    @cached_property
    def as_pledged(self) -> Facts:
        """The facts that count, and what named the goods then as if nobody had withdrawn, moved or ended it since."""
        facts, live = self.facts, self.live
        then = {link._replace(end=FOREVER) if link.end is None else link for link in self.links_then}
        return Facts(
            claims=frozenset(each for each in facts.claims if live(each.event)),
            links=frozenset(each for each in facts.links - self.links_then if live(each.event)) | then,
            foundings=self.foundings | self.foundings_then,
            routes=frozenset(each for each in facts.routes if live(each.event)),
            restrictions=frozenset(each for each in facts.restrictions if live(each.event)),
            liftings=frozenset(each for each in facts.liftings if live(each.event)),
            handovers=frozenset(each for each in facts.handovers if live(each.event)),
            goods=frozenset(each for each in facts.goods if live(each.event)),
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What names some consignments of one group by links that count: the latest end of the ways of each thing."""

    members: frozenset[Thing]
    engaged: frozenset[str]
    ends: dict[Thing, Micros] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network, members: frozenset[Thing], parties: frozenset[str]) -> Names:
        """The names of ``members``; ``parties`` are those of their foundings."""
        found = cls(members, engaged_parties(parties, network, members))
        for path in network.paths(members, found.engaged):
            if path.counted:
                found.ends[path.thing] = max(path.end, found.ends.get(path.thing, SINCE_EVER))
        return found


class Window(NamedTuple):
    """When a box or note names pledged goods; ``shared``: as a consolidated box."""

    start: Micros
    end: Micros
    shared: bool


class PledgedGoods:
    """The goods of one pledge as of a moment: their cargo as pledged, and the boxes and notes that name them."""

    def __init__(self, known: KnownFacts, pledge: Pledge, as_of: Micros) -> None:
        self.known, self.pledge, self.as_of = known, pledge, as_of
        groups: dict[Thing, GroupEvidence] = {}
        for thing in pledge.consignments:
            gathered = group_evidence(known.as_pledged, thing, as_of)
            if gathered is not None:
                groups[canonical_consignment(gathered.members)] = gathered
        evidence = [groups[name] for name in sorted(groups, key=lambda thing: thing.id)]
        facts = known.as_pledged
        self.cargo = tuple(Cargo.of(view_of(facts, each, as_of), each, facts.links) for each in evidence)
        self.members = frozenset[Thing]().union(*(each.members for each in evidence))
        self.reached = frozenset(
            arrival.claim
            for each in evidence
            for arrival in each.arrivals
            if arrival.status is not ClaimStatus.UNENGAGED
        )
        self.windows: dict[Thing, list[Window]] = {}
        for path in (path for each in evidence for path in each.paths):
            if path.counted and path.end > pledge.since and path.thing.kind in IDENTIFYING:
                window = Window(path.start, path.end, consolidated(path))
                self.windows.setdefault(path.thing, []).append(window)

    def as_known(self, known: KnownFacts) -> PledgedGoods:
        """The same goods beside what was known of others at another moment."""
        other = copy(self)
        other.known = known
        return other

    def gone(self, thing: Thing) -> Micros:
        """When the goods of ``thing`` first left the carriers' hands or their box; FOREVER where nobody says so."""
        return min(
            (
                arrival.claim.happened
                for cargo in self.cargo
                for arrival in cargo.counted
                if left(arrival.claim)
                and (not arrival.containers or thing in arrival.containers or arrival.claim.thing == thing)
            ),
            default=FOREVER,
        )


def left(claim: Claim) -> bool:
    """Whether goods left the carriers' hands or their box, as a fact."""
    return claim.milestone in GONE and claim.classifier is Classifier.ACT


def consolidated(path: Path) -> bool:
    """Whether a path leads through a consolidated box."""
    boxes = [span.link for span in path.spans if span.link.kind is LinkKind.CONTAINER_CARRIES]
    return bool(boxes) and all(link.shared for link in boxes)
