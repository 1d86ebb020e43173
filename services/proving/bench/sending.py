"""Publishers as processes of their own: they send what was signed before, as fast as it goes or at a given rate."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from kafka import KafkaProducer

from services.proving.bench.signed import Message, Shelf

_PATIENCE = 120.0
_IN_FLIGHT = 16_000
"""Messages that the client may hold unacknowledged; it has no bound of its own."""


class SendingFailed(Exception):
    """A publisher could not hand its messages over; the text says why."""


@dataclass(slots=True)
class Sent:
    """What one publisher sent, as columns: topic number, partition, offset, when (``time.time`` in seconds) it was
    handed to the client, and the broker's append time in milliseconds. ``failed`` counts what was not acknowledged."""

    topics: list[str] = field(default_factory=list)
    topic: array[int] = field(default_factory=lambda: array("i"))
    partition: array[int] = field(default_factory=lambda: array("i"))
    offset: array[int] = field(default_factory=lambda: array("q"))
    at: array[float] = field(default_factory=lambda: array("d"))
    appended: array[float] = field(default_factory=lambda: array("d"))
    failed: int = 0
    late_seconds: float = 0.0

    def places(self) -> Iterator[tuple[str, int, int, float, float]]:
        """(topic, partition, offset, sent, appended), times in seconds."""
        for number, partition, offset, at, appended in zip(
            self.topic, self.partition, self.offset, self.at, self.appended, strict=True
        ):
            yield self.topics[number], partition, offset, at, appended / 1_000


class Publishers:
    """One process for each lane of ``shelf``; ``rate`` messages a second together, None: as fast as possible.

    ``prepare`` returns when all are connected and have their messages in memory; ``go`` starts them at one moment.
    """

    def __init__(
        self, bootstrap: str, shelf: Shelf, rate: float | None = None, seconds: float | None = None
    ) -> None:
        context = get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        shares = [sum(map(len, shelf.lane(lane))) if rate else 0 for lane in range(shelf.lanes)]
        for lane in range(shelf.lanes):
            ours, theirs = context.Pipe()
            share = rate * shares[lane] / sum(shares) if rate else None
            process = context.Process(
                target=_publish, args=(theirs, bootstrap, shelf, lane, share, seconds), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def prepare(self) -> None:
        """Block until every publisher is ready."""
        self._receive()

    def go(self) -> None:
        """Have them send."""
        for pipe in self._pipes:
            pipe.send("go")

    def result(self) -> list[Sent]:
        """Block until all has been acknowledged; raises SendingFailed where a process or a message failed."""
        sent = [answer for answer in self._receive() if isinstance(answer, Sent)]
        for process in self._processes:
            process.join(10)
        failed = sum(one.failed for one in sent)
        if failed:
            raise SendingFailed(f"{failed} messages were not acknowledged by the broker")
        return sent

    def pids(self) -> list[int]:
        """The process ids, for those who count their time."""
        return [process.pid for process in self._processes if process.pid]

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.is_alive():
                process.kill()
                process.join(10)

    def _receive(self) -> list[object]:
        answers: list[object] = []
        for pipe in self._pipes:
            try:
                answers.append(pipe.recv())
            except EOFError:
                raise SendingFailed("a publisher ended; its error stands above") from None
        return answers


def fill(bootstrap: str, shelf: Shelf) -> list[Sent]:
    """Send everything on ``shelf`` as fast as it goes; blocks until the broker has it all."""
    publishers = Publishers(bootstrap, shelf)
    try:
        publishers.prepare()
        publishers.go()
        return publishers.result()
    finally:
        publishers.close()


def _publish(
    pipe: Connection, bootstrap: str, shelf: Shelf, lane: int, rate: float | None, seconds: float | None
) -> None:
    producer = _producer(bootstrap, 5 if rate else 50)
    try:
        # At a rate all is read beforehand, so that nothing but sending happens while others are measured.
        chunks = shelf.lane(lane)
        messages = list(chain.from_iterable(chunks)) if rate else chain.from_iterable(chunks)
        pipe.send("ready")
        pipe.recv()
        pipe.send(_send(producer, messages, rate, seconds))
    finally:
        producer.close(timeout=10)


def _producer(bootstrap: str, linger: int) -> Any:
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=linger,
        batch_size=131_072 - 4_096,
        max_block_ms=60_000,
    )


def _send(
    producer: Any, messages: Sequence[Message] | Iterator[Message], rate: float | None, seconds: float | None
) -> Sent:
    sent = Sent()
    numbers: dict[str, int] = {}

    def acknowledged(record: Any, at: float) -> None:
        number = numbers.get(record.topic)
        if number is None:
            number = numbers[record.topic] = len(sent.topics)
            sent.topics.append(record.topic)
        sent.topic.append(number)
        sent.partition.append(record.partition)
        sent.offset.append(record.offset)
        sent.at.append(at)
        sent.appended.append(record.timestamp)

    def refused(_error: BaseException) -> None:
        sent.failed += 1

    start = time.time()
    for count, message in enumerate(messages):
        if rate is not None:
            due = start + count / rate
            if seconds is not None and due > start + seconds:
                break
            ahead = due - time.time()
            if ahead > 0.0005:
                time.sleep(ahead)
            else:
                sent.late_seconds = max(sent.late_seconds, -ahead)
        while count - len(sent.offset) - sent.failed > _IN_FLIGHT:
            time.sleep(0.002)
        future = producer.send(message.topic, value=message.value, key=message.key, headers=message.headers)
        future.add_callback(acknowledged, at=time.time())
        future.add_errback(refused)
    producer.flush(timeout=_PATIENCE)
    return sent
