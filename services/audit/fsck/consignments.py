"""Reach and head of every consignment, computed by the core from its facts and compared with what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.events.base import ObjectKind
from services.audit.fsck.earlier import Earlier
from services.audit.fsck.finding import REBUILD, Damage, Notebook
from services.audit.fsck.groups import Group
from services.audit.fsck.names import Names
from services.audit.fsck.neighbourhood import Neighbourhood, Surveyor
from services.audit.fsck.passes import INFRASTRUCTURE
from services.audit.fsck.snapshot import Snapshot
from services.domain import derive
from services.domain.evidence import Gathered, gather
from services.domain.facts import FOREVER, SINCE_EVER, Claim, Facts
from services.domain.head import Head, Stage, head
from services.domain.links import Path
from services.domain.objects import Thing
from services.ledger.storage.arrays import uuids
from services.ledger.storage.term_numbers import split_id

CHUNK = 200
HEAD_FIELDS = (
    "founded", "boxes", "behind", "disputes", "exceptions", "movement", "cn", "eaeu", "eu", "other", "document",
)  # fmt: skip
REACH_FIELDS = ("founded", "engaged", "objects", "starts", "untils", "held", "parts")
_NONE: dict[str, Any] = (
    dict.fromkeys(HEAD_FIELDS[5:]) | dict.fromkeys(HEAD_FIELDS[1:5], 0) | {"founded": False}
)
_NOWHERE: dict[str, Any] = {"founded": False, **dict.fromkeys(REACH_FIELDS[1:], ())}
_BROKEN = (
    "Its fold failed; look for the error in the worker's log, and mend it by a refold when that is corrected."
)


def consignments(snapshot: Snapshot, chunk: int = CHUNK) -> Iterator[list[bytes]]:
    """All consignments that were founded or have a row of reach or head, in order of ids, in chunks."""
    last = bytes(16)
    while True:
        found = [
            row[0]
            for row in snapshot.rows(
                "SELECT cons FROM ("
                "(SELECT DISTINCT cons FROM founding WHERE cons > %(last)s ORDER BY cons LIMIT %(most)s) UNION "
                "(SELECT cons FROM reach WHERE cons > %(last)s ORDER BY cons LIMIT %(most)s) UNION "
                "(SELECT cons FROM head WHERE cons > %(last)s ORDER BY cons LIMIT %(most)s)"
                ") AS c ORDER BY cons LIMIT %(most)s",
                {"last": last.hex(), "most": chunk},
            )
        ]
        if not found:
            return
        yield found
        last = found[-1]


class _Read(NamedTuple):
    """What is read for some consignments: the groups that they are in, the facts around these, and the stored rows."""

    members: Mapping[bytes, Group]
    around: Neighbourhood
    reaches: Mapping[bytes, dict[str, Any]]
    heads: Mapping[bytes, dict[str, Any]]


class ConsignmentPass:
    """Checks consignments in one snapshot; those in ``waiting`` may rightly be old, and are only counted."""

    def __init__(
        self,
        snapshot: Snapshot,
        surveyor: Surveyor,
        groups: Mapping[bytes, Group],
        waiting: frozenset[bytes],
        notebook: Notebook,
    ) -> None:
        self._snapshot = snapshot
        self._surveyor = surveyor
        self._groups = groups
        self._waiting = waiting
        self._notebook = notebook
        self._names = Names(snapshot)
        self.stale: list[bytes] = []

    def check(self, wanted: Sequence[bytes]) -> None:
        """Compare reach and head of ``wanted``; those that differ while they wait to be settled go to ``stale``.

        What cannot be read around one of them hides no other.
        """
        try:
            read = self._read(wanted)
        except INFRASTRUCTURE:
            raise
        except Exception as problem:
            if len(wanted) == 1:
                self._notebook.unreadable(f"rows around consignment {wanted[0].hex()}", problem)
            else:
                for cons in wanted:
                    self.check([cons])
            return
        for cons in wanted:
            self._notebook.counts["consignments"] += 1
            try:
                self._compare(cons, read)
            except INFRASTRUCTURE:
                raise
            except Exception as problem:
                self._notebook.unreadable(f"rows around consignment {cons.hex()}", problem)

    def _read(self, wanted: Sequence[bytes]) -> _Read:
        members = {cons: self._groups.get(cons, frozenset({cons})) for cons in wanted}
        return _Read(
            members,
            self._surveyor.around({m for group in members.values() for m in group}),
            self._stored("reach", REACH_FIELDS, wanted),
            self._stored("head", ("broken", *HEAD_FIELDS), wanted),
        )

    def _compare(self, cons: bytes, read: _Read) -> None:
        group = read.members[cons]
        reach, headed, founder = _NOWHERE, _NONE, ""
        if cons == min(group):
            things = [Thing(ObjectKind.CONSIGNMENT, member.hex()) for member in sorted(group)]
            facts = read.around.facts(things)
            reach, headed = expected(facts, Thing(ObjectKind.CONSIGNMENT, cons.hex()))
            founder = min((self._names(int(f.publisher)) for f in facts.foundings), default="")
        found = dict(read.heads.get(cons, {"broken": False}))
        if found.pop("broken"):
            self._note(Damage.HEAD, cons, "broken", True, False, _BROKEN, founder)
            return
        differences = [
            *_differences(Damage.REACH, read.reaches.get(cons), reach),
            *_differences(Damage.HEAD, found or None, headed),
        ]
        if differences and cons in self._waiting:
            self.stale.append(cons)
            return
        for kind, field, stored, right in differences:
            self._note(kind, cons, field, stored, right, REBUILD, founder)

    def explained(self, wanted: Sequence[bytes], earlier: Earlier) -> list[bytes]:
        """Of ``wanted``, which wait to be settled, those whose rows follow without some of the latest transactions.

        The others are put down as damage.
        """
        found = []
        for cons in wanted:
            read = self._read([cons])
            reached, headed = self._earlier(cons, read, earlier)
            if reached and headed:
                found.append(cons)
                continue
            self._waiting -= {cons}
            self._compare(cons, read)
        return found

    def _earlier(self, cons: bytes, read: _Read, earlier: Earlier) -> tuple[bool, bool]:
        """Whether the rows of reach and of head each are what some earlier state gives."""
        head = {name: value for name, value in read.heads.get(cons, {}).items() if name != "broken"}
        reached = headed = False
        for state in earlier.states(read.around.numbers):
            group = state.groups.get(cons, frozenset({cons}))
            reach, right = _NOWHERE, _NONE
            if cons == min(group):
                things = [Thing(ObjectKind.CONSIGNMENT, member.hex()) for member in sorted(group)]
                reach, right = expected(state.surveyor.around(group).facts(things), things[0])
            reached = reached or not any(_differences(Damage.REACH, read.reaches.get(cons), reach))
            headed = headed or not any(_differences(Damage.HEAD, head or None, right))
            if reached and headed:
                break
        return reached, headed

    def _stored(
        self, table: str, fields: Sequence[str], wanted: Sequence[bytes]
    ) -> dict[bytes, dict[str, Any]]:
        columns = ", ".join(f"t.{field}" for field in fields)
        rows = self._snapshot.rows(
            f"SELECT t.cons, {columns} FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN {table} t ON t.cons = c.id",  # noqa: S608
            {"ids": uuids(sorted(wanted))},
        )
        return {
            cons: {
                field: tuple(value) if isinstance(value, list) else value
                for field, value in zip(fields, values, strict=True)
            }
            for cons, *values in rows
        }

    def _note(
        self, kind: Damage, cons: bytes, field: str, stored: Any, right: Any, remedy: str, founder: str
    ) -> None:
        where = f"{kind.lower()} of consignment {cons.hex()}"
        self._notebook.add(kind, where, field, _plain(stored), _plain(right), remedy, founder)


def _differences(
    kind: Damage, stored: Mapping[str, Any] | None, right: Mapping[str, Any]
) -> Iterator[tuple[Damage, str, Any, Any]]:
    if stored is None:
        if right["founded"]:
            yield kind, "row", "missing", right
        return
    for field, value in right.items():
        if stored[field] != value:
            yield kind, field, stored[field], value


def expected(facts: Facts, consignment: Thing) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of reach and head, by column, that the core gives to ``facts``."""
    gathered = gather(facts, consignment, FOREVER)
    computed = head(facts, consignment)
    if gathered is None or computed is None:
        return _NOWHERE, _NONE
    return _reach(gathered), _head(facts, computed)


def _reach(gathered: Gathered) -> dict[str, Any]:
    counted = [path for path in gathered.paths if path.counted]
    ways = list(_ways(counted))
    held = derive.holding(derive.boxes_of(gathered, (), FOREVER))
    return {
        "founded": True,
        "engaged": tuple(sorted(map(int, gathered.engaged))),
        "objects": tuple(thing for thing, _, _ in ways),
        "starts": tuple(start for _, start, _ in ways),
        "untils": tuple(end for _, _, end in ways),
        "held": tuple(sorted(bytes.fromhex(box.container.key) for box in held)),
        "parts": tuple(sorted(bytes.fromhex(thing.key) for thing in gathered.parts)),
    }


def _ways(paths: Iterable[Path]) -> Iterator[tuple[bytes, int, int]]:
    """The moments at which each object reaches: the union of its paths' intervals, as disjoint ones in order."""
    moments: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for path in paths:
        moments[bytes.fromhex(path.thing.key)].append((path.start, path.end))
    for thing, intervals in sorted(moments.items()):
        joined: list[list[int]] = []
        for start, end in sorted(intervals):
            if joined and start <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end)
            else:
                joined.append([max(start, SINCE_EVER), end])
        yield from ((thing, start, end) for start, end in joined)


def _head(facts: Facts, computed: Head) -> dict[str, Any]:
    published = {claim.event: claim for claim in facts.claims}
    china, eurasian, european, other = (_stage(stage, published) for stage in computed.customs)
    return {
        "founded": True,
        "boxes": computed.boxes,
        "behind": computed.behind,
        "disputes": computed.disputes,
        "exceptions": computed.exceptions,
        "movement": _stage(computed.movement, published),
        "cn": china,
        "eaeu": eurasian,
        "eu": european,
        "other": other,
        "document": _stage(computed.document, published),
    }


def _stage(stage: Stage | None, claims: Mapping[bytes, Claim]) -> tuple[int, ...] | None:
    if stage is None:
        return None
    high, low = split_id(stage.event)
    return stage.at, claims[stage.event].published, high, low, stage.milestone, int(stage.place or 0)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value
