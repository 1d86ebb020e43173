"""Many cargoes with applications of their shippers to two banks, stored in one go, and clients that ask for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date

from schemas.envelope import Envelope, content_digest, event_id, signed_bytes
from schemas.events.base import Role
from schemas.events.decode import decode_payload
from services.domain.interpretation import Attribution, interpret
from services.domain.objects import Thing, consignment
from services.domain.publisher import Publisher
from services.financing.domain.decisions import Action, Terms
from services.financing.domain.documents import Company, Invoice, Note, Papers
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.ledger.admission.model import Record as BrokerRecord
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.writer import Writer
from services.processors.ledger_store import PROJECTIONS
from tests.support.storage.writers import no_letters

from .stored_world import TOPIC, key_of, value

ROLES = {
    "xaport": Role.OPERATOR,
    "silk": Role.FORWARDER,
    "optic": Role.SHIPPER,
    "abank": Role.BANK,
    "bbank": Role.BANK,
}
BANKS = ("abank", "bbank")
SELLER = Company("USCC", "91330100799655058B")
AT = "2026-03-01T10:00:00+08:00"


def note_of(mark: str, number: int) -> str:
    return f"SMGS/CN/{mark}/{200_000 + number}/2026"


def thing(mark: str, number: int) -> Thing:
    """The consignment of that number."""
    return consignment("xaport", f"{mark}-{number}")


def event(by: str, type_: str, name: str, body: dict[str, object], offset: int, registry: int) -> Event:
    """One event as admitted; nothing is signed here, admission is not what is tested."""
    salt = hashlib.sha256(name.encode()).hexdigest()[:32]
    payload = json.dumps({"salt": salt, **body}).encode()
    envelope = Envelope("1.0", name, f"//{by}.example", type_, AT, None, "application/json")
    identity = event_id(envelope.source, name)
    content = content_digest(signed_bytes("demo", envelope, payload))
    statement = Attribution(
        identity, envelope.source, Publisher(by, frozenset({ROLES[by]})), envelope.published_micros
    )
    facts = interpret(statement, content, decode_payload(type_, payload))
    record = BrokerRecord(
        TOPIC, 0, offset, envelope.published_micros // 1_000, envelope.to_headers(), payload
    )
    return Event(record, identity, content, payload, by, key_of(by).key_id, registry, facts)


def told(mark: str, numbers: Iterable[int], registry: int) -> Iterator[Event]:
    """For each cargo: its founding, an application of its forwarder to each bank, an approval of each."""
    offset = 0
    for number in numbers:
        opened = {
            "reference": f"{mark}-{number}",
            "from": AT,
            "notes": [note_of(mark, number)],
            "parties": [{"party": "silk", "role": "forwarder"}],
        }
        said: list[tuple[str, str, dict[str, object]]] = [
            ("xaport", "cre.link.consignment_opened.v1", opened)
        ]
        for bank in BANKS:
            amount = {"minor_units": 100_000, "currency_code": "CNY"}
            said.append(
                (
                    "silk",
                    "cre.finance.applied.v1",
                    {
                        "happened": AT,
                        "reference": f"{mark}-{number}-{bank}",
                        "bank": bank,
                        "product": "FREIGHT_LOAN",
                        "interest": "RECEIVABLE",
                        "objects": [{"kind": "consignment", "id": f"xaport/{mark}-{number}"}],
                        "requested_amount": amount,
                        "value_amount": amount,
                    },
                )
            )
        for by, type_, body in said:
            yield event(by, type_, f"{mark}/{number}/{by}/{body.get('bank', '')}", body, offset, registry)
            offset += 1


def replace_record(event: Event, record: BrokerRecord) -> Event:
    """The same event at another place of the log."""
    return event._replace(record=record)


def store(dsn: str, mark: str, count: int) -> None:
    """Store the cargoes numbered from 0, through a writer as a worker does, and note what they say of financing."""
    registry = int(value(dsn, "SELECT version FROM lianyun.registry_version"))
    writer = Writer(dsn, no_letters, projections=PROJECTIONS)
    try:
        (claim,) = writer.claim_partitions(f"crowd-{mark}", [AssignedPartition(f"{TOPIC}.{mark}", 0)])
        events = list(told(mark, range(count), registry))
        for first in range(0, len(events), 1_500):
            part = events[first : first + 1_500]
            advance = Advance(
                f"{TOPIC}.{mark}",
                0,
                claim.epoch,
                claim.next_offset + first,
                claim.next_offset + first + len(part),
            )
            moved = [
                replace_record(e, e.record._replace(topic=advance.topic, offset=advance.first + n))
                for n, e in enumerate(part)
            ]  # fmt: skip
            writer.apply(Batch((advance,), tuple(moved), (), registry))
        for _ in range(200):
            writer.tick()
            if not writer.pending():
                break
    finally:
        writer.close()


def reserve(mark: str, number: int, bank: str, client: str) -> tuple[DecisionRequest, tuple[Thing, ...]]:
    """A client of ``bank`` asks for the cargo; each under a reference of its own."""
    application = f"silk/{mark}-{number}-{bank}"
    papers = Papers(
        invoices=(
            Invoice(
                SELLER,
                Company("PARTY", f"buyer-{number}"),
                f"FR-{mark}-{number}",
                Money(100_000 + number, "CNY"),
                date(2026, 3, 1),
            ),
        ),
        notes=(Note(note_of(mark, number)),),
        consignments=(f"xaport/{mark}-{number}",),
    )
    terms = Terms(application, "silk", "FREIGHT_LOAN", "RECEIVABLE")
    name = f"{bank}/{mark}-{number}-{client}"
    return DecisionRequest(Action.RESERVE, bank, name, name, None, terms, papers), (thing(mark, number),)
