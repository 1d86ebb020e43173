"""Reachability of objects from consignments and the parties engaged there: the domain's rules over rows instead of facts.

The walk is that of ``services.domain.links`` and ``evidence`` without paths and trains, over rows as they were read, since
they are many; a property test compares both walks. Groups and parts are the domain's own functions. The result is one row per
consignment, which the fold of heads reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events.base import ObjectKind
from services.domain.evidence import consignment_groups
from services.domain.facts import FOREVER, SINCE_EVER, Link, LinkKind, Micros
from services.domain.links import partial
from services.domain.objects import Thing

FoundingRow = tuple[bytes, int, Sequence[int]]
"""Of ``foundings``: consignment, publisher, parties named."""
LinkRow = tuple[int, bytes, bytes, Micros, Micros, int, bool, Sequence[int]]
"""Of ``ascend``: kind, left, right, start, effective end, publisher, territorial, parties named."""
_CARRIES, _SAME = int(LinkKind.CONTAINER_CARRIES), int(LinkKind.SAME_CONSIGNMENT)


class Reach(NamedTuple):
    """The row of one consignment; intervals of one object are disjoint and in order, ids and parties sorted."""

    cons: bytes
    founded: bool = False
    engaged: tuple[int, ...] = ()
    objects: Sequence[bytes] = ()  # the object of each interval, [start, until) of ``starts`` and ``untils``
    starts: Sequence[Micros] = ()
    untils: Sequence[Micros] = ()
    held: Sequence[bytes] = ()
    parts: Sequence[bytes] = ()  # documents that do not cover the whole cargo


@dataclass(frozen=True, slots=True)
class Structure:
    """The rows of the requested consignments; ``canonical`` maps each to the one that represents its group."""

    reaches: tuple[Reach, ...]
    canonical: Mapping[bytes, bytes]


def derive_structure(
    consignments: Iterable[bytes], foundings: Iterable[FoundingRow], links: Iterable[LinkRow]
) -> Structure:
    """The structure of ``consignments`` from the live rows of ``foundings`` and ``ascend``. Pure."""
    parties: dict[bytes, set[int]] = defaultdict(set)
    for cons, publisher, names in foundings:
        parties[cons].update((publisher, *names))
    into: dict[bytes, list[LinkRow]] = defaultdict(list)
    same: list[LinkRow] = []
    for row in links:
        if row[0] == _SAME:
            same.append(row)
        else:
            into[row[2]].append(row)
    groups = _groups(parties, same) if same else {}
    reaches: list[Reach] = []
    canonical: dict[bytes, bytes] = {}
    for cons in sorted(set(consignments)):
        members = groups.get(cons) or ((cons,) if cons in parties else ())
        first = canonical[cons] = min(members, default=cons)
        reaches.append(_reach(cons, members, parties, into) if members and cons == first else Reach(cons))
    return Structure(tuple(reaches), canonical)


def _groups(parties: Mapping[bytes, set[int]], same: Iterable[LinkRow]) -> Mapping[bytes, Sequence[bytes]]:
    """The domain's groups, with ids in hex in the place of keys, which rows do not hold."""
    declared = [
        Link(b"", str(row[5]), 0, LinkKind.SAME_CONSIGNMENT, _thing(row[1]), _thing(row[2]), 0, None, row[6])
        for row in same
    ]
    ends = {end for row in same for end in row[1:3]}
    founded = {_thing(end): frozenset(map(str, parties[end])) for end in ends if end in parties}
    groups = consignment_groups(founded, declared)
    return {_id(thing): sorted(map(_id, members)) for thing, members in groups.items()}


def _thing(cons: bytes) -> Thing:
    return Thing(ObjectKind.CONSIGNMENT, cons.hex())


def _id(thing: Thing) -> bytes:
    return bytes.fromhex(thing.key)


def _reach(
    cons: bytes,
    members: Sequence[bytes],
    parties: Mapping[bytes, set[int]],
    into: Mapping[bytes, Sequence[LinkRow]],
) -> Reach:
    known = set[int]().union(*(parties[member] for member in members))
    while True:
        counted, ignored = _counted(members, known, into)
        engaged = known.union(*(row[7] for row in counted))
        if not ignored or engaged == known:
            break
        known = engaged  # a newly named party may have links of its own
    spans: dict[bytes, list[tuple[Micros, Micros]]] = {}
    things = set(members)
    for kind, left, _, start, until, _, _, _ in counted:
        things.add(left)
        if kind == _CARRIES:
            spans.setdefault(left, []).append((start, until))
    objects, starts, untils = [], [], []
    for thing in sorted(things):
        for start, until in _disjoint(spans[thing]) if thing in spans else _ALWAYS:
            objects.append(thing)
            starts.append(start)
            untils.append(until)
    return Reach(
        cons,
        founded=True,
        engaged=tuple(sorted(engaged)),
        objects=objects,
        starts=starts,
        untils=untils,
        held=_held(spans),
        parts=sorted(partial(row[:3] for row in counted)),
    )


def _counted(
    members: Iterable[bytes], known: set[int], into: Mapping[bytes, Sequence[LinkRow]]
) -> tuple[list[LinkRow], bool]:
    """The links to ``members`` that count when ``known`` are engaged, and whether others were ignored.

    Only links of containers are limited in time, and nothing is reached through a container: a link counts for its own interval.
    """
    counted: list[LinkRow] = []
    ignored = False
    todo = list(members)
    seen = set(todo)
    for thing in todo:  # grows on the way
        for row in into.get(thing, ()):
            kind, left, _, start, until, publisher, territorial, _ = row
            if kind == _CARRIES and start >= until:
                continue
            if not territorial and publisher not in known:
                ignored = True
                continue
            counted.append(row)
            if left not in seen:
                seen.add(left)
                todo.append(left)
    return counted, ignored


_ALWAYS = ((SINCE_EVER, FOREVER),)


def _disjoint(spans: Sequence[tuple[Micros, Micros]]) -> Iterable[tuple[Micros, Micros]]:
    """The union of ``spans`` (none is empty) as disjoint intervals; adjacent ones are merged."""
    if len(spans) == 1:
        return spans
    joined: list[tuple[Micros, Micros]] = []
    for start, until in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], until)
        else:
            joined.append((start, until))
    return joined


def _held(spans: Mapping[bytes, Sequence[tuple[Micros, Micros]]]) -> list[bytes]:
    """The containers with an assignment without end; all of them where every assignment has ended."""
    holding = [box for box, known in spans.items() if any(until == FOREVER for _, until in known)]
    return sorted(holding or spans)
