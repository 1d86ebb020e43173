"""An attempt that fails leaves nothing, one that succeeds is committed; within a transaction of the caller both are savepoints."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import TransactionStatus

from services.ledger.storage.session import Session
from services.runtime.transactions import RetryPolicy, retry_transaction
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration


@pytest.fixture(params=[False, True], ids=["implicit transactions", "autocommit"])
def session(postgres: DatabaseAddress, request: pytest.FixtureRequest) -> Iterator[Session]:
    dsn = postgres.fresh_database("retried_transactions")
    with psycopg.connect(dsn, autocommit=request.param) as opened:
        opened.execute("CREATE TABLE attempt (number int)")
        if not request.param:
            opened.commit()
        yield opened


def failing(session: Session, failures: int) -> list[int]:
    """Retry a transaction whose first attempts fail; what is stored when it is over."""
    numbers = iter(range(100))
    states = list[TransactionStatus]()

    def work() -> None:
        number = next(numbers)
        session.execute("INSERT INTO attempt VALUES (%s)", (number,))
        if number < failures:
            raise errors.SerializationFailure

    outside = session.info.transaction_status
    retry_transaction(
        session,
        work,
        RetryPolicy(attempts=3),
        lambda: states.append(session.info.transaction_status),
    )
    assert states == [outside] * failures
    return [number for (number,) in session.execute("SELECT number FROM attempt").fetchall()]


def test_only_the_attempt_that_succeeded_is_stored_and_committed(session: Session) -> None:
    assert failing(session, 2) == [2]
    session.rollback()
    assert session.execute("SELECT number FROM attempt").fetchall() == [(2,)]


def test_after_the_last_attempt_nothing_is_stored_and_the_session_is_idle(session: Session) -> None:
    with pytest.raises(errors.SerializationFailure):
        failing(session, 3)
    assert session.info.transaction_status is TransactionStatus.IDLE
    assert session.execute("SELECT number FROM attempt").fetchall() == []


def test_within_a_transaction_a_failed_attempt_leaves_what_came_before(session: Session) -> None:
    with session.transaction():
        session.execute("INSERT INTO attempt VALUES (-1)")
        assert failing(session, 1) == [-1, 1]
    with session.transaction(force_rollback=True):
        session.execute("DELETE FROM attempt")
        assert failing(session, 0) == [0]
    assert session.execute("SELECT number FROM attempt").fetchall() == [(-1,), (1,)]
