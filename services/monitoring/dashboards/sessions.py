"""Read-only database transactions of dashboards: under their role, with a timeout, as of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

ROLE = "lianyun_dashboards"


def begin_read_only(session: psycopg.Connection[Any], at: datetime | None = None) -> None:
    """Restrict the transaction that has just begun; it takes the dashboards' role where the caller may.

    With ``at`` the views show that moment, as a simulated world has a time of its own. Blocks for up to three round trips.
    """
    session.execute("SET TRANSACTION READ ONLY")
    session.execute("SET LOCAL statement_timeout = '15s'")
    session.execute("SET LOCAL timezone = 'UTC'")
    if at is not None:
        session.execute("SELECT set_config('lianyun.as_of', %s, true)", (at.isoformat(),))
    row = session.execute(
        "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", (ROLE,)
    ).fetchone()
    if row is not None and row[0]:
        session.execute(f"SET LOCAL ROLE {ROLE}".encode())
