"""What reaches a consignment and whose word counts there: the core's rules over rows instead of over facts.

The walk, the fixpoint of engagement and the groups are the core's own functions; objects and parties go under the
names that rows have for them. The result is one row per consignment that the fold of heads reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.events.base import ObjectKind
from services.core import engagement
from services.core.facts import FOREVER, SINCE_EVER, TIMED, Link, LinkKind, Micros
from services.core.links import Network, Path
from services.core.objects import Thing
from services.core.parts import parts


@dataclass(frozen=True, slots=True)
class Reach:
    """The row of one consignment; intervals of one object are disjoint and in order, ids and parties sorted."""

    cons: bytes
    founded: bool = False
    engaged: tuple[int, ...] = ()
    ways: tuple[tuple[bytes, Micros, Micros], ...] = ()
    held: tuple[bytes, ...] = ()
    parts: tuple[bytes, ...] = ()  # papers that do not speak for the whole cargo


@dataclass(frozen=True, slots=True)
class Structure:
    """The rows of all consignments that were asked for; ``canonical`` maps each to the one its group is kept at."""

    reaches: tuple[Reach, ...]
    canonical: Mapping[bytes, bytes]


def derive_structure(
    consignments: Iterable[bytes], foundings: Iterable[Sequence[Any]], links: Iterable[Sequence[Any]]
) -> Structure:
    """Apply the core to rows of ``foundings.sql`` and ``ascend.sql`` (live ones only). Pure."""
    parties: dict[Thing, frozenset[str]] = defaultdict(frozenset)
    for cons, publisher, names in foundings:
        parties[_thing(ObjectKind.CONSIGNMENT, cons)] |= {str(publisher), *map(str, names)}
    network = Network(dict.fromkeys(map(_link, links)))
    groups = engagement.groups(parties, network.same)
    reaches: list[Reach] = []
    canonical: dict[bytes, bytes] = {}
    for cons in sorted(set(consignments)):
        members = groups.get(_thing(ObjectKind.CONSIGNMENT, cons))
        if members is None:
            canonical[cons] = cons
            reaches.append(Reach(cons))
            continue
        first = min(_id(member) for member in members)
        canonical[cons] = first
        if cons != first:
            reaches.append(Reach(cons))
            continue
        reaches.append(_reach(cons, members, parties, network))
    return Structure(tuple(reaches), canonical)


def _reach(
    cons: bytes,
    members: frozenset[Thing],
    parties: Mapping[Thing, frozenset[str]],
    network: Network,
) -> Reach:
    founded = frozenset[str]().union(*(parties[m] for m in members))
    engaged = engagement.engaged(founded, network, members)
    counted = [path for path in network.paths(members, engaged) if path.counted]
    return Reach(
        cons=cons,
        founded=True,
        engaged=tuple(sorted(map(int, engaged))),
        ways=tuple(_ways(counted)),
        held=tuple(sorted(_held(counted))),
        parts=tuple(sorted(map(_id, parts(network.counted(members, engaged))))),
    )


def _ways(paths: Iterable[Path]) -> Iterable[tuple[bytes, Micros, Micros]]:
    """The moments at which each object reaches, as disjoint intervals."""
    spans: dict[bytes, list[tuple[Micros, Micros]]] = defaultdict(list)
    for path in paths:
        spans[_id(path.thing)].append((path.start, path.end))
    for thing in sorted(spans):
        begin, stop = SINCE_EVER, SINCE_EVER
        for start, end in sorted(spans[thing]):
            if start > stop:
                if begin < stop:
                    yield thing, begin, stop
                begin = start
            stop = max(stop, end)
        if begin < stop:
            yield thing, begin, stop


def _held(counted: Iterable[Path]) -> set[bytes]:
    """The boxes whose assignment by some publisher has no end; all of them where the cargo has left every one."""
    boxes: dict[bytes, bool] = {}
    for path in counted:
        if path.thing.kind is ObjectKind.CONTAINER:
            box = _id(path.thing)
            boxes[box] = boxes.get(box, False) or path.end == FOREVER
    return {box for box, holds in boxes.items() if holds} or set(boxes)


def _thing(kind: int, id_: bytes) -> Thing:
    # The key is known to nobody here; the id's digits stand for it, and ``_id`` reads them back.
    return Thing(_OBJECTS[kind], id_.hex())


def _id(thing: Thing) -> bytes:
    return bytes.fromhex(thing.key)


_OBJECTS = {int(kind): kind for kind in ObjectKind}  # a look-up costs a fifth of the enumeration's own
_LINKS = {int(kind): kind for kind in LinkKind}
_LEFT = {
    LinkKind.CONTAINER_CARRIES: ObjectKind.CONTAINER,
    LinkKind.NOTE_COVERS: ObjectKind.NOTE,
    LinkKind.BOOKING_OF: ObjectKind.BOOKING,
    LinkKind.NOTE_REISSUED: ObjectKind.NOTE,
    LinkKind.DECLARATION_COVERS: ObjectKind.DECLARATION,
    LinkKind.SAME_CONSIGNMENT: ObjectKind.CONSIGNMENT,
    LinkKind.SAME_DECLARATION: ObjectKind.DECLARATION,
}


def _link(row: Sequence[Any]) -> Link:
    """The link in force until its effective end."""
    number, left, right, right_kind, start, until, publisher, territorial, shared, names = row
    kind = _LINKS[number]
    return Link(
        event=b"",
        publisher=str(publisher),
        published=0,
        kind=kind,
        left=_thing(_LEFT[kind], left),
        right=_thing(right_kind, right),
        start=start,
        end=until if kind in TIMED and until != FOREVER else None,
        territorial=territorial,
        shared=shared,
        names=frozenset(map(str, names)),
    )
