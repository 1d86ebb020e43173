"""How Postgres goes about a bank's questions: the plans of their statements, and whether any reads a whole table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from services.domain.facts import FOREVER
from services.domain.objects import object_id
from services.financing.store import statement as financing
from services.financing.store.decision_context import reads_query
from services.financing.store.evidence import pledged_query
from services.financing.store.identifiers import application_id, financing_id
from services.financing.store.status_reader import reached_query
from services.ledger.storage import statement as storage
from services.ledger.storage.arrays import adapt, bigints, smallints, uuids
from services.ledger.storage.event_reader import facts_query
from services.testbed.chaos.banks import FORWARDER

_READS = b"""
SELECT t.schemaname || '.' || t.relname, t.seq_scan
FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
WHERE c.relkind = 'r' AND c.reltuples > %(small)s
"""
_ALONG = re.compile(r"Index (Only )?Scan (Backward )?using ")
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
        for name, held in (("consignments", cargo), ("involved", uuids([own])), ("subjects", subjects)):
            # What the function that locks leaves for the statement behind it.
            session.execute(
                "SELECT set_config(%s, ARRAY[%s::uuid[]::text]::text, true)", (f"lianyun.{name}", held)
            )
        asked: list[tuple[str, bytes, dict[str, Any]]] = [
            ("consignments of a thing", storage("read_consignments"),
             {"ids": cargo, "kinds": smallints([1])}),
            ("own financings of a thing, and words on them", reached_query(),
             {"id": object_id(ObjectKind.CONSIGNMENT, f"{FORWARDER}/{reference}").hex(), "kind": 1, **names}),
            ("facts of a cargo, and words on what is involved, behind the locks", reads_query(), {}),
            ("facts of a cargo", facts_query(False), {"ids": cargo}),
            ("facts of a cargo at a moment", facts_query(True), {"ids": cargo, "moments": bigints([1]), "running": 1}),
            ("facts of pledged goods", pledged_query(),
             {"financings": uuids([own]), "sinces": bigints([1]), "untils": bigints([FOREVER])}),
            ("financings of the same cargo", financing("financings_beside"), {"financings": uuids([own])}),
            ("what is held under the papers", financing("entries_met"),
             {"prints": uuids(sorted(digests)), "own": own.hex()}),
            ("all financings of a cargo", financing("financings_on"), {"ids": cargo}),
            ("portfolio", financing("portfolio"),
             {"after": f"{bank}/{reference}", "end": names["end"], "limit": 50, "open": False}),
            ("portfolio looked after", financing("looked_after"),
             {"after": f"{bank}/{reference}", "end": names["end"], "limit": 50}),
            ("corridors of a portfolio", financing("crossings_of"),
             {"financings": uuids([own]), "crossings": uuids([object_id(ObjectKind.PLACE, "crossing:khorgos-altynkol")])}),
            ("proposals that wait", financing("proposals"), {"bank": bank, "financing": None, "waiting": 1, "limit": 50}),
            ("decisions", financing("decisions_of"), {"financings": uuids([own])}),
            ("decision asked before", financing("decision_asked"),
             {"asked_by": bank, "idempotency": "x", "request": own.hex()}),
            ("decisions of each", financing("decisions_of_each"), {"financings": uuids([own])}),
            ("words", financing("words_read"), {"subjects": subjects}),
            ("words of each", financing("words_of_each"), {"places": bigints([0, 0]), "subjects": subjects}),
            ("events with what withdraws them", storage("read_closure"), {"nos": bigints(numbers)}),
            ("bodies", storage("read_bodies"), {"nos": bigints(numbers)}),
            ("what is held under keys", financing("entries"), {"digests": uuids(sorted(digests))}),
            ("own under keys", financing("own_under"), {"digests": uuids(sorted(digests)), **names}),
            ("what a financing holds", financing("entries_of"), {"financings": uuids([own])}),
            ("its cargo", financing("cargo_of"), {"financings": uuids([own])}),
            ("cargo of each", financing("cargo_of_each"), {"financings": uuids([own])}),
            ("versions of the keys", financing("hold_versions"), {}),
            ("other registries", financing("external"), {"financing": own.hex()}),
            ("acknowledged", financing("acknowledged"), {"financing": own.hex(), "known_at": 1}),
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
            if whole := sorted(_read_whole(lines) & large):
                found["whole_tables_read"][name] = whole
    return found


def whole_reads(dsn: str) -> dict[str, int]:
    """How often each large table was read from one end to the other, as Postgres counts it when sessions have ended."""
    with psycopg.connect(dsn, autocommit=True, row_factory=tuple_row) as session:
        return {str(name): int(count) for name, count in session.execute(_READS, {"small": SMALL}).fetchall()}


def _read_whole(plan: Sequence[str]) -> set[str]:
    """The tables that a plan reads from one end to the other: by itself, or along an index without looking anything up in it."""
    found = set()
    for number, line in enumerate(plan):
        if "Seq Scan on " in line:
            found.add(line.partition("Seq Scan on ")[2].split()[0])
        elif _ALONG.search(line) and not any("Index Cond:" in each for each in plan[number + 1 : number + 2]):
            found.add(line.partition(" on ")[2].split()[0])
    return found


def _bare(query: bytes) -> bytes:
    return b"\n".join(line for line in query.splitlines() if not line.startswith(b"--"))
