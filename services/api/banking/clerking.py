"""Beside answering: what partners ask for by signed events is taken to the desk, wherever an API process has its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolTimeout

from services.api.context import Context
from services.api.repeating import repeating
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.keys import KeysMissing, read_keys
from services.financing.store.request_consumer import decide_next

_EVERY = 0.5
_WAITS = (psycopg.Error, PoolTimeout, KeyMissing)
_AT_ONCE = 50
"""Requests of one turn at most, so that a process that ends waits for few."""


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Answer events for as long as the block lasts; nothing where this process has no keys of financing."""
    try:
        keys = read_keys(context.settings.financing_keys)
    except KeysMissing:
        yield
        return
    desk = keys.decision_service(context.settings.network, frozenset(context.settings.financing_registries))
    async with repeating(
        lambda: turn(context, desk),
        _EVERY,
        _WAITS,
        "events that ask for a decision wait",
        "financing_clerk_failed",
    ):
        yield


def turn(context: Context, desk: DecisionService) -> int:
    """Answer what waits, each in a transaction of its own; how many there were. Blocks."""
    with context.pool.connection() as session:
        for done in range(_AT_ONCE):
            if not decide_next(session, desk):
                return done
    return _AT_ONCE
