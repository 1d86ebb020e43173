"""Sessions of the store: settings, the announced release, ending of frozen clients, and statements bound to parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection, IsolationLevel, sql
from psycopg.rows import tuple_row

from services.ledger.storage import statement
from services.ledger.storage.arrays import adapt
from services.ledger.storage.migration import migrations

SERVING = (
    "lianyun",
    "lianyun-api",
    "lianyun-arrival",
    "lianyun-cases",
    "lianyun-credit",
    "lianyun-exchange",
    "lianyun-exporter",
    "lianyun-notifications",
    "lianyun-pages",
    "lianyun-transparency",
    "lianyun-webhooks",
)
"""The application names of long-running processes; commands end by themselves and may be repeated."""
_CLASS = 7002
"""The first key of the shared advisory lock that each such session holds; the second is the last migration that its release knows."""


def announce_release(session: Connection[Any], level: int | None = None) -> None:
    """Announce, until ``session`` is closed, that its release knows migration ``level``, by default the last one.

    Commits; does not block.
    """
    known = last_known() if level is None else level
    session.execute(statement("announce"), {"class": _CLASS, "level": known}, prepare=False)
    session.commit()


def sessions_older_than(session: Connection[Any], level: int) -> dict[str, list[int]]:
    """The long-running sessions that have not announced migration ``level``: pids by application name.

    Within one transaction Postgres repeats its first result.
    """
    parameters = {"class": _CLASS, "level": level, "names": list(SERVING)}
    found = session.execute(statement("older_than"), parameters, prepare=False)
    return {name: list(pids) for name, pids in found}


def describe_sessions(sessions: dict[str, list[int]]) -> str:
    """The sessions as text."""
    return ", ".join(f"{name} ({_pids(pids)})" for name, pids in sessions.items())


@cache
def last_known() -> int:
    """The number of the last migration of this release."""
    return max(each.number for each in migrations())


def _pids(pids: Iterable[int]) -> str:
    first, *others = pids
    return f"pid {first} and {len(others)} more" if others else f"pid {first}"


APPLICATION = "lianyun"
"""The application name of every session that writes: what may be ended when it makes no progress."""

Session = Connection[Any]

# Plans must not drift while tables grow, nor be made again for each batch.
_PLANNING = {
    "jit": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
# Waiting is bounded everywhere.
_BOUNDS = {
    "lock_timeout": "2s",
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "30s",
    "temp_buffers": "32MB",
    "work_mem": "32MB",
}
_OPTIONS = " ".join(f"-c {name}={value}" for name, value in {**_PLANNING, **_BOUNDS}.items())


def open_session(dsn: str, application: str = APPLICATION) -> Session:
    """Open a writing session: READ COMMITTED, lock waits of 2 s at most, prepared statements, ids as 16 bytes.

    One under another name than APPLICATION is ended after 30 s of idleness in a transaction instead of 2 s.
    """
    connection: Session = psycopg.connect(dsn, **session_arguments(application))
    configure(connection)
    return connection


def session_arguments(application: str) -> dict[str, Any]:
    """The arguments with which psycopg opens such a session, for pools."""
    return {"prepare_threshold": 0, "application_name": application, "options": _OPTIONS, "autocommit": False}


def configure(connection: Session) -> None:
    """Configure an open connection as ``open_session`` does; one statement."""
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    connection.prepared_max = None
    adapt(connection)
    announce_release(connection)


def set_local_generation(session: Session, generation: int) -> None:
    """Resolve unqualified table names in ``generation``, until the transaction ends."""
    adapt(session)
    schema = sql.Identifier(f"g{generation}")
    session.execute(sql.SQL("SET LOCAL search_path = {}, lianyun, pg_temp").format(schema))
    for name, value in _PLANNING.items():
        session.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    create_temporary_tables(session)
    session.execute("DELETE FROM hit")  # of an earlier use in the same transaction
    session.execute("DELETE FROM fresh_reach")


def set_session_generation(session: Session, generation: int) -> None:
    """Resolve unqualified table names in ``generation`` for the whole session; commits."""
    session.execute(
        sql.SQL("SET search_path = {}, lianyun, pg_temp").format(sql.Identifier(f"g{generation}"))
    )
    create_temporary_tables(session)
    session.commit()


def create_temporary_tables(session: Session) -> None:
    """Create the tables that carry rows between the statements of one transaction."""
    session.execute(statement("temporary"), prepare=False)


def end_frozen(session: Session, owner: str) -> list[int]:
    """Terminate writing sessions whose client has been idle for 2 s in an open transaction; return their pids.

    Such a client is stopped or gone: a live one sends its statements without a pause. Its transaction holds locks and
    prevents settlement. Commits; must be called outside a transaction.
    """
    ended = [row[0] for row in session.execute(statement("end_frozen")).fetchall()]
    if ended:
        session.execute(
            statement("log_fence"), {"owner": owner, "what": f"ended sessions without progress: {ended}"}
        )
    session.commit()
    return ended


Row = tuple[Any, ...]


class BoundStatement(NamedTuple):
    """A statement with its parameters by name."""

    query: bytes
    parameters: Mapping[str, Any] = {}

    def rows(self, session: Session) -> list[Row]:
        """Execute it in the caller's transaction; ids are 16 bytes where ``session`` was configured so."""
        cursor = session.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(self.query, self.parameters).fetchall()
