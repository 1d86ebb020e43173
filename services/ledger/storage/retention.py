"""Retention of what may go: old messages and fence records. Identities, claims and links stay for ever."""

from __future__ import annotations

from psycopg import sql

from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.session import Session

_OLD_PARTITIONS = """
SELECT c.relname
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'lianyun.body'::regclass
ORDER BY c.oid
"""
# Of events whose messages are gone; all of them where no message is left, since nobody writes while a partition is detached.
_FORGET_TRACES = """
DELETE FROM lianyun.event_trace t
WHERE t.no < (SELECT coalesce(min(b.no), 9223372036854775807) FROM lianyun.body b)
"""


def detach_bodies(session: Session, before: int) -> list[str]:
    """Detach the oldest partitions of messages that were all appended before ``before`` (UTC microseconds).

    The tables stay in the database, out of every query, to be archived or dropped; what they held can no longer be
    proven, shown or replayed from here, while its identity still keeps copies out. The traces of what they held go. Runs in the caller's transaction and
    waits for running batches. Stops at the first partition that is not old enough.
    """
    detached = []
    for (name,) in session.execute(_OLD_PARTITIONS).fetchall():
        table = sql.Identifier("lianyun", name)
        newest = session.execute(sql.SQL("SELECT max(appended) FROM {}").format(table)).fetchone()
        if newest is None or newest[0] is None or newest[0] >= before:
            break
        session.execute(sql.SQL("ALTER TABLE lianyun.body DETACH PARTITION {}").format(table))
        record_platform_event(session, "BODIES_DETACHED", {"table": name, "before": before})
        detached.append(str(name))
    if detached:
        session.execute(_FORGET_TRACES)
    return detached


def forget_fences(session: Session, days: int) -> int:
    """Remove fence records older than ``days``; returns how many."""
    gone = session.execute(
        "DELETE FROM lianyun.fence_log WHERE at < clock_timestamp() - make_interval(days => %s)", (days,)
    )
    return gone.rowcount
