"""Databases with the whole schema: a server runs the migrations once, every further database is a copy."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from services.ledger.storage.migrate import migrate
from services.testbed.localstack.engine import DatabaseAddress

_TEMPLATES: dict[str, str] = {}
"""By address of the server: the name of a migrated database that nobody connects to."""
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"


def migrated_database(server: DatabaseAddress, name: str) -> str:
    """Create the database ``name`` (dropping an old one) with every migration applied; return its address.

    Where the migrations themselves are tested, or the test replaces what they read, use ``fresh_database`` and ``migrate``.
    """
    template = _TEMPLATES.get(server.dsn)
    if template is None:
        template = f"migrated_{os.getpid()}"
        migrate(server.fresh_database(template))
        _TEMPLATES[server.dsn] = template
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(_END_SESSIONS, (name,))
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    return urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}"))
