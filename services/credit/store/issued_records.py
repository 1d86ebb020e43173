"""Records as they were given out: kept for the reader that relied on them, each naming the one that it supersedes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import Connection

from services.credit.store import statement
from services.domain.facts import Micros
from services.ledger.audit_trail.entries import enter


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as given out: its number, when it was first given, and the number of the one before."""

    no: int
    given: Micros
    body: dict[str, Any]
    supersedes: int | None


def keep(
    session: Connection[Any], reader: str, purpose: str, shipper: str, given: Micros, body: dict[str, Any]
) -> int:
    """Keep ``body`` (``services.credit.domain.presentation.plain``) in the caller's transaction; returns its number.

    Given again unchanged, but for the reading position, it is the same record and nothing is written.
    """
    key = {"reader": reader, "purpose": purpose, "shipper": shipper}
    id_ = digest(body)
    session.execute(statement("record_turn"), key)
    last = session.execute(statement("record_last"), key).fetchone()
    if last is not None and last[1] == id_:
        return int(last[0])
    text = orjson.dumps(body)
    before = None if last is None else last[0]
    row = {**key, "id": id_, "given": given, "supersedes": before}
    (no,) = session.execute(statement("record_put"), {**row, "body": text.decode()}).fetchone() or (0,)
    enter(session, "credit_record", no, {**row, "body": text})
    return int(no)


def digest(body: dict[str, Any]) -> str:
    """What makes a record another one: SHA-256 of its body but for the reading position, in hexadecimal digits."""
    said = {name: value for name, value in body.items() if name != "position"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def kept(session: Connection[Any], reader: str, shipper: str) -> list[Kept]:
    """All records about ``shipper`` that ``reader`` was given, in order; a reader may have what it was given."""
    rows = session.execute(statement("records"), {"reader": reader, "shipper": shipper})
    return [Kept(no, given, orjson.loads(body), supersedes) for no, given, body, supersedes in rows]
