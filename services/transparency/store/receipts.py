"""Receipts: the document of an entry with the proof that the cosigned log holds it, for whoever verifies it without us."""

from __future__ import annotations

from typing import Any

import orjson

from services.ledger.storage import event_reader
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.receipt import Receipt
from services.transparency.domain.tlog_proof import TlogProof
from services.transparency.store.log import read_head, tree_of
from services.transparency.store.sources import signed_document


class NoReceipt(Exception):
    """There is no receipt, or not yet; the text says why and when to ask again."""


def receipt_of_event(session: Session, network: str, id_: bytes) -> list[Receipt]:
    """The receipts of the contents accepted under an event's 16-byte id, oldest first: one, or more where its publisher equivocated.

    NoReceipt where there is no such event or the log does not prove it yet; NoLog.
    """
    found = event_reader.events_by_id(session, [id_])
    if not found:
        raise NoReceipt("no event of this source and id was accepted")
    receipts = []
    for each in found:
        place = f"{each.topic}/{each.partition}@{each.offset}"
        document = signed_document(
            network, Kind.EVENT, place, each.framed, each.payload, each.append_us, each.content
        )
        receipts.append(_receipt(session, "event", str(each.no), document))
    return receipts


def _receipt(session: Session, source: str, position: str, document: Document) -> Receipt:
    head = read_head(session)
    row = session.execute(statement("entry_of"), {"source": source, "position": position}).fetchone()
    if row is None:
        raise NoReceipt("it has not joined the log yet; it does within seconds where the sequencer runs")
    index, _, raw = row
    entry = Entry.parse(bytes(raw))
    if not entry.covers(document):
        raise NoReceipt(
            f"entry {index} of the log is over another document than the one that is stored: run fsck"
        )
    if head.cosigned is None or Checkpoint.parse(head.cosigned.text).size <= index:
        raise NoReceipt(
            f"it is entry {index} of the log, which the witnesses have not cosigned yet; ask again in seconds"
        )
    size = Checkpoint.parse(head.cosigned.text).size
    proof = TlogProof(index, tuple(tree_of(session, size).inclusion(index)), head.cosigned)
    return Receipt(document, proof)


def receipts_json(receipts: list[Receipt]) -> bytes:
    """Receipts as a file: one object, or a list where there are several."""
    values: list[Any] = [each.as_json() for each in receipts]
    return orjson.dumps(values[0] if len(values) == 1 else values, option=orjson.OPT_INDENT_2) + b"\n"
