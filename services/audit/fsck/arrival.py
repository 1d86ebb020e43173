"""Arrival times: the legs of every consignment against the events, and the counts against the legs that they sum up."""

from __future__ import annotations

from collections.abc import Iterable

from services.arrival.domain.legs import Leg, Stage
from services.arrival.domain.silence import habit
from services.arrival.domain.tables import tables
from services.arrival.store import projector
from services.arrival.store.projector import EventFacts, Row
from services.audit.fsck.backlog import FollowerLag, read_backlog, read_lag
from services.audit.fsck.snapshot import Snapshot, lowest_number
from services.audit.report import Damage, Findings
from services.ledger.registry.store import RegistryHistory

REMEDY = "Make the legs anew from the events: `lianyun arrival --follow --anew`."
BROKEN_REMEDY = (
    "Its legs are old; look for the error in the follower's log, and start it again when that is corrected."
)
_PERMITTED = "SELECT has_table_privilege('lianyun.arrival_leg', 'SELECT')"
_CURSOR = "SELECT version, xid::text, no, aside_xid::text, aside_no, '0', 0 FROM lianyun.arrival_cursor"
_FOLLOWERS_ROWS = """
SELECT name FROM (
    SELECT 'arrival_leg', EXISTS (SELECT FROM lianyun.arrival_leg)
    UNION ALL SELECT 'arrival_habit', EXISTS (SELECT FROM lianyun.arrival_habit WHERE seen > 0)
    UNION ALL SELECT 'arrival_count', EXISTS (SELECT FROM lianyun.arrival_count)
    UNION ALL SELECT 'arrival_again', EXISTS (SELECT FROM lianyun.arrival_again)
    UNION ALL SELECT 'arrival_broken', EXISTS (SELECT FROM lianyun.arrival_broken)
) AS t (name, there) WHERE there
"""
_COUNTS = """
SELECT coalesce(c.stage, o.stage), coalesce(c.first, o.first), coalesce(c.last, o.last), coalesce(c.kind, o.kind), coalesce(c.by, o.by),
       coalesce(c.week, o.week), coalesce(c.hours, o.hours), c.trains, o.trains
FROM lianyun.arrival_count c
FULL JOIN (
    SELECT stage, first, last, kind, by, week, hours, count(DISTINCT (began, ended)) AS trains
    FROM lianyun.arrival_leg WHERE ended IS NOT NULL GROUP BY stage, first, last, kind, by, week, hours
) AS o ON (o.stage, o.first, o.last, o.kind, o.by, o.week, o.hours) = (c.stage, c.first, c.last, c.kind, c.by, c.week, c.hours)
WHERE c.trains IS DISTINCT FROM o.trains
"""
_GAP_LEGS = """
SELECT stage, first, last FROM lianyun.arrival_count WHERE kind = 2
UNION SELECT stage, first, last FROM lianyun.arrival_habit WHERE seen > 0
"""
_LEGS = (
    "SELECT cons, kind, stage, first, last, by, began, ended, present FROM lianyun.arrival_leg ORDER BY cons"
)


def check_arrival(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Compare everything; ``arrival_not_permitted`` counts a role that may not read them; nothing without a follower.

    What the follower has yet to follow or to settle excuses the consignments that it concerns, and no others; ``arrival_behind``
    counts that there is such. Some milliseconds for each consignment.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["arrival_not_permitted"] += 1
        return
    for *cell, stored, right in snapshot.rows(_COUNTS):
        where = f"arrival count of {' '.join(map(str, cell))}"
        findings.add(Damage.ARRIVAL, where, "trains", str(stored), str(right), REMEDY)
    _habits(snapshot, findings)
    cursor = snapshot.rows(_CURSOR)
    if not cursor:
        for (table,) in snapshot.rows(_FOLLOWERS_ROWS):
            stored = f"no row, beside rows of {table}"
            findings.add(Damage.ARRIVAL, "arrival_cursor", "row", stored, "the place of the follower", REMEDY)
        return
    right = projector.version(), REMEDY
    lag = read_lag(
        snapshot, Damage.ARRIVAL, "arrival_cursor", cursor[0], right, lowest_number(snapshot), findings
    )
    if lag is None:
        return
    read = EventFacts(history.newest())
    excused = _excused(snapshot, lag, read)
    if excused:
        findings.counts["arrival_behind"] += 1
    if not lag.too_much:
        _compare(snapshot, read, excused, findings)


def _habits(snapshot: Snapshot, findings: Findings) -> None:
    """The habit of each leg against the counts of its gaps."""
    legs = {Leg(Stage(stage), first, last) for stage, first, last in snapshot.rows(_GAP_LEGS)}
    gaps = projector.read_gaps(snapshot.connection, legs)
    stored = projector.read_habits(snapshot.connection, legs)
    for leg in sorted(legs):
        right = habit(leg, gaps.get(leg, ()), tables())
        if stored.get(leg) != right:
            where = f"arrival habit of {leg.stage.name} {leg.first} {leg.last}"
            findings.add(Damage.ARRIVAL, where, "row", str(stored.get(leg)), str(right), REMEDY)


def _excused(snapshot: Snapshot, lag: FollowerLag, read: EventFacts) -> frozenset[bytes]:
    """The consignments whose rows may rightly be old."""
    again = frozenset(row[0] for row in snapshot.rows("SELECT cons FROM lianyun.arrival_again"))
    reached: set[bytes] = set()
    if (lag.events or lag.quarantined) and not lag.too_much:
        reached = projector.affected(snapshot.connection, lag.events, lag.quarantined, read)
    return read_backlog(snapshot).consignments | again | reached


def _compare(snapshot: Snapshot, read: EventFacts, excused: frozenset[bytes], findings: Findings) -> None:
    consignments = [row[0] for row in snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons")]
    done = projector.evaluate(snapshot.connection, consignments, read)
    findings.counts["arrival_consignments"] += len(consignments)
    failed = {row[0] for row in snapshot.rows("SELECT cons FROM lianyun.arrival_broken")} | done.failed.keys()
    for id_ in sorted(failed):
        where = f"legs of consignment {id_.hex()}"
        findings.add(Damage.ARRIVAL, where, "broken", "not evaluated", "evaluated", BROKEN_REMEDY)
    stored = {Row(*row) for row in snapshot.stream(_LEGS)}
    findings.counts["arrival_legs"] += len(stored)
    sound = {row for row in stored | done.rows if row.cons not in excused and row.cons not in failed}
    _add(findings, (stored - done.rows) & sound, surplus=True)
    _add(findings, (done.rows - stored) & sound, surplus=False)


def _add(findings: Findings, rows: Iterable[Row], *, surplus: bool) -> None:
    for row in sorted(rows, key=str):
        where = f"leg of consignment {row.cons.hex()}"
        text = f"{row.kind} {row.stage} {row.first} {row.last} {row.by} {row.began} {row.ended} {row.present}"
        stored, right = (text, "no row") if surplus else ("no row", text)
        findings.add(Damage.ARRIVAL, where, "row", stored, right, REMEDY)
