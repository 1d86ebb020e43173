"""The ceiling: how many event bodies the same database takes by COPY alone, with nothing decided about them."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence

import psycopg

from services.testbed.bench.signed import Message

_TABLE = """
    CREATE TABLE copied (
        no bigint PRIMARY KEY, appended bigint NOT NULL, headers bytea NOT NULL, payload bytea NOT NULL
    )
"""
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8, b"\xff\xff"
_START = struct.Struct(">hiqiqi").pack
_LENGTH = struct.Struct(">i").pack
ROWS = 2_000
"""Rows of one transaction: as many as a batch has events."""


def copy_rows_per_second(dsn: str, messages: Sequence[Message], rows: int) -> float:
    """Rows a second of one connection that copies and commits ``messages`` again and again up to ``rows`` rows.

    The table, which is removed afterwards, has a primary key as the store's has; rows are packed beforehand.
    """
    packed = [_row(message) for message in messages]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("DROP TABLE IF EXISTS copied")
        session.execute(_TABLE)
        started, done = time.perf_counter(), 0
        while done < rows:
            batch = (packed[(done + place) % len(packed)] for place in range(ROWS))
            numbered = (_START(4, 8, done + n, 8, 0, head) + row for n, (head, row) in enumerate(batch))
            body = b"".join((_HEADER, *numbered, _TRAILER))
            with (
                session.transaction(),
                session.cursor().copy("COPY copied FROM STDIN (FORMAT binary)") as stream,
            ):
                stream.write(body)
            done += ROWS
        seconds = time.perf_counter() - started
        session.execute("DROP TABLE copied")
    return done / seconds


def _row(message: Message) -> tuple[int, bytes]:
    headers = b"\x00".join(name.encode() + b"=" + value for name, value in message.headers)
    return len(headers), headers + _LENGTH(len(message.value)) + message.value
