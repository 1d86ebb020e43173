"""Of which release those are who are at work on the database, as others can see it there.

Every session of a process that goes on holds a shared lock for as long as it is open: its second number is the last migration that the
release knows. A session without one is of a release that did not say so yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from psycopg import Connection

from services.ledger.storage import statement
from services.ledger.storage.migration import migrations

SERVING = (
    "lianyun",
    "lianyun-api",
    "lianyun-cases",
    "lianyun-credit",
    "lianyun-exporter",
    "lianyun-webhooks",
)
"""The application names of the processes that go on. A command ends by itself, and may be run again."""
_CLASS = 7002


def announce(session: Connection[Any], level: int | None = None) -> None:
    """Say, until ``session`` is closed, that it is of a release which knows migration ``level``: by itself the last one there is.

    Commits; waits for nobody.
    """
    known = last_known() if level is None else level
    session.execute(statement("announce"), {"class": _CLASS, "level": known}, prepare=False)
    session.commit()


def older_than(session: Connection[Any], level: int) -> dict[str, list[int]]:
    """The sessions at work here that do not say that they know migration ``level``: application names, each with its pids.

    In a transaction Postgres shows those of its first look again.
    """
    asked = {"class": _CLASS, "level": level, "names": list(SERVING)}
    found = session.execute(statement("older_than"), asked, prepare=False)
    return {name: list(pids) for name, pids in found}


def named(sessions: dict[str, list[int]]) -> str:
    """Those sessions in words."""
    return ", ".join(f"{name} ({_pids(pids)})" for name, pids in sessions.items())


@cache
def last_known() -> int:
    """The number of the last migration of this release."""
    return max(each.number for each in migrations())


def _pids(pids: Iterable[int]) -> str:
    first, *others = pids
    return f"pid {first} and {len(others)} more" if others else f"pid {first}"
