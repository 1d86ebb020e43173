"""Group commit: requests that come while others are decided are decided together, in one transaction of their own.

Whoever asks first leads: it takes all that wait, decides them, commits once and wakes them; the first of those who came
meanwhile leads next. It waits for those who were just answered, who as a rule ask again at once, and for them two milliseconds
at most; one asker alone never waits. Each is answered by itself and only when its decision is committed.

For who asks on an event loop a thread leads that is kept for that.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from services.domain.objects import Thing
from services.financing.domain.decisions import Ruling
from services.financing.domain.requests import Ask
from services.financing.store.decision_service import Desk, Request, Session
from services.financing.store.locks import Later
from services.ledger.storage import points

log = logging.getLogger(__name__)

LARGEST = 32
"""Requests of one transaction at most: beyond that it grows longer and hardly cheaper."""
PATIENCE = 0.002
"""Seconds for which a group is awaited."""


class Alone(Exception):
    """The transaction of the group failed, for whichever reason: nothing was decided; ask in a transaction of your own."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One request that waits for its answer; whoever of them is to lead has none yet."""

    ask: Ask
    on: Sequence[Thing]
    answer: Ruling | Exception | None = None

    def ruling(self) -> Ruling:
        """The answer that came."""
        assert self.answer is not None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass(slots=True, eq=False)
class _OnThread(_Waiting):
    """It holds a thread, which is woken with the answer, or to lead."""

    woken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wake(self) -> None:
        self.woken.release()


@dataclass(slots=True, eq=False)
class _OnLoop(_Waiting):
    """It is awaited on the event loop that it was made on."""

    came: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and whoever asked with it
            self.came.get_loop().call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if not self.came.done():  # whoever asked may have gone
            self.came.set_result(None)


class GroupCommit:
    """Decides for many threads by ``desk``, over one session that ``connect`` opens: committing by itself, and its own."""

    def __init__(self, desk: Desk, connect: Callable[[], Session]) -> None:
        self.desk, self._connect = desk, connect
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._queue: list[_OnThread | _OnLoop] = []
        self._led = False
        self._expected = 1
        self._leading = ThreadPoolExecutor(1, "decisions")

    def decide(self, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
        """Decide, record and commit ``ask`` as ``Desk.decide`` does, with whatever else is asked at the same time.

        Blocks until that is done. Raises CargoMoved (begin again), Alone where the group failed, and what fails for this
        request alone. Whoever holds locks that a decision needs must not call it.
        """
        own = _OnThread(ask, on)
        if not self._leads(own):
            own.woken.acquire()
        self._lead(own)
        return own.ruling()

    async def decided(self, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
        """The same for a caller on an event loop, which does not block."""
        own = _OnLoop(ask, on)
        if self._leads(own):
            self._let_lead(own)
        await own.came
        return own.ruling()

    def close(self) -> None:
        """Give the session back; nobody may be asking."""
        self._leading.shutdown()
        with self._lock:
            self._end()

    def _leads(self, own: _OnThread | _OnLoop) -> bool:
        """Join those who wait; whether nobody leads, so that ``own`` does."""
        with self._lock:
            self._queue.append(own)
            if len(self._queue) == self._expected:
                self._came.notify()
            leads, self._led = not self._led, True
        return leads

    def _let_lead(self, own: _OnThread | _OnLoop) -> None:
        if isinstance(own, _OnLoop):
            self._leading.submit(self._lead, own)
        else:
            own.wake()

    def _lead(self, own: _OnThread | _OnLoop) -> None:
        """Decide what waits until ``own``, which is among it, has its answer."""
        while own.answer is None:
            self._lead_once(own)

    def _lead_once(self, own: _OnThread | _OnLoop) -> None:
        """Decide what waits, ``own`` among it, and hand on: to whoever came meanwhile, or to nobody."""
        group = self._gathered()
        try:
            self._answer(group)
        finally:
            with self._lock:
                self._queue[:0] = (each for each in group if each.answer is None)
                # Who leads and has no answer yet goes on leading.
                following = own if own.answer is None else next(iter(self._queue), None)
                # Who is answered now as a rule asks again at once, and who waits is there.
                answered = sum(each.answer is not None for each in group)
                self._expected = min(LARGEST, answered + len(self._queue))
                self._led = following is not None
            for each in group:
                if each.answer is not None:
                    each.wake()
            if following is not None and following is not own:
                self._let_lead(following)

    def _gathered(self) -> list[_OnThread | _OnLoop]:
        with self._lock:
            self._came.wait_for(lambda: len(self._queue) >= self._expected, PATIENCE)
            group, self._queue = self._queue[:LARGEST], self._queue[LARGEST:]
            return group

    def _answer(self, group: Sequence[_Waiting]) -> None:
        try:
            found = self._decided([(each.ask, each.on) for each in group])
        except BaseException as problem:
            self._end()
            for each in group:
                each.answer = Alone()
            if not isinstance(problem, Exception):
                raise
            log.warning(
                "a group of %d decisions failed: each is tried alone: %s: %s",
                len(group),
                type(problem).__name__,
                problem,
                extra={"action": "group_commit_failed"},
            )
            return
        points.reach("after_commit")
        for each, outcome in zip(group, found, strict=True):
            # Who shares something with an earlier one of the group is decided after it.
            each.answer = None if isinstance(outcome, Later) else outcome

    def _decided(self, requests: Sequence[Request]) -> list[Ruling | Exception]:
        if self._session is None or self._session.closed:
            self._session = self._connect()
            self._session.autocommit = True
        return self.desk.decide_all(self._session, requests, whole=True)

    def _end(self) -> None:
        """End the session, whatever state it is in: with it ends its transaction."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.close()
