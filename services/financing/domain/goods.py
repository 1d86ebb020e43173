"""The goods under a pledge: by which boxes, notes and declarations they are known, whatever is said of them later.

An interest is in goods, not in a number. What names the goods when they are pledged names them until the pledge ends: no
later word that takes a link back, ends it or moves a box elsewhere takes anything away; what is named further comes in
addition. What was put right before the pledge is none of its goods.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from schemas.events.base import ObjectKind
from services.domain import engagement
from services.domain.facts import FOREVER, EventId, Facts, LinkKind, Micros
from services.domain.links import RIDES, Network
from services.domain.liveness import judge
from services.domain.objects import Thing

UNSEEN: Micros = 15 * 60 * 1_000_000
"""What reached the broker so shortly before a pledge may not have been seen by it, and counts as later."""
_ORDER = (ObjectKind.CONTAINER, ObjectKind.NOTE, ObjectKind.DECLARATION, ObjectKind.CONSIGNMENT)
_NAMING = frozenset(LinkKind) - RIDES - {LinkKind.SAME_TRAIN}


class Report(NamedTuple):
    """What one accepted event states, and since when the platform knows it (UTC microseconds)."""

    known: Micros
    facts: Facts


def goods(reports: Iterable[Report], consignments: Collection[Thing], since: Micros) -> frozenset[Thing]:
    """What names the goods of ``consignments`` from the moment ``since`` on: boxes, notes, declarations, and consignments.

    Links count that are live as of then or now, by the word of engaged parties, unless they say themselves that they ended
    by then: that a box is named elsewhere ends nothing. The result does not depend on the order of ``reports``.
    """
    every = tuple(reports)
    facts = Facts.union(report.facts for report in every)
    then = Facts.union(report.facts for report in every if report.known <= since - UNSEEN)
    now, before = judge(facts.withdrawals, facts.equivocated), judge(then.withdrawals, then.equivocated)

    def stands(event: EventId) -> bool:
        return now.live(event) or before.live(event)

    links = (link for link in facts.links if link.kind in _NAMING and stands(link.event))
    network = Network(link._replace(end=FOREVER) if link.end is None else link for link in links)
    founded = engagement.founding_parties(f for f in facts.foundings if stands(f.event))
    groups = engagement.groups(founded, network.same)
    members = frozenset(consignments).union(*(groups[thing] for thing in consignments if thing in groups))
    parties = frozenset[str]().union(*(founded.get(member, frozenset()) for member in members))
    paths = network.paths(members, engagement.engaged(parties, network, members))
    return frozenset(
        path.thing for path in paths if path.counted and path.end > since and path.thing.kind in _ORDER
    )


def in_order(things: Iterable[Thing]) -> tuple[Thing, ...]:
    """Boxes first, then notes, declarations and consignments, each by its key."""
    return tuple(sorted(things, key=lambda thing: (_ORDER.index(thing.kind), thing.key)))
