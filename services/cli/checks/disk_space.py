"""Room for the database: how many days its disk lasts at the growth of the last day."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from services.cli.checks.check import Check, judged

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
        """Bytes a day, as the last day went; None where there is too little to say."""
        if self.events < FEWEST_EVENTS or self.seconds < SHORTEST:
            return None
        return self.size / self.events * self.recent * 86_400 / self.seconds


def look(
    connection: Connection[Any], here: Path | None, free_of: Callable[[Path], int] | None = None
) -> Check:
    """Forecast for the disk of the data folder: ``here`` where it is known, else as the database tells it, if it does."""
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
