"""Measurements of operation: the database server, dead letters, and the partners who publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.ledger.dead_letters.letter import LetterState
from services.ledger.dead_letters.store import cut_tallies, oldest_open, outcome_counts, tallies
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges


def measure_database(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """The database server and this database: sessions, waits for locks, size, oldest writing transaction, unsettled notes, clock."""
    row = session.execute(statement("database")).fetchone()
    assert row is not None
    sessions, most, size, oldest, unsettled, waiting = row
    yield Sample(gauges.DATABASE_CLOCK_OFFSET, (), _clock_offset(session))
    yield Sample(gauges.DATABASE_CONNECTIONS, (), sessions)
    yield Sample(gauges.DATABASE_CONNECTIONS_MAX, (), most)
    yield Sample(gauges.DATABASE_LOCK_WAITS, (), waiting)
    yield Sample(gauges.DATABASE_SIZE, (), size)
    yield Sample(gauges.UNSETTLED, (), unsettled)
    if oldest is not None:
        yield Sample(gauges.OLDEST_TRANSACTION, (), float(oldest))


def measure_archiving(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """The write-ahead log of the database server: its size, and how its archiving goes."""
    readable = session.execute(statement("wal_readable")).fetchone()
    if readable is not None and readable[0]:
        size = session.execute(statement("wal_size")).fetchone()
        assert size is not None
        yield Sample(gauges.WAL_SIZE, (), float(size[0]))
    archiver = session.execute(statement("archiver")).fetchone()
    if archiver is not None:
        archived, failed, failures = archiver
        yield Sample(gauges.ARCHIVER_ARCHIVED, (), float(archived))
        yield Sample(gauges.ARCHIVER_FAILED, (), float(failed))
        yield Sample(gauges.ARCHIVER_FAILURES, (), failures)


def _clock_offset(session: Connection[Any]) -> float:
    """Offset of the server's clock, seconds, positive where it is ahead; against the middle of the round trip."""
    before = time.time()
    row = session.execute(statement("clock")).fetchone()
    after = time.time()
    assert row is not None
    return float(row[0]) - (before + after) / 2


def measure_dead_letters(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """Dead letters by publisher, reason and outcome, and the oldest open ones."""
    unanswered = 0
    for tally in tallies(session):
        labels = (tally.publisher, str(tally.reason), str(tally.state))
        yield Sample(gauges.DEAD_LETTERS, labels, tally.letters)
        unanswered += tally.letters if tally.state is LetterState.OPEN else 0
    yield Sample(gauges.DEAD_LETTERS_OPEN, (), unanswered)
    for publisher, micros in oldest_open(session).items():
        yield Sample(gauges.DEAD_LETTER_OLDEST, (publisher,), micros / SECOND)
    for (publisher, reason), messages in cut_tallies(session).items():
        yield Sample(gauges.DEAD_LETTERS_CUT, (publisher, str(reason)), messages)
    for outcome, count in outcome_counts(session).items():
        yield Sample(gauges.DEAD_LETTER_OUTCOMES, (outcome,), count)


BATCHES = 500
"""Maximum transactions that one step follows: a step writes, and readers by position wait for writers."""
CATCH_UP_SECONDS = 5.0
"""Time limit of one measurement while events remain: years of events are caught up with in hours."""


def partner_measurement(
    expected: Mapping[str, float], usual: float
) -> Callable[[Connection[Any], Micros], Iterator[Sample]]:
    """A measurement of when each party that may publish was last accepted, and when its last key expires.

    ``expected`` is the interval in seconds by party after which it counts as silent, ``usual`` that of every other. Accepted events
    are followed by position, so each is read once and no index over all events is needed. Last acceptances are exported only once all
    visible events were followed, since they could be too early before.
    """

    def measure(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
        end = time.monotonic() + CATCH_UP_SECONDS
        while _follow_partners(session) == BATCHES and time.monotonic() < end:
            pass
        behind = session.execute(statement("behind")).fetchone()
        whole = behind is not None and not behind[0]
        for code, appended, ends in session.execute(statement("partners")).fetchall():
            yield Sample(gauges.PARTNER_EXPECTED_INTERVAL, (code,), expected.get(code, usual))
            if whole and appended is not None:
                yield Sample(gauges.PARTNER_LAST_ACCEPTED, (code,), appended / SECOND)
            if ends is not None:
                yield Sample(gauges.PARTNER_KEY_EXPIRES, (code,), ends / SECOND)

    return measure


def _follow_partners(session: Connection[Any]) -> int:
    """Take one step; the number of transactions followed, 0 while another exporter is following."""
    row = session.execute(statement("follow"), {"batches": BATCHES}).fetchone()
    return 0 if row is None else int(row[0])
