"""Sending what waits in the spool, and marking what the broker acknowledged.

kafka-python with idempotence set explicitly and every future checked. A send whose fate is unknown stays in the
spool and goes out again with the same bytes; the platform recognises it as the same event.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from services.producers.spool import Message, Spool
from services.producers.unsent import BrokerUnreachable, not_taken, unreachable

IN_FLIGHT = 2_000
REQUEST_SECONDS = 10.0  # until a request without an answer counts as lost
DELIVERY_SECONDS = 30.0  # until the client gives up on a message, and it goes out anew from the spool
BLOCK_SECONDS = 5.0  # until a topic of which the broker says nothing is looked into
_LEAST_PATIENCE = 2.0  # a connection over a weak link takes its time to begin
_FIRST_PATIENCE = 5.0  # until somebody hears that no broker answers; then it is tried on for longer at a time
_LONGEST_PATIENCE = 30.0
_LOOK_SECONDS = 3.0

_Flying = tuple[int, Message, Any]
"""A message that was given to the client: its number in the spool, itself, and its future."""


def connect(
    bootstrap: str, security: dict[str, object] | None = None, patience: float = 30.0
) -> KafkaProducer:
    """A producer that loses nothing silently; raises BrokerUnreachable after ``patience`` seconds without a broker."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap,
            enable_idempotence=True,
            acks="all",
            bootstrap_timeout_ms=int(patience * 1_000),
            linger_ms=10,
            batch_size=65_536,
            compression_type=None,
            max_block_ms=int(min(DELIVERY_SECONDS / 2, BLOCK_SECONDS) * 1_000),
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1_000),
            request_timeout_ms=int(REQUEST_SECONDS * 1_000),
            reconnect_backoff_max_ms=1_000,  # kafka-python waits up to 30 s otherwise after a broker is back
            **(security or {}),
        )
    except KafkaError:
        raise BrokerUnreachable(
            unreachable(bootstrap, security or {}, min(_LOOK_SECONDS, patience))
        ) from None


def drain(
    spool: Spool,
    bootstrap: str,
    *,
    patience: float = 120.0,
    security: dict[str, object] | None = None,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
    notice: Callable[[str], None] = lambda _problem: None,
) -> int:
    """Send what waits, again and again until all is acknowledged, ``patience`` seconds pass without any success, or ``stop``.

    Returns how many were acknowledged. Raises BrokerUnreachable where patience ended without a broker; ``notice`` hears of it as soon
    as it is known. Raises NotTaken, without waiting, where only what the broker refuses is left, or what is for a topic that does not
    exist.
    """
    last_success, total, left = time.monotonic(), 0, Left()
    trying = min(_FIRST_PATIENCE, max(patience, _LEAST_PATIENCE))
    while spool.counts()[0] and not stop():
        away: BrokerUnreachable | None = None
        sent, before = 0, left.found
        left.problems = {}
        try:
            producer = connect(bootstrap, security, trying)
            sent = _drain_once(spool, producer, lambda sent: progress(total + sent), stop, left)  # noqa: B023
        except BrokerUnreachable as problem:
            away = problem
            if trying == _FIRST_PATIENCE:
                notice(str(problem))
            trying = min(_LONGEST_PATIENCE, max(patience, _LEAST_PATIENCE))
        total += sent
        if sent:
            last_success = time.monotonic()
        if sent or left.found != before:
            continue
        left.problems.update(left.too_large)
        look = min(_LOOK_SECONDS, REQUEST_SECONDS)
        refusal = (
            not_taken(left.problems, left.names, bootstrap, security or {}, look) if left.problems else None
        )
        if refusal is not None:
            raise refusal
        if time.monotonic() - last_success > patience:
            if away is not None:
                raise away
            break
        time.sleep(0.5)
    return total


@dataclass(slots=True)
class Left:
    """What could not be sent, by topic: what came instead of an acknowledgement, and the id of the event that is too large.

    With one event that is too large the client gives up all that it holds: fewer are given to it ``at_once``, until the one is found,
    which is passed over from then on.
    """

    problems: dict[str, KafkaError] = field(default_factory=dict)
    too_large: dict[str, KafkaError] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
    at_once: int = IN_FLIGHT

    @property
    def found(self) -> tuple[int, int]:
        """Changes whenever the search for an event that is too large comes further."""
        return self.at_once, len(self.passed)

    def note(self, seq: int, message: Message, problem: KafkaError, alone: bool, at_once: int) -> None:
        """Remember that ``message`` was not taken, which was on its way ``alone`` or with others, ``at_once`` at most."""
        if not isinstance(problem, MessageSizeTooLargeError):
            self.problems.setdefault(message.topic, problem)
        elif alone:
            self.passed.add(seq)
            self.too_large[message.topic] = problem
            self.names[message.topic] = dict(message.headers).get("ce_id", b"").decode()
            self.at_once = IN_FLIGHT
        else:
            self.at_once = max(1, at_once // 20)


def _drain_once(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
    left: Left,
) -> int:
    """One connection's worth: see :func:`send_waiting`; the connection ends with it."""
    try:
        return send_waiting(spool, producer, progress, stop, left)
    finally:
        with contextlib.suppress(KafkaError):  # what could not be sent is still in the spool
            producer.close(timeout=1 if stop() else 5)


def send_waiting(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
    left: Left | None = None,
) -> int:
    """Send what waits over ``producer``; returns how many were acknowledged, and notes in ``left`` why others were not.

    Ends when nothing waits, or when a whole batch went by without an acknowledgement; what has none stays in the spool. What is for a
    topic that takes nothing now is passed over.
    """
    flying: deque[_Flying] = deque()
    left = Left() if left is None else left
    closed: set[str] = set()
    sent, after, at_once, found = 0, 0, left.at_once, left.found
    while batch := [] if stop() or left.found != found else spool.waiting(after, at_once):
        for seq, message in batch:
            after = seq
            if message.topic in closed or seq in left.passed:
                continue
            try:
                future = producer.send(
                    message.topic, value=message.value, key=message.key or None, headers=list(message.headers)
                )
            except KafkaError as problem:
                left.note(seq, message, problem, not flying, at_once)
                if seq not in left.passed:
                    closed.add(message.topic)
            else:
                flying.append((seq, message, future))
        offered = len(flying)
        settled = _settle(spool, flying, stop, left)
        sent += settled
        if offered and not settled:
            break
        progress(sent)
    return sent


def _settle(spool: Spool, flying: deque[_Flying], stop: Callable[[], bool], left: Left) -> int:
    """Wait for every future; acknowledge the good ones, leave the others in the spool."""
    places, alone, at_once = [], len(flying) == 1, left.at_once
    until = (
        time.monotonic() + DELIVERY_SECONDS * 1.2
    )  # for all together: after an outage some futures never end
    while flying:
        seq, message, future = flying.popleft()
        try:
            done = _wait(future, until, stop)
        except KafkaError as problem:
            left.note(seq, message, problem, alone, at_once)
            continue
        if done is not None:
            places.append((seq, done.partition, done.offset))
    spool.acknowledge(places)
    return len(places)


def _wait(future: Any, until: float, stop: Callable[[], bool]) -> Any:
    """The place that ``future`` was given, or None where it has none when time or the run ends. Raises KafkaError."""
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            return future.get(timeout=0.0 if stop() else min(0.25, left))
        except KafkaTimeoutError:
            if future.is_done or stop() or not left:
                return None
