"""What is packed for Postgres comes out as it went in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from services.ledger.storage.arrays import adapt, byteas, literal, texts
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration
WORDS = [
    "",
    "a",
    "NULL",
    "null",
    'say "no"',
    "back\\slash",
    "{brace},comma",
    " blank ",
    "中欧班列",
    "line\nbreak",
    "'",
]


@pytest.mark.parametrize(
    ("packed", "type_", "expected"),
    [
        (texts(WORDS), "text[]", WORDS),
        (texts([None, "x", None]), "text[]", [None, "x", None]),
        (texts([]), "text[]", []),
        (texts(["1", None, "-9223372036854775808"]), "bigint[]", [1, None, -(2**63)]),
        (byteas([b"", b"\x00\xff", b"\\x41"]), "bytea[]", [b"", b"\x00\xff", b"\\x41"]),
        (byteas([]), "bytea[]", []),
    ],
)
def test_an_array_comes_back(
    postgres: DatabaseAddress, packed: bytes, type_: str, expected: Sequence[Any]
) -> None:
    with psycopg.connect(postgres.dsn) as session:
        adapt(session)
        row = session.execute(f"SELECT %s::{type_}".encode(), (packed,)).fetchone()
    assert row == (expected,)


def test_arrays_of_different_lengths_travel_in_words(postgres: DatabaseAddress) -> None:
    given = [WORDS, [], ["alone"]]
    with psycopg.connect(postgres.dsn) as session:
        adapt(session)
        query = b"SELECT a.words::text[] FROM unnest(%s::text[]) WITH ORDINALITY AS a (words, n) ORDER BY a.n"
        rows = session.execute(query, (texts([literal(words) for words in given]),)).fetchall()
    assert [words for (words,) in rows] == given
