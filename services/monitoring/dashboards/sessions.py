"""How a session reads what dashboards show: as their role, without writing, for a while, and as of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

ROLE = "lianyun_dashboards"


def begin_read_only(session: psycopg.Connection[Any], at: datetime | None = None) -> None:
    """Limit the transaction that begins now; it takes the dashboards' role where the caller may.

    With ``at`` tables show that moment, not now: a simulated world has a time of its own. Blocks for a round trip or three.
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
