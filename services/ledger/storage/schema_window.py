"""The schemas on which this release runs: all that it needs was added, and nothing was removed for a newer release.

A process of this release runs on a database in which all its migrations *before* are applied. Those of newer releases only add,
so it runs on while the next release is prepared, until a migration *after* of a newer release is applied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.ledger.storage.errors import MigrationError, SchemaMoved
from services.ledger.storage.migration import FOLDER, Baseline, Migration, Phase, migrations
from services.ledger.storage.session import Session, describe_sessions, sessions_older_than

BEFORE_THE_DEPLOYMENT = "lianyun db migrate --before"
AFTER_THE_DEPLOYMENT = "lianyun db migrate --after"

# Also for a database of a release without phases.
_APPLIED = """
SELECT m.number, m.name, m.checksum, coalesce(to_jsonb(m) ->> 'phase', 'before') FROM lianyun.migration m ORDER BY m.number
"""


class AppliedMigration(NamedTuple):
    """A migration as the database has it."""

    number: int
    name: str
    checksum: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """A database compared with the migrations of this release: those that are pending, and newer ones that were applied."""

    pending: tuple[Migration, ...]
    newer: tuple[AppliedMigration, ...]
    fresh: bool  # nothing was ever applied: no release runs on it

    @property
    def lacking(self) -> tuple[str, ...]:
        """Pending migrations without which this release does not run."""
        return tuple(each.name for each in self.pending if each.phase is Phase.BEFORE)

    @property
    def left_over(self) -> tuple[str, ...]:
        """Pending migrations to be applied when no process of the previous release runs any more."""
        return tuple(each.name for each in self.pending if each.phase is Phase.AFTER)

    @property
    def beyond(self) -> tuple[str, ...]:
        """Applied migrations of newer releases that removed what this release may need."""
        return tuple(each.name for each in self.newer if each.phase is Phase.AFTER)


def schema_status(session: Session, folder: Path = FOLDER) -> SchemaStatus:
    """The status of the database, in the caller's transaction. MigrationError where an applied migration differs from its file."""
    known = migrations(folder)
    row = session.execute("SELECT to_regclass('lianyun.migration') IS NULL").fetchone()
    if row is None or row[0]:
        return SchemaStatus(tuple(known), (), True)
    applied = [
        AppliedMigration(n, name, sum_, Phase(phase)) for n, name, sum_, phase in session.execute(_APPLIED)
    ]
    return compare_schema(known, applied)


def compare_schema(known: Iterable[Migration], applied: Iterable[AppliedMigration]) -> SchemaStatus:
    """The status of a database with the migrations ``applied``; pure. Raises as ``schema_status``."""
    known = list(known)
    files = {each.number: each for each in known}
    present = {each.number: each for each in applied}
    for one in known:
        if one.baseline is not None:
            present = _with_baseline(one, one.baseline, present)
    last = max(present.keys() & files.keys(), default=0)
    newer: list[AppliedMigration] = []
    for number, each in present.items():
        match = files.get(number)
        if match is None and number < max(files, default=0):
            raise MigrationError(f"{each.name} was applied here and is not among the files of this release")
        if match is None:
            newer.append(each)
        elif match.checksum != each.checksum:
            raise MigrationError(
                f"{each.name} was changed after it was applied; put it back and add a new file"
            )
    pending = tuple(each for number, each in sorted(files.items()) if number not in present)
    for one in pending:
        if one.phase is Phase.BEFORE and one.number < last:
            raise MigrationError(f"{one.name} comes before one that was applied; give it a new number")
    return SchemaStatus(pending, tuple(newer), not present)


def _with_baseline(
    migration: Migration, baseline: Baseline, present: dict[int, AppliedMigration]
) -> dict[int, AppliedMigration]:
    """``present`` with the baseline instead of the migrations that it replaces, where these were applied one by one.

    MigrationError where they were not all applied, or one of them is another than was released.
    """
    own = present.get(baseline.level)
    replaced = {number: each for number, each in present.items() if number <= baseline.level}
    if not replaced or (own is not None and own.checksum == migration.checksum):
        return present
    if max(present) < baseline.level:
        last = replaced[max(replaced)].name
        raise MigrationError(
            f"the database ends with {last}, before the oldest release that this one follows: "
            f"migrate it with the release of commit {baseline.commit[:12]} (level {baseline.level}) first, then with this one"
        )
    for number, each in replaced.items():
        if number not in baseline.replaces:
            raise MigrationError(f"{each.name} was applied here and is not among the files of this release")
        if each.checksum != baseline.replaces[number][1]:
            raise MigrationError(
                f"{each.name} was changed after it was applied; put it back and add a new file"
            )
    if missing := [name for number, (name, _) in baseline.replaces.items() if number not in replaced]:
        raise MigrationError(
            f"{', '.join(missing)} comes before one that was applied; restore its row of lianyun.migration"
        )
    later = {number: each for number, each in present.items() if number > baseline.level}
    return {
        baseline.level: AppliedMigration(
            migration.number, migration.name, migration.checksum, migration.phase
        ),
        **later,
    }


def describe_older_sessions(session: Session, found: SchemaStatus) -> str:
    """The sessions that may need what pending migrations *after* remove, as text; "" for none. In the caller's transaction."""
    return "" if found.fresh else describe_sessions(sessions_needing(session, found.pending))


def sessions_needing(session: Session, chosen: Iterable[Migration]) -> dict[str, list[int]]:
    """The sessions that may need what the migrations *after* among ``chosen`` remove, as ``sessions_older_than``."""
    last = max((each.number for each in chosen if each.phase is Phase.AFTER), default=0)
    return sessions_older_than(session, last) if last else {}


def require_schema(session: Session, folder: Path = FOLDER) -> None:
    """Check that this release runs on the database; SchemaMoved with the remedy where it does not.

    A few milliseconds in the caller's transaction, at the start of a process.
    """
    try:
        found = schema_status(session, folder)
    except MigrationError as problem:
        raise SchemaMoved(str(problem)) from None
    if found.beyond:
        raise SchemaMoved(
            f"the database was finished for a newer release ({', '.join(found.beyond)}); start that release"
        )
    if found.lacking:
        raise SchemaMoved(
            f"the database lacks {', '.join(found.lacking)}; run `{BEFORE_THE_DEPLOYMENT}` first"
        )
