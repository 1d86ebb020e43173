"""Reach and head of every consignment, computed by the domain from its facts and compared with what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.events.base import ObjectKind
from services.audit.fsck.expected_rows import comparable, stage
from services.audit.fsck.groups import Group
from services.audit.fsck.neighbourhood import Neighbourhood, NeighbourhoodReader
from services.audit.fsck.partial_states import PartialStates
from services.audit.fsck.snapshot import INFRASTRUCTURE, Snapshot, TermTexts
from services.audit.report import REBUILD, Damage, Difference, Findings, compare_fields
from services.domain import derive
from services.domain.evidence import GroupEvidence, group_evidence
from services.domain.facts import FOREVER, SINCE_EVER, Claim, Facts
from services.domain.head import Head, Stage, head
from services.domain.links import Path
from services.domain.objects import Thing
from services.ledger.storage.arrays import uuids

CHUNK = 200
HEAD_FIELDS = (
    "founded", "boxes", "behind", "disputes", "exceptions", "movement", "cn", "eaeu", "eu", "other", "document",
)  # fmt: skip
REACH_FIELDS = ("founded", "engaged", "objects", "starts", "untils", "held", "parts")
_NO_HEAD: dict[str, Any] = (
    dict.fromkeys(HEAD_FIELDS[5:]) | dict.fromkeys(HEAD_FIELDS[1:5], 0) | {"founded": False}
)
_NO_REACH: dict[str, Any] = {"founded": False, **dict.fromkeys(REACH_FIELDS[1:], ())}
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


class _LoadedRows(NamedTuple):
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
        neighbourhoods: NeighbourhoodReader,
        groups: Mapping[bytes, Group],
        waiting: frozenset[bytes],
        findings: Findings,
    ) -> None:
        self._snapshot = snapshot
        self._neighbourhoods = neighbourhoods
        self._groups = groups
        self._waiting = waiting
        self._findings = findings
        self._names = TermTexts(snapshot)
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
                self._findings.unreadable(f"rows around consignment {wanted[0].hex()}", problem)
            else:
                for cons in wanted:
                    self.check([cons])
            return
        for cons in wanted:
            self._findings.counts["consignments"] += 1
            try:
                self._compare(cons, read)
            except INFRASTRUCTURE:
                raise
            except Exception as problem:
                self._findings.unreadable(f"rows around consignment {cons.hex()}", problem)

    def _read(self, wanted: Sequence[bytes]) -> _LoadedRows:
        members = {cons: self._groups.get(cons, frozenset({cons})) for cons in wanted}
        return _LoadedRows(
            members,
            self._neighbourhoods.around({m for group in members.values() for m in group}),
            self._stored("reach", REACH_FIELDS, wanted),
            self._stored("head", ("broken", *HEAD_FIELDS), wanted),
        )

    def _compare(self, cons: bytes, read: _LoadedRows) -> None:
        group = read.members[cons]
        reach, headed, founder = _NO_REACH, _NO_HEAD, ""
        if cons == min(group):
            things = [Thing(ObjectKind.CONSIGNMENT, member.hex()) for member in sorted(group)]
            facts = read.around.facts(things)
            reach, headed = expected(facts, Thing(ObjectKind.CONSIGNMENT, cons.hex()))
            founder = min((self._names(int(f.publisher)) for f in facts.foundings), default="")
        found = dict(read.heads.get(cons, {"broken": False}))
        if found.pop("broken"):
            where = f"head of consignment {cons.hex()}"
            self._findings.add(Damage.HEAD, where, "broken", True, False, _BROKEN, founder)
            return
        differences = [
            *((Damage.REACH, each) for each in _differences("reach", cons, read.reaches.get(cons), reach)),
            *((Damage.HEAD, each) for each in _differences("head", cons, found or None, headed)),
        ]
        if differences and cons in self._waiting:
            self.stale.append(cons)
            return
        for kind, difference in differences:
            self._findings.add_differences(kind, [difference], REBUILD, founder)

    def explained(self, wanted: Sequence[bytes], partial_states: PartialStates) -> list[bytes]:
        """Of ``wanted``, which wait to be settled, those whose rows follow without some of the latest transactions.

        The others are findings.
        """
        found = []
        for cons in wanted:
            read = self._read([cons])
            reached, headed = self._matches_partial_state(cons, read, partial_states)
            if reached and headed:
                found.append(cons)
                continue
            self._waiting -= {cons}
            self._compare(cons, read)
        return found

    def _matches_partial_state(
        self, cons: bytes, read: _LoadedRows, partial_states: PartialStates
    ) -> tuple[bool, bool]:
        """Whether the rows of reach and of head each are what some earlier state gives."""
        head = {name: value for name, value in read.heads.get(cons, {}).items() if name != "broken"}
        reached = headed = False
        for state in partial_states.states(read.around.numbers):
            group = state.groups.get(cons, frozenset({cons}))
            reach, right = _NO_REACH, _NO_HEAD
            if cons == min(group):
                things = [Thing(ObjectKind.CONSIGNMENT, member.hex()) for member in sorted(group)]
                reach, right = expected(state.neighbourhoods.around(group).facts(things), things[0])
            reached = reached or not any(_differences("reach", cons, read.reaches.get(cons), reach))
            headed = headed or not any(_differences("head", cons, head or None, right))
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
        return {cons: dict(zip(fields, comparable(values), strict=True)) for cons, *values in rows}


def _differences(
    table: str, cons: bytes, stored: Mapping[str, Any] | None, right: Mapping[str, Any]
) -> Iterator[Difference]:
    row = f"{table} of consignment {cons.hex()}"
    if stored is None:
        if right["founded"]:
            yield Difference(row, "row", "missing", right)
        return
    for each in compare_fields(row, stored, right):
        yield each._replace(stored=_plain(each.stored), expected=_plain(each.expected))


def expected(facts: Facts, consignment: Thing) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of reach and head, by column, that the domain derives from ``facts``."""
    group = group_evidence(facts, consignment, FOREVER)
    computed = head(facts, consignment)
    if group is None or computed is None:
        return _NO_REACH, _NO_HEAD
    return _reach(group), _head(facts, computed)


def _reach(group: GroupEvidence) -> dict[str, Any]:
    counted = [path for path in group.paths if path.counted]
    ways = list(_intervals(counted))
    held = derive.holding(derive.boxes_of(group, (), FOREVER))
    return {
        "founded": True,
        "engaged": tuple(sorted(map(int, group.engaged))),
        "objects": tuple(thing for thing, _, _ in ways),
        "starts": tuple(start for _, start, _ in ways),
        "untils": tuple(end for _, _, end in ways),
        "held": tuple(sorted(bytes.fromhex(box.container.key) for box in held)),
        "parts": tuple(sorted(bytes.fromhex(thing.key) for thing in group.parts)),
    }


def _intervals(paths: Iterable[Path]) -> Iterator[tuple[bytes, int, int]]:
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
    china, eurasian, european, other = (_stage(each, published) for each in computed.customs)
    moved = _stage(computed.movement, published)
    return {
        "founded": True,
        "boxes": computed.boxes,
        "behind": computed.behind,
        "disputes": computed.disputes,
        "exceptions": computed.exceptions,
        "movement": moved and (*moved, computed.last_clock),
        "cn": china,
        "eaeu": eurasian,
        "eu": european,
        "other": other,
        "document": _stage(computed.document, published),
    }


def _stage(reached: Stage | None, claims: Mapping[bytes, Claim]) -> tuple[int, ...] | None:
    if reached is None:
        return None
    published = claims[reached.event].published
    return stage(reached.at, published, reached.event, reached.milestone, reached.place)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value
