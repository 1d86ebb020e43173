"""Publishing: sign in batches, spool, send, and mark what the broker acknowledged.

kafka-python with idempotence set explicitly and every future checked. A send whose fate is unknown stays in the
spool and goes out again with the same bytes; the platform recognises it as the same event.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.envelope import SIGNATURE_HEADER
from schemas.reasons import Refusal
from schemas.signing import MAX_BATCH, sign_batch
from services.producers.native import Line, Unsigned
from services.producers.profile import Profile
from services.producers.spool import Message, Put, Spool

IN_FLIGHT = 2_000


class BrokerUnreachable(Exception):
    """No broker answered; what was read is safe in the spool and goes out with the next run."""


@dataclass(slots=True)
class Outcome:
    """What a run did: per refused line its refusal, and the counts."""

    queued: int = 0
    already: int = 0
    acknowledged: int = 0
    waiting: int = 0
    refused: list[tuple[str, int, Refusal]] = field(default_factory=list)
    different: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.refused or self.different or self.waiting)


def enqueue(lines: Iterable[Line], profile: Profile, spool: Spool, outcome: Outcome) -> None:
    """Sign what is new in batches and put it into the spool; fills ``outcome``."""
    for chunk in _chunks(lines, MAX_BATCH):
        fresh: dict[bytes, tuple[Line, Unsigned]] = {}
        for line in chunk:
            if line.event is None:
                if line.refusal is not None:
                    outcome.refused.append((line.path, line.number, line.refusal))
                continue
            known = spool.known(line.event.identity)
            if known is None and line.event.identity in fresh:
                known = fresh[line.event.identity][1].digest
            if known is None:
                fresh[line.event.identity] = line, line.event
            elif known == line.event.digest:
                outcome.already += 1
            else:
                outcome.different.append((line.path, line.number, line.event.envelope.id))
        if fresh:
            _put(list(fresh.values()), profile, spool, outcome)


def _put(fresh: list[tuple[Line, Unsigned]], profile: Profile, spool: Spool, outcome: Outcome) -> None:
    signatures = sign_batch(profile.key, [event.signed for _, event in fresh])
    messages = [
        message_of(event, signature, profile.topic)
        for (_, event), signature in zip(fresh, signatures, strict=True)
    ]
    outcome.queued += sum(put is Put.QUEUED for put in spool.put(messages))


def message_of(event: Unsigned, signature: str, topic: str) -> Message:
    """The Kafka message of a signed event."""
    headers = (*event.envelope.to_headers(), (SIGNATURE_HEADER, signature.encode()))
    return Message(event.identity, event.digest, topic, event.key, headers, event.payload)


def connect(bootstrap: str, security: dict[str, object] | None = None) -> KafkaProducer:
    """A producer that loses nothing silently; raises BrokerUnreachable. Blocks up to the bootstrap timeout."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap,
            enable_idempotence=True,
            acks="all",
            linger_ms=10,
            batch_size=65_536,
            compression_type=None,
            max_block_ms=15_000,
            delivery_timeout_ms=30_000,
            request_timeout_ms=10_000,
            reconnect_backoff_max_ms=1_000,  # kafka-python waits up to 30 s otherwise after a broker is back
            **(security or {}),
        )
    except KafkaError as problem:
        raise BrokerUnreachable(
            f"no broker answered at {bootstrap} ({problem}). A wrong SASL password looks the same: check both. "
            "What was read is safe in the spool; run the command again."
        ) from None


def drain(
    spool: Spool,
    bootstrap: str,
    outcome: Outcome,
    *,
    patience: float = 120.0,
    security: dict[str, object] | None = None,
    progress: Callable[[int], None] = lambda _sent: None,
) -> None:
    """Send all that waits, again and again until acknowledged or ``patience`` seconds pass without any success."""
    last_success = time.monotonic()
    while True:
        try:
            sent = _drain_once(spool, bootstrap, security, progress)
        except BrokerUnreachable:
            sent = 0
            if time.monotonic() - last_success > patience:
                outcome.waiting = spool.counts()[0]
                raise
        outcome.acknowledged += sent
        waiting, _ = spool.counts()
        outcome.waiting = waiting
        if not waiting:
            return
        if sent:
            last_success = time.monotonic()
        elif time.monotonic() - last_success > patience:
            return
        else:
            time.sleep(0.5)


def _drain_once(
    spool: Spool, bootstrap: str, security: dict[str, object] | None, progress: Callable[[int], None]
) -> int:
    if not spool.counts()[0]:
        return 0
    producer = connect(bootstrap, security)
    flying: deque[tuple[int, object]] = deque()
    sent, after = 0, 0
    try:
        while True:
            batch = spool.waiting(after, IN_FLIGHT)
            if not batch:
                break
            for seq, message in batch:
                after = seq
                future = producer.send(
                    message.topic, value=message.value, key=message.key or None, headers=list(message.headers)
                )
                flying.append((seq, future))
            sent += _settle(spool, flying)
            progress(sent)
    except KafkaError:
        sent += _settle(spool, flying)
    finally:
        with contextlib.suppress(KafkaError):  # what could not be sent is still in the spool
            producer.close(timeout=5)
    return sent


def _settle(spool: Spool, flying: deque[tuple[int, object]]) -> int:
    """Wait for every future; acknowledge the good ones, leave the others in the spool."""
    places = []
    until = time.monotonic() + 35  # for all together: after an outage some futures never end
    while flying:
        seq, future = flying.popleft()
        try:
            done = future.get(timeout=max(0.0, until - time.monotonic()))  # type: ignore[attr-defined]
        except KafkaError:
            continue
        places.append((seq, done.partition, done.offset))
    spool.acknowledge(places)
    return len(places)


def _chunks(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while chunk := list(islice(iterator, size)):
        yield chunk
