"""`lianyun db`: migrations before and after a deployment, and retention."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.dead_letters.store import purge
from services.ledger.storage.bodies import detach_bodies
from services.ledger.storage.claims import forget_fences
from services.ledger.storage.ddl import Effect, effects, faults
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.migrate import migrate as migrate_database
from services.ledger.storage.migration import Phase
from services.ledger.storage.schema_window import describe_older_sessions, schema_status

DAY = 86_400_000_000


class RetentionSettings(BaseSettings):
    """LIANYUN_RETENTION_*: days per table; 0 keeps for ever. Topics have theirs in infra/kafka/topics.toml."""

    model_config = SettingsConfigDict(env_prefix="LIANYUN_RETENTION_", frozen=True)

    dead_letter_days: int = Field(90, ge=0, description="dead letters not seen again for so long")
    body_days: int = Field(0, ge=0, description="messages as published; their identities stay")
    fence_log_days: int = Field(365, ge=0, description="records of fenced and ended sessions")


def retain(as_json: AsJson = False) -> None:
    """Remove dead letters and fence records and detach messages beyond their retention; repeatable."""
    settings = RetentionSettings()
    now = time.time_ns() // 1_000
    dead_letters, fences, bodies = 0, 0, []
    with session(CliSettings()) as connection:
        if settings.dead_letter_days:
            while gone := sum(purge(connection, now - settings.dead_letter_days * DAY).values()):
                dead_letters += gone
                connection.commit()
        if settings.fence_log_days:
            fences = forget_fences(connection, settings.fence_log_days)
            connection.commit()
        if settings.body_days:
            bodies = detach_bodies(connection, now - settings.body_days * DAY)
    if as_json:
        print_json({"dead_letters": dead_letters, "fence_records": fences, "detached": bodies})
        return
    out.print(
        f"removed {dead_letters} dead letters and {fences} fence records; detached {len(bodies)} tables of messages"
    )
    for name in bodies:
        out.print(f"  lianyun.{name} is out of use: archive it (pg_dump -t) and drop it")


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
        changes = effects(migration.text.decode())
        rows.append((migration.name, migration.phase, _locks(changes), "\n".join(faults(migration))))
    print_table(("migration", "deployment", "locks on what is there", "mind"), rows)
    out.print("A lock is waited for half a second at a time, so nobody waits longer behind it.")
    if older:
        out.print(
            f"What comes after waits for processes of an older release to be replaced: {older}", markup=False
        )


def _locks(changes: list[Effect]) -> str:
    locks = sorted({f"{effect.lock} on {effect.on}" for effect in changes if effect.lock})
    return "\n".join(locks) or "none"
