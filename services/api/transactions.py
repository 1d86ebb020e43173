"""The transaction of a request, on the event loop or on a worker thread, under one contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from psycopg import pq
from psycopg.errors import error_from_result
from psycopg.rows import tuple_row

from services.api.calls import BeginAgain, Session
from services.api.context import Context
from services.api.problems import Problem
from services.api.sessions import LoopSessions
from services.ledger.registry.registry import Registry
from services.ledger.storage.pipelined import PipelinedSession
from services.ledger.storage.session import BoundStatement, Row

T = TypeVar("T")
Rows = list[list[Row]]
_BEGIN, _COMMIT, _ROLLBACK = BoundStatement(b"BEGIN"), BoundStatement(b"COMMIT"), BoundStatement(b"ROLLBACK")
_SAVEPOINT, _UNDO = BoundStatement(b"SAVEPOINT route"), b"ROLLBACK TO SAVEPOINT route"


class Transaction(ABC):
    """A transaction that a session is taken for when it begins and given back when it ends; it can begin again after that.

    A context manager: what is still open at the end of the block is undone. Every method is a coroutine in form; those of a
    worker's transaction block instead of suspending.
    """

    session: Session | None = None
    """What the route's own statements run on; None where it may ask nothing but what went with the admission."""

    @abstractmethod
    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work``, which uses this transaction, where the transaction runs."""

    @abstractmethod
    async def begin(self, *questions: BoundStatement) -> Rows:
        """Begin, and ask ``questions`` in the same round trip. psycopg.OperationalError where no session is to be had."""

    @abstractmethod
    async def ask(self, *questions: BoundStatement) -> Rows:
        """The rows of each question, in one round trip."""

    @abstractmethod
    async def undo(self) -> None:
        """Undo all since ``begin``, but not what was asked there."""

    @abstractmethod
    async def commit(self, *questions: BoundStatement) -> None:
        """Execute ``questions``, commit and give the session back, in one round trip."""

    @abstractmethod
    async def registry(self, version: int) -> Registry:
        """The registry at ``version`` or newer."""

    async def __aenter__(self) -> Self:
        return self

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LoopTransaction(Transaction):
    """On the event loop. What runs in it writes nothing before ``commit``, so there is nothing to undo."""

    def __init__(self, context: Context, sessions: LoopSessions) -> None:
        self._context, self._sessions = context, sessions
        self._held: PipelinedSession | None = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await it."""
        return await work

    async def begin(self, *questions: BoundStatement) -> Rows:
        """Waits for a session for 5 s at most."""
        self._held = await self._sessions.take()
        _, *found = await self._held.ask(_BEGIN, *questions)
        return found

    async def ask(self, *questions: BoundStatement) -> Rows:
        """As the contract says."""
        assert self._held is not None
        return await self._held.ask(*questions)

    async def undo(self) -> None:
        """Nothing."""

    async def commit(self, *questions: BoundStatement) -> None:
        """As the contract says."""
        await self.ask(*questions, _COMMIT)
        self._give()

    async def registry(self, version: int) -> Registry:
        """Read on a worker thread where it is not known yet."""
        known = self._context.known_registry(version)
        return known if known is not None else await self._context.in_worker(self._read, version)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Roll back after an expected end; after any other the session is ended, and its transaction with it."""
        if self._held is None:
            return
        if isinstance(error, Problem | BeginAgain):
            try:
                await self._held.ask(_ROLLBACK)
            except BaseException:
                self._drop()
                raise
            self._give()
        else:
            self._drop()

    def _read(self, version: int) -> Registry:
        with self._context.pool.connection() as session:
            return self._context.registry(session, version)

    def _give(self) -> None:
        held, self._held = self._held, None
        assert held is not None
        self._sessions.give(held)

    def _drop(self) -> None:
        held, self._held = self._held, None
        assert held is not None
        self._sessions.drop(held)


class WorkerTransaction(Transaction):
    """On a worker thread, over a session of the pool; the route's own statements and their errors are undone by a savepoint."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._held = ExitStack()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Drive it on a worker thread, for as long as it takes."""
        return await self._context.in_worker(_driven, work)

    async def begin(self, *questions: BoundStatement) -> Rows:
        """Waits for a session as long as the pool does."""
        self.session = self._held.enter_context(self._context.pool.connection())
        self.session.autocommit = True  # the transaction begins and ends by statements that go with others
        _, *found, _ = await self.ask(_BEGIN, *questions, _SAVEPOINT)
        return found

    async def ask(self, *questions: BoundStatement) -> Rows:
        """As the contract says."""
        assert self.session is not None
        with self.session.pipeline():
            cursors = [
                self.session.cursor(binary=True, row_factory=tuple_row).execute(*each) for each in questions
            ]
        return [[] if each.description is None else each.fetchall() for each in cursors]

    async def undo(self) -> None:
        """Also where a statement of the route failed."""
        if self.session is None:
            return
        # Of a cursor, psycopg would take it for the end of the transaction and forget every prepared statement.
        result = self.session.pgconn.exec_(_UNDO)
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(result)

    async def commit(self, *questions: BoundStatement) -> None:
        """As the contract says."""
        await self.ask(*questions, _COMMIT)
        self.session = None
        self._held.close()

    async def registry(self, version: int) -> Registry:
        """Read in the transaction itself: with a second session for each, workers could wait for one another."""
        assert self.session is not None
        return self._context.registry(self.session, version)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Roll back what is open."""
        self.session = None
        self._held.__exit__(kind, error, trace)


def _driven(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that blocks and never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("the coroutine waits for an event loop, and this thread has none")
