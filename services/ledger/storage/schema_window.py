"""Between which schemas this release works: all that it needs is there, and nothing was taken away for a newer one.

A process of this release runs on a database in which every migration *before* of its own has been applied. Newer ones *before* do
not concern it: they only add, so it goes on while the next release is prepared. One *after* of a newer release ends that.
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

# Also of a database that a release made which knew no phases.
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
    """Where a database stands beside the migrations of this release: what it lacks, and what it has beyond them."""

    pending: tuple[Migration, ...]
    newer: tuple[AppliedMigration, ...]
    fresh: bool  # nothing was ever applied: no release runs on it

    @property
    def lacking(self) -> tuple[str, ...]:
        """What has to be applied before this release runs."""
        return tuple(each.name for each in self.pending if each.phase is Phase.BEFORE)

    @property
    def left_over(self) -> tuple[str, ...]:
        """What is to be applied once no process of the release before runs any more."""
        return tuple(each.name for each in self.pending if each.phase is Phase.AFTER)

    @property
    def beyond(self) -> tuple[str, ...]:
        """What took away something that this release may need."""
        return tuple(each.name for each in self.newer if each.phase is Phase.AFTER)


def schema_status(session: Session, folder: Path = FOLDER) -> SchemaStatus:
    """Look, in the caller's transaction. MigrationError where what was applied is not what the files say."""
    known = migrations(folder)
    row = session.execute("SELECT to_regclass('lianyun.migration') IS NULL").fetchone()
    if row is None or row[0]:
        return SchemaStatus(tuple(known), (), True)
    applied = [
        AppliedMigration(n, name, sum_, Phase(phase)) for n, name, sum_, phase in session.execute(_APPLIED)
    ]
    return compare_schema(known, applied)


def compare_schema(known: Iterable[Migration], applied: Iterable[AppliedMigration]) -> SchemaStatus:
    """The standing of a database in which ``applied`` stands; pure. Raises as ``standing``."""
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
    """Who is at work on what migrations *after* are to take away, in words; "" for nobody. In the caller's transaction."""
    return "" if found.fresh else describe_sessions(sessions_needing(session, found.pending))


def sessions_needing(session: Session, chosen: Iterable[Migration]) -> dict[str, list[int]]:
    """Who is at work that may need what those of ``chosen`` that come *after* take away, as ``older_than`` tells them."""
    last = max((each.number for each in chosen if each.phase is Phase.AFTER), default=0)
    return sessions_older_than(session, last) if last else {}


def require_schema(session: Session, folder: Path = FOLDER) -> None:
    """Return where this release may run on the database; SchemaMoved, with what to do, where it may not.

    A few milliseconds, in the caller's transaction: asked once, when a process begins.
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
