"""Compares a log with what was applied from it, record by record and by content.

The ledger stores accepted messages under their offsets, but neither refused ones nor repetitions. The result is therefore
exact where an accepted message differs, and otherwise errs towards the beginning, which is safe: applying again is idempotent.
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
    """The result of a comparison from ``begin`` to ``end`` of the log, in offsets and counts of records.

    ``differs`` is the first offset whose accepted message, or the ledger's last record, is missing in the log; None where there is
    none. ``redrive`` is the offset to resume from: after the last matching record before ``differs``. ``same`` records are in both;
    ``gone`` were applied and are not in this log; ``other`` are in this log before the ledger's next offset and were not accepted
    from there.
    """

    begin: int
    end: int
    differs: int | None
    redrive: int
    same: int
    gone: int
    other: int


def compare(session: Connection[tuple[object, ...]], log: LogReader, claim: Claim) -> Divergence:
    """Compare the log of ``claim`` up to its next offset; read-only, blocks until done.

    Memory is independent of the length of the log. Raises KafkaError, psycopg.Error.
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
    """Compare log records with the (offset, digest) pairs stored, both ascending. Pure."""
    differs: int | None = None
    redrive, same, gone, other = begin, 0, 0, 0
    for at, record, digests in _side_by_side(records, stored):
        known = {*digests, last.digest} if last is not None and last.offset == at else digests
        if record is not None and record in known:
            same += 1
            if differs is None:
                redrive = at + 1
            continue
        gone += len(digests)
        other += record is not None
        if known and differs is None:
            differs = at
    if last is not None and last.offset >= end and differs is None:
        differs = last.offset
    return Divergence(begin, end, differs, min(redrive, end), same, gone, other)


def _side_by_side(
    records: Iterable[LogRecord], stored: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes | None, frozenset[bytes]]]:
    """Merge both by offset: (offset, digest of the log's record or None, digests stored for it)."""
    groups = ((at, frozenset(digest for _, digest in group)) for at, group in groupby(stored, itemgetter(0)))
    waiting = next(groups, None)
    for record in records:
        while waiting is not None and waiting[0] < record.offset:
            yield waiting[0], None, waiting[1]
            waiting = next(groups, None)
        found = record_digest(record.timestamp, record.headers, record.value)
        if waiting is not None and waiting[0] == record.offset:
            yield record.offset, found, waiting[1]
            waiting = next(groups, None)
        else:
            yield record.offset, found, frozenset()
    while waiting is not None:
        yield waiting[0], None, waiting[1]
        waiting = next(groups, None)
