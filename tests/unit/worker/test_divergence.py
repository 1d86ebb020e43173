"""Where a log and what was applied from it part, by content; and whence records were fetched."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.admission.raw_bytes import frame, framed_digest, record_digest
from services.ledger.storage.ledger_protocol import Mark, Origin, PartitionId, mark_of
from services.processors.consumer_thread import Fetched, origins, record_batches
from services.processors.log_divergence import Divergence, compare_records


@dataclass(frozen=True)
class Stored:
    offset: int
    value: bytes
    timestamp: int = 1
    timestamp_type: int = 1
    topic: str = "t"
    partition: int = 0
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def log(*values: str, start: int = 0) -> list[Stored]:
    return [Stored(start + n, value.encode()) for n, value in enumerate(values)]


def kept(records: list[Stored], *without: int) -> list[tuple[int, bytes]]:
    return [(r.offset, mark_of(r).digest) for r in records if r.offset not in without]


READ = log("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("now", "stored", "last", "found"),
    [
        (READ, kept(READ), READ[3], Divergence(0, 4, None, 4, 4, 0, 0)),
        (log("a", "b", "x", "y", "z"), kept(READ), READ[3], Divergence(0, 5, 2, 2, 2, 2, 2)),
        (log("a", "b"), kept(READ), READ[3], Divergence(0, 2, 2, 2, 2, 2, 0)),
        # Only the ledger's last record says so: what was refused is not stored.
        (log("a", "b", "x", "y"), kept(READ, 2, 3), READ[3], Divergence(0, 4, 3, 2, 2, 0, 2)),
        (log("a", "b"), kept(READ, 2, 3), READ[3], Divergence(0, 2, 3, 2, 2, 0, 0)),
        # Nothing of it is the same.
        (log("x", "y", "z", "u"), kept(READ), None, Divergence(0, 4, 0, 0, 0, 4, 4)),
        # A release that did not compare has read on behind the loss: offset 2 and 3 were skipped.
        (log("a", "b", "x", "y", "z"), kept(READ) + kept(log("z", start=4)), log("z", start=4)[0],
         Divergence(0, 5, 2, 2, 3, 2, 2)),
        # Offsets that were given out again and applied, by a redrive.
        (log("a", "b", "x", "y"), sorted(kept(READ) + kept(log("x", "y", start=2))), log("y", start=3)[0],
         Divergence(0, 4, None, 4, 4, 0, 0)),
        # The log lacks what retention took, and has a hole.
        ([READ[1], READ[3]], kept(READ[1:]), READ[3], Divergence(0, 4, 2, 2, 2, 1, 0)),
    ],
)  # fmt: skip
def test_where_log_and_ledger_part(
    now: list[Stored], stored: list[tuple[int, bytes]], last: Stored | None, found: Divergence
) -> None:
    end = now[-1].offset + 1
    upto = [record for record in now if last is None or record.offset <= last.offset]
    assert compare_records(0, end, upto, stored, last and mark_of(last)) == found


@given(st.lists(st.sampled_from("abc")), st.integers(0, 9), st.lists(st.sampled_from("xyz"), max_size=9))
def test_a_redrive_begins_no_later_than_the_first_difference(
    read: list[str], cut: int, grown: list[str]
) -> None:
    before = log(*read)
    now = [*before[:cut], *log(*grown, start=min(cut, len(read)))]
    last: Mark | None = mark_of(before[-1]) if before else None
    upto = [record for record in now if record.offset < len(read)]
    found = compare_records(0, len(now), upto, kept(before), last)
    assert found.redrive == min(cut, len(read)) or not read
    assert (found.differs is None) == (cut >= len(read))


def test_the_digest_of_a_record_is_that_of_what_is_stored_of_it() -> None:
    headers = [("ce_id", b"1"), ("empty", None)]
    assert record_digest(5, headers, b"v") == framed_digest(5, frame(headers), b"v")
    different = {
        record_digest(5, headers, b"v"),
        record_digest(6, headers, b"v"),
        record_digest(5, headers, None),
        record_digest(5, headers, b""),
        record_digest(5, headers[:1], b"v"),
        record_digest(5, headers[::-1], b"v"),
    }
    assert len(different) == 6


def batch(base: int, leader: int, size: int = 70, magic: int = 2) -> bytes:
    body = struct.pack(">ib", leader, magic)
    return struct.pack(">qi", base, size) + body + bytes(size - len(body))


def test_the_leader_epochs_of_the_batches_of_a_fetch() -> None:
    raw = batch(3, 1) + batch(9, 1) + batch(12, 4)
    assert list(record_batches(raw)) == [(3, 1), (9, 1), (12, 4)]
    assert list(record_batches(raw + batch(20, 4)[:40])) == [(3, 1), (9, 1), (12, 4)], (
        "the last one was cut off"
    )
    assert list(record_batches(batch(3, -1) + batch(5, 2, magic=1))) == [], "no epoch is known"
    assert list(record_batches(b"")) == []


def test_only_records_that_say_whence_they_are_have_an_origin() -> None:
    known = Fetched([1])
    known.origin = Origin(known, ((0, 1),))
    place, other = PartitionId("a", 0), PartitionId("b", 0)
    assert origins({place: known, other: [1]}) == {place: known.origin}
