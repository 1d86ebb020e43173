"""`lianyun db retain`: let go of what its retention time has passed; settings per table."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.cli.database import session
from services.cli.output import out, print_json
from services.cli.settings import CliSettings
from services.ledger.dead_letters.store import purge
from services.ledger.storage.bodies import detach_bodies
from services.ledger.storage.claims import forget_fences

DAY = 86_400_000_000


class RetentionSettings(BaseSettings):
    """LIANYUN_RETENTION_*: days per table; 0 keeps for ever. Topics have theirs in infra/kafka/topics.toml."""

    model_config = SettingsConfigDict(env_prefix="LIANYUN_RETENTION_", frozen=True)

    dead_letter_days: int = Field(90, ge=0, description="dead letters not seen again for so long")
    body_days: int = Field(0, ge=0, description="messages as published; their identities stay")
    fence_log_days: int = Field(365, ge=0, description="records of fenced and ended sessions")


def retain(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Remove dead letters and fence records and detach messages beyond their retention; repeatable."""
    settings = RetentionSettings()
    now = time.time_ns() // 1_000
    letters, fences, bodies = 0, 0, []
    with session(CliSettings()) as connection:
        if settings.dead_letter_days:
            while gone := sum(purge(connection, now - settings.dead_letter_days * DAY).values()):
                letters += gone
                connection.commit()
        if settings.fence_log_days:
            fences = forget_fences(connection, settings.fence_log_days)
            connection.commit()
        if settings.body_days:
            bodies = detach_bodies(connection, now - settings.body_days * DAY)
    if as_json:
        print_json({"dead_letters": letters, "fence_records": fences, "detached": bodies})
        return
    out.print(
        f"removed {letters} dead letters and {fences} fence records; detached {len(bodies)} tables of messages"
    )
    for name in bodies:
        out.print(f"  lianyun.{name} is out of use: archive it (pg_dump -t) and drop it")
