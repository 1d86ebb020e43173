"""Group commit: requests that come while others are decided are decided together, in one transaction of their own.

Whoever asks first leads: it takes all that wait, decides them, commits once and wakes them; the first of those who came
meanwhile leads next. It waits for those who were just answered, who as a rule ask again at once, and for them two milliseconds
at most; one asker alone never waits. Each is answered by itself and only when its decision is committed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from services.core.objects import Thing
from services.processors.financing.asking import Ask
from services.processors.financing.rulings import Ruling
from services.processors.financing.store.desk import Desk, Request, Session
from services.processors.financing.store.holding import Later
from services.storage import points

log = logging.getLogger(__name__)

LARGEST = 32
"""Requests of one transaction at most: beyond that it grows longer and hardly cheaper."""
PATIENCE = 0.002
"""Seconds for which a group is awaited."""


class Alone(Exception):
    """The transaction of the group failed, for whichever reason: nothing was decided; ask in a transaction of your own."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One request that waits for its answer; it is woken with it, or to lead."""

    ask: Ask
    on: Sequence[Thing]
    answer: Ruling | Exception | None = None
    woken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class GroupCommit:
    """Decides for many threads by ``desk``, over one session that ``connect`` opens: committing by itself, and its own."""

    def __init__(self, desk: Desk, connect: Callable[[], Session]) -> None:
        self.desk, self._connect = desk, connect
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._queue: list[_Waiting] = []
        self._led = False
        self._expected = 1

    def decide(self, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
        """Decide, record and commit ``ask`` as ``Desk.decide`` does, with whatever else is asked at the same time.

        Blocks until that is done. Raises CargoMoved (begin again), Alone where the group failed, and what fails for this
        request alone. Whoever holds locks that a decision needs must not call it.
        """
        own = _Waiting(ask, on)
        with self._lock:
            self._queue.append(own)
            if len(self._queue) == self._expected:
                self._came.notify()
            leads, self._led = not self._led, True
        if not leads:
            own.woken.acquire()
        while own.answer is None:
            self._lead(own)
        if isinstance(own.answer, Exception):
            raise own.answer
        return own.answer

    def close(self) -> None:
        """Give the session back; nobody may be asking."""
        with self._lock:
            self._end()

    def _lead(self, own: _Waiting) -> None:
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
                if each.answer is not None and each is not own:
                    each.woken.release()
            if following is not None and following is not own:
                following.woken.release()

    def _gathered(self) -> list[_Waiting]:
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
