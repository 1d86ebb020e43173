"""Group commit: requests that arrive while others are decided are decided together, in one transaction.

The first requester leads: it takes all that wait, decides them, commits once and wakes them; the first that arrived meanwhile leads
next. A leader waits at most ``PATIENCE`` for those just answered, who mostly request again at once; a single requester never
waits. Each gets its own answer, after the commit. For requesters on an event loop a dedicated thread leads.
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
from services.financing.domain.decisions import Decision
from services.financing.domain.requests import DecisionRequest
from services.financing.store.decision_service import DecisionService, Request, Session
from services.financing.store.locks import Deferred
from services.ledger.storage import points

log = logging.getLogger(__name__)

LARGEST = 32
"""Requests of one transaction at most: beyond that it grows longer and hardly cheaper."""
PATIENCE = 0.002
"""Seconds for which a group is awaited."""


class GroupFailed(Exception):
    """The transaction of the group failed and nothing was decided: decide in a transaction of your own."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that waits for its answer; one that is woken to lead has none yet."""

    ask: DecisionRequest
    on: Sequence[Thing]
    answer: Decision | Exception | None = None

    def decision(self) -> Decision:
        """The answer that came."""
        assert self.answer is not None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass(slots=True, eq=False)
class _OnThread(_Waiting):
    """It blocks a thread, which is woken with the answer, or to lead."""

    woken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wake(self) -> None:
        self.woken.release()


@dataclass(slots=True, eq=False)
class _OnLoop(_Waiting):
    """It is awaited on the event loop that created it."""

    came: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the requester with it
            self.came.get_loop().call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if not self.came.done():  # the requester may have gone
            self.came.set_result(None)


class GroupCommit:
    """Decides for many threads by ``service``, over one session of its own from ``connect``, in autocommit."""

    def __init__(self, service: DecisionService, connect: Callable[[], Session]) -> None:
        self.service, self._connect = service, connect
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._queue: list[_OnThread | _OnLoop] = []
        self._led = False
        self._expected = 1
        self._leading = ThreadPoolExecutor(1, "decisions")

    def decide(self, ask: DecisionRequest, on: Sequence[Thing] = ()) -> Decision:
        """Decide, record and commit ``ask`` as ``DecisionService.decide`` does, with the requests that arrive at the same time.

        Blocks until that is done. Raises CargoMoved (begin again), GroupFailed, and what fails for this request alone. A caller that
        holds locks which a decision needs must not call it.
        """
        own = _OnThread(ask, on)
        if not self._leads(own):
            own.woken.acquire()
        self._lead(own)
        return own.decision()

    async def decided(self, ask: DecisionRequest, on: Sequence[Thing] = ()) -> Decision:
        """The same for a caller on an event loop, which does not block."""
        own = _OnLoop(ask, on)
        if self._leads(own):
            self._let_lead(own)
        await own.came
        return own.decision()

    def close(self) -> None:
        """Close the session; no request may be pending."""
        self._leading.shutdown()
        with self._lock:
            self._end()

    def _leads(self, own: _OnThread | _OnLoop) -> bool:
        """Join the queue; whether ``own`` is to lead."""
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
        """Decide the queue, ``own`` among it, and hand the lead to the next in it, if any."""
        group = self._gathered()
        try:
            self._answer(group)
        finally:
            with self._lock:
                self._queue[:0] = (each for each in group if each.answer is None)
                # Who leads and has no answer yet goes on leading.
                following = own if own.answer is None else next(iter(self._queue), None)
                # Those answered now mostly request again at once, and those who wait are there.
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
                each.answer = GroupFailed()
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
            each.answer = None if isinstance(outcome, Deferred) else outcome

    def _decided(self, requests: Sequence[Request]) -> list[Decision | Exception]:
        if self._session is None or self._session.closed:
            self._session = self._connect()
            self._session.autocommit = True
        return self.service.decide_all(self._session, requests, whole=True)

    def _end(self) -> None:
        """End the session, whatever state it is in: with it ends its transaction."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.close()
