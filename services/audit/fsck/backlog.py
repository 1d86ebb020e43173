"""What workers have noted to look at once more: until they have, rows derived from it may rightly be old."""

from __future__ import annotations

from dataclasses import dataclass

from services.audit.fsck.snapshot import Snapshot
from services.ledger.storage.arrays import bigints, uuids

_SIBLINGS = """
SELECT DISTINCT s.no
FROM unnest(%(nos)s::bigint[]) AS n (no)
JOIN link l ON l.no = n.no AND l.carried IS NOT NULL
JOIN link s ON s.carried = l.carried AND s.kind = l.kind AND s.publisher = l.publisher
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Event ids whose liveness, event numbers whose links, and consignments whose reach and head may be old."""

    events: frozenset[bytes] = frozenset()
    numbers: frozenset[int] = frozenset()
    consignments: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.events or self.numbers or self.consignments)


def unsettled(snapshot: Snapshot) -> Unsettled:
    """Everything that the notes of ``pending`` may concern at this moment; empty where nobody works."""
    notes = snapshot.rows("SELECT judged, nos, consignments FROM pending")
    if not notes:
        return Unsettled()
    judged = frozenset(event for events, _, _ in notes for event in events)
    numbers = frozenset(no for _, nos, _ in notes for no in nos)
    named = frozenset(cons for _, _, consignments in notes for cons in consignments)
    events = frozenset(row[0] for row in snapshot.named("component", {"ids": uuids(sorted(judged))})) | judged
    numbers |= {row[1] for row in snapshot.named("contents", {"ids": uuids(sorted(events))})}
    numbers |= {row[0] for row in snapshot.rows(_SIBLINGS, {"nos": bigints(sorted(numbers))})}
    seeds = {"nos": bigints(sorted(numbers)), "consignments": uuids(sorted(named))}
    reached = frozenset(row[0] for row in snapshot.named("descend", seeds)) | named
    claimed = _of_claims(snapshot, numbers)
    return Unsettled(events, numbers, reached | claimed)


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
