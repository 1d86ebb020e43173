"""A log, a ledger and workers in memory, with every way of losing a fetch, a process or a right that we know of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from services.processors.backlog import Backlog, Bounds
from services.storage.ledger_protocol import (
    Claim,
    Fenced,
    OffsetRow,
    PartitionId,
    Reader,
    Slice,
    advance,
    claim,
)


@dataclass(frozen=True)
class Message:
    """One record of the fake log; `life` counts how often its topic was created."""

    offset: int
    life: int = 0


Advance = Callable[[OffsetRow | None, Slice[Message]], OffsetRow]


@dataclass
class FakeLog:
    """Append-only partitions whose offsets may have holes, as transaction markers leave them."""

    ends: dict[PartitionId, int] = field(default_factory=dict)
    messages: dict[PartitionId, list[Message]] = field(default_factory=dict)
    lives: dict[PartitionId, int] = field(default_factory=dict)

    def recreate(self, partition: PartitionId) -> None:
        self.lives[partition] = self.lives.get(partition, 0) + 1
        self.ends[partition], self.messages[partition] = 0, []

    def append(self, partition: PartitionId, count: int, hole: int = 0) -> None:
        start = self.ends.get(partition, 0) + hole
        life = self.lives.get(partition, 0)
        self.messages.setdefault(partition, []).extend(Message(start + i, life) for i in range(count))
        self.ends[partition] = start + count

    def read(self, partition: PartitionId, position: int, limit: int) -> list[Message]:
        return [m for m in self.messages.get(partition, ()) if m.offset >= position][:limit]


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

    def apply(self, slices: Iterable[Slice[Message]], crash: str | None) -> None:
        rows, stored = dict(self.rows), {}
        for part in slices:
            rows[part.partition] = self.advance(rows.get(part.partition), part)
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
        self.reader: Reader[Message] = self.make_reader()
        self.backlog: Backlog[Message] = Backlog(lambda _message: 1, Bounds(records=16))
        self.positions: dict[PartitionId, int] = {}
        self.channel: deque[tuple[Slice[Message], ...]] = deque()
        self.stale: list[dict[PartitionId, list[Message]]] = []

    def assign(self, partitions: Iterable[PartitionId], lose_channel: bool) -> None:
        """The end of a rebalance: claim, seek, and go on."""
        if lose_channel:
            self.channel.clear()
        claims = self.ledger.claim(partitions)
        self.reader.restart(claims)
        self.positions = {granted.partition: granted.next_offset for granted in claims}
        self.backlog.keep(self.positions)

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
        if fate == "late":
            self.stale.append(fetched)
        elif fate == "lost":
            self.reader.dropped()
        else:
            self.receive(fetched)

    def receive(self, fetched: dict[PartitionId, list[Message]]) -> None:
        judged = self.reader.judge(fetched)
        self.positions.update((tp, to) for tp, to in judged.seeks.items() if tp in self.positions)
        if judged.slices:
            self.channel.append(judged.slices)
            self.reader.handed_over(judged.slices)

    def receive_late(self) -> None:
        """A fetch that was on its way while the assignment changed."""
        if self.stale:
            self.receive(self.stale.pop(0))

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
