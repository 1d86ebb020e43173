"""Whose word counts for a consignment, and which foundings are one consignment.

Engaged are: the founder, whom the founding names, and whom a link names that leads to the consignment and is itself
the word of somebody engaged. Authorities count by territory instead (a property of each claim, judged at admission).
Everybody else is heard, kept and shown as UNENGAGED.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from services.domain.facts import Founding, Link
from services.domain.links import Network
from services.domain.objects import Thing


def founding_parties(foundings: Iterable[Founding]) -> Mapping[Thing, frozenset[str]]:
    """For each founded consignment: its founder and the parties that its founding names."""
    parties: dict[Thing, frozenset[str]] = defaultdict(frozenset)
    for founding in foundings:
        parties[founding.consignment] |= founding.names | {founding.publisher}
    return parties


def engaged(founded: frozenset[str], network: Network, members: frozenset[Thing]) -> frozenset[str]:
    """The fixpoint of naming: ``founded`` and whoever a counted link that leads to ``members`` names, at any depth.

    Links of trains and wagons name nobody: a train carries the cargo of many who do not know one another.
    """
    known = founded
    while True:
        named = frozenset[str]().union(*(link.names for link in network.counted(members, known)))
        if named <= known:
            return known
        known |= named


def groups(founded: Mapping[Thing, frozenset[str]], same: Iterable[Link]) -> Mapping[Thing, frozenset[Thing]]:
    """Which consignments are one: each founded consignment with all that it was declared the same as.

    A declaration counts only if both consignments are founded and its publisher is a party of both foundings, so
    that nobody can merge a stranger's consignment into his own.
    """
    group: dict[Thing, set[Thing]] = {thing: {thing} for thing in founded}
    for link in same:
        left, right = link.left, link.right
        if link.publisher in founded.get(left, ()) and link.publisher in founded.get(right, ()):
            merged = group[left] | group[right]
            for member in merged:
                group[member] = merged
    return {thing: frozenset(members) for thing, members in group.items()}


def canonical(members: Iterable[Thing]) -> Thing:
    """The member by whose id a group is called: the smallest, whatever came first."""
    return min(members, key=lambda thing: thing.id)
