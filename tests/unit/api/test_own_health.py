"""What the API says of itself beside its own port: not live while its loop stands still, not ready without its database."""

from __future__ import annotations

import asyncio
import time

from pydantic import SecretStr

from services.api import background
from services.api.context import Context
from services.api.serving import live, ready
from services.api.settings import ApiSettings
from services.runtime.ports import free_port


def context() -> Context:
    return Context(ApiSettings(dsn=SecretStr(f"postgresql://lianyun@127.0.0.1:{free_port()}/nowhere")))


def test_it_is_live_as_long_as_its_loop_comes_round() -> None:
    own = context()
    own.turned = time.monotonic() - 60
    assert not live(own).ok

    async def run() -> None:
        async with background.housekeeping(own):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert live(own).ok


def test_it_is_not_ready_where_no_database_answers() -> None:
    own = context()
    assert live(own).ok
    found = ready(own)
    assert not found.ok
    assert "database" in found.details
