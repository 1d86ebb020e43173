"""One consistent snapshot of the database for the whole check, while workers go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from psycopg import Connection, sql

from services.audit.report import Findings
from services.ledger.storage import statement
from services.ledger.storage.arrays import adapt
from services.ledger.storage.errors import GenerationMoved
from services.ledger.storage.generations import current_generation

Row = tuple[Any, ...]
_NOTHING: Mapping[str, Any] = {}
_PAGE = 2_000


class Snapshot:
    """A read-only transaction that sees one moment; ids come as 16 bytes, unqualified tables are the current generation's.

    Opened by ``open`` it has no transaction id, so it keeps no worker from settling; while it is open, dead rows stay on
    disk. Context manager. ``shared`` is the name by which another process sees the same moment (its ``join``), valid
    while this one is open.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        """Read through ``connection``, in the transaction that it has open or begins now."""
        self._connection = connection
        self._names = 0
        self._topics: dict[int, str] | None = None
        adapt(connection)
        self.generation = current_generation(connection)
        name = f"g{self.generation}"
        if connection.execute("SELECT to_regclass(%s)", (f"{name}.head",)).fetchone() == (None,):
            raise GenerationMoved(
                f"the current generation is {self.generation}, of which there are no tables"
            )
        schema = sql.Identifier(name)
        connection.execute(sql.SQL("SET LOCAL search_path = {}, lianyun").format(schema))
        connection.execute("SET LOCAL jit = off")

    @classmethod
    def open(cls, dsn: str, join: str | None = None) -> Self:
        """Open a session and begin; with ``join`` it sees the moment that another one has ``shared``."""
        connection: Connection[Any] = psycopg.connect(
            dsn, application_name="lianyun-fsck", autocommit=True, prepare_threshold=2
        )
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if join is not None:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(join)))
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    @property
    def connection(self) -> Connection[Any]:
        """The session, in its transaction."""
        return self._connection

    def shared(self) -> str:
        """The name of this moment for other sessions."""
        return str(self.one("SELECT pg_export_snapshot()")[0])

    def rows(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = _NOTHING) -> list[Row]:
        """All rows of ``query``; for what is known to be small."""
        return self._connection.cursor(binary=True).execute(query.encode(), parameters).fetchall()

    def one(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = _NOTHING) -> Row:
        """The only row of ``query``."""
        (row,) = self.rows(query, parameters)
        return row

    def named(self, name: str, parameters: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """All rows of a statement of the store."""
        return self._connection.cursor(binary=True).execute(statement(name), parameters).fetchall()

    def stream(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = _NOTHING) -> Iterator[Row]:
        """The rows of ``query`` a page at a time, so that memory stays bounded whatever their number."""
        self._names += 1
        with self._connection.cursor(name=f"check_{self._names}", binary=True) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(query.encode(), parameters)
            yield from cursor

    def topics(self) -> Mapping[int, str]:
        """The names of topics by their numbers."""
        if self._topics is None:
            self._topics = dict(self.rows("SELECT no, name FROM lianyun.topic"))
        return self._topics

    def close(self) -> None:
        """End the transaction and the session."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


INFRASTRUCTURE = (psycopg.OperationalError, psycopg.InterfaceError, OSError, MemoryError, BrokenExecutor)
"""Errors that no stored row causes: they end the check."""
Result = TypeVar("Result")


def attempt(
    snapshot: Snapshot, findings: Findings, what: str, work: Callable[[], Result], otherwise: Result
) -> Result:
    """What ``work`` returns; ``otherwise``, with a finding, where reading what is stored in ``what`` raises.

    The rest of the check can go on in the same snapshot. Raises INFRASTRUCTURE.
    """
    try:
        with snapshot.connection.transaction():
            return work()
    except INFRASTRUCTURE:
        raise
    except Exception as problem:
        findings.unreadable(what, problem)
        return otherwise


def lowest_number(snapshot: Snapshot) -> int:
    """The first event number whose partition of bodies is still attached."""
    bounds = snapshot.rows(
        "SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'lianyun.body'::regclass"
    )
    return min((int(text.split("'")[1]) for (text,) in bounds), default=0)


def chunks(values: Iterable[Result], size: int) -> Iterator[list[Result]]:
    """``values`` in their order in lists of ``size``, the last one shorter."""
    remaining = iter(values)
    while chunk := list(islice(remaining, size)):
        yield chunk


class TermTexts:
    """Looks numbers up in lianyun.term and remembers a bounded number of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[int, str] = {0: ""}

    def __call__(self, number: int) -> str:
        """The party's code or the place behind ``number``; its digits where nothing is known of it."""
        if number not in self._known:
            rows = self._snapshot.rows("SELECT text FROM lianyun.term WHERE number = %s", (number,))
            if len(self._known) > 10_000:
                self._known = {0: ""}
            self._known[number] = rows[0][0] if rows else f"number {number}"
        return self._known[number]
