"""What admission costs, stage by stage, in one quiet process: processor time per event, the best of several rounds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from schemas.envelope import content_digest, event_id, read_headers, signed_bytes
from schemas.events.decode import decode_payload
from schemas.signature_header import SignatureHeader, parse_header
from schemas.signing import Verifier
from services.domain.interpretation import Attribution, interpret
from services.ledger.admission.model import Admitted, Record, Refused, Verified
from services.ledger.admission.verification import verify_many
from services.ledger.storage.batch import Event
from services.ledger.storage.bodies import packed
from services.processors.settings import admission_settings
from services.testbed.bench.signed import NETWORK, Message, registry

ROUNDS = 3
T = TypeVar("T")


def admission_stages(messages: Sequence[Message]) -> dict[str, float]:
    """Microseconds of processor time per event by stage, over ``messages`` that can be accepted.

    The stages: envelope (headers, signed bytes, digests), signature, parse and schema, interpretation, packing for the
    database.
    """
    known, settings = registry(), admission_settings(NETWORK)
    now = int(time.time() * 1_000)
    records = [Record(m.topic, 0, n, now, m.headers, m.value) for n, m in enumerate(messages)]
    answers = verify_many(records, known, settings, Verifier())
    verified = [one for one in answers if not isinstance(one, Refused)]
    read = []
    for one in verified:
        try:
            read.append((one, decode_payload(one.envelope.type, one.payload)))
        except Exception:  # refused on purpose
            continue
    good = [one for one, _ in read]
    statements = [
        Attribution(one.event, one.envelope.source, one.party.publisher, one.envelope.published_micros)
        for one in good
    ]
    facts = [interpret(s, one.content, p) for s, (one, p) in zip(statements, read, strict=True)]
    events = [
        Event.of(Admitted(one, payload, each), known.version)
        for (one, payload), each in zip(read, facts, strict=True)
    ]
    signed = [(_header(one), one, _signed(one)) for one in good]
    count = max(len(good), 1)
    measured = {
        "admission: envelope": lambda: [_envelope(one) for one in good],
        "admission: signature": lambda: _check(signed),
        "admission: parse and schema": lambda: [decode_payload(o.envelope.type, o.payload) for o in good],
        "admission: interpretation": lambda: [
            interpret(s, one.content, p) for s, (one, p) in zip(statements, read, strict=True)
        ],
        "store: packing": lambda: [packed(each) for each in events],
    }
    return {name: _best(work) / count * 1e6 for name, work in measured.items()}


def _best(work: Callable[[], T]) -> float:
    best = float("inf")
    gc.disable()  # as in a worker: services.processors.process
    try:
        for _ in range(ROUNDS):
            started = time.process_time()
            work()
            best = min(best, time.process_time() - started)
    finally:
        gc.enable()
    return best


def _header(verified: Verified) -> SignatureHeader:
    return parse_header(read_headers(verified.record.headers)[1])


def _signed(verified: Verified) -> bytes:
    return signed_bytes(NETWORK, verified.envelope, verified.payload)


def _envelope(verified: Verified) -> object:
    envelope, value = read_headers(verified.record.headers)
    signed = signed_bytes(NETWORK, envelope, verified.payload)
    return parse_header(value), event_id(envelope.source, envelope.id), content_digest(signed)


def _check(signed: Sequence[tuple[SignatureHeader, Verified, bytes]]) -> None:
    verifier = Verifier()
    for header, verified, text in signed:
        verifier.verify(header, verified.key.public, text)
