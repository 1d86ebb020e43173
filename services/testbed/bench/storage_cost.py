"""`bench storage`: how many bytes an event takes, in the database by what holds it, in the log of the database, in Kafka."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from schemas.schemes import Scheme
from services.testbed.bench import machine
from services.testbed.bench.drain import drain, load_base
from services.testbed.bench.environment import Fixture, stored_events
from services.testbed.bench.mix import Plan, base
from services.testbed.bench.signed import write_signed
from services.testbed.bench.world import World
from services.testbed.localstack.kafka_runtime import KAFKA_VERSION
from services.testbed.localstack.stack import LocalStack

_SIZES: Final = """
SELECT CASE
           WHEN c.relname LIKE 'body%' THEN 'bodies'
           WHEN n.nspname ~ '^g[0-9]+$' THEN 'state'
           WHEN c.relname IN ('identity', 'variant') THEN 'identities'
           ELSE 'other'
       END AS part, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND (n.nspname = 'lianyun' OR n.nspname ~ '^g[0-9]+$')
GROUP BY 1
"""
"""Tables with their indexes: what was published, the generation of the state, what outlives the bodies, the rest."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is stored: messages of the mix, on so many consignments. A hundred events for a box is what is usual."""

    events: int = 60_000
    consignments: int = 1_000
    workers: int = 2
    seed: int = 1


def bench_storage(
    scale: Scale | None = None, say: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Store the mix and return the bytes per event. Blocks for a minute; starts and stops servers of its own.

    Raises StackError, WrongCount, WorkersFailed, SendingFailed.
    """
    scale = scale or Scale()
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-bench-") as folder, LocalStack() as stack:
        fixture = Fixture(stack, Path(folder))
        empty, log = sizes(fixture.base), Path(stack.folder) / "kafka" / "data"
        world = World(scale.consignments)
        load_base(
            fixture, write_signed(base(world), Scheme.ED25519_BATCH, fixture.folder / "base"), scale.workers
        )
        say(f"{scale.consignments} consignments stand")
        start, founded, written = wal(stack.dsn), fixture.published, log_bytes(log)
        plan = Plan(world, scale.events, scale.seed, "stored")
        stored = drain(fixture, plan, Scheme.ED25519, "stored", scale.workers)
        moved = wal(stack.dsn) - start
        say(f"{stored.events} messages stored")
        with psycopg.connect(stored.dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")
        events = stored_events(stored.dsn)
        full = sizes(stored.dsn)
        return {
            "database_bytes_per_event": {
                part: round((full[part] - empty.get(part, 0)) / events) for part in sorted(full)
            },
            "database_bytes_per_event_in_all": round((sum(full.values()) - sum(empty.values())) / events),
            "log_of_the_database_bytes_per_message": round(moved / scale.events),
            "kafka_bytes_per_message": round((log_bytes(log) - written) / (fixture.published - founded)),
            "events": events,
            "messages": fixture.published,
            "consignments": scale.consignments,
            "signed_under": str(Scheme.ED25519),
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, KAFKA_VERSION),
            "commit": machine.commit(),
        }


def sizes(dsn: str) -> dict[str, int]:
    """Bytes of tables with their indexes, by what they hold."""
    with psycopg.connect(dsn) as session:
        return dict(session.execute(_SIZES.encode()).fetchall())


def wal(dsn: str) -> int:
    """Where the log of the database server stands, in bytes."""
    with psycopg.connect(dsn) as session:
        row = session.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(row[0])


def log_bytes(folder: Path) -> int:
    """Bytes of messages in a broker's folder: segments, without indexes and without the broker's own topics."""
    return sum(file.stat().st_size for file in folder.glob("cre.*/*.log"))
