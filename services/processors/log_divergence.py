"""Where a log and what was applied from it part: record by record, by content, for an operator who is to decide.

The ledger has the messages that were accepted, with their offsets; what was refused, or had been accepted before, it has
not under that offset. So the answer is exact where something accepted differs, and errs towards the beginning: what is
applied once more is recognised and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from psycopg import Connection

from services.ledger.admission.raw_bytes import framed_digest, record_digest
from services.ledger.storage.ledger_protocol import Claim, Mark
from services.processors import statement
from services.processors.log_reader import LogReader
from services.processors.ports import LogRecord


@dataclass(frozen=True, slots=True)
class Divergence:
    """What a comparison from ``begin`` to ``end`` of the log found; all numbers are offsets or counts of records.

    ``differs`` is the first offset at which an accepted message is not in the log, or the ledger's last record; None where
    there is none. ``redrive`` is where to go back to: behind the last record before it that is the same in both. ``same``
    records are in both; ``gone`` were applied and are not in this log; ``other`` are in this log, before the ledger's next
    offset, and are not among what was accepted from there.
    """

    begin: int
    end: int
    differs: int | None
    redrive: int
    same: int
    gone: int
    other: int


def compare(session: Connection[tuple[object, ...]], log: LogReader, claim: Claim) -> Divergence:
    """Read the log of ``claim`` up to its next offset and compare; blocks as long as that takes, changes nothing.

    Memory does not grow with the log. Raises KafkaError, psycopg.Error.
    """
    begin, end = log.bounds(claim.partition)
    upto = min(claim.next_offset, end)
    records = log.records(claim.partition, begin, upto) if begin < upto else iter(())
    with session.transaction(), session.cursor("stored_records") as stored:
        topic, part = claim.partition
        values = {"topic": topic, "part": part, "start": begin, "stop": claim.next_offset}
        stored.execute(statement("stored_records"), values)
        known = (
            (int(at), framed_digest(appended // 1_000, headers, payload))  # type: ignore[call-overload,operator,arg-type]
            for at, appended, headers, payload in stored
        )
        return compare_records(begin, end, records, known, claim.last)


def compare_records(
    begin: int, end: int, records: Iterable[LogRecord], stored: Iterable[tuple[int, bytes]], last: Mark | None
) -> Divergence:
    """Compare the records of a log with the (offset, digest) of what is stored, both ascending; pure."""
    differs: int | None = None
    redrive, same, gone, other = begin, 0, 0, 0
    for at, record, kept in _side_by_side(records, stored):
        known = {*kept, last.digest} if last is not None and last.offset == at else kept
        if record is not None and record in known:
            same += 1
            if differs is None:
                redrive = at + 1
            continue
        gone += len(kept)
        other += record is not None
        if known and differs is None:
            differs = at
    if last is not None and last.offset >= end and differs is None:
        differs = last.offset
    return Divergence(begin, end, differs, min(redrive, end), same, gone, other)


def _side_by_side(
    records: Iterable[LogRecord], stored: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes | None, frozenset[bytes]]]:
    """Merge both by offset: (offset, digest of the log's record or None, digests of what is stored from there)."""
    kept = ((at, frozenset(digest for _, digest in group)) for at, group in groupby(stored, itemgetter(0)))
    waiting = next(kept, None)
    for record in records:
        while waiting is not None and waiting[0] < record.offset:
            yield waiting[0], None, waiting[1]
            waiting = next(kept, None)
        found = record_digest(record.timestamp, record.headers, record.value)
        if waiting is not None and waiting[0] == record.offset:
            yield record.offset, found, waiting[1]
            waiting = next(kept, None)
        else:
            yield record.offset, found, frozenset()
    while waiting is not None:
        yield waiting[0], None, waiting[1]
        waiting = next(kept, None)
