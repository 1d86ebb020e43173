"""Pledged goods that their consignment names no longer: what happened, who published it, since when, by which events."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import NamedTuple

from schemas.events.base import ObjectKind
from services.domain.evidence import consignment_groups, founding_parties
from services.domain.facts import SINCE_EVER, EventId, Link, LinkKind, Micros, counts
from services.domain.links import Network
from services.domain.objects import Thing
from services.financing.domain.pledged_goods import IDENTIFYING, NamedThen, Names, PledgedGoods


class Happened(StrEnum):
    """Why the consignment that was pledged does not name the goods any longer."""

    RETRACTED = "RETRACTED"
    MOVED = "MOVED"
    ENDED = "ENDED"
    EQUIVOCATED = "EQUIVOCATED"
    SPLIT = "SPLIT"
    SET_ASIDE = "SET_ASIDE"


class Unnamed(NamedTuple):
    """A consignment, box or note of pledged goods that is no longer named, and why; ``to`` are the consignments that it was moved to."""

    thing: Thing
    happened: Happened
    publisher: str
    since: Micros
    events: tuple[EventId, ...]
    to: tuple[Thing, ...] = ()


class GoodsUnnamed:
    """What named the goods when they were reserved and when they were pledged, compared with what names them now.

    What named them at both moments is compared as of the later one. A consignment whose founding is gone stands for its boxes and
    notes. Nothing is found where a naming ends after its goods left, or in the future, where a note was issued anew, and where a carrier
    put the goods into another box and the first one's naming ends: ``restowed`` are such boxes with that moment.
    """

    def __init__(self, goods: PledgedGoods) -> None:
        self._goods, self._known = goods, goods.known
        self.restowed: dict[Thing, Micros] = {}
        unnamed = {u for u in self._found() if u.since < goods.pledge.until and u.since <= goods.as_of}
        self.found = tuple(
            sorted(unnamed, key=lambda u: (u.since, u.thing, u.happened, u.publisher, u.events))
        )

    def _found(self) -> Iterator[Unnamed]:
        known, held_now = self._known, self._members()
        later: set[Thing] = set()
        for named in reversed(known.then):
            network, parties = Network(named.links), founding_parties(named.foundings)
            groups = consignment_groups(parties, network.same)
            compared: set[Thing] = set()
            for member in frozenset[Thing]().union(
                *(groups.get(c, ()) for c in self._goods.pledge.consignments)
            ):
                engaging = frozenset[str]().union(*(parties[each] for each in groups[member]))
                then = Names.of(network, frozenset({member}), engaging)
                stands = member in held_now
                if not stands and member not in later:
                    yield from self._founding(member, named)
                now = self._now(held_now, frozenset() if member in known.founded else then.members, engaging)
                ends = {t: e for t, e in then.ends.items() if t.kind in IDENTIFYING and e > named.at}
                for thing in ends.keys() - later:
                    held = now.ends.get(thing)
                    if held is None or held < ends[thing]:
                        found = tuple(self._unless_ordinary(thing, then, now, held))
                        yield from found if stands else ()
                compared |= {member, *ends}
            later |= compared

    def _members(self) -> frozenset[Thing]:
        """The consignments that the pledged ones are one with now."""
        groups = consignment_groups(self._known.founded, self._known.network.same)
        return frozenset[Thing]().union(*(groups.get(c, ()) for c in self._goods.pledge.consignments))

    def _now(self, members: frozenset[Thing], unfounded: frozenset[Thing], engaging: frozenset[str]) -> Names:
        """What names ``members`` now, and the ``unfounded`` one as if it had its founding still, with the parties ``engaging``."""
        parties = frozenset[str]().union(*(self._known.founded[each] for each in members))
        return Names.of(
            self._known.network, members | unfounded, parties | (engaging if unfounded else frozenset())
        )

    def _founding(self, member: Thing, named: NamedThen) -> Iterator[Unnamed]:
        """Why a consignment is none of those pledged any longer."""
        if member not in self._known.founded:
            for founding in named.foundings:
                if founding.consignment == member:
                    yield self._withdrawn(member, founding.event, founding.publisher)
            return
        for link in named.links:
            if link.kind is LinkKind.SAME_CONSIGNMENT and member in (link.left, link.right):
                split = self._withdrawn(member, link.event, link.publisher)
                yield split._replace(happened=Happened.SPLIT)

    def _unless_ordinary(
        self, thing: Thing, then: Names, now: Names, held: Micros | None
    ) -> Iterator[Unnamed]:
        for unnamed in self._why(thing, then, now, held):
            if unnamed.happened is Happened.ENDED and held is not None and self._restowed(thing, then, now):
                self.restowed[thing] = held
            elif held is not None and (held >= self._goods.gone(thing) or held > self._goods.as_of):
                continue
            elif not self._issued_anew(thing, now):
                yield unnamed

    def _why(self, thing: Thing, then: Names, now: Names, held: Micros | None) -> Iterator[Unnamed]:
        """What became of each link that named ``thing``; of one to a booking that stands, of the booking."""
        known = self._known
        for link in known.links_then:
            if link.left != thing or link.right not in then.ends or not counts(link, then.engaged):
                continue
            if not known.live(link.event):
                yield self._replacement(link, then, held) or self._withdrawn(
                    thing, link.event, link.publisher
                )
                continue
            onward = [
                other
                for other in known.links
                if (other.left, other.publisher, other.start) == (thing, link.publisher, held)
            ]
            if onward:
                yield self._moved(link, onward, held)
            elif link.right.kind is ObjectKind.BOOKING:
                yield from (each._replace(thing=thing) for each in self._why(link.right, then, now, held))
            elif not counts(link, now.engaged):
                # Its publisher is no party any longer: by what founds the consignment now.
                for founding in known.foundings - known.foundings_then:
                    if founding.consignment in then.members:
                        yield self._replaced(
                            thing, Happened.RETRACTED, founding.publisher, {founding.event}, held
                        )

    def _replacement(self, link: Link, then: Names, held: Micros | None) -> Unnamed | None:
        """What its publisher says of the same object instead of a dead ``link``: an end, or another consignment."""
        present = [
            each
            for each in self._known.links
            if (each.kind, each.left, each.publisher) == (link.kind, link.left, link.publisher)
        ]
        ended = {each.event for each in present if each.right == link.right}
        if ended and held is not None:
            return self._replaced(link.left, Happened.ENDED, link.publisher, ended, held)
        withdrawing = self._withdrawing(link.event)
        moved = [each for each in present if each.right not in then.ends and each.event in withdrawing]
        return self._moved(link, moved, held) if moved else None

    def _moved(self, link: Link, onward: Collection[Link], held: Micros | None) -> Unnamed:
        """What ``link`` named goes by ``onward`` now, and to these consignments."""
        moved = self._replaced(
            link.left, Happened.MOVED, link.publisher, {each.event for each in onward}, held
        )
        found, todo = set[Thing](), {each.right for each in onward}
        while todo := todo - found:
            found |= todo
            papers = {thing for thing in todo if thing.kind is not ObjectKind.CONSIGNMENT}
            todo = {each.right for each in self._known.links if each.left in papers}
        return moved._replace(to=tuple(sorted(t for t in found if t.kind is ObjectKind.CONSIGNMENT)))

    def _replaced(
        self,
        thing: Thing,
        happened: Happened,
        publisher: str,
        events: Collection[EventId],
        held: Micros | None,
    ) -> Unnamed:
        since = max(self._known.since(events), SINCE_EVER if held is None else held)
        return Unnamed(thing, happened, publisher, since, tuple(sorted(events)))

    def _withdrawn(self, thing: Thing, event: EventId, publisher: str) -> Unnamed:
        known = self._known
        if event in known.aside:
            since = max(self._goods.pledge.since, known.since([event]))
            return Unnamed(thing, Happened.SET_ASIDE, publisher, since, (event,))
        if event in known.now.equivocated:
            second = sorted(known.contents[event].values())[1]
            return Unnamed(thing, Happened.EQUIVOCATED, publisher, second, (event,))
        by = self._withdrawing(event)
        since = max((known.since([each]) for each in by), default=self._goods.pledge.since)
        return Unnamed(thing, Happened.RETRACTED, publisher, since, tuple(sorted({event, *by})))

    def _withdrawing(self, event: EventId) -> set[EventId]:
        """The events that correct or retract ``event``, or what corrects it, at any depth."""
        found: set[EventId] = set()
        while more := {w.event for w in self._known.facts.withdrawals if w.target in {event, *found}} - {
            event,
            *found,
        }:
            found |= more
        return found

    def _restowed(self, thing: Thing, then: Names, now: Names) -> bool:
        """Whether somebody other than a founder has since named another box for the same cargo."""
        founders = {f.publisher for f in self._known.foundings_then if f.consignment in then.members}
        return thing.kind is ObjectKind.CONTAINER and any(
            link.kind is LinkKind.CONTAINER_CARRIES
            and link.left not in then.ends
            and link.right in now.ends
            and link.publisher not in founders
            and counts(link, now.engaged)
            for link in self._known.links
        )

    def _issued_anew(self, thing: Thing, now: Names) -> bool:
        """Whether a note that names the cargo now was issued in the place of ``thing``."""
        return any(
            link.kind is LinkKind.NOTE_REISSUED and link.right == thing and link.left in now.ends
            for link in self._known.links
        )
