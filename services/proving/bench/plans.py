"""How Postgres goes about a bank's questions: the plans of their statements, and whether any reads a whole table."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from services.core.objects import object_id
from services.processors.financing.store import statements as financing
from services.processors.financing.store.names import application_id, financing_id
from services.proving.lending import FORWARDER
from services.storage import statements as storage
from services.storage.arrays import adapt, bigints, uuids

SMALL = 1_000
"""Rows up to which reading a whole table is what anybody would do."""


def plans(dsn: str, bank: str, reference: str) -> dict[str, Any]:
    """The plan of each statement, for the financing called ``bank/reference``, and which of them read a large table whole."""
    cargo = uuids([object_id(ObjectKind.CONSIGNMENT, f"{FORWARDER}/{reference}")])
    own = financing_id(f"{bank}/{reference}")
    names = {"first": f"{bank}/", "end": f"{bank}0"}
    with psycopg.connect(dsn, row_factory=tuple_row) as session:
        adapt(session)
        session.execute("SET enable_seqscan = on")
        subjects = uuids([application_id(f"{FORWARDER}/{reference}"), own])
        numbers = [
            row[0]
            for row in session.execute(
                "SELECT no FROM lianyun.financing_word WHERE subject = ANY (%s::uuid[])", (subjects,)
            )
        ]
        digests = [
            row[0]
            for row in session.cursor(binary=True).execute(
                "SELECT digest FROM lianyun.financing_entry WHERE financing = %s::uuid", (own.hex(),)
            )
        ]
        asked: list[tuple[str, bytes, dict[str, Any]]] = [
            ("consignments of a thing", storage.statement("read_consignments"),
             {"id": object_id(ObjectKind.CONSIGNMENT, f"{FORWARDER}/{reference}").hex(), "kind": 1}),
            ("own financings of a thing", financing.statement("own_reached"),
             {"id": object_id(ObjectKind.CONSIGNMENT, f"{FORWARDER}/{reference}").hex(), "kind": 1, **names}),
            ("all financings of a cargo", financing.statement("financings_on"), {"ids": cargo}),
            ("portfolio", financing.statement("portfolio"),
             {"after": f"{bank}/{reference}", "end": names["end"], "limit": 50, "open": False}),
            ("decisions", financing.statement("decisions_of"), {"financings": uuids([own])}),
            ("decision asked before", financing.statement("decision_asked"),
             {"asked_by": bank, "idempotency": "x", "request": own.hex()}),
            ("words", financing.statement("words_read"), {"subjects": subjects}),
            ("events with what withdraws them", storage.statement("read_closure"), {"nos": bigints(numbers)}),
            ("bodies", storage.statement("read_bodies"), {"nos": bigints(numbers)}),
            ("what is held under keys", financing.statement("entries"), {"digests": uuids(sorted(digests))}),
            ("own under keys", financing.statement("own_under"), {"digests": uuids(sorted(digests)), **names}),
            ("what a financing holds", financing.statement("entries_of"), {"financings": uuids([own])}),
            ("its cargo", financing.statement("cargo_of"), {"financings": uuids([own])}),
            ("versions of the keys", financing.statement("hold_versions"), {}),
            ("heads", financing.statement("hold_heads"), {"ids": cargo}),
            ("other registries", financing.statement("external"), {"financing": own.hex()}),
            ("acknowledged", financing.statement("acknowledged"), {"financing": own.hex(), "known_at": 1}),
        ]  # fmt: skip
        large = {
            row[0]
            for row in session.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", (SMALL,)
            )
        }
        found: dict[str, Any] = {"statements": {}, "whole_tables_read": {}}
        for name, query, parameters in asked:
            lines = [
                str(row[0])
                for row in session.execute(b"EXPLAIN (COSTS OFF) " + _bare(query), parameters).fetchall()
            ]
            found["statements"][name] = lines
            whole = sorted(
                {t for line in lines if "Seq Scan on" in line for t in [_table(line)] if t in large}
            )
            if whole:
                found["whole_tables_read"][name] = whole
    return found


def _bare(query: bytes) -> bytes:
    return b"\n".join(line for line in query.splitlines() if not line.startswith(b"--"))


def _table(line: str) -> str:
    return line.partition("Seq Scan on ")[2].split()[0]
