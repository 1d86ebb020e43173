"""How far a follower of the events says that it is, and what it may rightly not know yet.

A follower that is behind excuses what further events speak of, and nothing else; its cursor stands at something that it followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Row, Snapshot
from services.ledger.storage import event_reader
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.event_reader import Position, Stored

MOST = 5_000
"""Events that a follower may be behind by for the rest of it to be compared all the same."""
_FOLLOWED = """
SELECT EXISTS (SELECT FROM lianyun.batch b WHERE b.xid = %(xid)s::text::xid8 AND b.first_no = %(no)s / %(block)s * %(block)s)
   AND (%(no)s < %(lowest)s OR EXISTS (SELECT FROM lianyun.body b WHERE b.no = %(no)s))
"""
_ASIDE = (
    "SELECT EXISTS (SELECT FROM lianyun.quarantine q WHERE q.xid = %(xid)s::text::xid8 AND q.no = %(no)s)"
)
_DECIDED = "SELECT EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.xid = %(xid)s::text::xid8 AND d.number = %(no)s)"
_LATER_ASIDE = "SELECT no FROM lianyun.quarantine WHERE (xid, no) > (%s::text::xid8, %s) ORDER BY no LIMIT %s"


@dataclass(frozen=True, slots=True)
class Later:
    """What a follower has yet to follow: events, numbers of events put aside since, and where it stands in the decisions."""

    events: Sequence[Stored]
    aside: Sequence[int]
    decided: Position

    @property
    def too_much(self) -> bool:
        """Whether it is so much that nothing can be said of the rest."""
        return len(self.events) > MOST or len(self.aside) > MOST


def later(
    snapshot: Snapshot,
    kind: Damage,
    table: str,
    row: Row,
    right: tuple[str, str],
    lowest: int,
    notebook: Notebook,
) -> Later | None:
    """What the follower whose cursor ``row`` (version, then three positions) stands in ``table`` has yet to follow.

    ``right`` is the version of today's rules, and what makes everything anew. What is wrong with the cursor is put down; None where
    by its rules nothing can be compared.
    """
    version, *rest = row
    expected, remedy = right
    sound = True
    places = [Position(int(xid), no) for xid, no in zip(rest[::2], rest[1::2], strict=True)]
    for name, place, query in zip(
        ("", "aside_", "decided_"), places, (_FOLLOWED, _ASIDE, _DECIDED), strict=True
    ):
        parameters = {"xid": str(place.xid), "no": place.no, "lowest": lowest, "block": MOST_EVENTS}
        if place != Position() and not snapshot.one(query, parameters)[0]:
            sound = False
            field, stored = f"{name}xid and {name}no", f"{place.xid} {place.no}"
            notebook.add(kind, table, field, stored, "the place of something that it has followed", remedy)
    if version != expected:
        notebook.add(kind, table, "version", version, f"{expected}, of today's rules", remedy)
        return None
    if not sound:
        return None
    events, _ = event_reader.tail(snapshot.connection, places[0], MOST + 1)
    aside = snapshot.rows(_LATER_ASIDE, (str(places[1].xid), places[1].no, MOST + 1))
    return Later(events, [no for (no,) in aside], places[2])
