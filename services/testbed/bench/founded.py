"""Consignments by the million: copies, under names of their own, of one that was signed, admitted and applied like everything else.

A copy has every row that the first one has: its founding as an event that can be read again, the link of its box, its reach, its head,
and the names by which a search finds it. Only the signature in its headers is the first one's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from schemas.envelope import event_id
from schemas.events.base import ObjectKind
from services.domain.objects import Thing, object_id
from services.ledger.storage.bodies import prepare_partitions
from services.ledger.storage.session import Session, open_session
from services.producers.profile import Profile
from services.query.search.names import spellings
from services.testbed.bench.view_cost import apply
from services.testbed.simulator import numbers
from services.testbed.simulator.reports import Message
from services.testbed.simulator.signed_messages import sign_all

FORWARDER: Final = "sinolink"
SHIPPER, CONSIGNEE = "huaqing", "ruhr"
AT: Final = "2026-01-28T15:44:43+08:00"
_BLOCK = 4_096
_CHUNK = 5_000
_TABLES = (
    ("lianyun.identity", "no"),
    ("lianyun.body", "no"),
    ("g1.founding", "no"),
    ("g1.link", "no"),
    ("g1.reach", "cons"),
    ("g1.head", "cons"),
)
"""What holds something of a founded consignment in the only generation of a database that was just made, and by what it is found."""


@dataclass(frozen=True, slots=True)
class _Names:
    """How one copy is called; every value of two copies is as long as the other's."""

    reference: str
    box: str
    event: str

    @property
    def key(self) -> str:
        return f"{FORWARDER}/{self.reference}"


def reference(number: int) -> str:
    """The reference of a copy, without its forwarder."""
    return f"C-{number:07}"


def box(number: int) -> str:
    """The number of its container: 900,000 of each of as many owners as are needed."""
    owner, serial = divmod(number, 900_000)
    return numbers.container(serial, f"LZ{chr(ord('A') + owner)}U")


def copy(dsn: str, profiles: dict[str, Profile], count: int) -> float:
    """Copy ``count`` consignments, numbered from 0, into a database; returns the seconds that it took. Blocks."""
    began = time.monotonic()
    first = _names(0)
    store(dsn, profiles, 0)
    source = profiles[FORWARDER].source
    with open_session(dsn, "lianyun-bench") as session:
        prepare_partitions(session, count + 64 * _BLOCK)
        templates = [_template(session, table, column, first, source) for table, column in _TABLES]
        ((block,),) = session.execute("SELECT nextval('lianyun.event_block')").fetchall()
        behind = int(block) + (count // _BLOCK + 1) * _BLOCK
        session.execute("SELECT setval('lianyun.event_block', %s)", (behind,))
        for start in range(1, count, _CHUNK):
            chunk = range(start, min(count, start + _CHUNK))
            marks = [_marks(_names(number), source, int(block) + number) for number in chunk]
            for (table, _), template in zip(_TABLES, templates, strict=True):
                with session.cursor().copy(f"COPY {table} FROM STDIN".encode()) as stream:
                    stream.write("".join(_filled(template, mark) for mark in marks).encode())
            with session.cursor().copy("COPY lianyun.object_name (spelled, kind, key) FROM STDIN") as stream:
                stream.write("".join(_spelled(_names(number)) for number in chunk).encode())
            session.commit()
    with psycopg.connect(dsn, autocommit=True) as plain:
        plain.execute("VACUUM (ANALYZE)")
    return time.monotonic() - began


def store(dsn: str, profiles: dict[str, Profile], number: int) -> None:
    """Store one of them as everything else is, its event signed, admitted and applied."""
    apply(dsn, sign_all([_message(_names(number))], profiles))


def _message(names: _Names) -> Message:
    return Message(
        0,
        FORWARDER,
        {
            "id": names.event,
            "type": "cre.link.consignment_opened.v1",
            "time": AT,
            "data": {
                "reference": names.reference,
                "from": AT,
                "containers": [names.box],
                "parties": [
                    {"party": SHIPPER, "role": "shipper"},
                    {"party": CONSIGNEE, "role": "consignee"},
                ],
            },
        },
    )


def _names(number: int) -> _Names:
    return _Names(reference(number), box(number), f"copied-{number:07}")


_Marks = Sequence[tuple[str, str]]


def _marks(names: _Names, source: str, no: int) -> _Marks:
    """What stands in the rows of one copy for what stands in those of another, in the order in which it is put in."""
    return (
        ("\x01", names.reference.encode().hex()),
        ("\x02", names.box.encode().hex()),
        ("\x03", names.event.encode().hex()),
        ("\x04", str(UUID(bytes=object_id(ObjectKind.CONSIGNMENT, names.key)))),
        ("\x05", str(UUID(bytes=object_id(ObjectKind.CONTAINER, names.box)))),
        ("\x06", str(UUID(bytes=event_id(source, names.event)))),
        ("\x07", str(UUID(bytes=hashlib.sha256(names.event.encode()).digest()[:16]))),
        ("\x08", str(no)),
    )


def _filled(template: str, marks: _Marks) -> str:
    for mark, value in marks:
        template = template.replace(mark, value)
    return template


def _template(session: Session, table: str, column: str, first: _Names, source: str) -> str:
    """The row of the first one as COPY writes it, with a mark for each value that is another one's in a copy."""
    event = UUID(bytes=event_id(source, first.event))
    row = session.execute("SELECT no, content FROM lianyun.identity WHERE id = %s", (event,)).fetchone()
    assert row is not None, "the first consignment was not admitted"
    no, content = int(row[0]), row[1]
    cargo = UUID(bytes=object_id(ObjectKind.CONSIGNMENT, first.key))
    schema, _, name = table.partition(".")
    query = sql.SQL("COPY (SELECT * FROM {} WHERE {} = {}) TO STDOUT").format(
        sql.Identifier(schema, name), sql.Identifier(column), sql.Literal(no if column == "no" else cargo)
    )
    with session.cursor().copy(query) as stream:
        line = b"".join(map(bytes, stream)).decode()
    assert line.count("\n") == 1, f"{table} holds no row of the first consignment"
    for mark, value in _marks(first, source, no):
        if mark == "\x07":
            value = str(content)
        if mark == "\x08":
            line = "\t".join(mark if field == value else field for field in line[:-1].split("\t")) + "\n"
        else:
            line = line.replace(value, mark)
    return line


def _spelled(names: _Names) -> str:
    things = Thing(ObjectKind.CONSIGNMENT, names.key), Thing(ObjectKind.CONTAINER, names.box)
    return "".join(
        f"{folded}\t{int(thing.kind)}\t{thing.key}\n" for thing in things for folded in spellings(thing)
    )
