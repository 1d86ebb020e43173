"""The views of many consignments out of one set of facts, without deriving each from all of them.

Only what can reach a consignment is handed to ``derive``: the objects that links lead to it from, at any time, and the
facts about them. What cannot reach it changes nothing; that is a law of the heart, tested there.
"""

from __future__ import annotations

from collections import defaultdict

from services.domain.derive import derive
from services.domain.facts import (
    Claim,
    EventId,
    Facts,
    Founding,
    Handover,
    Link,
    LinkKind,
    Micros,
    PlannedRoute,
    Withdrawal,
)
from services.domain.links import carried
from services.domain.objects import Thing
from services.domain.view import View


class Refold:
    """Derives views from ``facts``; building the index is linear in them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._into: dict[Thing, list[Link]] = defaultdict(list)
        self._of: dict[tuple[LinkKind, Thing], list[Link]] = defaultdict(list)
        self._claims: dict[Thing, list[Claim]] = defaultdict(list)
        self._lists: dict[str, list[Handover]] = defaultdict(list)
        self._meetings: dict[tuple[str, str], list[Handover]] = defaultdict(list)
        self._edges: dict[EventId, list[Withdrawal]] = defaultdict(list)
        self._founded: dict[Thing, list[Founding]] = defaultdict(list)
        self._routes: dict[Thing, list[PlannedRoute]] = defaultdict(list)
        equivocated = facts.equivocated
        self._contents = frozenset(pair for pair in facts.contents if pair[0] in equivocated)
        for withdrawal in facts.withdrawals:
            self._edges[withdrawal.event].append(withdrawal)
            self._edges[withdrawal.target].append(withdrawal)
        for founding in facts.foundings:
            self._founded[founding.consignment].append(founding)
        for route in facts.routes:
            self._routes[route.thing].append(route)
        for link in facts.links:
            self._into[link.right].append(link)
            self._of[link.kind, carried(link)].append(link)
        for claim in facts.claims:
            self._claims[claim.thing].append(claim)
        for handover in facts.handovers:
            self._meetings[handover.place, handover.occurrence].append(handover)
            for box in handover.containers:
                self._lists[box].append(handover)

    def view(self, consignment: Thing, as_of: Micros) -> View | None:
        """The view of ``consignment`` at ``as_of``; None where it was never founded."""
        things, links = self._reaching(consignment)
        boxes = {thing.key for thing in things}
        handovers = {
            other
            for box in boxes
            for handover in self._lists.get(box, ())
            for other in self._meetings[handover.place, handover.occurrence]
        }
        near = Facts(
            claims=frozenset(claim for thing in things for claim in self._claims.get(thing, ())),
            links=frozenset(links),
            foundings=frozenset(founding for thing in things for founding in self._founded.get(thing, ())),
            routes=frozenset(route for thing in things for route in self._routes.get(thing, ())),
            restrictions=self._facts.restrictions,
            liftings=self._facts.liftings,
            handovers=frozenset(handovers),
            contents=self._contents,
        )
        return derive(near._replace(withdrawals=self._withdrawing(near)), consignment, as_of)

    def _withdrawing(self, near: Facts) -> frozenset[Withdrawal]:
        """All corrections and retractions that are tied to an event of ``near``, at any depth and either way."""
        every = (
            near.claims,
            near.links,
            near.foundings,
            near.routes,
            near.restrictions,
            near.liftings,
            near.handovers,
        )
        ahead = [fact.event for facts in every for fact in facts]
        known, found = set(ahead), set[Withdrawal]()
        while ahead:
            for withdrawal in self._edges.get(ahead.pop(), ()):
                found.add(withdrawal)
                for event in (withdrawal.event, withdrawal.target):
                    if event not in known:
                        known.add(event)
                        ahead.append(event)
        return frozenset(found)

    def _reaching(self, consignment: Thing) -> tuple[set[Thing], set[Link]]:
        things, links, ahead = {consignment}, set[Link](), [consignment]
        while ahead:
            thing = ahead.pop()
            for link in self._into.get(thing, ()):
                links.update(self._of[link.kind, carried(link)])  # rivals and successors bound its interval
                for end in (
                    (link.left, link.right) if link.kind is LinkKind.SAME_CONSIGNMENT else (link.left,)
                ):
                    if end not in things:
                        things.add(end)
                        ahead.append(end)
        return things, links
