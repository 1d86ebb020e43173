"""A database session for one command, with failures in the operator's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from services.cli.exits import Exit, Failure
from services.cli.settings import CliSettings


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
    """A connection whose transaction commits at the end of the block; raises Failure when there is none to be had."""
    dsn = dsn_of(settings)
    try:
        connection = psycopg.connect(
            dsn, connect_timeout=5, application_name="lianyun-cli", options="-c lock_timeout=10s -c jit=off"
        )
    except psycopg.OperationalError as problem:
        raise Failure(
            Exit.UNREACHABLE, f"the database does not answer: {problem}", "lianyun doctor"
        ) from None
    with connection:
        try:
            yield connection
        except psycopg.errors.UndefinedTable as missing:
            raise Failure(
                Exit.FAILED,
                f"the database is not set up: {missing.diag.message_primary}",
                "lianyun db migrate",
            ) from None
