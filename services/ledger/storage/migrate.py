"""Runs migrations: each once, in order, and without blocking writers for long.

A statement that waits for a lock blocks all that come after it. So it waits half a second at most; then its migration is rolled
back, others go on, and it is tried again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from services.ledger.audit_trail.entries import AUDITED, backfill_steps, enter
from services.ledger.storage.bodies import index_partitions, prepare_partitions
from services.ledger.storage.ddl import statements
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.fold_version import fold_version
from services.ledger.storage.generations import create_generation, switch_generation
from services.ledger.storage.migration import FOLDER, Migration, Phase, migrations, released
from services.ledger.storage.reference import write_reference
from services.ledger.storage.schema_window import (
    AFTER_THE_DEPLOYMENT,
    BEFORE_THE_DEPLOYMENT,
    SchemaStatus,
    schema_status,
    sessions_needing,
)
from services.ledger.storage.session import Session, describe_sessions
from services.runtime.transactions import LOCKED, RetryPolicy, retry

__all__ = ["FOLDER", "Migration", "Phase", "migrate", "migrations"]

log = logging.getLogger(__name__)

LOCK_WAIT_MS = 500
"""Milliseconds for which a statement that waits for a lock may block others."""
LOCK_WAIT_ALONE_MS = 60_000
"""The same outside transactions: building an index concurrently waits for readers and blocks nobody."""
PATIENCE = 300.0
"""Seconds for which a migration is retried."""

LEAVING = 10.0
"""Seconds in which processes of an older release may end before a migration *after* the deployment is refused."""

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS lianyun;
CREATE TABLE IF NOT EXISTS lianyun.migration (
    number   integer PRIMARY KEY,
    name     text NOT NULL,
    checksum text NOT NULL,   -- SHA-256 of the file
    applied  timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_HAS_PHASE = """
SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'lianyun.migration'::regclass AND attname = 'phase' AND NOT attisdropped
)
"""
_OLDEST = """
SELECT string_agg(format('%s (pid %s, for %s s)', a.application_name, a.pid, a.seconds), ', ')
FROM (
    SELECT application_name, pid, extract(epoch FROM now() - xact_start)::integer AS seconds FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 3
) AS a
"""
_CONCURRENT = re.compile(
    r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+) ON ((?:\w+\.)?)\w+", re.IGNORECASE
)
_LOCK = 0x6C69616E79756E  # "lianyun": one process migrates, others wait and then find nothing to do


def migrate(
    dsn: str,
    folder: Path = FOLDER,
    phase: Phase | None = None,
    patience: float = PATIENCE,
    most: int | None = None,
) -> list[str]:
    """Bring the database to the present version and return the names of what was applied; idempotent.

    With ``phase`` only what runs before, or after, the deployment of this release (on an empty database all); ``most`` migrations at most. Each file runs in
    a transaction of its own, unless it says otherwise, while other migrating processes wait. At the end there is a current generation of the state
    (a first one, empty, where there was none) and room for events.
    Raises MigrationError where an applied file has changed since, a number is missing before an applied one, the other phase
    has to be run first, processes of an older release are at work on what is to be taken away, or a lock is not to be had within
    ``patience`` seconds.
    """
    with psycopg.connect(dsn, application_name="lianyun-migrate", autocommit=True) as session:
        _lock_migrations(session)
        _patiently(session, "the table of migrations", patience, lambda: _bootstrap(session))
        found = schema_status(session, folder)
        applied = []
        chosen = _chosen(found, phase)[:most]
        if not found.fresh:
            _nobody_needs(session, chosen, min(patience, LEAVING))
        for migration in chosen:
            if migration.number == AUDITED:
                for part in backfill_steps(session):
                    _patiently(session, "the audit trail", patience, partial(_part, session, part))
            _apply(session, migration, patience)
            applied.append(migration.name)
        index_partitions(session)
        session.autocommit = False
        _first_generation(session)
        prepare_partitions(session)
        _reference(session)
        return applied


def _lock_migrations(session: Session) -> None:
    """Wait until no other process migrates; polled without a snapshot, which would block that one's concurrent index builds."""
    while not _one(session, "SELECT pg_try_advisory_lock(%s)", _LOCK):
        time.sleep(0.1)


def _bootstrap(session: Session) -> None:
    with session.transaction():
        _wait_at_most(session)
        session.execute(_BOOTSTRAP)
        if not _one(session, _HAS_PHASE):
            session.execute("ALTER TABLE lianyun.migration ADD COLUMN phase text NOT NULL DEFAULT 'before'")


def _chosen(found: SchemaStatus, phase: Phase | None) -> list[Migration]:
    """The migrations to apply; MigrationError where something else has to be done first."""
    if found.beyond:
        names = ", ".join(found.beyond)
        raise MigrationError(f"{names} was applied here and is unknown to this release; use a newer one")
    if found.fresh:
        return list(found.pending)
    old = [
        each.name for each in found.pending if each.phase is Phase.AFTER and each.number <= released().level
    ]
    if phase is Phase.BEFORE and old:
        raise MigrationError(
            f"{', '.join(old)} of the release before was never run: `{AFTER_THE_DEPLOYMENT}` with that release"
        )
    if phase is Phase.AFTER and found.lacking:
        raise MigrationError(
            f"{', '.join(found.lacking)} comes first: `{BEFORE_THE_DEPLOYMENT}`, then deploy this release everywhere"
        )
    return [each for each in found.pending if phase in (None, each.phase)]


def _nobody_needs(session: Session, chosen: list[Migration], patience: float) -> None:
    """Wait up to ``patience`` seconds until no process needs what ``chosen`` removes; then MigrationError."""
    until = time.monotonic() + patience
    while older := sessions_needing(session, chosen):
        if time.monotonic() > until:
            names = ", ".join(each.name for each in chosen if each.phase is Phase.AFTER)
            raise MigrationError(
                f"{names} takes away what an older release needs, and processes of one are at work: {describe_sessions(older)}. "
                f"Nothing was done. Replace or stop them, then `{AFTER_THE_DEPLOYMENT}`; before that `{BEFORE_THE_DEPLOYMENT}`"
            )
        time.sleep(0.1)


def _apply(session: Session, migration: Migration, patience: float) -> None:
    if migration.alone:
        for statement in statements(migration.text.decode()):
            _patiently(session, migration.name, patience, partial(_by_itself, session, statement))
        _patiently(session, migration.name, patience, lambda: _noted(session, migration))
    else:
        _patiently(session, migration.name, patience, lambda: _whole(session, migration))
    log.info("applied %s", migration.name, extra={"action": "migrated"})


def _whole(session: Session, migration: Migration) -> None:
    with session.transaction():
        _wait_at_most(session)
        session.execute(migration.text, prepare=False)
        _noted(session, migration)


def _part(session: Session, part: Callable[[Session], None]) -> None:
    with session.transaction():
        _wait_at_most(session)
        part(session)


def _by_itself(session: Session, statement: str) -> None:
    """Run one statement outside a transaction, after dropping an invalid index that an earlier attempt left."""
    session.execute(f"SET lock_timeout = {LOCK_WAIT_ALONE_MS}")
    try:
        index = _CONCURRENT.match(" ".join(statement.split()))
        if index is not None:
            _drop_invalid(session, index[1], index[2].rstrip("."))
        session.execute(statement.encode(), prepare=False)
    finally:
        session.execute("RESET lock_timeout")


def _drop_invalid(session: Session, index: str, schema: str) -> None:
    name = sql.Identifier(*([schema] if schema else []), index)
    index_name = name.as_string(session)
    if _one(
        session,
        "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)",
        index_name,
    ):
        session.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(name))


def _noted(session: Session, migration: Migration) -> None:
    entry = {"name": migration.name, "checksum": migration.checksum, "phase": str(migration.phase)}
    applied = _one(
        session,
        "INSERT INTO lianyun.migration (number, name, checksum, phase) VALUES (%s, %s, %s, %s)"
        " RETURNING (extract(epoch FROM applied) * 1000000)::bigint",
        migration.number,
        *entry.values(),
    )
    enter(session, "migration", migration.number, {**entry, "applied": applied})


def _patiently(session: Session, what: str, patience: float, do: Callable[[], None]) -> None:
    """Run ``do``, retried with growing pauses for at most ``patience`` seconds while others hold its locks."""

    def waits() -> None:
        log.warning("%s waits for others and is tried again", what, extra={"action": "migration_waits"})

    policy = RetryPolicy(LOCKED, timeout=patience, pause=0.2, growth=1.6, longest=5.0, jitter=0.5)
    try:
        retry(do, policy, waits)
    except LOCKED as busy:
        raise MigrationError(
            f"{what} did not get its locks within {patience:.0f} s ({str(busy).splitlines()[0]}); nothing of it stays. "
            f"The oldest open transactions: {_one(session, _OLDEST) or 'none'}. End what should not be open, and run it again"
        ) from busy


def _wait_at_most(session: Session) -> None:
    session.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")


def _first_generation(session: Session) -> None:
    if session.execute("SELECT 1 FROM lianyun.generation LIMIT 1").fetchone() is None:
        create_generation(session, 1, fold_version())
        switch_generation(session, 1)
    session.commit()


def _one(session: Session, query: str, *parameters: object) -> object:
    row = session.execute(query.encode(), parameters or None).fetchone()
    return None if row is None else row[0]


def _reference(session: Session) -> None:
    row = session.execute("SELECT to_regclass('lianyun.reference') IS NULL").fetchone()
    if row is not None and not row[0]:
        write_reference(session)
    session.commit()
