"""Where a run takes place: a local stack of its own, the declared topics, and a database prepared once and copied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from services.ledger.storage.migrate import migrate
from services.processors.topics.cluster import apply as apply_topics
from services.processors.topics.declaration import read_declaration
from services.testbed.bench import parties
from services.testbed.bench.observation import Place
from services.testbed.bench.senders import Sent, fill
from services.testbed.bench.signed import Shelf
from services.testbed.localstack.database import fresh_database
from services.testbed.localstack.stack import LocalStack

BASE = "bench_base"


class Ground:
    """A running stack whose topics grow from one measurement to the next, and copies of one prepared database.

    Each measurement works on a copy whose ledger stands at the end of the log, so all start from the same state.
    """

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self._ends: dict[Place, int] = defaultdict(int)
        apply_topics(stack.bootstrap, read_declaration())
        self.base = stack.database.fresh_database(BASE)
        migrate(self.base)
        parties.register(self.base)

    @property
    def published(self) -> int:
        """How many messages the topics hold, over all measurements."""
        return sum(self._ends.values())

    def note(self, sent: Iterable[Sent]) -> None:
        """Remember how far the topics reach now."""
        for one in sent:
            for topic, partition, offset, _, _ in one.places():
                place = topic, partition
                self._ends[place] = max(self._ends[place], offset + 1)

    def fill(self, shelf: Shelf) -> None:
        """Publish everything on ``shelf`` and wait for the broker's word."""
        self.note(fill(self.stack.bootstrap, shelf))

    def settle(self, dsn: str) -> None:
        """Bring a database into the state of one that has long been in use: statistics, all-visible pages."""
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")

    def copy(self, name: str) -> str:
        """A copy of the base database, its ledger at the end of the log; returns its address."""
        dsn = fresh_database(self.stack.dsn, name)
        with psycopg.connect(self.stack.dsn, autocommit=True) as session:
            target, template = sql.Identifier(name), sql.Identifier(BASE)
            session.execute(sql.SQL("DROP DATABASE {}").format(target))
            statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
            session.execute(sql.SQL(statement).format(target, template))
        with psycopg.connect(dsn) as session, session.cursor() as cursor:
            ends = [(end, topic, part) for (topic, part), end in self._ends.items()]
            cursor.executemany(
                "UPDATE lianyun.kafka_offset SET next_offset = %s WHERE topic = %s AND part = %s", ends
            )
        return dsn

    def checkpoint(self) -> None:
        """Write everything out, so that no measurement pays for what came before it."""
        with psycopg.connect(self.stack.database.admin_dsn, autocommit=True) as session:
            session.execute("CHECKPOINT")


def stored_events(dsn: str) -> int:
    """How many different events the database holds."""
    with psycopg.connect(dsn) as session:
        row = session.execute("SELECT count(*) FROM lianyun.identity").fetchone()
        return int(row[0]) if row else 0


def rows_written(dsn: str) -> dict[str, int]:
    """Rows inserted and updated so far by table, without schema, as the database counts them (about a second late)."""
    with psycopg.connect(dsn, autocommit=True) as session:
        rows = session.execute(
            "SELECT relname, sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables GROUP BY 1"
        )
        return {str(name): int(count) for name, count in rows}
