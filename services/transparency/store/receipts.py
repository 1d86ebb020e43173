"""Receipts: the document of an entry with the proof that the cosigned log holds it, for whoever verifies it without us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.bundle import REGISTRY, Bundle, Part
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.note import Note
from services.transparency.domain.receipt import Receipt
from services.transparency.domain.tiles import TileTree
from services.transparency.domain.tlog_proof import TlogProof
from services.transparency.store.log import Tiles, read_head
from services.transparency.store.sources import register_document, signed_document

EVENT, DECISION = "event", "decision"


class NoReceipt(Exception):
    """There is no receipt; the text says why."""


class NotYet(NoReceipt):
    """There is no receipt yet: it has not joined the log, or the witnesses have not cosigned so far. Ask again in seconds."""


class Prover:
    """Proves entries against the last cosigned checkpoint of the log; for one transaction. NoLog where there is none."""

    def __init__(self, session: Session, network: str) -> None:
        self.session, self._network = session, network
        self._cosigned = read_head(session).cosigned
        self._tiles = TileTree(0 if self._cosigned is None else self.tree.size, Tiles(session))

    @property
    def checkpoint(self) -> Note:
        """The checkpoint; NotYet where none was cosigned."""
        if self._cosigned is None:
            raise NotYet("the log is not cosigned yet by its witnesses; ask again in seconds")
        return self._cosigned

    @property
    def tree(self) -> Checkpoint:
        """Its size and root."""
        return Checkpoint.parse(self.checkpoint.text)

    def part(self, source: str, position: str, make: Callable[[Entry, bytes | None], Document]) -> Part:
        """The entry of a source with its document, made from the entry and the salt beside it, and its proof; NotYet, NoReceipt."""
        values = {"source": source, "position": position}
        row = self.session.execute(statement("entry_of"), values).fetchone()
        if row is None:
            raise NotYet("it has not joined the log yet; it does within seconds where the sequencer runs")
        index, salt, raw = row
        entry = Entry.parse(bytes(raw))
        document = make(entry, None if salt is None else bytes(salt))
        if not entry.covers(document):
            raise NoReceipt(
                f"entry {index} of the log is over another document than the one that is stored: run fsck"
            )
        if self._tiles.size <= index:
            raise NotYet(
                f"it is entry {index} of the log, which the witnesses have not cosigned yet; ask again in seconds"
            )
        return Part.of(document, index, self._tiles.inclusion(index))

    def event(self, each: Stored) -> Part:
        """An accepted event."""
        place = f"{each.topic}/{each.partition}@{each.offset}"
        document = signed_document(
            self._network, Kind.EVENT, place, each.framed, each.payload, each.append_us, each.content
        )
        return self.part(EVENT, str(each.no), lambda _entry, _salt: document)

    def decision(self, number: int, at: int, headers: bytes, payload: bytes, source: str = DECISION) -> Part:
        """A decision on a financing, or of another ``source`` of decisions, as stored."""
        document = signed_document(self._network, Kind.DECISION, f"{source} {number}", headers, payload, at)
        return self.part(source, str(number), lambda _entry, _salt: document)

    def register(self, register: str, number: int, key: str, change: str) -> Part:
        """An entry of the audit trail."""

        def made(entry: Entry, salt: bytes | None) -> Document:
            if salt is None:
                raise NoReceipt(
                    f"the salt of {register} {key} was erased: nothing can be shown of it any more"
                )
            return register_document(register, number, key, change, salt, entry.at)

        return self.part(f"register {register}", str(number), made)

    def registered(self, parties: Sequence[str]) -> list[Part]:
        """All that the registry says of these parties and their keys, in the order of its versions."""
        rows = self.session.execute(
            statement("registry_of"), {"register": REGISTRY, "parties": sorted(set(parties))}
        )
        return [self.register(REGISTRY, *row) for row in rows.fetchall()]


def receipt_of_event(session: Session, network: str, id_: bytes) -> list[Receipt]:
    """The receipts of the contents accepted under an event's 16-byte id, oldest first: one, or more where its publisher equivocated.

    NoReceipt where there is no such event, NotYet where the log does not prove it yet; NoLog.
    """
    found = event_reader.events_by_id(session, [id_])
    if not found:
        raise NoReceipt("no event of this source and id was accepted")
    prover = Prover(session, network)
    return _receipts(prover, [prover.event(each) for each in found])


def receipt_of_decision(
    session: Session, network: str, source: str, number: int, at: int, headers: bytes, payload: bytes
) -> Receipt:
    """The receipt of a decision of a source of decisions, as stored; NotYet, NoReceipt, NoLog."""
    prover = Prover(session, network)
    (found,) = _receipts(prover, [prover.decision(number, at, headers, payload, source)])
    return found


def _receipts(prover: Prover, parts: Sequence[Part]) -> list[Receipt]:
    return [
        Receipt(each.document, TlogProof(each.index, each.proof, prover.checkpoint))
        for each in parts
        if each.document is not None
    ]


def file_of(found: Sequence[Receipt | Bundle]) -> bytes:
    """Receipts or bundles as a file: one object, or a list where there are several."""
    values: list[Any] = [each.as_json() for each in found]
    return orjson.dumps(values[0] if len(values) == 1 else values, option=orjson.OPT_INDENT_2) + b"\n"
