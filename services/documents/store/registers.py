"""What was decided on documents, as stored, with how much of it is effective by the cosigned log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from psycopg.rows import tuple_row

from services.documents.domain.decisions import Decision, Outcome, Register
from services.documents.domain.document import Document
from services.documents.domain.legal import DocumentKind
from services.documents.store import statement
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.session import Session
from services.transparency.domain.receipt import Receipt
from services.transparency.store.log import cosigned_of
from services.transparency.store.receipts import receipt_of_decision

SOURCE = "document-decision"
"""Under which the transparency log holds them."""
COLUMNS = 24
DECISION_LIST = """d.number, d.document, d.kind, d.form, d.consignment, d.action, d.outcome, d.at, d.position, d.before, d.by_party,
       d.request, d.version, d.content, d.previous, d.to_party, d.paper, d.instruction, d.signature, d.registry, d.place, d.guard,
       d.satisfied_by, d.rules"""
"""The select list of these columns, of ``lianyun.document_decision d``."""


def decision_of(row: Sequence[Any]) -> Decision:
    """The decision in a row of ``decisions_of``; ValueError where it is none."""
    number, document, kind, form, cons, action, outcome, *rest = row
    return Decision(number, document.hex(), DocumentKind(kind), form, cons, action, Outcome(outcome), *rest)


def registers_of(session: Session, documents: Iterable[bytes]) -> Mapping[bytes, Register]:
    """The register of each document (16-byte ids), an empty one for what is not there.

    A constant number of statements. What is effective is read from the log's cosigned head; without a log nothing is. Raises LogRefused where the
    head is not what the log signed.
    """
    adapt(session)
    wanted = sorted(set(documents))
    decisions: dict[bytes, list[Decision]] = defaultdict(list)
    versions: dict[bytes, dict[str, Document]] = defaultdict(dict)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    for row in cursor.execute(statement("decisions_of"), {"documents": uuids(wanted)}).fetchall():
        decisions[row[1]].append(decision_of(row))
    for document, content, body in cursor.execute(
        statement("versions_of"), {"documents": uuids(wanted)}
    ).fetchall():
        versions[document][content] = Document.of_plain(orjson.loads(body))
    transfers = {
        str(each.number): (id_, each.place) for id_, of in decisions.items() for each in of if each.place
    }
    covered: dict[bytes, set[int]] = defaultdict(set)
    for position in cosigned_of(session, SOURCE, transfers):
        id_, place = transfers[position]
        covered[id_].add(place)
    return {
        each: Register(tuple(decisions[each]), versions[each], _leading(covered[each])) for each in wanted
    }


def _leading(places: set[int]) -> int:
    """How many from the first on are there without a gap."""
    count = 0
    while count + 1 in places:
        count += 1
    return count


def receipt_of_transfer(session: Session, network: str, register: Register, place: int) -> Receipt | None:
    """The receipt of a transfer by its number in the chain, None where there is none; NotYet, NoReceipt, NoLog."""
    number = next((each.number for each in register.decisions if each.place == place), None)
    if number is None:
        return None
    row = session.execute(statement("signed"), {"number": number}).fetchone()
    assert row is not None
    return receipt_of_decision(session, network, SOURCE, *row)


def registers_over(session: Session, consignments: Sequence[bytes]) -> tuple[Register, ...]:
    """The registers of the documents over consignments (16-byte ids), whatever names them the same."""
    adapt(session)
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(
        statement("documents_over"), {"ids": uuids(sorted(consignments))}
    )
    found = [id_ for (id_,) in rows.fetchall()]
    return tuple(registers_of(session, found).values()) if found else ()


def readable(session: Session, party: str, last: int | None, limit: int) -> list[tuple[bytes, Register]]:
    """The documents that a party may read, the latest change first, from before decision ``last``; at most ``limit`` are looked at."""
    adapt(session)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("readable"), {"party": party, "last": last, "limit": limit})
    found = [id_ for (id_,) in rows.fetchall()]
    known = registers_of(session, found)
    return [(id_, known[id_]) for id_ in found if party in known[id_].readers()]
