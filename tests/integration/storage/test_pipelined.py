"""Several questions on one way: rows in order, an error ends the session, a parameter is what the statement says it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from services.ledger.storage.arrays import uuids
from services.ledger.storage.pipelined import PipelinedSession
from services.ledger.storage.session import BoundStatement, open_session, session_arguments
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration
ID = bytes(range(16))


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = postgres.fresh_database("pipelined")
    with psycopg.connect(address) as session:
        session.execute("CREATE TABLE said (word text PRIMARY KEY)")
    return address


def run(dsn: str, use: Callable[[PipelinedSession], Awaitable[None]]) -> None:
    """Use a session of its own on a loop of its own."""

    async def main() -> None:
        session = await PipelinedSession.open(dsn, session_arguments("lianyun-test"))
        try:
            await use(session)
        finally:
            session.close()

    asyncio.run(main())


def test_values_are_the_same_as_those_of_an_ordinary_session(dsn: str) -> None:
    questions = [
        BoundStatement(
            b"SELECT %(text)s::text, %(number)s::bigint, %(number)s::smallint + 1, %(raw)s::bytea, %(no)s::text, '50%%', "
            b"%(list)s::text[], %(none)s::text[], %(yes)s::boolean",
            {
                "text": "运单 '", "number": 7, "raw": b"\x00\xff", "no": None, "list": ["a,\"b", "c{}"], "none": [],
                "yes": True,
            },
        ),
        BoundStatement(b"SELECT id FROM unnest(%(ids)s::uuid[]) AS id", {"ids": uuids([ID, ID[::-1]])}),
        BoundStatement(b"SELECT 1 WHERE false"),
        BoundStatement(b"SET application_name = 'other'"),
    ]  # fmt: skip
    with open_session(dsn, "lianyun-test") as ordinary:
        wanted = [question.rows(ordinary) for question in questions[:3]]

    async def use(session: PipelinedSession) -> None:
        for _ in range(2):  # prepared, and prepared before
            assert await session.ask(*questions) == [*wanted, []]

    run(dsn, use)


def test_an_error_is_told_and_nothing_behind_it_happens(dsn: str) -> None:
    say = b"INSERT INTO said VALUES (%(word)s)"

    async def use(session: PipelinedSession) -> None:
        await session.ask(
            BoundStatement(b"BEGIN"), BoundStatement(say, {"word": "one"}), BoundStatement(b"COMMIT")
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            await session.ask(
                BoundStatement(b"BEGIN"),
                BoundStatement(say, {"word": "two"}),
                BoundStatement(say, {"word": "one"}),
                BoundStatement(b"COMMIT"),
            )

    run(dsn, use)
    with psycopg.connect(dsn) as session:
        assert session.execute("SELECT word FROM said").fetchall() == [("one",)]


def test_a_session_that_ends_tells_whoever_waits(dsn: str) -> None:
    async def use(session: PipelinedSession) -> None:
        ((pid,),) = (await session.ask(BoundStatement(b"SELECT pg_backend_pid()")))[0]
        waiting = asyncio.create_task(session.ask(BoundStatement(b"SELECT pg_sleep(60)")))
        await asyncio.sleep(0.1)

        def end() -> None:
            with psycopg.connect(dsn, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))

        await asyncio.to_thread(end)
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(waiting, 20)
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(session.ask(BoundStatement(b"SELECT 1")), 20)

    run(dsn, use)


def test_more_than_the_socket_takes_at_once_is_sent(dsn: str) -> None:
    long = "词" * 3_000_000

    async def use(session: PipelinedSession) -> None:
        found = await session.ask(
            *(BoundStatement(b"SELECT length(%(text)s::text)", {"text": long}) for _ in range(4))
        )
        assert found == [[(3_000_000,)]] * 4

    run(dsn, use)
