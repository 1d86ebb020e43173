"""Why facts about an object reach no consignment: where the way from the object to one ends at the moment of each fact.

A way leads over live links in force at that moment to a founded consignment; whether its publishers count does not matter
here, for what reaches a consignment shows in its view, whatever it is worth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from schemas.events.base import Classifier, ObjectKind
from services.domain.evidence import consignment_groups, engaged_parties, founding_parties
from services.domain.facts import FREEING, TIMED, Claim, EventId, Facts, Founding, Link, Micros
from services.domain.links import NAMES, Network, Span
from services.domain.liveness import Liveness, NotLive, judge, withdrawing
from services.domain.objects import Thing


class Reason(StrEnum):
    """Why a way ends; what came nearest to a consignment is first."""

    FOUNDING_EQUIVOCATES = "FOUNDING_EQUIVOCATES"
    FOUNDING_IN_CYCLE = "FOUNDING_IN_CYCLE"
    FOUNDING_WITHDRAWN = "FOUNDING_WITHDRAWN"
    NOT_FOUNDED = "NOT_FOUNDED"
    AFTER_ASSIGNMENT = "AFTER_ASSIGNMENT"
    BEFORE_ASSIGNMENT = "BEFORE_ASSIGNMENT"
    LINK_EQUIVOCATES = "LINK_EQUIVOCATES"
    LINK_IN_CYCLE = "LINK_IN_CYCLE"
    LINK_WITHDRAWN = "LINK_WITHDRAWN"
    NO_LINK = "NO_LINK"
    EQUIVOCATES = NotLive.EQUIVOCATES  # the fact itself
    IN_CYCLE = NotLive.IN_CYCLE
    WITHDRAWN = NotLive.WITHDRAWN


_ORDER = {reason: place for place, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Where a way ends: nothing leads on from ``thing``.

    ``event`` is the link, founding or fact that does not count or not at that moment; ``withdrawn_by`` are the events that took
    it back; ``at`` is the end of the assignment before or the start of the one after, ``ended_by`` the next link, the list of the
    wagon for a later run or the fact that freed the object, None for an end that was written.
    """

    reason: Reason
    thing: Thing
    event: EventId | None = None
    link: Link | None = None
    at: Micros | None = None
    withdrawn_by: tuple[EventId, ...] = ()
    ended_by: EventId | None = None


@dataclass(frozen=True, slots=True)
class Unreached:
    """A claim that reaches no consignment, and every place where its ways end, the furthest first."""

    claim: Claim
    obstacles: tuple[Obstacle, ...]


class Ways:
    """The ways that lead on from objects in a set of facts."""

    def __init__(self, facts: Facts) -> None:
        self.liveness: Liveness = judge(facts.withdrawals, facts.equivocated)
        live = self.liveness.live
        self._facts = facts
        founded = founding_parties(founding for founding in facts.foundings if live(founding.event))
        links = [link for link in facts.links if live(link.event)]
        self._network = Network(links, _engaged(Network(links, founded), founded))
        self._dead: dict[Thing, list[Link]] = defaultdict(list)
        for link in facts.links:
            if not live(link.event) and link.kind not in FREEING:
                self._dead[link.left].append(link)
        self._founded = founded.keys()
        self._foundings: dict[Thing, list[Founding]] = defaultdict(list)
        for founding in facts.foundings:
            self._foundings[founding.consignment].append(founding)
        self._withdrawing = withdrawing(facts.withdrawals, self.liveness)

    def unreached(self, thing: Thing, as_of: Micros) -> tuple[Unreached, ...]:
        """The claims about ``thing`` up to ``as_of`` that reach no consignment, in order of time."""
        claims = (
            claim
            for claim in self._facts.claims
            if claim.thing == thing and (claim.classifier is not Classifier.ACT or claim.happened <= as_of)
        )
        found = (Unreached(claim, self._of_claim(claim)) for claim in sorted(claims, key=_when))
        return tuple(each for each in found if each.obstacles)

    def _of_claim(self, claim: Claim) -> tuple[Obstacle, ...]:
        own = self.liveness.reason(claim.event)
        if own is not None:
            reason, by = Reason(own), self.withdrawn_by(claim.event)
            return (Obstacle(reason, claim.thing, claim.event, withdrawn_by=by),)
        return self.obstacles(claim.thing, claim.happened)

    def obstacles(self, thing: Thing, at: Micros) -> tuple[Obstacle, ...]:
        """Where the ways from ``thing`` end at that moment; () where one leads to a founded consignment."""
        found: list[Obstacle] = []
        seen, todo = {thing}, [thing]
        while todo:
            here = todo.pop()
            if here in self._founded:
                return ()
            holding = [span.link for span in self._network.onward(here) if span.holds(at)]
            if all(link.kind in NAMES for link in holding):
                found += self._ends(here, at)
            for link in holding:
                if link.right not in seen:
                    seen.add(link.right)
                    todo.append(link.right)
        # Documents that replace one another in a circle lead nowhere, and nowhere ends.
        return tuple(sorted(found, key=_rank)) or (Obstacle(Reason.NO_LINK, thing),)

    def _ends(self, thing: Thing, at: Micros) -> Iterable[Obstacle]:
        if thing.kind is ObjectKind.CONSIGNMENT:
            yield from self._unfounded(thing)
            return
        dead = [link for link in self._dead[thing] if link.kind not in NAMES]
        spans = [span for span in self._network.onward(thing) if span.link.kind not in NAMES]
        over = max((s for s in spans if s.end <= at), key=_end, default=None)
        ahead = min((s for s in spans if s.start > at), key=_start, default=None)
        if over is not None:
            ended_by = None if over.ended_by is None else over.ended_by.event
            yield Obstacle(
                Reason.AFTER_ASSIGNMENT, thing, over.link.event, over.link, over.end, ended_by=ended_by
            )
        if ahead is not None:
            yield Obstacle(Reason.BEFORE_ASSIGNMENT, thing, ahead.link.event, ahead.link, ahead.start)
        unassigned = over is None and ahead is None
        taken_back = [link for link in dead if unassigned or _meant(link, at)]
        for link in sorted(taken_back, key=lambda link: (link.published, link.event, link.right, link.start)):
            yield self._dead_link(link)
        if unassigned and not taken_back:
            yield Obstacle(Reason.NO_LINK, thing)

    def _unfounded(self, consignment: Thing) -> Iterable[Obstacle]:
        foundings = {founding.event for founding in self._foundings[consignment]}
        if not foundings:
            yield Obstacle(Reason.NOT_FOUNDED, consignment)
        for event in sorted(foundings):
            yield self._dead_founding(event, consignment, None)

    def _dead_link(self, link: Link) -> Obstacle:
        if any(founding.event == link.event for founding in self._foundings[link.right]):
            return self._dead_founding(link.event, link.left, link)
        return Obstacle(
            Reason(f"LINK_{self.liveness.reason(link.event)}"),
            link.left,
            link.event,
            link,
            withdrawn_by=self.withdrawn_by(link.event),
        )

    def _dead_founding(self, event: EventId, thing: Thing, link: Link | None) -> Obstacle:
        reason = Reason(f"FOUNDING_{self.liveness.reason(event)}")
        return Obstacle(reason, thing, event, link, withdrawn_by=self.withdrawn_by(event))

    def withdrawn_by(self, event: EventId) -> tuple[EventId, ...]:
        """The corrections and retractions that target the event, live ones alone where there are any."""
        return self._withdrawing.get(event, ())


def _engaged(network: Network, founded: Mapping[Thing, frozenset[str]]) -> dict[Thing, frozenset[str]]:
    """By founded consignment the parties of its group: what they say frees its boxes."""
    found: dict[Thing, frozenset[str]] = {}
    for members in set(consignment_groups(founded, network.same).values()):
        parties = frozenset[str]().union(*(founded[member] for member in members))
        found.update(dict.fromkeys(members, engaged_parties(parties, network, members)))
    return found


def _meant(link: Link, at: Micros) -> bool:
    return link.kind not in TIMED or (link.start <= at and (link.end is None or at < link.end))


def _when(claim: Claim) -> tuple[Micros, Micros, Claim]:
    return claim.happened, claim.published, claim


def _rank(obstacle: Obstacle) -> tuple[int, Thing, EventId]:
    return _ORDER[obstacle.reason], obstacle.thing, obstacle.event or b""


def _end(span: Span) -> tuple[Micros, EventId, Thing, Micros]:
    return span.end, span.link.event, span.link.right, span.start


def _start(span: Span) -> tuple[Micros, EventId, Thing, Micros]:
    return span.start, span.link.event, span.link.right, span.end
