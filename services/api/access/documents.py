"""Documents as their readers see them: parties of them, who holds or receives the original, who pledged it; nobody else.

Whoever may read a document reads what it says, whole: its issuer gave it to them. Of the events behind it they learn which ones support or
contradict a field, never what these say. What a document is built from is shown to its issuer as the matrix grants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from schemas.rfc3339 import format_micros
from services.api.access.consignment import visible
from services.api.access.matrix import Field, Shown
from services.api.access.reader import LoggedReader
from services.documents.domain.decisions import Decision, Register
from services.documents.domain.document import Document
from services.documents.domain.legal import legal
from services.documents.domain.transfer import Holding, TransferStatus
from services.documents.domain.verification import Stated, VerifiedField, built, verified
from services.documents.store.registers import readable, registers_of, registers_over
from services.documents.store.shared_data import shared_view, stated_of
from services.domain.facts import Micros
from services.query.views import SourcedView

Json = dict[str, Any]
_GROUPS: Final[Mapping[str, Field]] = {
    "commodities": Field.GOODS,
    "gross_weight_kg": Field.GOODS,
    "package_quantity": Field.GOODS,
}
"""The group of the matrix of what a field is built from; of every other field those of ids."""


def readable_document(reader: LoggedReader, document: str) -> Register | None:
    """The register of a document (32 hexadecimal digits); None where there is none for the reader. Notes the read."""
    id_ = bytes.fromhex(document)
    known = registers_of(reader.session, [id_])[id_]
    if not known.decisions or reader.party.code not in known.readers():
        return None
    reader.reads("document", document, known.readers())
    return known


def readable_documents(
    reader: LoggedReader, before: int | None, limit: int
) -> tuple[list[tuple[str, Register]], int | None]:
    """The documents that the reader may read, the latest change first, from before decision ``before``; and where to go on. Notes the reads."""
    found = readable(reader.session, reader.party.code, before, limit + 1)
    for id_, register in found[:limit]:
        reader.reads("document", id_.hex(), register.readers())
    last = found[limit - 1][1].decisions[-1].number if len(found) > limit else None
    return [(id_.hex(), register) for id_, register in found[:limit]], last


def whole_document(reader: LoggedReader, document: str) -> tuple[Register, Json] | None:
    """A document (32 hexadecimal digits) with all that its readers are shown; None where there is none for the reader. Notes the read."""
    register = readable_document(reader, document)
    if register is None or register.current is None:
        return None
    known = shared_view(reader.session, register.current.consignment, reader.now, reader.registry)
    return register, whole(document, register, known, reader.now)


def originals_over(reader: LoggedReader, consignment: bytes) -> list[Json]:
    """The issued documents over the group of ``consignment`` (16 bytes) that the reader may read, and no other. Notes the reads."""
    found = []
    for register in registers_over(reader.session, [consignment]):
        if register.holding is not None and reader.party.code in register.readers():
            document = register.first.id
            reader.reads("document", document, register.readers())
            found.append(summary(document, register))
    return found


def proposed(reader: LoggedReader, document: Document) -> tuple[SourcedView, dict[str, object]] | None:
    """The view of the document's consignment and the fields that the reader may build from it; None where it is not the reader's to see."""
    known = shared_view(reader.session, document.consignment, reader.now, reader.registry)
    seen = None if known is None else visible(reader, known.view.consignment.id)
    if known is None or seen is None:
        return None
    reader.reads("consignment", document.consignment, seen.shippers)
    stated = (
        each for each in stated_of(known) if seen.grants[_GROUPS.get(each.name, Field.IDS)] is Shown.FULL
    )
    return known, {field.name: field.value for field in built(stated)}


def summary(document: str, register: Register) -> Json:
    """A document of a list."""
    current, chain = register.current, register.chain
    assert current is not None
    assert chain is not None
    effective = register.effective_holding
    waits = register.effective < len(chain.transfers)
    status = "DRAFT" if not chain.transfers else "PENDING" if waits else "EFFECTIVE"
    return {
        "document": document,
        "number": current.number,
        "kind": str(current.kind),
        "form": current.form,
        "issuer": current.issuer,
        "consignment": current.consignment,
        "version": current.version,
        "content": current.digest,
        "status": status,
        "holding": _holding(effective),
        "pending": _holding(register.holding) if waits else None,
        "last": chain.last,
    }


def whole(document: str, register: Register, known: SourcedView | None, at: Micros) -> Json:
    """A document, with its law, its signatures and what supports it."""
    current = register.current
    assert current is not None
    return {
        **summary(document, register),
        **described(current, register.signed_by(current.digest), known, at),
        "drafts": [
            {
                "version": draft.version,
                "content": content,
                "body": draft.plain,
                "signatures": _signatures(draft, register.signed_by(content)),
            }
            for content, draft in sorted(
                register.versions.items(), key=lambda each: (each[1].version, each[0])
            )
            if content != current.digest and draft.version > current.version - (register.holding is None)
        ],
    }


def described(document: Document, signed_by: Iterable[str], known: SourcedView | None, at: Micros) -> Json:
    """What a version says, by which law, who signed it, and what supports each field."""
    stated: Iterable[Stated] = () if known is None else stated_of(known)
    return {
        "body": document.plain,
        "legal": _legal(document, at),
        "fields": [_field(each, known) for each in verified(document.fields, stated)],
        "signatures": _signatures(document, signed_by),
    }


def _signatures(document: Document, signed_by: Iterable[str]) -> list[Json]:
    signed = frozenset(signed_by)
    return [
        {"role": str(each.role), "party": each.party, "signed": each.party in signed}
        for each in document.signatories
    ]


def decision(each: Decision, register: Register, number: int) -> Json:
    """A decision; ``number`` is its number as the reader is shown it."""
    transfer = each.transfer
    status: TransferStatus | None = None if transfer is None else register.status_of(transfer)
    return {
        "outcome": str(each.outcome),
        "document": each.document,
        "action": each.action,
        "by": each.by,
        "at": format_micros(each.at),
        "to": each.to or None,
        "version": each.version,
        "content": each.content,
        "number": number,
        "transfer": None if transfer is None else transfer.digest,
        "place": each.place or None,
        "status": None if status is None else str(status),
        "previous": each.previous or None,
        "paper": each.paper or None,
        "guard": each.guard or None,
        "satisfied_by": each.satisfied_by or None,
    }


def _holding(holding: Holding | None) -> Json | None:
    if holding is None:
        return None
    pledge = holding.pledge
    return {
        "holder": holding.holder or None,
        "order": holding.order or None,
        "since": format_micros(holding.since),
        "transfer": holding.transfer,
        "medium": str(holding.medium),
        "state": str(holding.state),
        "pledge": None
        if pledge is None
        else {"pledgor": pledge.pledgor, "pledgee": pledge.pledgee, "transfer": pledge.transfer},
    }


def _legal(document: Document, at: Micros) -> Json:
    today = datetime.fromtimestamp(at // 1_000_000, UTC).date()
    basis = document.legal_basis()
    return {
        "basis": basis.code,
        "title": str(basis.title_on(today)),
        "statement": basis.statement_on(today),
        "source": basis.source,
        "adopted_on": None if basis.adopted_on is None else basis.adopted_on.isoformat(),
        "in_force_from": None if basis.in_force_from is None else basis.in_force_from.isoformat(),
        "table": legal().version,
    }


def _field(each: VerifiedField, known: SourcedView | None) -> Json:
    value = each.field.value
    return {
        "name": each.field.name,
        "value": list(value) if isinstance(value, tuple) else value,
        "support": str(each.support),
        "supported_by": _evidence(each.supported_by, known),
        "contradicted_by": _evidence(each.contradicted_by, known),
    }


def _evidence(stated: Iterable[Stated], known: SourcedView | None) -> list[Json]:
    assert known is not None or not tuple(stated)
    return [
        {"event": known.sources.named(each.event), "by": each.publisher, "assurance": each.assurance.name}
        for each in stated
        if known is not None
    ]
