"""A session on an event loop: several statements in one round trip, without a thread.

psycopg's own asynchronous cursors do the same with three times the processor time: here every statement is prepared once a
session, its text and its parameters are parsed once, and the loop watches one descriptor for as long as the session lasts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import Buffer, PGresult

from services.ledger.storage.session import BoundStatement, Row, Session, configure

_PARAMETER = re.compile(rb"%(?:\((\w+)\)s|(%))")
_SYNC, _ROWS = int(pq.ExecStatus.PIPELINE_SYNC), int(pq.ExecStatus.TUPLES_OK)
_DONE = (int(pq.ExecStatus.COMMAND_OK), int(pq.ExecStatus.EMPTY_QUERY))
_ENDED = "the database ended the session"


class PipelinedSession:
    """A session that executes several statements in one round trip; on one event loop, for one caller at a time.

    It begins and ends no transaction by itself. After any exception it is unusable: ``close`` it, and what was not committed
    is rolled back. ``broken`` is set when the connection ended.
    """

    def __init__(self, connection: Session) -> None:
        """Take over a configured connection that nothing else uses; must be called on the loop that will use it."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._dumping, self._loading = Transformer(connection), Transformer(connection)
        self._prepared: dict[bytes, bytes] = {}
        self._wanted: list[bool] = []
        self._found: list[list[Row]] = []
        self._failed: psycopg.Error | None = None
        self._nothing = False
        self._answer: asyncio.Future[list[list[Row]]] | None = None
        self.broken = False
        self._loop = asyncio.get_running_loop()
        self._descriptor = self._pgconn.socket
        self._loop.add_reader(self._descriptor, self._readable)

    @classmethod
    async def open(cls, dsn: str, arguments: Mapping[str, Any], *first: bytes) -> Self:
        """Connect on a thread, with the ``arguments`` of psycopg, and execute ``first``. Raises psycopg.OperationalError."""
        return cls(await asyncio.to_thread(_connected, dsn, arguments, first))

    async def ask(self, *statements: BoundStatement) -> list[list[Row]]:
        """The rows of each statement, in order; raises the first error of any of them."""
        self._wanted, self._found, self._failed, self._nothing = [], [], None, False
        for statement in statements:
            self._send(statement)
        self._pgconn.pipeline_sync()
        answer = self._answer = self._loop.create_future()
        if self._pgconn.flush():
            self._loop.add_writer(self._descriptor, self._writable)
        found: list[list[Row]] = await answer
        return found

    def close(self) -> None:
        """Close the connection at any time; idempotent."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = -1
        self._connection.close()

    def _send(self, statement: BoundStatement) -> None:
        text, names = _positional(statement.query)
        name = self._prepared.get(statement.query)
        if name is None:
            name = self._prepared[statement.query] = b"q%d" % len(self._prepared)
            self._pgconn.send_prepare(name, text)
            self._wanted.append(False)
        values: list[Buffer | None] = []
        formats: list[int] = []
        for parameter in names:
            value, format_ = self._dumped(statement.parameters[parameter])
            values.append(value)
            formats.append(format_)
        self._pgconn.send_query_prepared(name, values, formats, pq.Format.BINARY)
        self._wanted.append(True)

    def _dumped(self, value: Any) -> tuple[Buffer | None, int]:
        """A parameter as bytes, and their format. Its type comes from the statement; a number is sent as digits."""
        if value is None:
            return None, pq.Format.TEXT
        if isinstance(value, str):
            return value.encode(), pq.Format.TEXT
        if isinstance(value, int) and not isinstance(value, bool):
            return b"%d" % value, pq.Format.TEXT
        dumper = self._dumping.get_dumper(value, PyFormat.AUTO)
        return dumper.dump(value), dumper.format

    def _writable(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._descriptor)
        except psycopg.Error as problem:
            self._end(problem)

    def _readable(self) -> None:
        try:
            self._pgconn.consume_input()
            if self._answer is None:
                if self._pgconn.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError(_ENDED)
                return
            while not self._pgconn.is_busy():
                if self._process(self._pgconn.get_result()):
                    answer, self._answer = self._answer, None
                    self._resolve(answer)
                    return
        except psycopg.Error as problem:
            self._end(problem)

    def _process(self, result: PGresult | None) -> bool:
        """Process the next result; True at the end of the pipeline."""
        if result is None:  # one follows every result
            if self._nothing:
                raise psycopg.OperationalError(_ENDED)
            self._nothing = True
            return False
        self._nothing = False
        status = result.status
        if status == _SYNC:
            return True
        if status == _ROWS:
            self._loading.set_pgresult(result)
            self._found.append(self._loading.load_rows(0, result.ntuples, tuple))
        elif status in _DONE:
            if self._wanted[len(self._found)]:
                self._found.append([])
            else:  # it was prepared
                del self._wanted[len(self._found)]
        elif self._failed is None:  # what follows it is not executed
            self._failed = error_from_result(result)
        return False

    def _resolve(self, answer: asyncio.Future[list[list[Row]]]) -> None:
        if answer.done():  # the caller was cancelled
            return
        if self._failed is None:
            answer.set_result(self._found)
        else:
            answer.set_exception(self._failed)

    def _end(self, problem: psycopg.Error) -> None:
        """The connection is unusable; a waiting caller gets the error."""
        self.broken = True
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        answer, self._answer = self._answer, None
        if answer is not None:
            self._failed = self._failed or problem
            self._resolve(answer)


def _connected(dsn: str, arguments: Mapping[str, Any], first: tuple[bytes, ...]) -> Session:
    connection: Session = psycopg.connect(dsn, **{**arguments, "autocommit": True})
    try:
        configure(connection)
        for statement in first:
            connection.execute(statement, prepare=False)
    except BaseException:
        connection.close()
        raise
    return connection


@lru_cache(maxsize=1_024)
def _positional(query: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A statement with numbered parameters, and their names in that order."""
    names: dict[str, int] = {}

    def numbered(found: re.Match[bytes]) -> bytes:
        if found[2]:
            return b"%"
        return b"$%d" % names.setdefault(found[1].decode(), len(names) + 1)

    return _PARAMETER.sub(numbered, query), tuple(names)
