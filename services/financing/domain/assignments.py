"""Whether what names the cargo counts for money: its boxes, notes and declarations are confirmed, uncontested or contested.

Contested: a link of another publisher assigns the same object (or the booking by which it leads here), at a time that overlaps,
to a consignment that is not declared the same. Its publisher is a party of either consignment: the link of anybody else contests
nothing. Two that share a consolidated box do not contradict one another, nor do two links of one publisher.

Confirmed: the carrier (a registered railway that is engaged in the consignment) or the authority of the place says so:

- by its own link that assigns the box or note to the consignment, or
- by a fact that names the object beside the consignment, or
- by a fact (a loading list, a hand-over list, a customs decision) that names the box beside a note of the consignment, or the
  declaration beside a note, where what is beside it is itself not contested. A list with the notes of several consignments does not
  say which box is under which.

Where carriers confirm both of two, none counts. Facts count as they are known at the decision; holds are not judged again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from schemas.events.base import Classifier, ObjectKind
from services.domain.evidence import consignment_groups, engaged_parties, founding_parties
from services.domain.facts import Claim, EventId, Facts, LinkKind, Micros, counts
from services.domain.links import Network, Path, Span
from services.domain.liveness import judge
from services.domain.objects import Thing

LEADING = frozenset(
    {
        LinkKind.CONTAINER_CARRIES,
        LinkKind.NOTE_COVERS,
        LinkKind.NOTE_REISSUED,
        LinkKind.BOOKING_OF,
        LinkKind.DECLARATION_COVERS,
    }
)
"""Links by which a box, a paper or a booking is assigned."""
_PARTNER = {
    ObjectKind.CONTAINER: ObjectKind.NOTE,
    ObjectKind.NOTE: ObjectKind.CONTAINER,
    ObjectKind.DECLARATION: ObjectKind.NOTE,
}
_PAPERS = frozenset({ObjectKind.NOTE, ObjectKind.BOOKING, ObjectKind.CONSIGNMENT})


class AssignmentState(StrEnum):
    """What is known of an assignment. Of a REFUTED one a carrier confirms the contradicting assignment instead."""

    CONFIRMED = "CONFIRMED"
    UNCONTESTED = "UNCONTESTED"
    CONTESTED = "CONTESTED"
    REFUTED = "REFUTED"

    @property
    def in_doubt(self) -> bool:
        """Whether somebody contradicts it and no carrier settles that in its favour."""
        return self in (AssignmentState.CONTESTED, AssignmentState.REFUTED)


class KnownAssignments(NamedTuple):
    """The facts by which assignments are judged, and the parties among their publishers that are registered as railways."""

    facts: Facts = Facts()
    railways: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Group:
    """One group of consignments with its parties and what counts as leading to it."""

    members: frozenset[Thing]
    engaged: frozenset[str]
    paths: Mapping[Thing, tuple[Path, ...]]


class Assignments:
    """The assignments as known at a moment, by the facts about the cargo and about all that its boxes and papers lead to."""

    def __init__(self, known: KnownAssignments, at: Micros) -> None:
        facts = known.facts
        liveness = judge(facts.withdrawals, facts.equivocated)
        self._railways = known.railways
        self._founded = founding_parties(f for f in facts.foundings if liveness.live(f.event))
        live = (link for link in facts.links if liveness.live(link.event))
        self._network = Network(live, self._founded)
        self._same = consignment_groups(self._founded, self._network.same)
        self._stated: dict[EventId, list[Claim]] = defaultdict(list)
        self._about: dict[Thing, set[EventId]] = defaultdict(set)
        for claim in facts.claims:
            if claim.classifier is Classifier.ACT and claim.happened <= at and liveness.live(claim.event):
                self._stated[claim.event].append(claim)
                if claim.thing.kind in _PARTNER:
                    self._about[claim.thing].add(claim.event)
        self._groups: dict[frozenset[Thing], _Group] = {}
        self._reached: dict[Thing, frozenset[Thing]] = {}

    def of(self, consignments: Collection[Thing]) -> Mapping[Thing, AssignmentState]:
        """The boxes, notes and declarations of the group of ``consignments``, or its bookings where it has none of these."""
        group = self._group(consignments)
        named = [thing for thing in group.paths if thing.kind in _PARTNER]
        named = named or [thing for thing in group.paths if thing.kind is ObjectKind.BOOKING]
        return {thing: self._state(thing, group) for thing in named}

    def _state(self, thing: Thing, group: _Group) -> AssignmentState:
        rivals = self._rivals(thing, group)
        confirmed = self._confirmed(thing, group)
        if not rivals:
            return AssignmentState.CONFIRMED if confirmed else AssignmentState.UNCONTESTED
        others = any(self._confirmed(thing, self._group(rival)) for rival in rivals)
        if others:
            return AssignmentState.CONTESTED if confirmed else AssignmentState.REFUTED
        return AssignmentState.CONFIRMED if confirmed else AssignmentState.CONTESTED

    def _group(self, consignments: Collection[Thing]) -> _Group:
        members = frozenset(consignments).union(*(self._same.get(thing, ()) for thing in consignments))
        found = self._groups.get(members)
        if found is None:
            parties = frozenset[str]().union(*(self._founded.get(m, frozenset()) for m in members))
            engaged = engaged_parties(parties, self._network, members)
            paths: dict[Thing, list[Path]] = defaultdict(list)
            for path in self._network.paths(members, engaged):
                if path.counted and not path.thing.rides:
                    paths[path.thing].append(path)
            found = _Group(members, engaged, {thing: tuple(each) for thing, each in paths.items()})
            self._groups[members] = found
        return found

    def _reach(self, thing: Thing) -> frozenset[Thing]:
        """The founded consignments that ``thing`` leads to by live links of any time."""
        known = self._reached.get(thing)
        if known is None:
            seen, todo = {thing}, [thing]
            while todo:
                for span in self._leaving(todo.pop()):
                    if span.link.right not in seen:
                        seen.add(span.link.right)
                        todo.append(span.link.right)
            known = self._reached[thing] = frozenset(t for t in seen if t in self._founded)
        return known

    def _leaving(self, thing: Thing) -> list[Span]:
        """The links by which ``thing`` is assigned to something, as long as they are in force."""
        found = self._network.onward(thing)
        return [span for span in found if span.link.kind in LEADING and span.start < span.end]

    def _rivals(
        self, thing: Thing, group: _Group, seen: frozenset[Thing] = frozenset()
    ) -> frozenset[frozenset[Thing]]:
        """The other groups to which somebody else assigns ``thing``, or what it leads to ``group`` by."""
        leaving = self._leaving(thing)
        own = [
            s for s in leaving if counts(s.link, group.engaged) and self._reach(s.link.right) & group.members
        ]
        found: set[frozenset[Thing]] = set()
        for rival in leaving:
            reached = self._reach(rival.link.right)
            if reached & group.members or not any(_contradict(one, rival) for one in own):
                continue
            for other in {self._same[consignment] for consignment in reached}:
                if counts(rival.link, group.engaged | self._group(other).engaged):
                    found.add(other)
        for span in own:
            right = span.link.right
            if right not in group.members and right not in seen:
                found |= self._rivals(right, group, seen | {thing})
        return frozenset(found)

    def _confirmed(self, thing: Thing, group: _Group) -> bool:
        if self._directly(thing, group):
            return True
        partner = _PARTNER.get(thing.kind)
        for event in self._about.get(thing, ()):
            if not self._signs(event, thing, group):
                continue
            named = {claim.thing for claim in self._stated[event]}
            papers = {other for other in named if other.kind in _PAPERS}
            beside = {other for other in named if other.kind is partner}
            if (
                beside
                and papers | beside <= group.paths.keys()
                and any(self._clear(p, group) for p in beside)
            ):
                return True
        return False

    def _clear(self, thing: Thing, group: _Group) -> bool:
        return not self._rivals(thing, group) or self._directly(thing, group)

    def _directly(self, thing: Thing, group: _Group) -> bool:
        for span in self._leaving(thing):
            reached = self._reach(span.link.right)
            carrier = span.link.publisher in self._railways & group.engaged
            if reached and reached <= group.members and (span.link.territorial or carrier):
                return True
        for event in self._about.get(thing, ()):
            if self._signs(event, thing, group):
                named = {c.thing for c in self._stated[event] if c.thing.kind is ObjectKind.CONSIGNMENT}
                if named and named <= group.members:
                    return True
        return False

    def _signs(self, event: EventId, thing: Thing, group: _Group) -> bool:
        """Whether the carrier or the authority of the place states the event while ``thing`` is assigned to ``group``."""
        carriers = self._railways & group.engaged
        return any(
            claim.thing == thing
            and (claim.territorial or claim.publisher in carriers)
            and any(path.holds(claim.happened) for path in group.paths.get(thing, ()))
            for claim in self._stated[event]
        )


def _contradict(one: Span, other: Span) -> bool:
    """Whether two publishers' links say different things of one object at one time; shared boxes may be in two consignments."""
    shared = one.link.shared and other.link.shared and one.link.kind is LinkKind.CONTAINER_CARRIES
    return (
        one.link.publisher != other.link.publisher
        and not shared
        and one.start < other.end
        and other.start < one.end
    )
