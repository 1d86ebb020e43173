"""Judgments of forecasts against dates, each an event signed by the platform, with the inputs from which its forecast can be made again."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import Connection
from pydantic import ConfigDict, TypeAdapter

from schemas.events.case import ArrivalJudged
from services.arrival.domain.forecast import Inputs
from services.arrival.domain.lateness import PROMISE, Judgment, Lateness
from services.arrival.store import statement
from services.domain.facts import Micros
from services.domain.objects import ObjectId
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event
from services.ledger.storage.arrays import uuids

MOST_EVIDENCE = 256
"""Events that a judgment names; its inputs hold them all."""
_INPUTS: TypeAdapter[Inputs] = TypeAdapter(
    Inputs, config=ConfigDict(ser_json_bytes="hex", val_json_bytes="hex")
)


def packed(inputs: Inputs | None) -> bytes:
    """The inputs as stored; empty where there were none."""
    return b"" if inputs is None else zlib.compress(_INPUTS.dump_json(inputs), 9)


def unpacked(stored: bytes) -> Inputs | None:
    """The inputs of ``packed``. Raises ValueError, zlib.error."""
    return _INPUTS.validate_json(zlib.decompress(stored), strict=False) if stored else None


def latest(session: Connection[Any], consignments: Iterable[ObjectId]) -> dict[ObjectId, dict[str, Judgment]]:
    """The latest judgment on each of the consignments by its subject; one statement."""
    found: dict[ObjectId, dict[str, Judgment]] = {}
    ids = {"ids": uuids(sorted(consignments))}
    for cons, *row in session.execute(statement("latest_judgments"), ids, binary=True):
        each = judgment_of(row)
        found.setdefault(cons, {})[each.subject] = each
    return found


def judgment_of(row: Sequence[Any]) -> Judgment:
    """The judgment in a row: the columns of its fields, in their order. Raises ValueError."""
    number, consignment, subject, before, at, position, due, due_event, lateness, *rest = row
    p10, p50, p90, model, evidence = rest
    return Judgment(
        number, consignment, subject, before, at, position, due, due_event or b"", Lateness(lateness),
        p10, p50, p90, model, tuple(evidence),
    )  # fmt: skip


def record(
    session: Connection[Any], signer: Signer, cons: ObjectId, judgment: Judgment, inputs: Inputs | None
) -> Judgment:
    """Record ``judgment`` under the next number, in the caller's transaction; one at a time for a consignment."""
    row = session.execute(statement("judgment_number")).fetchone()
    assert row is not None
    numbered, stored = judgment._replace(number=int(row[0])), packed(inputs)
    event = signed_judgment(signer, numbered, stored)
    columns = {
        **numbered._asdict(),
        "cons": cons.hex(),
        "due_event": numbered.due_event.hex() or None,
        "lateness": str(numbered.lateness),
        "evidence": uuids(numbered.evidence),
        "inputs": stored,
        "headers": event.headers,
        "payload": event.payload,
    }
    session.execute(statement("put_judgment"), columns)
    return numbered


def event_id_of(judgment: Judgment) -> str:
    """The CloudEvents id of the platform's event for ``judgment``."""
    return f"arrival-{judgment.number}"


def signed_judgment(signer: Signer, judgment: Judgment, inputs: bytes) -> SignedEvent:
    """The event of ``judgment``, whose forecast was made of ``inputs`` as stored. The same arguments give the same bytes."""
    fields = {name: value for name, value in stated(judgment, inputs).items() if value is not None}
    return signed_event(signer, ArrivalJudged, event_id_of(judgment), judgment.at, fields)


def stated(judgment: Judgment, inputs: bytes) -> Mapping[str, Any]:
    """The fields of the event; None for what it leaves out."""

    def moment(at: Micros | None) -> str | None:
        return None if at is None else rfc3339(at)

    return {
        "happened": rfc3339(judgment.at),
        "number": judgment.number,
        "position": judgment.position,
        "before": judgment.before,
        "consignment": judgment.consignment,
        "financing": None if judgment.subject == PROMISE else judgment.subject,
        "due": rfc3339(judgment.due),
        "due_event": judgment.due_event.hex() or None,
        "lateness": str(judgment.lateness),
        "p10": moment(judgment.p10),
        "p50": moment(judgment.p50),
        "p90": moment(judgment.p90),
        "model": judgment.model,
        "inputs_sha256": hashlib.sha256(inputs).hexdigest() if inputs else None,
        "evidence": [event.hex() for event in judgment.evidence],
    }
