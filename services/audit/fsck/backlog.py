"""What is still to be processed, so that rows derived from it may be old: notes for workers, and the events behind a follower's cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.report import Damage, Findings
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.event_reader import Position, Stored

_SIBLINGS = """
SELECT DISTINCT s.no
FROM unnest(%(nos)s::bigint[]) AS n (no)
JOIN link l ON l.no = n.no AND l.carried IS NOT NULL
JOIN link s ON s.carried = l.carried AND s.kind = l.kind AND s.publisher = l.publisher
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Event ids whose liveness, event numbers whose links, and consignments whose reach and head may be old."""

    events: frozenset[bytes] = frozenset()
    numbers: frozenset[int] = frozenset()
    consignments: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.events or self.numbers or self.consignments)


def read_backlog(snapshot: Snapshot) -> Backlog:
    """Everything that the notes of ``pending`` may concern in this snapshot; empty where no worker runs."""
    notes = snapshot.rows("SELECT judged, nos, consignments FROM pending")
    if not notes:
        return Backlog()
    judged = frozenset(event for events, _, _ in notes for event in events)
    numbers = frozenset(no for _, nos, _ in notes for no in nos)
    named = frozenset(cons for _, _, consignments in notes for cons in consignments)
    events = frozenset(row[0] for row in snapshot.named("component", {"ids": uuids(sorted(judged))})) | judged
    numbers |= {row[1] for row in snapshot.named("contents", {"ids": uuids(sorted(events))})}
    numbers |= {row[0] for row in snapshot.rows(_SIBLINGS, {"nos": bigints(sorted(numbers))})}
    seeds = {"nos": bigints(sorted(numbers)), "consignments": uuids(sorted(named))}
    reached = frozenset(row[0] for row in snapshot.named("descend", seeds)) | named
    claimed = _of_claims(snapshot, numbers)
    return Backlog(events, numbers, reached | claimed)


_CLAIMED = """
WITH RECURSIVE down (id, kind) AS (
    SELECT c.object, c.kind FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN claim c ON c.no = n.no WHERE c.kind < 6
    UNION
    SELECT l.right_id, l.right_kind FROM down d JOIN link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5, 10)
)
SELECT coalesce(k.canonical, d.id) FROM down d LEFT JOIN canonical k ON k.cons = d.id WHERE d.kind = 1
"""


def _of_claims(snapshot: Snapshot, numbers: frozenset[int]) -> frozenset[bytes]:
    """The consignments that claims of those events may reach: they may have died or revived."""
    return frozenset(row[0] for row in snapshot.rows(_CLAIMED, {"nos": bigints(sorted(numbers))}))


MOST = 5_000
"""Events that a follower may be behind by for the rest of it to be compared all the same."""
_FOLLOWED = """
SELECT EXISTS (SELECT FROM lianyun.batch b WHERE b.xid = %(xid)s::text::xid8 AND b.first_no = %(no)s / %(block)s * %(block)s)
   AND (%(no)s < %(lowest)s OR EXISTS (SELECT FROM lianyun.body b WHERE b.no = %(no)s))
"""
_QUARANTINED = (
    "SELECT EXISTS (SELECT FROM lianyun.quarantine q WHERE q.xid = %(xid)s::text::xid8 AND q.no = %(no)s)"
)
_DECIDED = "SELECT EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.xid = %(xid)s::text::xid8 AND d.number = %(no)s)"
_LATER_QUARANTINED = (
    "SELECT no FROM lianyun.quarantine WHERE (xid, no) > (%s::text::xid8, %s) ORDER BY no LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class FollowerLag:
    """What a follower has yet to follow: events, numbers of events quarantined since, and its position in the decisions."""

    events: Sequence[Stored]
    quarantined: Sequence[int]
    decided: Position

    @property
    def too_much(self) -> bool:
        """Whether it is so much that the rest cannot be compared."""
        return len(self.events) > MOST or len(self.quarantined) > MOST


def read_lag(
    snapshot: Snapshot,
    kind: Damage,
    table: str,
    row: Row,
    right: tuple[str, str],
    lowest: int,
    findings: Findings,
) -> FollowerLag | None:
    """What the follower whose cursor is ``row`` of ``table`` (version, then three positions) has yet to follow.

    Only what those events concern may be old. ``right`` is the current version of the rules, and the remedy. Faults of the
    cursor are findings; None where by its rules nothing can be compared.
    """
    version, *rest = row
    expected, remedy = right
    sound = True
    places = [Position(int(xid), no) for xid, no in zip(rest[::2], rest[1::2], strict=True)]
    for name, place, query in zip(
        ("", "aside_", "decided_"), places, (_FOLLOWED, _QUARANTINED, _DECIDED), strict=True
    ):
        parameters = {"xid": str(place.xid), "no": place.no, "lowest": lowest, "block": MOST_EVENTS}
        if place != Position() and not snapshot.one(query, parameters)[0]:
            sound = False
            field, stored = f"{name}xid and {name}no", f"{place.xid} {place.no}"
            findings.add(kind, table, field, stored, "the place of something that it has followed", remedy)
    if version != expected:
        findings.add(kind, table, "version", version, f"{expected}, of today's rules", remedy)
        return None
    if not sound:
        return None
    events, _ = event_reader.tail(snapshot.connection, places[0], MOST + 1)
    quarantined = snapshot.rows(_LATER_QUARANTINED, (str(places[1].xid), places[1].no, MOST + 1))
    return FollowerLag(events, [no for (no,) in quarantined], places[2])
