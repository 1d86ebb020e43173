"""The session pool of the event loop; each session serves one request at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from psycopg_pool import PoolTimeout

from services.ledger.storage.pipelined import PipelinedSession

_PATIENCE = 5.0  # seconds, as long as a thread waits for a session of its own
_SPARE = b"SET work_mem = '128kB'"  # what services.ledger.storage.event_reader.limit_work_memory says for one transaction


class LoopSessions:
    """At most ``most`` sessions, opened as they are needed. Of one event loop; ``arguments`` are those of psycopg.

    ``returned`` counts how often one was given back whole.
    """

    def __init__(self, dsn: str, arguments: Mapping[str, Any], most: int) -> None:
        self._dsn, self._arguments, self._most = dsn, arguments, most
        self._idle: list[PipelinedSession] = []
        self._waiting: deque[asyncio.Future[PipelinedSession | None]] = deque()
        self._opened = 0
        self.returned = 0

    async def take(self) -> PipelinedSession:
        """A session outside of any transaction; psycopg.OperationalError where none is to be had (PoolTimeout: after 5 s)."""
        while (session := self._unused()) is None and self._opened >= self._most:
            session = await self._given()
            if session is not None:
                break
        if session is not None:
            return session
        self._opened += 1
        try:
            return await PipelinedSession.open(self._dsn, self._arguments, _SPARE)
        except BaseException:
            self._opened -= 1
            self._let_open()
            raise

    def give(self, session: PipelinedSession) -> None:
        """Give back a session that is in no transaction."""
        self.returned += 1
        if session.broken:
            self.drop(session)
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(session)
                return
        self._idle.append(session)

    def drop(self, session: PipelinedSession) -> None:
        """Give back a session that failed, or whose transaction was left open: it is ended, and that undone."""
        self._end(session)
        self._let_open()

    def close(self) -> None:
        """End all that nobody uses."""
        while self._idle:
            self._end(self._idle.pop())

    def _unused(self) -> PipelinedSession | None:
        while self._idle:
            session = self._idle.pop()
            if not session.broken:
                return session
            self._end(session)
        return None

    def _end(self, session: PipelinedSession) -> None:
        session.close()
        self._opened -= 1

    def _let_open(self) -> None:
        """There is room for a session again: whoever waits longest may open it."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _given(self) -> PipelinedSession | None:
        """The next session that is given back, None where one may be opened instead."""
        waiter: asyncio.Future[PipelinedSession | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await waiter
        except TimeoutError:
            self._pass_on(waiter)
            raise PoolTimeout(f"no session within {_PATIENCE:.0f} s") from None
        except asyncio.CancelledError:
            self._pass_on(waiter)
            raise

    def _pass_on(self, waiter: asyncio.Future[PipelinedSession | None]) -> None:
        """Whoever waited has gone: what it was given at the last moment goes to the next."""
        if waiter.cancelled() or not waiter.done():
            waiter.cancel()
        elif (session := waiter.result()) is not None:
            self.give(session)
        else:
            self._let_open()
