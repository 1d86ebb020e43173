"""Database sessions of commands, with failures for operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from services.cli.exits import Exit, Failure
from services.cli.settings import CliSettings

T = TypeVar("T")


def dsn_of(settings: CliSettings) -> str:
    """How to reach the configured database; Failure where there is none."""
    dsn = settings.dsn.get_secret_value()
    if not dsn:
        raise Failure(
            Exit.USAGE,
            "no database is configured",
            "set LIANYUN_DSN=postgresql://..., or start a platform here with: make up",
        )
    return dsn


@contextmanager
def session(settings: CliSettings) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose transaction commits at the end of the block; raises Failure when there is none, or it is lost."""
    try:
        connection = _connect(dsn_of(settings))
    except psycopg.OperationalError as problem:
        raise _unreachable(problem) from None
    try:
        with connection:
            yield connection
    except psycopg.errors.UndefinedTable as missing:
        raise _not_set_up(missing) from None
    except psycopg.OperationalError as problem:
        if connection.broken:
            raise _unreachable(problem) from None
        raise


class ReconnectingSession:
    """The session of a long-running command, reconnected when lost. ``problem`` is why the database does not answer, "" while it does.

    Raises Failure where the first attempt to connect fails.
    """

    def __init__(self, settings: CliSettings) -> None:
        self._dsn = dsn_of(settings)
        self.problem = ""
        try:
            self._connection = _connect(self._dsn, autocommit=True)
        except psycopg.OperationalError as problem:
            raise _unreachable(problem) from None

    def read(self, work: Callable[[psycopg.Connection[Any]], T]) -> T | None:
        """The result of ``work`` in one transaction; None while the database does not answer. Blocks up to 30 s."""
        try:
            if self._connection.closed:
                self._connection = _connect(self._dsn, autocommit=True)
            with self._connection.transaction():
                found = work(self._connection)
        except psycopg.errors.UndefinedTable as missing:
            raise _not_set_up(missing) from None
        except psycopg.OperationalError as problem:
            self.problem = _first_line(problem)
            return None
        self.problem = ""
        return found


def _connect(dsn: str, autocommit: bool = False) -> psycopg.Connection[Any]:
    options = "-c lock_timeout=10s -c jit=off" + (" -c statement_timeout=30s" if autocommit else "")
    return psycopg.connect(
        dsn, connect_timeout=5, application_name="lianyun-cli", options=options, autocommit=autocommit
    )


def _unreachable(problem: psycopg.OperationalError) -> Failure:
    return Failure(
        Exit.UNREACHABLE, f"the database does not answer: {_first_line(problem)}", "lianyun doctor"
    )


def _not_set_up(missing: psycopg.errors.UndefinedTable) -> Failure:
    return Failure(
        Exit.FAILED, f"the database is not set up: {missing.diag.message_primary}", "lianyun db migrate"
    )


def _first_line(problem: psycopg.OperationalError) -> str:
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)
