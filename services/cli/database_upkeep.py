"""`lianyun db`: the schema brought up to date, and what is past its retention let go of."""

from __future__ import annotations

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import out
from services.cli.retaining import retain
from services.cli.settings import CliSettings
from services.storage.errors import MigrationError
from services.storage.migrate import migrate as migrate_database

db = typer.Typer(no_args_is_help=True, help="The database.")
db.command()(retain)


@db.command()
def migrate() -> None:
    """Bring the database to the present schema; repeatable."""
    settings = CliSettings()
    try:
        applied = migrate_database(settings.dsn.get_secret_value())
    except MigrationError as problem:
        raise Failure(Exit.FAILED, str(problem), "restore the migration files of this release") from None
    out.print(f"applied {', '.join(applied)}" if applied else "nothing to do")
