"""A database as if nobody had ever migrated it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

SCHEMAS = "lianyun, dashboard, g1"
"""Every schema that migrations make."""


def empty(session: Connection[Any]) -> None:
    """Drop all that migrations made; the caller commits."""
    session.execute(f"DROP SCHEMA IF EXISTS {SCHEMAS} CASCADE".encode())
