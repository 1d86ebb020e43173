"""The process that keeps the credit signals up to the accepted events, beside the workers and off their way.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped. While
there is much to catch up with it rests as long as it works: the workers come first on a small machine.
"""

from __future__ import annotations

import time
from typing import Any

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.processors.credit.store import projector
from services.storage.session import open_session

APPLICATION = "lianyun-credit"


class FollowerSettings(BaseSettings):
    """Settings of the follower, from LIANYUN_* variables."""

    model_config = SettingsConfigDict(env_prefix="LIANYUN_", extra="ignore")

    dsn: SecretStr = Field(description="the database")
    credit_tick: float = Field(1.0, gt=0, description="seconds between two looks for new events")
    credit_events: int = Field(500, gt=0, le=10_000, description="events of one step at most")


def follow(session: Connection[Any], events: int, tick: float) -> None:
    """Follow for ever; blocks. Raises what a step raises: the database is gone, or an event cannot be read.

    A second follower waits until the first one is gone.
    """
    while True:
        started = time.monotonic()
        try:
            done = projector.step(session, events)
        except LockNotAvailable:
            time.sleep(tick)
            continue
        time.sleep(tick if done.whole(events) else time.monotonic() - started)


def run(settings: FollowerSettings) -> None:
    """Open a session of its own and follow until the process is ended."""
    session = open_session(settings.dsn.get_secret_value(), APPLICATION)
    session.autocommit = True
    with session:
        follow(session, settings.credit_events, settings.credit_tick)
