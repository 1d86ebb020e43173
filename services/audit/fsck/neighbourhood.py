"""The facts around some consignments, from state rows that were compared with their events.

Rows carry digests instead of names. The domain only compares names, so digests serve it as well: an object
is called by its id's digits, a party and a place by their numbers, and the slot's number stands for the occurrence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.audit.fsck.events import Evidence
from services.audit.fsck.expected_rows import FIELDS, Values
from services.audit.fsck.liveness import DeadEvents
from services.audit.fsck.snapshot import Snapshot
from services.domain.facts import TIMED, Assurance, Claim, Facts, Founding, Link, LinkKind
from services.domain.objects import Thing
from services.domain.rules import borders
from services.ledger.storage.arrays import uuids
from services.ledger.storage.term_numbers import join_id, term_number

_OF_RIDES = (LinkKind.WAGON_CARRIES, LinkKind.TRAIN_CARRIES, LinkKind.SAME_TRAIN, LinkKind.UNLOADED)
_LEFT = {
    LinkKind.CONTAINER_CARRIES: ObjectKind.CONTAINER,
    LinkKind.NOTE_COVERS: ObjectKind.NOTE,
    LinkKind.BOOKING_OF: ObjectKind.BOOKING,
    LinkKind.NOTE_REISSUED: ObjectKind.NOTE,
    LinkKind.DECLARATION_COVERS: ObjectKind.DECLARATION,
    LinkKind.SAME_CONSIGNMENT: ObjectKind.CONSIGNMENT,
    LinkKind.SAME_DECLARATION: ObjectKind.DECLARATION,
}
"""The kind of the left end; what frees an object names it on both sides."""


def _select(table: str, column: str, more: str = "") -> str:
    columns = ", ".join(f"t.{name}" for name in ("no", *FIELDS[table]))
    return (
        f"SELECT {columns} FROM unnest(%(ids)s::uuid[]) AS n (id) "  # noqa: S608
        f"JOIN {table} t ON t.{column} = n.id {more}"
    )


_KIND = FIELDS["link"].index("kind")
_INTO = _select("link", "right_id", "WHERE t.kind NOT IN (6, 7, 9, 11)")
_RIVALS = _select("link", "carried", "WHERE t.kind = 1")
_CLAIMS = _select("claim", "object")
_FOUNDINGS = _select("founding", "cons")


@dataclass(slots=True)
class Neighbourhood:
    """Live rows around some consignments, as facts by the object that they are found at."""

    claims: Mapping[Thing, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    into: Mapping[Thing, list[Link]] = field(default_factory=lambda: defaultdict(list))
    rivals: Mapping[Thing, list[Link]] = field(default_factory=lambda: defaultdict(list))
    foundings: Mapping[Thing, list[Founding]] = field(default_factory=lambda: defaultdict(list))
    numbers: set[int] = field(default_factory=set)
    """Of the events of all rows."""

    def facts(self, members: Iterable[Thing]) -> Facts:
        """What may concern the group of ``members`` other than by train."""
        founded = [founding for member in members for founding in self.foundings.get(member, ())]
        links: set[Link] = set()
        seen, todo = set(members), list(members)
        while todo:
            thing = todo.pop()
            for link in self.into.get(thing, ()):
                links.add(link)
                if link.left not in seen and link.kind is not LinkKind.SAME_CONSIGNMENT:
                    seen.add(link.left)
                    todo.append(link.left)
            links.update(self.rivals.get(thing, ()))
        claims = frozenset(claim for thing in seen for claim in self.claims.get(thing, ()))
        return Facts(claims=claims, links=frozenset(links), foundings=frozenset(founded))


class NeighbourhoodReader:
    """Reads neighbourhoods in one snapshot, with damaged rows replaced by those that should be there."""

    def __init__(self, snapshot: Snapshot, evidence: Evidence, dead: DeadEvents) -> None:
        self._snapshot = snapshot
        self._skipped = evidence.damaged | dead.numbers
        self._repaired: dict[tuple[str, str, bytes], list[Values]] = defaultdict(list)
        for table, column in (
            ("link", "right_id"),
            ("link", "carried"),
            ("claim", "object"),
            ("founding", "cons"),
        ):
            place = FIELDS[table].index(column)
            for no, values in evidence.repaired.get(table, ()):
                if table == "link" and values[_KIND] in _OF_RIDES:
                    continue  # of a train or wagon: neither heads nor reach depend on it
                if no not in dead.numbers and values[place] is not None:
                    self._repaired[table, column, values[place]].append(values)

    def around(self, consignments: Iterable[bytes]) -> Neighbourhood:
        """The neighbourhood of ``consignments``; a few statements for each level of the way up."""
        found = Neighbourhood()
        first = {_thing(ObjectKind.CONSIGNMENT, cons) for cons in consignments}
        for row in self._rows("founding", "cons", _FOUNDINGS, first, found.numbers):
            founding = _founding(row)
            found.foundings[founding.consignment].append(founding)
        seen, level = set(first), first
        while level:
            above: set[Thing] = set()
            for row in self._rows("link", "right_id", _INTO, level, found.numbers):
                link = _link(row)
                found.into[link.right].append(link)
                if link.kind is not LinkKind.SAME_CONSIGNMENT:
                    above.add(link.left)
            level = above - seen
            seen |= level
        boxes = {thing for thing in seen if thing.kind is ObjectKind.CONTAINER}
        for row in self._rows("link", "carried", _RIVALS, boxes, found.numbers):
            link = _link(row)
            found.rivals[link.left].append(link)
        for row in self._rows("claim", "object", _CLAIMS, seen, found.numbers):
            claim = claim_of(row)
            found.claims[claim.thing].append(claim)
        return found

    def _rows(
        self, table: str, column: str, query: str, things: Iterable[Thing], numbers: set[int]
    ) -> Iterable[Values]:
        ids = sorted({bytes.fromhex(thing.key) for thing in things})
        if not ids:
            return
        for no, *values in self._snapshot.rows(query, {"ids": uuids(ids)}):
            numbers.add(no)
            if no not in self._skipped:
                yield tuple(values)
        for id_ in ids:
            yield from self._repaired.get((table, column, id_), ())


def _thing(kind: int, id_: bytes) -> Thing:
    return Thing(ObjectKind(kind), id_.hex())


def claim_of(values: Values) -> Claim:
    """The claim of a row, as far as heads depend on it; one that neither moves nor opens nor closes counts as planned."""
    row = dict(zip(FIELDS["claim"], values, strict=True))
    fact = row["part"] != 0 or row["episode"] != 0
    number = row["jurisdiction"]
    return Claim(
        event=join_id(row["event_hi"], row["event_lo"]),
        publisher=str(row["publisher"]),
        published=row["published"],
        happened=row["happened"],
        thing=_thing(row["kind"], row["object"]),
        milestone=row["milestone"],
        region=catalogue.by_number(row["milestone"]).region,
        jurisdiction=chr(number >> 8) + chr(number & 255) if number else "",
        place=_place(row["place"]),
        occurrence=str(row["slot"]),
        classifier=Classifier.ACT if fact else Classifier.PLN,
        assurance=Assurance(row["assurance"]),
        territorial=row["territorial"],
        stop=_place(row["stop"]),
    )


def _place(number: int) -> str:
    return _BORDER_PLACES.get(number, str(number)) if number else ""


_BORDER_PLACES = {term_number(place): place for place in borders()}
"""The only places that the domain does not only compare."""


def _link(values: Values) -> Link:
    row = dict(zip(FIELDS["link"], values, strict=True))
    kind = LinkKind(row["kind"])
    return Link(
        event=b"",
        publisher=str(row["publisher"]),
        published=0,
        kind=kind,
        left=_thing(_LEFT.get(kind, row["right_kind"]), row["left_id"]),
        right=_thing(row["right_kind"], row["right_id"]),
        start=row["start_at"],
        end=row["end_at"] if kind in TIMED else None,
        territorial=row["territorial"],
        shared=row["shared"],
        names=frozenset(map(str, row["names"])),
    )


def _founding(values: Values) -> Founding:
    cons, publisher, names = values
    return Founding(b"", str(publisher), 0, _thing(ObjectKind.CONSIGNMENT, cons), frozenset(map(str, names)))
