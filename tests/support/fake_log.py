"""A log, a ledger and workers in memory, with every way of losing a fetch, a process or a right that we know of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from services.ledger.storage.ledger_protocol import (
    Claim,
    Fenced,
    Mark,
    OffsetRow,
    Origin,
    PartitionId,
    Reader,
    Slice,
    advance,
    claim,
    runs,
)
from services.processors.backlog import Backlog, Bounds
from services.processors.log_identity import Found, LogState, log_moved, not_continued


@dataclass(frozen=True)
class Message:
    """One record of the fake log; no two have the same `serial`. `leader` is the epoch that appended it."""

    offset: int
    serial: int = 0
    leader: int = 0


def mark(message: Message, leader: int | None) -> Mark:
    return Mark(message.offset, message.serial.to_bytes(32, "big"), leader)


Advance = Callable[[OffsetRow | None, Slice[Message], Mark | None], OffsetRow]


@dataclass
class Partition:
    """Messages and end, and the epoch of the leader. Offsets may have holes, as transaction markers leave them."""

    messages: tuple[Message, ...] = ()
    end: int = 0
    leader: int = 0


@dataclass
class FakeLog:
    """Partitions that are appended to, and lose their tail, by every way in which a log does."""

    partitions: dict[PartitionId, Partition] = field(default_factory=dict)
    copies: dict[PartitionId, Partition] = field(default_factory=dict)
    connection: object = field(default_factory=object)
    serial: int = 0

    def of(self, partition: PartitionId) -> Partition:
        return self.partitions.setdefault(partition, Partition())

    def recreate(self, partition: PartitionId) -> None:
        self.partitions[partition] = Partition()
        self.copies.pop(partition, None)

    def append(self, partition: PartitionId, count: int, hole: int = 0) -> None:
        there = self.of(partition)
        start = there.end + hole
        self.serial += count
        added = (Message(start + i, self.serial - i, there.leader) for i in range(count))
        there.messages += tuple(added)
        there.end = start + count

    def lose_tail(self, partition: PartitionId, count: int, restart: bool) -> None:
        """The last `count` offsets are gone: at a restart, or because a replica that lacks them is elected."""
        there = self.of(partition)
        there.end = max(there.end - count, 0)
        there.messages = tuple(m for m in there.messages if m.offset < there.end)
        there.leader += 1
        if restart:
            self.connection = object()

    def copy(self, partition: PartitionId) -> None:
        there = self.of(partition)
        self.copies[partition] = Partition(there.messages, there.end, there.leader)

    def restore(self, partition: PartitionId) -> None:
        """The volume is put back as it was when it was copied: the epochs that were given out since come again."""
        if (old := self.copies.get(partition)) is not None:
            self.partitions[partition] = Partition(old.messages, old.end, old.leader + 1)
            self.connection = object()

    def read(self, partition: PartitionId, position: int, limit: int) -> list[Message]:
        return [m for m in self.of(partition).messages if m.offset >= position][:limit]

    def origin(self, messages: Iterable[Message]) -> Origin:
        return Origin(self.connection, runs((m.offset, m.leader) for m in messages))

    def found(self, partition: PartitionId, last: Mark) -> Found | None:
        there = self.of(partition)
        if last.offset >= there.end:
            return None
        at = next((m for m in there.messages if m.offset == last.offset), None)
        return Found(None, -1) if at is None else Found(mark(at, at.leader))


class Crash(Exception):
    """The process dies at a named point."""


@dataclass
class FakeLedger:
    """The database: rows of the ledger and what was applied, changed together or not at all."""

    advance: Advance = advance
    rows: dict[PartitionId, OffsetRow] = field(default_factory=dict)
    applied: dict[PartitionId, list[Message]] = field(default_factory=dict)

    def claim(self, partitions: Iterable[PartitionId]) -> list[Claim]:
        claims = []
        for partition in sorted(partitions):
            self.rows[partition], granted = claim(self.rows.get(partition), partition)
            claims.append(granted)
        return claims

    def accept_loss(self, partition: PartitionId) -> None:
        """The operator lets the partition start anew, in a topic that was created again."""
        row = self.rows.get(partition)
        self.rows[partition] = OffsetRow(0, row.epoch + 1 if row else 0)
        self.applied[partition] = []

    def redrive(self, partition: PartitionId, log: FakeLog) -> None:
        """The operator goes back to where the log and what was applied part."""
        row, there = self.rows.get(partition), log.of(partition).messages
        if row is None:
            return
        applied = self.applied.get(partition, [])
        same = [a for a, _ in takewhile(lambda both: both[0] == both[1], zip(applied, there, strict=False))]
        last = mark(same[-1], same[-1].leader) if same else None
        at = 0 if last is None else last.offset + 1
        self.rows[partition] = OffsetRow(at, row.epoch + 1, row.topic_id, last)
        self.applied[partition] = same

    def apply(self, slices: Iterable[Slice[Message]], crash: str | None) -> None:
        rows, stored = dict(self.rows), {}
        for part in slices:
            last = mark(part.records[-1], part.leader_epoch)
            rows[part.partition] = self.advance(rows.get(part.partition), part, last)
            stored[part.partition] = list(part.records)
        if crash == "in transaction":
            raise Crash(crash)
        self.rows = rows
        for partition, offsets in stored.items():
            self.applied.setdefault(partition, []).extend(offsets)
        if crash == "after commit":
            raise Crash(crash)


class FakeWorker:
    """A worker's reading side, with the client's own positions and the queue between fetcher and agent."""

    def __init__(self, log: FakeLog, ledger: FakeLedger, reader: type[Reader[Message]] = Reader) -> None:
        self.log, self.ledger = log, ledger
        self.make_reader = reader
        self.restart()

    def restart(self) -> None:
        """A new process: nothing of the old one is left."""
        self.reader: Reader[Message] = self.make_reader(mark)
        self.backlog: Backlog[Message] = Backlog(lambda _message: 1, Bounds(records=16))
        self.positions: dict[PartitionId, int] = {}
        self.channel: deque[tuple[Slice[Message], ...]] = deque()
        self.stale: list[tuple[dict[PartitionId, list[Message]], dict[PartitionId, Origin]]] = []

    def assign(self, partitions: Iterable[PartitionId], lose_channel: bool) -> None:
        """The end of a rebalance: claim, seek, and go on."""
        if lose_channel:
            self.channel.clear()
        claims = [claimed for claimed in self.ledger.claim(partitions) if self._same(claimed)]
        self.reader.restart(claims)
        self.positions = {granted.partition: granted.next_offset for granted in claims}
        self.backlog.keep(self.positions)

    def _same(self, claimed: Claim) -> bool:
        found = claimed.last and self.log.found(claimed.partition, claimed.last)
        state = LogState(None, 0, self.log.of(claimed.partition).end, found)
        return log_moved(claimed, state) is None

    def fetch(self, limit: int, fate: str) -> None:
        """Fetch every partition from the client's position; `fate` is what becomes of the poll."""
        fetched = {}
        for partition, position in self.positions.items():
            if partition in self.backlog.held():
                continue
            records = self.log.read(partition, position, limit)
            if records:
                fetched[partition] = records
                self.positions[partition] = records[-1].offset + 1
        origins = {partition: self.log.origin(records) for partition, records in fetched.items()}
        if fate == "late":
            self.stale.append((fetched, origins))
        elif fate == "lost":
            self.reader.dropped()
        else:
            self.receive(fetched, origins)

    def receive(
        self, fetched: dict[PartitionId, list[Message]], origins: Mapping[PartitionId, Origin]
    ) -> None:
        judged = self.reader.judge(fetched, origins)
        self.positions.update((tp, to) for tp, to in judged.seeks.items() if tp in self.positions)
        for partition, last in judged.unproven.items():
            if not_continued(partition, last, self.log.found(partition, last)) is not None:
                self.reader.stop(partition)
                self.positions.pop(partition, None)
        slices = tuple(part for part in judged.slices if self.reader.holds(part))
        if slices:
            self.channel.append(slices)
            self.reader.handed_over(slices)

    def receive_late(self) -> None:
        """A fetch that was on its way while the assignment changed."""
        if self.stale:
            self.receive(*self.stale.pop(0))

    def take(self) -> None:
        if self.channel:
            self.backlog.add(self.channel.popleft())

    def apply(self, limit: int, crash: str | None = None) -> bool:
        """Apply one batch; False when there was none. A fenced or crashed worker becomes a new process."""
        drawn = self.backlog.draw(limit, 1 << 30)
        if not drawn:
            return False
        try:
            if crash == "before the transaction":
                raise Crash(crash)
            self.ledger.apply(drawn, crash)
            if crash == "outcome unknown":  # the connection broke during COMMIT, and someone tries again
                self.ledger.apply(drawn, None)
        except (Crash, Fenced):
            self.restart()
        return True
