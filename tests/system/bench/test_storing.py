"""What `lianyun bench storage` reads its bytes from: a real database's tables, its log, a broker's folder."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from services.testbed.bench.storage_cost import log_bytes, sizes, wal
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


def test_what_is_stored_counts_where_it_is(durable_postgres: DatabaseAddress) -> None:
    dsn = migrated_database(durable_postgres, "bench_storing")
    before, log = sizes(dsn), wal(dsn)
    assert set(before) == {"bodies", "identities", "state", "other"}
    with psycopg.connect(dsn) as session:
        session.execute(
            "INSERT INTO lianyun.identity (id, content, no) SELECT gen_random_uuid(), gen_random_uuid(), n FROM generate_series(1, 5000) AS n"
        )
    after = sizes(dsn)
    assert after["identities"] - before["identities"] > 5_000 * 40
    assert {part for part in after if after[part] != before[part]} == {"identities"}
    assert wal(dsn) - log > 5_000 * 40


def test_the_log_of_topics_is_its_segments(tmp_path: Path) -> None:
    for name, size in (
        ("cre.a.v1-0/0.log", 10),
        ("cre.a.v1-1/0.log", 20),
        ("cre.a.v1-0/0.index", 999),
        ("__consumer_offsets-0/0.log", 999),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    assert log_bytes(tmp_path) == 30
