"""Publishers as processes of their own: they send what was signed before, as fast as it goes or at a given rate.

They use the client that costs the machine least, since what is measured shares its processors with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.testbed.bench.signed import Message, MessageFiles

_IN_FLIGHT = 16_000
"""Messages that a publisher holds unacknowledged at most."""
_TICK = 0.002
"""Seconds that a publisher may be ahead of its pace: waiting for less costs more than it brings."""


class SendingFailed(Exception):
    """A publisher could not hand its messages over; the text names the reason."""


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

    def note(self, at: float, future: asyncio.Future[Any]) -> None:
        """Note what became of the message handed over ``at``."""
        try:
            record = future.result()
        except KafkaError:
            self.failed += 1
            return
        if record.topic not in self.topics:
            self.topics.append(record.topic)
        self.topic.append(self.topics.index(record.topic))
        self.partition.append(record.partition)
        self.offset.append(record.offset)
        self.at.append(at)
        self.appended.append(record.timestamp)

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
        self, bootstrap: str, shelf: MessageFiles, rate: float | None = None, seconds: float | None = None
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
        failed = sum(one.failed for one in sent)
        if failed:
            raise SendingFailed(f"{failed} messages were not acknowledged by the broker")
        return sent

    def pids(self) -> list[int]:
        """The process ids, for those who count their time."""
        return [process.pid for process in self._processes if process.pid]

    def close(self) -> None:
        """End the publishers: those that wait end by themselves, the others are killed."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5)
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


def fill(bootstrap: str, shelf: MessageFiles) -> list[Sent]:
    """Send everything on ``shelf`` as fast as it goes; blocks until the broker has it all."""
    publishers = Publishers(bootstrap, shelf)
    try:
        publishers.prepare()
        publishers.go()
        return publishers.result()
    finally:
        publishers.close()


def _publish(
    pipe: Connection,
    bootstrap: str,
    shelf: MessageFiles,
    lane: int,
    rate: float | None,
    seconds: float | None,
) -> None:
    chunks = shelf.lane(lane)
    # At a rate all is read beforehand, so that nothing but sending happens while others are measured.
    messages = list(chain.from_iterable(chunks)) if rate else chain.from_iterable(chunks)
    with contextlib.suppress(EOFError):
        asyncio.run(_run(pipe, bootstrap, messages, rate, seconds))


async def _run(
    pipe: Connection, bootstrap: str, messages: Iterable[Message], rate: float | None, seconds: float | None
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=5 if rate else 50,
        max_batch_size=131_072 - 4_096,
        request_timeout_ms=60_000,
    )
    await producer.start()
    try:
        pipe.send("ready")
        pipe.recv()
        pipe.send(await _send(producer, messages, rate, seconds))
        pipe.recv()
    finally:
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, messages: Iterable[Message], rate: float | None, seconds: float | None
) -> Sent:
    sent = Sent()
    flying: deque[tuple[float, asyncio.Future[Any]]] = deque()
    start = time.time()
    for count, message in enumerate(messages):
        if rate is not None:
            due = start + count / rate
            if seconds is not None and due > start + seconds:
                break
            ahead = due - time.time()
            if ahead > _TICK:
                await asyncio.sleep(ahead)
            else:
                sent.late_seconds = max(sent.late_seconds, -ahead)
        elif len(flying) > _IN_FLIGHT:
            await asyncio.wait([flying[len(flying) // 2][1]])
        at = time.time()
        future = await producer.send(
            message.topic, value=message.value, key=message.key, headers=message.headers
        )
        flying.append((at, future))
        while flying and flying[0][1].done():
            sent.note(*flying.popleft())
    await producer.flush()
    for at, future in flying:
        await asyncio.wait([future])
        sent.note(at, future)
    return sent
