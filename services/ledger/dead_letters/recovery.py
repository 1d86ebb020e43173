"""Recovery of messages refused beyond the bound on letters: admission is repeated from the log while the broker retains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from services.ledger.admission.model import Record, Refused
from services.ledger.admission.raw_bytes import digest
from services.ledger.dead_letters import store
from services.ledger.dead_letters.letter import DeadLetterCut
from services.ledger.dead_letters.service import ActionOutcome, DeadLetterService
from services.ledger.registry import store as registry_store
from services.ledger.storage.platform_events import record_platform_event

RECOVERED: Final = "cut_recovered"
"""Kind of the platform event; its detail names the position, the operator, and the number of messages per outcome."""
GONE: Final = "GONE"
"""Outcome of offsets that the log has no record under any more."""


def records(connection: Mapping[str, Any], cut: DeadLetterCut) -> Iterator[Record]:
    """The records of the log from the first to the last offset of ``cut`` that are still there, in order.

    ``connection`` are kafka-python's settings. Blocks; KafkaError where the broker does not answer.
    """
    place = TopicPartition(cut.topic, cut.partition)
    consumer = KafkaConsumer(**connection, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        consumer.assign([place])
        beginning, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        consumer.seek(place, max(beginning, cut.first_offset))
        last = min(cut.last_offset, end - 1)
        while consumer.position(place) <= last:
            for one in consumer.poll(timeout_ms=1_000).get(place, ()):
                if one.offset > last:
                    return
                yield Record(
                    one.topic, one.partition, one.offset, one.timestamp, list(one.headers), one.value
                )
    finally:
        consumer.close()


def recover(service: DeadLetterService, connection: Mapping[str, Any], cut: DeadLetterCut) -> dict[str, int]:
    """Repeat admission of every message of ``cut`` with its original append time, and apply what is accepted now; counts by outcome.

    Messages with a letter are left to its redrive; messages between the offsets of another publisher or reason to their own row.
    One transaction for each event that is applied; repeating it applies nothing twice. The outcome is recorded as a platform
    event; the row of ``cut`` stays, since it states what was refused.
    """
    session, outcomes = service.session, Counter[str]()
    with session.transaction():
        registry = registry_store.read_snapshot(session)
    met = 0
    for record in records(connection, cut):
        with session.transaction():
            if store.find(session, digest(record.headers, record.value)) is not None:
                continue
        met += 1
        admission = service.admit(record, registry)
        if isinstance(admission, Refused):
            outcomes[ActionOutcome.STILL_REFUSED] += (admission.publisher, admission.reason) == (
                cut.publisher,
                cut.reason,
            )
        else:
            outcomes[service.accept(record)] += 1
    if met < cut.messages:
        outcomes[GONE] = cut.messages - met
    found = {str(outcome): count for outcome, count in sorted(outcomes.items()) if count}
    detail = {
        "topic": cut.topic,
        "partition": cut.partition,
        "publisher": cut.publisher,
        "reason": cut.reason,
        "first_offset": cut.first_offset,
        "last_offset": cut.last_offset,
        "by": service.by,
        "outcomes": found,
    }
    with session.transaction():
        record_platform_event(session, RECOVERED, detail)
    return found
