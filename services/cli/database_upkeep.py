"""`lianyun db`: the schema brought up to date, before and after a deployment, and what is past its retention let go of."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_table
from services.cli.retention import retain
from services.cli.settings import CliSettings
from services.ledger.storage.ddl import Effect, effects, faults
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.migrate import migrate as migrate_database
from services.ledger.storage.migration import Phase
from services.ledger.storage.schema_window import describe_older_sessions, schema_status

db = typer.Typer(no_args_is_help=True, help="The database.")
db.command()(retain)
_FILES = "restore the migration files of this release, or use the one that fits"


@db.command()
def migrate(
    before: Annotated[
        bool, typer.Option("--before", help="Only what prepares a deployment of this release.")
    ] = False,
    after: Annotated[
        bool, typer.Option("--after", help="Only what is left to do once every process is of this release.")
    ] = False,
) -> None:
    """Bring the database to the present schema; repeatable. Without an option all of it: for a database that nobody uses yet."""
    if before and after:
        raise Failure(Exit.USAGE, "--before and --after are two runs", "lianyun db plan")
    phase = Phase.BEFORE if before else Phase.AFTER if after else None
    settings = CliSettings()
    try:
        applied = migrate_database(settings.dsn.get_secret_value(), phase=phase)
    except MigrationError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun db plan") from None
    out.print(f"applied {', '.join(applied)}" if applied else "nothing to do")


@db.command()
def plan() -> None:
    """Show which migrations are to be applied, when, and what they lock; changes nothing."""
    with session(CliSettings()) as connection:
        try:
            found = schema_status(connection)
            older = describe_older_sessions(connection, found)
        except MigrationError as problem:
            raise Failure(Exit.FAILED, str(problem), _FILES) from None
    for each in found.newer:
        out.print(f"{each.name} was applied by a newer release, {each.phase} its deployment", markup=False)
    if not found.pending:
        out.print("nothing to do")
        return
    rows = []
    for migration in found.pending:
        told = effects(migration.text.decode())
        rows.append((migration.name, migration.phase, _locks(told), "\n".join(faults(migration))))
    print_table(("migration", "deployment", "locks on what is there", "mind"), rows)
    out.print("A lock is waited for half a second at a time, so nobody waits longer behind it.")
    if older:
        out.print(
            f"What comes after waits for processes of an older release to be replaced: {older}", markup=False
        )


def _locks(told: list[Effect]) -> str:
    locks = sorted({f"{effect.lock} on {effect.on}" for effect in told if effect.lock})
    return "\n".join(locks) or "none"
