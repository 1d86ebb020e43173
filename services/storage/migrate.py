"""Migrations: numbered SQL files, each applied once, in order, and never changed afterwards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services.core.rules import fold_version
from services.storage.bodies import prepare_partitions
from services.storage.errors import MigrationError
from services.storage.generations import create_generation, switch_generation
from services.storage.reference import write_reference
from services.storage.session import Session

FOLDER = Path(__file__).with_name("migrations")
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS lianyun;
CREATE TABLE IF NOT EXISTS lianyun.migration (
    number   integer PRIMARY KEY,
    name     text NOT NULL,
    checksum text NOT NULL,   -- SHA-256 of the file
    applied  timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_LOCK = 0x6C69616E79756E  # "lianyun": one process migrates, others wait and then find nothing to do


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``migrations/``: its number, name and text."""

    number: int
    name: str
    text: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 over the text, in hexadecimal digits."""
        return hashlib.sha256(self.text).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of ``folder`` in order; MigrationError for a name that is none or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_words.sql")
        migration = Migration(int(match[1]), path.stem, path.read_bytes())
        if migration.number in found:
            raise MigrationError(f"{found[migration.number].name} and {path.stem} have the same number")
        found[migration.number] = migration
    return [found[number] for number in sorted(found)]


def migrate(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Bring the database to the present version and return the names of what was applied; idempotent.

    Each file runs in a transaction of its own, under a lock that holds other migrating processes back. At the end
    there is a current generation of the state (a first one, empty, where there was none) and room for events.
    Raises MigrationError where an applied file has changed since, or a number is missing before an applied one.
    """
    with psycopg.connect(dsn, application_name="lianyun-migrate") as session:
        session.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        session.execute(_BOOTSTRAP)
        session.commit()
        applied = [migration.name for migration in _applying(session, migrations(folder))]
        _first_generation(session)
        prepare_partitions(session)
        _reference(session)
        return applied


def outstanding(session: Session, folder: Path = FOLDER) -> list[str]:
    """The names of the migrations that the database still needs; changes nothing. Raises MigrationError as ``migrate``."""
    row = session.execute("SELECT to_regclass('lianyun.migration') IS NULL").fetchone()
    if row is None or row[0]:
        return [migration.name for migration in migrations(folder)]
    return [migration.name for migration in _unapplied(session, migrations(folder))]


def _applying(session: Session, known: list[Migration]) -> Iterator[Migration]:
    for migration in _unapplied(session, known):
        session.execute(migration.text, prepare=False)
        session.execute(
            "INSERT INTO lianyun.migration (number, name, checksum) VALUES (%s, %s, %s)",
            (migration.number, migration.name, migration.checksum),
        )
        session.commit()
        yield migration


def _unapplied(session: Session, known: list[Migration]) -> list[Migration]:
    rows = session.execute("SELECT number, name, checksum FROM lianyun.migration ORDER BY number").fetchall()
    present = {number: (name, checksum) for number, name, checksum in rows}
    last = max(present, default=0)
    for number, (name, checksum) in present.items():
        match = next((m for m in known if m.number == number), None)
        if match is None:
            raise MigrationError(f"{name} was applied here and is unknown to this release; use a newer one")
        if match.checksum != checksum:
            raise MigrationError(f"{name} was changed after it was applied; put it back and add a new file")
    left = [migration for migration in known if migration.number not in present]
    for migration in left:
        if migration.number < last:
            raise MigrationError(f"{migration.name} comes before one that was applied; give it a new number")
    return left


def _first_generation(session: Session) -> None:
    if session.execute("SELECT 1 FROM lianyun.generation LIMIT 1").fetchone() is None:
        create_generation(session, 1, fold_version())
        switch_generation(session, 1)
    session.commit()


def _reference(session: Session) -> None:
    row = session.execute("SELECT to_regclass('lianyun.reference') IS NULL").fetchone()
    if row is not None and not row[0]:
        write_reference(session)
    session.commit()
