"""Checks of the database: version, durability, clock, schema, generation, registry, dead letters, disk and webhooks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from services.api.sandbox.table import PARTY as TENANT
from services.cli.checks.check import Check, judged, shortened
from services.documents.pint.store import waiting
from services.ledger.registry import store
from services.ledger.registry.party import Key, KeyState, key_state
from services.ledger.registry.registry import Registry
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.fold_version import fold_version
from services.ledger.storage.schema_window import (
    AFTER_THE_DEPLOYMENT,
    BEFORE_THE_DEPLOYMENT,
    describe_older_sessions,
    schema_status,
)
from services.notifications.webhooks import subscriptions

DAY = 86_400
KEY_DAYS = 14
MOST_SKEW = 5.0
MOST_DEAD_LETTERS = 1_000
MOST_CONNECTIONS = 0.8


def look(connection: Connection[Any]) -> Iterator[Check]:
    """Check the database; ends early where it has no schema yet. Changes nothing."""
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
        yield parties(registry)
        yield keys(registry, time.time_ns() // 1_000)
        yield dead_letters(connection)


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
        window = schema_status(connection)
    except MigrationError as wrong:
        return Check(
            "migrations",
            False,
            str(wrong),
            "restore the migration files of this release, or use the one that fits",
        )
    if window.beyond:
        found = f"finished for a newer release: {shortened(list(window.beyond))}"
        return Check("migrations", False, found, "use a newer one: the release that applied them")
    if window.lacking:
        mend = BEFORE_THE_DEPLOYMENT if window.left_over else "lianyun db migrate"
        return Check(
            "migrations", False, f"{len(window.lacking)} to apply: {shortened(list(window.lacking))}", mend
        )
    if window.left_over:
        older = describe_older_sessions(connection, window)
        who = f"at work are still older ones: {older}" if older else "every one at work is"
        found = f"{shortened(list(window.left_over))} to apply once every process is of this release ({who}): {AFTER_THE_DEPLOYMENT}"
        return Check("migrations", True, found, "")
    if window.newer:
        newer = shortened([each.name for each in window.newer])
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


def parties(registry: Registry) -> Check:
    """Whether any party may publish."""
    every = registry.parties
    return judged("parties", bool(every), f"{len(every)} registered", "lianyun partner add --help")


def parties_topics(registry: Registry, present: Collection[str]) -> Check:
    """Whether the topics of all parties are among those ``present`` at the broker."""
    lacking = sorted(
        (party.code, topic)
        for party in registry.parties.values()
        for topic in party.topics
        if topic not in present
    )
    if not lacking:
        return Check("parties' topics", True, "all exist")
    named = [f"{topic} of {code}" for code, topic in lacking]
    found = f"{len(lacking)} do not exist: {shortened(named)}"
    return Check("parties' topics", False, found, f"lianyun partner add {lacking[0][0]}")


def keys(registry: Registry, now: int) -> Check:
    """Whether every party but the sandbox's tenant has a key that counts, and for more than two weeks from ``now`` (UTC microseconds)."""
    soon = now + KEY_DAYS * DAY * 1_000_000
    trouble, mend = [], ""
    for party in registry.parties.values():
        if party.code == TENANT:
            continue  # whom whoever tries the sandbox acts for; it signs nothing
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
    """When the key expires; called only for keys that do."""
    return min(at for at in (key.not_after, key.revoked_at, key.compromised_since) if at is not None)


def dead_letters(connection: Connection[Any]) -> Check:
    """The number of open dead letters."""
    waiting = int(_one(connection, "SELECT count(*) FROM lianyun.dead_letter WHERE state = 'OPEN'"))
    return judged("dead letters", waiting < MOST_DEAD_LETTERS, f"{waiting} open", "lianyun dlq list")


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


GIB = 1 << 30
LEAST = 2 * GIB
LEAST_DAYS = 14.0
FEWEST_EVENTS, SHORTEST = 1_000, 60.0
"""Below so many events in all, or over so few seconds, nothing can be said of the growth."""
_MEND = "add disk, or shorten retention: lianyun db retain --help"


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of the database, events in all, and those of the last day with the seconds that they came in."""

    size: int
    events: int
    recent: int
    seconds: float

    @property
    def a_day(self) -> float | None:
        """Bytes a day, by the last day; None where there is too little data."""
        if self.events < FEWEST_EVENTS or self.seconds < SHORTEST:
            return None
        return self.size / self.events * self.recent * 86_400 / self.seconds


def disk_space(
    connection: Connection[Any], here: Path | None, free_of: Callable[[Path], int] | None = None
) -> Check:
    """Forecast for the disk of the data folder: ``here`` where it is known, else as the database reports it, if it does."""
    growth = measure(connection)
    folder = here or _data_folder(connection)
    try:
        free = None if folder is None else (free_of or _free)(folder)
    except OSError:
        free = None
    return judge(growth, free)


def judge(growth: Growth, free: int | None) -> Check:
    """Judge ``free`` bytes against the growth; None: the disk cannot be seen from here, which is no finding."""
    used, a_day = f"{growth.size / GIB:.2f} GiB used", growth.a_day
    grows = "too few events for a forecast" if a_day is None else f"growing {a_day / GIB:.2f} GiB a day"
    if free is None:
        return Check("database disk", True, f"{used}, {grows}; its disk cannot be seen from here")
    room = f"{used}, {free / GIB:.1f} GiB free"
    if not a_day:
        return judged("database disk", free > LEAST, f"{room}, {grows}", _MEND)
    days = free / a_day
    return judged(
        "database disk", free > LEAST and days > LEAST_DAYS, f"{room}: {days:,.0f} days left, {grows}", _MEND
    )


def measure(connection: Connection[Any]) -> Growth:
    """Read the size and what came in during the last day."""
    row = connection.execute(
        """SELECT pg_database_size(current_database()), coalesce(sum(events), 0),
                  coalesce(sum(events) FILTER (WHERE recent), 0),
                  coalesce(extract(epoch FROM clock_timestamp() - min(at) FILTER (WHERE recent)), 0)
           FROM (SELECT events, at, at > clock_timestamp() - interval '1 day' AS recent FROM lianyun.batch) AS b"""
    ).fetchone()
    size, events, recent, seconds = row or (0, 0, 0, 0)
    return Growth(int(size), int(events), int(recent), float(seconds))


def _data_folder(connection: Connection[Any]) -> Path | None:
    if connection.info.host not in ("127.0.0.1", "::1", "localhost") and not connection.info.host.startswith(
        "/"
    ):
        return None  # a folder of that name here would be another one
    try:
        with connection.transaction():
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    folder = Path(str(row[0])) if row else None
    return folder if folder is not None and folder.exists() else None


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


LATE_SECONDS = 300
"""What is due longer than this is not being sent: a process that runs takes it within a moment."""


def webhooks(connection: Connection[Any], now: float | None = None) -> Check:
    """Late deliveries are a finding; endpoints disabled by the platform are reported only."""
    try:
        found = subscriptions.endpoints(connection)
    except psycopg.errors.InsufficientPrivilege:
        return Check("webhooks", True, "not shown to this role of the database")
    moment = time.time() if now is None else now
    late = [
        each
        for each in found
        if each.oldest_due is not None and moment - each.oldest_due / 1_000_000 > LATE_SECONDS
    ]
    disabled = sum(each.state == "DISABLED" for each in found)
    summary = (
        f"{len(found)} endpoints, {sum(each.waiting for each in found)} deliveries wait, {disabled} disabled"
    )
    described = f"{summary}; {len(late)} endpoints have what is due for minutes" if late else summary
    return judged("webhooks", not late, described, "lianyun webhooks run, then: lianyun webhooks list")


def documents(connection: Connection[Any], now: float | None = None) -> Check:
    """Documents on their way to or from other platforms for more than a day are a finding."""
    try:
        found = waiting(connection)
    except psycopg.errors.InsufficientPrivilege:
        return Check("documents on their way", True, "not shown to this role of the database")
    moment = time.time() if now is None else now
    late = any(moment - since / 1_000_000 > DAY for _, since in found.values())
    out, back = (found.get(outward, (0, 0))[0] for outward in (True, False))
    described = f"{out} sent, {back} coming, not settled" + (
        "; the earliest for more than a day" if late else ""
    )
    mend = "lianyun exchange serve, then: lianyun exchange deliver; or take one back: lianyun exchange recall"
    return judged("documents on their way", not late, described, mend)
