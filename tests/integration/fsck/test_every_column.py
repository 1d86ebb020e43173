"""Each row and column of a filled platform is changed, one at a time: fsck finds it, or it is named here with the reason.

A run changes every third table, from one of the first three by its number: three runs of following numbers change all.

The list is documented in docs/reference/fsck.md. A change that is found although it is listed fails as well, so that the list stays true.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.ledger.storage.errors import GenerationMoved
from services.testbed.localstack.engine import DatabaseAddress
from tests.support import profile
from tests.support.damage import world
from tests.support.damage.mutations import Change, changes, make, prepare, tables
from tests.support.damage.report import look
from tests.support.damage.uncovered import EMPTY, EVERYTHING, UNCOVERED

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]
SEED = "1"
PROCESSES = 2
Outcome = tuple[Change, str]
FOUND, UNDETECTED, IMPOSSIBLE = "found", "undetected", "impossible"


def outcomes(dsn: str, some: Sequence[str]) -> list[Outcome]:
    """What fsck says of every change of ``some`` tables, each made in a transaction that is rolled back."""
    found: list[Outcome] = []
    with psycopg.connect(dsn) as session:
        for table in some:
            started, before = time.monotonic(), len(found)
            for change in list(changes(session, table)):
                found.append((change, _outcome(session, change)))
                session.rollback()
            undetected = [str(change) for change, outcome in found[before:] if outcome == UNDETECTED]
            seconds = time.monotonic() - started
            print(
                f"{table}: {len(found) - before} changes in {seconds:.0f} s; undetected: {undetected}",
                flush=True,
            )
    return found


def _outcome(session: psycopg.Connection[Any], change: Change) -> str:
    if not make(session, change, SEED):
        return IMPOSSIBLE
    try:
        return UNDETECTED if look(session).sound else FOUND
    except GenerationMoved:
        return FOUND  # fsck puts it down and looks no further


def test_what_is_changed_is_found_or_named_with_its_reason(postgres: DatabaseAddress, tmp_path: Path) -> None:
    dsn = postgres.fresh_database("every_column")
    print(f"seed {SEED}, tables by LIANYUN_SEED={profile.SEED}")
    world.build(dsn, tmp_path)
    with psycopg.connect(dsn) as session:
        prepare(session)
        session.commit()
        every = tables(session)
        empty = {
            table for table in every if session.execute(f"SELECT FROM {table} LIMIT 1".encode()).rowcount == 0
        }
        amounts = {table: len(list(changes(session, table))) for table in every}
        session.rollback()
        report = look(session)
        session.rollback()
    assert report.findings == ()
    assert report.waiting == 1, "a head beside a note is part of the world"
    assert empty == EMPTY.keys(), "every table has a row, or is named with the reason"

    parts: list[list[str]] = [[] for _ in range(PROCESSES)]
    drawn = sorted(every)[profile.SEED % 3 :: 3]
    for table in sorted(drawn, key=lambda table: -amounts[table]):
        min(parts, key=lambda part: sum(amounts[each] for each in part)).append(table)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        done = list(chain.from_iterable(pool.map(outcomes, [dsn] * PROCESSES, parts)))

    made = {(change.table, change.what) for change, outcome in done if outcome != IMPOSSIBLE}
    undetected = {(change.table, change.what) for change, outcome in done if outcome == UNDETECTED}
    named = _named(every, made)
    assert sorted(undetected - named) == [], "neither found nor named"
    assert sorted(named - undetected) == [], "named, and found"


def _named(every: Sequence[str], made: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs of table and change that the list names."""
    pairs: set[tuple[str, str]] = set()
    for table, what, _ in UNCOVERED:
        assert table in every, f"{table} is not there"
        pairs |= {pair for pair in made if pair[0] == table and (pair[1] in what or what == (EVERYTHING,))}
    return pairs
