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
from services.domain.facts import FOREVER, FREEING, SINCE_EVER, Link, LinkKind, Micros
from services.domain.freeing import closing
from services.domain.links import partial
from services.domain.objects import Thing

FoundingRow = tuple[bytes, int, Sequence[int]]
"""Of ``foundings``: consignment, publisher, parties named."""
LinkRow = tuple[int, bytes, bytes, Micros, Micros, int, bool, Sequence[int], bool]
"""Of ``ascend``: kind, left, right, start, effective end, publisher, territorial, parties named, whether its end was left open."""
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
    freeing: dict[bytes, list[LinkRow]] = defaultdict(list)
    same: list[LinkRow] = []
    for row in links:
        if row[0] == _SAME:
            same.append(row)
        elif row[0] in FREEING:
            freeing[row[2]].append(row)
        else:
            into[row[2]].append(row)
    groups = _groups(parties, same) if same else {}
    reaches: list[Reach] = []
    canonical: dict[bytes, bytes] = {}
    for cons in sorted(set(consignments)):
        members = groups.get(cons) or ((cons,) if cons in parties else ())
        first = canonical[cons] = min(members, default=cons)
        reaches.append(
            _reach(cons, members, parties, into, freeing) if members and cons == first else Reach(cons)
        )
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
    freeing: Mapping[bytes, Sequence[LinkRow]],
) -> Reach:
    known = set[int]().union(*(parties[member] for member in members))
    while True:
        counted, ignored = _counted(members, known, into)
        engaged = known.union(*(row[7] for row in counted))
        if not ignored or engaged == known:
            break
        known = engaged  # a newly named party may have links of its own
    things = {*members, *(row[1] for row in counted)}
    documents = sorted(partial(row[:3] for row in counted))
    boxes = [row for row in counted if row[0] == _CARRIES]
    whole = (things - {row[1] for row in boxes}).difference(documents) if freeing else set[bytes]()
    spans: dict[bytes, list[tuple[Micros, Micros]]] = {}
    for row in boxes:
        facts = [f for thing in {row[1], row[2], *whole} for f in freeing.get(thing, ()) if f[3] < row[4]]
        spans.setdefault(row[1], []).append(_in_force(row, facts, engaged) if facts else row[3:5])
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
        held=_held(boxes),
        parts=documents,
    )


def _in_force(row: LinkRow, facts: Iterable[LinkRow], engaged: set[int]) -> tuple[Micros, Micros]:
    """The interval of an assignment that counts, as far as ``facts`` about its box or its cargo do not free the box."""
    _, _, _, start, until, publisher, _, _, left_open = row
    known = sorted((f[3], f[0], f[6] or f[5] in engaged or f[5] == publisher) for f in facts)
    begun, end, last = closing(start, known)
    return begun, end if last is not None and left_open else until


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
            kind, left, _, start, until, publisher, territorial, _, _ = row
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


def _held(boxes: Iterable[LinkRow]) -> list[bytes]:
    """The containers with an assignment without end, delivered or not; all of them where every assignment has ended."""
    until: dict[bytes, Micros] = {}
    for row in boxes:
        until[row[1]] = max(row[4], until.get(row[1], SINCE_EVER))
    return sorted([box for box, end in until.items() if end == FOREVER] or until)
