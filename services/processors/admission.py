"""Admission as the pipeline calls it: one outcome per record.

Admitted events are encoded for the database here as well, while the transaction of the previous batch runs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from schemas.signing import Verifier
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused, Verified
from services.ledger.admission.raw_bytes import message_labels
from services.ledger.admission.verification import attributed_to, verify_many
from services.ledger.registry.registry import Registry
from services.ledger.storage.batch import Event
from services.ledger.storage.bodies import packed
from services.processors.ports import Admission, LogRecord

log = logging.getLogger(__name__)


class Accepted(NamedTuple):
    """An admitted record, and its event in the form that the writer takes."""

    admitted: Admitted
    event: Event


class EventAdmitter:
    """Verifies and decodes records; caches the verification of signed batches. Not thread-safe."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self._verifier = Verifier()

    def admit(self, records: Sequence[LogRecord], registry: Registry) -> Admission:
        """Admit or refuse each of `records` against `registry`. A record on which this code itself fails is refused as INTERNAL_ERROR."""
        given = [
            Record(
                record.topic, record.partition, record.offset, record.timestamp, record.headers, record.value
            )
            for record in records
        ]
        outcomes = [self._read(verified, registry) for verified in self._verify(given, registry)]
        sole = frozenset(topic for topic in {record.topic for record in records} if registry.writer(topic))
        return Admission(outcomes, list(map(_weight, outcomes)), sole)

    def _verify(self, records: Sequence[Record], registry: Registry) -> list[Verified | Refused]:
        try:
            return verify_many(records, registry, self._settings, self._verifier)
        except Exception:
            log.exception("verification failed on a batch; judging its records one by one")
        outcomes: list[Verified | Refused] = []
        for record in records:
            try:
                outcomes += verify_many([record], registry, self._settings, self._verifier)
            except Exception as error:
                log.exception(
                    "verifying %s/%d@%d failed; it becomes a dead letter",
                    record.topic,
                    record.partition,
                    record.offset,
                    extra={"action": "event_failed", **message_labels(record.headers)},
                )
                outcomes.append(Refused.internal(record, error, attributed_to(record, registry)))
        return outcomes

    def _read(self, verified: Verified | Refused, registry: Registry) -> Accepted | Refused:
        if isinstance(verified, Refused):
            return verified
        try:
            admitted = evaluate(verified, registry)
            if isinstance(admitted, Refused):
                return admitted
            return Accepted(admitted, packed(Event.of(admitted, registry.version)))
        except Exception as error:
            record = verified.record
            log.exception(
                "reading %s/%d@%d failed; it becomes a dead letter",
                record.topic,
                record.partition,
                record.offset,
                extra={"action": "event_failed", **message_labels(record.headers)},
            )
            return Refused.internal(record, error, verified.party.code, verified.event)


def _weight(outcome: Accepted | Refused) -> int:
    if isinstance(outcome, Refused):
        return 0
    facts = outcome.admitted.facts
    return max(1, len(facts.claims) + len(facts.links))
