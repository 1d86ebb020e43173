"""Sending what waits in the spool, and marking what the broker acknowledged.

kafka-python with idempotence set explicitly and every future checked. A send whose fate is unknown stays in the
spool and goes out again with the same bytes; the platform recognises it as the same event.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from services.producers.spool import Spool

IN_FLIGHT = 2_000
REQUEST_SECONDS = 10.0  # until a request without an answer counts as lost
DELIVERY_SECONDS = 30.0  # until the client gives up on a message, and it goes out anew from the spool
_LEAST_PATIENCE = 2.0  # a connection over a weak link takes its time to begin


class BrokerUnreachable(Exception):
    """No broker answered; what was read is safe in the spool and goes out with the next run."""


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
            max_block_ms=int(DELIVERY_SECONDS * 500),
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1_000),
            request_timeout_ms=int(REQUEST_SECONDS * 1_000),
            reconnect_backoff_max_ms=1_000,  # kafka-python waits up to 30 s otherwise after a broker is back
            **(security or {}),
        )
    except KafkaError as problem:
        raise BrokerUnreachable(
            f"no broker answered at {bootstrap} ({problem}). A wrong SASL password looks the same: check both. "
            "What was read is safe in the spool."
        ) from None


def drain(
    spool: Spool,
    bootstrap: str,
    *,
    patience: float = 120.0,
    security: dict[str, object] | None = None,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send what waits, again and again until all is acknowledged, ``patience`` seconds pass without any success, or ``stop``.

    Returns how many were acknowledged; raises BrokerUnreachable where patience ended without a broker.
    """
    last_success, total = time.monotonic(), 0
    while spool.counts()[0] and not stop():
        unreachable: BrokerUnreachable | None = None
        sent = 0
        try:
            producer = connect(bootstrap, security, min(30.0, max(patience, _LEAST_PATIENCE)))
            sent = _drain_once(spool, producer, lambda sent: progress(total + sent), stop)  # noqa: B023
        except BrokerUnreachable as problem:
            unreachable = problem
        total += sent
        if sent:
            last_success = time.monotonic()
        elif time.monotonic() - last_success > patience:
            if unreachable is not None:
                raise unreachable
            break
        else:
            time.sleep(0.5)
    return total


def _drain_once(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
) -> int:
    """One connection's worth: see :func:`send_waiting`; the connection ends with it."""
    try:
        return send_waiting(spool, producer, progress, stop)
    finally:
        with contextlib.suppress(KafkaError):  # what could not be sent is still in the spool
            producer.close(timeout=1 if stop() else 5)


def send_waiting(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send what waits over ``producer``; returns how many were acknowledged.

    Ends when nothing waits, or when a whole batch went by without an acknowledgement; what has none stays in the spool.
    """
    flying: deque[tuple[int, Any]] = deque()
    sent, after = 0, 0
    try:
        while batch := [] if stop() else spool.waiting(after, IN_FLIGHT):
            for seq, message in batch:
                after = seq
                future = producer.send(
                    message.topic, value=message.value, key=message.key or None, headers=list(message.headers)
                )
                flying.append((seq, future))
            settled = _settle(spool, flying, stop)
            sent += settled
            if not settled:
                break
            progress(sent)
    except KafkaError:
        sent += _settle(spool, flying, stop)
    return sent


def _settle(spool: Spool, flying: deque[tuple[int, Any]], stop: Callable[[], bool]) -> int:
    """Wait for every future; acknowledge the good ones, leave the others in the spool."""
    places = []
    until = (
        time.monotonic() + DELIVERY_SECONDS * 1.2
    )  # for all together: after an outage some futures never end
    while flying:
        seq, future = flying.popleft()
        with contextlib.suppress(KafkaError):
            done = _wait(future, until, stop)
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
