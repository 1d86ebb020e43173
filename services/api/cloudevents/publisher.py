"""The producer of posted events: acks=all and idempotence; an event counts as sent when the broker says so."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.trace_context import TRACEPARENT, TraceContext
from services.api.cloudevents.offer import Offer
from services.ledger.admission.raw_bytes import message_labels

log = logging.getLogger(__name__)
_RESTS = 1.0  # seconds after a failure to connect in which nobody tries again


class Unavailable(Exception):
    """No broker answers. ``retry_after``: seconds."""

    retry_after = 5


class Placed(NamedTuple):
    """Where an event is in the log."""

    topic: str
    partition: int
    offset: int


class Publisher:
    """Sends offers to one topic; for several threads, connected when it is first used and again after a failure."""

    def __init__(self, bootstrap: str, security: dict[str, Any], topic: str, patience: float = 8.0) -> None:
        """``patience``: seconds until an event without an acknowledgement counts as not sent."""
        self._bootstrap, self._security, self._topic, self._patience = bootstrap, security, topic, patience
        self._lock = threading.Lock()
        self._producer: Any = None
        self._failed = -_RESTS

    @property
    def topic(self) -> str:
        """Where it sends to."""
        return self._topic

    def send(self, offers: Sequence[Offer], trace: TraceContext | None = None) -> list[Placed | None]:
        """Send ``offers`` in their order; their places, None for each whose acknowledgement did not come in time.

        ``trace`` is the context of the request that brought them; it goes with each that has none of its own. Blocks up to ``patience``. One without an acknowledgement may have arrived all the same: sent again with the same
        bytes it is recognised as the same event. Raises Unavailable where no broker answers and nothing was sent.
        """
        producer = self._connected()
        carried = () if trace is None else ((TRACEPARENT, trace.text().encode()),)
        until = time.monotonic() + self._patience
        futures: list[Any] = []
        try:
            for each in offers:
                futures.append(
                    producer.send(
                        self._topic,
                        value=each.payload,
                        key=each.key or None,
                        headers=list(each.headers if each.traced else (*each.headers, *carried)),
                    )
                )
        except KafkaError as problem:
            log.warning("the broker does not take events: %s", problem)
            if not futures:
                self._drop(producer)
                raise Unavailable from None
        placed = [_place(each, future, until) for each, future in zip(offers, futures, strict=False)]
        placed += [None] * (len(offers) - len(placed))
        if None in placed:
            # It may hold events that nobody waits for any more; what it still delivers is only a repetition later.
            self._drop(producer)
        return placed

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                if time.monotonic() - self._failed < _RESTS or not self._bootstrap:
                    raise Unavailable
                try:
                    self._producer = self._connect()
                except KafkaError as problem:
                    self._failed = time.monotonic()
                    log.warning("no broker answers: %s", problem)
                    raise Unavailable from None
            return self._producer

    def _connect(self) -> Any:
        milliseconds = int(self._patience * 1_000)
        return KafkaProducer(
            bootstrap_servers=self._bootstrap.split(","),
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            batch_size=65_536,
            compression_type=None,
            bootstrap_timeout_ms=milliseconds // 2,
            max_block_ms=milliseconds // 2,
            request_timeout_ms=milliseconds // 2,
            delivery_timeout_ms=milliseconds,
            reconnect_backoff_max_ms=1_000,
            **self._security,
        )

    def _drop(self, producer: Any) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
                self._failed = time.monotonic()
        threading.Thread(target=_close, args=(producer,), name="gateway-close", daemon=True).start()


def _place(offered: Offer, future: Any, until: float) -> Placed | None:
    try:
        done = future.get(timeout=max(0.0, until - time.monotonic()))
    except KafkaError as problem:
        log.info("an event was not acknowledged: %s", problem, extra=message_labels(offered.headers))
        return None
    return Placed(done.topic, done.partition, done.offset)


def _close(producer: Any) -> None:
    with contextlib.suppress(KafkaError):
        producer.close(timeout=1)
