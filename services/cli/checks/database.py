"""The database: version, durability, clock, schema, generation, and what the registry and the dead letters need."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from services.cli.checks.check import Check, judged, shortened
from services.domain.rules import fold_version
from services.ledger.registry import store
from services.ledger.registry.party import Key, KeyState, key_state
from services.ledger.registry.registry import Registry
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.schema_window import (
    AFTER_THE_DEPLOYMENT,
    BEFORE_THE_DEPLOYMENT,
    describe_older_sessions,
    schema_status,
)
from services.processors.topics.declaration import Declaration

DAY = 86_400
KEY_DAYS = 14
MOST_SKEW = 5.0
MOST_LETTERS = 1_000
MOST_CONNECTIONS = 0.8


def look(connection: Connection[Any], declaration: Declaration) -> Iterator[Check]:
    """Look at the database; ends early where it has no schema yet. Changes nothing."""
    version = connection.info.server_version // 10_000
    yield judged("database", version >= 15, f"PostgreSQL {version}", "use PostgreSQL 15 to 18")
    yield durability(connection)
    yield clock(connection)
    yield _connections(connection)
    schema = migrations(connection)
    yield schema
    if _one(connection, "SELECT to_regclass('lianyun.generation') IS NULL"):
        return
    yield generation(connection)
    yield transactions(connection)
    if schema.ok:
        registry = store.read_snapshot(connection)
        yield from parties(registry, declaration)
        yield keys(registry, time.time_ns() // 1_000)
        yield letters(connection)


def durability(connection: Connection[Any]) -> Check:
    """Whether what was committed is on the disk."""
    row = connection.execute(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    ).fetchone()
    fsync, commit = row or ("", "")
    good = fsync == "on" and commit not in ("off", "local")
    mend = "ALTER SYSTEM SET fsync = on; ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf()"
    return judged("durability", good, f"fsync = {fsync}, synchronous_commit = {commit}", mend)


def clock(connection: Connection[Any]) -> Check:
    """The clock of this machine beside the database's."""
    before = time.time()
    there = float(_one(connection, "SELECT extract(epoch FROM clock_timestamp())"))
    skew = there - (before + time.time()) / 2
    found = f"{abs(skew):.1f} s {'behind' if skew > 0 else 'ahead of'} the database's"
    return judged("clock", abs(skew) < MOST_SKEW, found, "synchronise both clocks: timedatectl set-ntp true")


def _connections(connection: Connection[Any]) -> Check:
    used = int(
        _one(connection, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    )
    most = int(_one(connection, "SELECT current_setting('max_connections')::integer"))
    good = used < most * MOST_CONNECTIONS
    return judged(
        "connections", good, f"{used} of {most} in use", "raise max_connections, or end idle sessions"
    )


def migrations(connection: Connection[Any]) -> Check:
    """Whether the schema is one that this release works with."""
    try:
        stands = schema_status(connection)
    except MigrationError as wrong:
        return Check(
            "migrations",
            False,
            str(wrong),
            "restore the migration files of this release, or use the one that fits",
        )
    if stands.beyond:
        found = f"finished for a newer release: {shortened(list(stands.beyond))}"
        return Check("migrations", False, found, "use a newer one: the release that applied them")
    if stands.lacking:
        mend = BEFORE_THE_DEPLOYMENT if stands.left_over else "lianyun db migrate"
        return Check(
            "migrations", False, f"{len(stands.lacking)} to apply: {shortened(list(stands.lacking))}", mend
        )
    if stands.left_over:
        older = describe_older_sessions(connection, stands)
        who = f"at work are still older ones: {older}" if older else "every one at work is"
        found = f"{shortened(list(stands.left_over))} to apply once every process is of this release ({who}): {AFTER_THE_DEPLOYMENT}"
        return Check("migrations", True, found, "")
    if stands.newer:
        newer = shortened([each.name for each in stands.newer])
        return Check("migrations", True, f"all applied; prepared for a newer release: {newer}", "")
    return Check("migrations", True, "all applied", "")


def transactions(connection: Connection[Any]) -> Check:
    """Whether the server counts on from what is stored: after a logical restore elsewhere it counts from the beginning."""
    behind = bool(
        _one(
            connection,
            "SELECT coalesce(max(xid) >= pg_snapshot_xmax(pg_current_snapshot()), false) FROM lianyun.batch",
        )
    )
    found = "behind what is stored: who follows events misses them" if behind else "ahead of what is stored"
    mend = "pg_resetwal --epoch, as in ops/runbooks/backup-and-restore.md"
    return judged("transaction counter", not behind, found, mend)


def generation(connection: Connection[Any]) -> Check:
    """Whether the state was folded by the rules of this release: workers refuse to write to any other."""
    current = _one(connection, "SELECT fold_version FROM lianyun.generation WHERE state = 'CURRENT'")
    if current is None:
        return Check("fold version", False, "no generation of the state is current", "lianyun db migrate")
    found = f"state {current}, code {fold_version()}"
    return judged("fold version", current == fold_version(), found, "lianyun replay")


def parties(registry: Registry, declaration: Declaration) -> Iterator[Check]:
    """Whether somebody may publish at all, and to topics that exist."""
    every = registry.parties.values()
    yield judged("parties", bool(every), f"{len(every)} registered", "lianyun party add --help")
    declared = set(declaration.names())
    strays = sorted(f"{p.code} to {topic}" for p in every for topic in p.topics if topic not in declared)
    found = f"{len(strays)} are not declared: {shortened(strays)}" if strays else "declared"
    mend = "declare them in infra/kafka/topics.toml; lianyun topics apply"
    yield judged("parties' topics", not strays, found, mend)


def keys(registry: Registry, now: int) -> Check:
    """Whether every party has a key that counts, and for more than two weeks from ``now`` (UTC microseconds)."""
    soon = now + KEY_DAYS * DAY * 1_000_000
    trouble, mend = [], ""
    for party in registry.parties.values():
        valid = [key for key in registry.keys_of(party.code) if key_state(key, now) is KeyState.VALID]
        lasting = [k for k in registry.keys_of(party.code) if key_state(k, soon) is KeyState.VALID]
        if not valid:
            trouble.append(f"{party.code} has none that counts")
            mend = mend or f"lianyun key add {party.code} --new"
        elif not lasting:
            last = max(valid, key=_end)
            trouble.append(f"{party.code}'s {last.key_id} ends in {(_end(last) - now) / 1e6 / DAY:.0f} days")
            mend = mend or f"lianyun key rotate {party.code} --old {last.key_id}"
    found = shortened(trouble) if trouble else f"all count for {KEY_DAYS} days and more"
    return judged("keys", not trouble, found, mend)


def _end(key: Key) -> int:
    """When the key stops counting; a key that does not is never asked."""
    return min(at for at in (key.not_after, key.revoked_at, key.compromised_since) if at is not None)


def letters(connection: Connection[Any]) -> Check:
    """How many dead letters wait for somebody."""
    waiting = int(_one(connection, "SELECT count(*) FROM lianyun.dead_letter WHERE state = 'OPEN'"))
    return judged("dead letters", waiting < MOST_LETTERS, f"{waiting} open", "lianyun dlq list")


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]
