"""Requests that are decided together are decided as if each had come alone: one winner, nobody harmed, all or nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision, DecisionOutcome
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.store import fingerprint_versions
from services.financing.store.decision_service import CargoMoved, DecisionService, Session
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.group_commit import GroupCommit, GroupFailed
from services.ledger.storage.decision_locks import database_clock
from services.ledger.storage.session import open_session
from tests.support.financing import crowd
from tests.support.financing.stored_world import SIGNER, checked, value
from tests.support.financing.world import KEY

pytestmark = pytest.mark.integration
Request = tuple[DecisionRequest, tuple[Thing, ...]]
HOUR = 3_600 * 1_000_000


@pytest.fixture
def cargoes(dsn: str) -> str:
    """A database with twenty cargoes, and a version of fingerprints."""
    with open_session(dsn) as session:
        fingerprint_versions.begin(session, KEY, 1)
    crowd.store(dsn, "TOGETHER", 20)
    return dsn


def reserve(number: int, bank: str = "abank", client: str = "x") -> Request:
    return crowd.reserve("TOGETHER", number, bank, client)


def desk(clock: Callable[[Session], tuple[int, int]] | None = None) -> DecisionService:
    return DecisionService(KeyRing([KEY]), SIGNER, clock=clock)


class Crowd:
    """Threads that ask one ``GroupCommit``. Its first session is not opened before all have asked."""

    def __init__(self, dsn: str, asked_by: DecisionService) -> None:
        self.dsn, self._open = dsn, threading.Event()
        self.group = GroupCommit(asked_by, self._connect)

    def _connect(self) -> Session:
        assert self._open.wait(60)
        return open_session(self.dsn, "lianyun-test")

    def ask(self, requests: Sequence[Request]) -> list[Decision | Exception]:
        """The answers to ``requests``, which wait together in this order behind one that is about nothing of theirs."""
        found: list[Decision | Exception] = [AssertionError("no answer")] * len(requests)

        def work(place: int, request: Request) -> None:
            try:
                found[place] = self.decide(*request)
            except Exception as problem:
                found[place] = problem

        def first() -> None:
            assert (
                self.decide(DecisionRequest(Action.RELEASE_ORDER, "optic", "opens the session"), ()).guard
                == "PARTY_OF_CARGO"
            )

        threads = [threading.Thread(target=first, daemon=True)]
        threads += [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(requests)]
        for waiting, thread in enumerate(threads):
            thread.start()
            while len(self.group._queue) < waiting and threads[0].is_alive():
                time.sleep(0.001)
            if not waiting:
                time.sleep(0.05)  # it leads, and has found nobody else
        self._open.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody waits for ever"
        return found

    def decisions(self, requests: Sequence[Request]) -> list[Decision]:
        """The same where all are decided."""
        answers = self.ask(requests)
        found = [each for each in answers if isinstance(each, Decision)]
        assert len(found) == len(answers), answers
        return found

    def decide(self, ask: DecisionRequest, on: Sequence[Thing]) -> Decision:
        """As the API does: alone where the group failed, again where the cargo moved."""
        while True:
            try:
                return self.group.decide(ask, on)
            except GroupFailed:
                with open_session(self.dsn, "lianyun-test") as session:
                    return self.group.service.decide(session, ask, on)
            except CargoMoved:
                continue


@contextmanager
def together(dsn: str, asked_by: DecisionService) -> Iterator[Crowd]:
    crowd = Crowd(dsn, asked_by)
    yield crowd
    crowd.group.close()
    with open_session(dsn) as session:
        report = checked(session)
    assert report.sound, report.findings


def done(answers: Sequence[Decision | Exception]) -> list[Decision]:
    return [each for each in answers if isinstance(each, Decision) and each.done]


def transactions(dsn: str, decisions: Sequence[Decision]) -> list[int]:
    """How many decisions each transaction took, those of these rulings alone."""
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT count(*) FROM lianyun.financing_decision WHERE number = ANY (%s) GROUP BY xid ORDER BY count(*) DESC",
            ([decision.number for decision in decisions],),
        )
        return [count for (count,) in rows]


def test_one_transaction_decides_all_that_have_nothing_in_common(cargoes: str) -> None:
    with together(cargoes, desk()) as crowd_:
        answers = done(crowd_.ask([reserve(number) for number in range(16)]))
    assert len(answers) == 16
    assert transactions(cargoes, answers) == [16]
    assert len({decision.number for decision in answers}) == 16
    assert [decision.financing for decision in answers] == [
        reserve(number)[0].financing for number in range(16)
    ]


def test_of_two_that_want_the_same_the_first_has_it_and_the_second_is_told_so(cargoes: str) -> None:
    with together(cargoes, desk()) as crowd_:
        mine, theirs, other = crowd_.decisions([reserve(0), reserve(0, "bbank"), reserve(1, "bbank")])
    assert (mine.done, other.done) == (True, True)
    assert (theirs.outcome, theirs.guard) == (DecisionOutcome.REFUSED, "INTEREST_FREE")
    assert theirs.before == mine.number, "it rests on the decision of its neighbour"
    assert transactions(cargoes, [mine, other]) == [2], "who has nothing in common is not kept waiting"


def test_a_bank_that_repeats_itself_in_one_group_has_one_reservation(cargoes: str) -> None:
    with together(cargoes, desk()) as crowd_:
        answers = done(crowd_.ask([reserve(0), reserve(0), reserve(1), reserve(0)]))
    assert len(answers) == 4
    assert [count for _, count in sorted(Counter(decision.number for decision in answers).items())] == [3, 1]
    assert value(cargoes, "SELECT count(*) FROM lianyun.financing_decision WHERE action = 'RESERVE'") == 2


def unwritable(request: Request) -> Request:
    """What Postgres refuses: the statement fails, and with it the transaction."""
    ask, on = request
    return replace(ask, idempotency="a\0name"), on


def incomputable(request: Request) -> Request:
    """What our own code fails on, before anything is asked of the database."""
    ask, on = request
    (invoice,) = ask.papers.invoices
    nothing = replace(invoice, amount=Money(100, None))  # type: ignore[arg-type]
    return replace(ask, papers=replace(ask.papers, invoices=(nothing,))), on


@pytest.mark.parametrize(
    ("spoilt", "problem", "transactions_of_others"),
    [(unwritable, psycopg.DataError, [1] * 15), (incomputable, AttributeError, [15])],
)
def test_one_that_fails_harms_none_of_its_neighbours(
    cargoes: str,
    spoilt: Callable[[Request], Request],
    problem: type[Exception],
    transactions_of_others: list[int],
) -> None:
    requests = [spoilt(reserve(number)) if number == 7 else reserve(number) for number in range(16)]
    with together(cargoes, desk()) as crowd_:
        answers = crowd_.ask(requests)
    assert len(done(answers)) == 15
    assert isinstance(answers[7], problem), answers[7]
    assert transactions(cargoes, done(answers)) == transactions_of_others
    with together(cargoes, desk()) as crowd_:
        assert len(done(crowd_.ask([reserve(7)]))) == 1, "nothing of it is left behind"


def test_groups_of_two_processes_in_opposite_order_never_wait_for_one_another(cargoes: str) -> None:
    before = value(cargoes, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    groups = [GroupCommit(desk(), lambda: open_session(cargoes, "lianyun-test")) for _ in range(2)]
    found: list[tuple[int, Decision | Exception]] = []

    def work(group: GroupCommit, bank: str, order: Sequence[int]) -> None:
        for number in order:
            while True:
                try:
                    found.append((number, group.decide(*reserve(number, bank))))
                except CargoMoved:
                    continue
                except Exception as problem:
                    found.append((number, problem))
                break

    orders = [list(range(20)), list(range(19, -1, -1))]
    threads = [
        threading.Thread(
            target=work, args=(groups[side], crowd.BANKS[side], orders[side][turn:] + orders[side][:turn])
        )
        for side in range(2)
        for turn in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "somebody waits for ever"
    for group in groups:
        group.close()
    assert [problem for _, problem in found if isinstance(problem, Exception)] == []
    won = {
        (number, decision.number)
        for number, decision in found
        if isinstance(decision, Decision) and decision.done
    }
    assert sorted(number for number, _ in won) == list(range(20)), "exactly one reservation of each cargo"
    assert (
        value(cargoes, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before
    )
    with open_session(cargoes) as session:
        assert checked(session).sound


def test_a_reservation_that_runs_out_is_taken_once_within_a_group(cargoes: str) -> None:
    """It ends to the microsecond, and of the two rivals that find it ended the second finds the first."""
    moment = [value(cargoes, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")]
    clocked = desk(lambda session: (moment[0], database_clock(session)[1]))
    with together(cargoes, clocked) as crowd_:
        (held,) = crowd_.decisions([reserve(0)])
    assert held.until is not None
    moment[0] = held.until - 1
    with together(cargoes, clocked) as crowd_:
        (early,) = crowd_.decisions([reserve(0, "bbank", "early")])
    assert early.guard == "INTEREST_FREE"
    moment[0] = held.until
    with together(cargoes, clocked) as crowd_:
        late, later, other = crowd_.decisions(
            [reserve(0, "bbank", "late"), reserve(0, "bbank", "later"), reserve(1)]
        )
    assert (late.done, late.frees) == (True, (held.financing,))
    assert (later.done, later.before) == (False, late.number)
    assert other.done


def test_two_that_free_the_same_by_different_papers_are_not_decided_side_by_side(cargoes: str) -> None:
    """They have no key in common, but the financing that stands in the way of both."""
    moment = [value(cargoes, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")]
    clocked = desk(lambda session: (moment[0], database_clock(session)[1]))
    (ask, on), (further, further_on) = reserve(0, "abank", "both"), reserve(1)
    papers = replace(
        ask.papers,
        notes=ask.papers.notes + further.papers.notes,
        invoices=further.papers.invoices + ask.papers.invoices,
    )
    with together(cargoes, clocked) as crowd_:
        (held,) = crowd_.decisions([(replace(ask, papers=papers), (*on, *further_on))])
    assert held.until is not None
    moment[0] = held.until + HOUR
    with together(cargoes, clocked) as crowd_:
        answers = crowd_.decisions([reserve(0, "bbank"), reserve(1, "bbank")])
    assert [(decision.done, decision.frees) for decision in answers] == [
        (True, (held.financing,)),
        (True, ()),
    ]
    assert transactions(cargoes, answers) == [1, 1]


@pytest.mark.parametrize("point", ["locked", "decided", "before_commit", "after_commit"])
def test_killed_in_any_step_a_group_is_there_or_not_at_all(cargoes: str, point: str) -> None:
    requests = [crowd.reserve("TOGETHER", number, "abank", "killed") for number in range(3)]
    script = Path(__file__).with_name("killed.py")
    arguments = [sys.executable, str(script), cargoes, point, "TOGETHER", "3"]
    killed = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    there = 3 if point == "after_commit" else 0
    assert value(cargoes, "SELECT count(*) FROM lianyun.financing_decision") == there
    assert value(cargoes, "SELECT count(DISTINCT financing) FROM lianyun.financing_entry") == there
    numbers = value(cargoes, "SELECT array_agg(number ORDER BY number) FROM lianyun.financing_decision")
    with together(cargoes, desk()) as crowd_:
        again = crowd_.decisions(requests)
        assert all(decision.done for decision in again), "the bank asks again and has them, once"
        assert numbers is None or sorted(decision.number for decision in again) == numbers
        (rival,) = crowd_.decisions([reserve(0, "bbank")])
    assert rival.guard == "INTEREST_FREE"
    assert value(cargoes, "SELECT count(*) FROM lianyun.financing_decision WHERE outcome = 'DONE'") == 3


def test_who_asks_on_an_event_loop_is_decided_together_with_threads(cargoes: str) -> None:
    with together(cargoes, desk()) as crowd_:
        crowd_._open.set()
        on_threads: list[Decision] = []
        threads = [
            threading.Thread(target=lambda number=number: on_threads.append(crowd_.decide(*reserve(number))))
            for number in range(8, 16)
        ]
        for thread in threads:
            thread.start()
        on_loop = asyncio.run(_gathered(crowd_.group, [reserve(number) for number in range(8)]))
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody waits for ever"
        rivals = asyncio.run(_gathered(crowd_.group, [reserve(0, "bbank"), reserve(0, "bbank")]))
    answers = [*on_loop, *on_threads]
    assert len(done(answers)) == 16
    assert len(transactions(cargoes, answers)) < 16
    assert [decision.financing for decision in on_loop] == [
        reserve(number)[0].financing for number in range(8)
    ]
    assert {decision.guard for decision in rivals} == {"INTEREST_FREE"}
    assert len({decision.number for decision in rivals}) == 1, "one request, told twice"


def test_on_an_event_loop_too_one_that_fails_harms_none_of_its_neighbours(cargoes: str) -> None:
    requests = [unwritable(reserve(0)), reserve(1), reserve(2)]
    with together(cargoes, desk()) as crowd_:
        crowd_._open.set()
        found = asyncio.run(_gathered(crowd_.group, requests, return_exceptions=True))
        assert any(isinstance(each, GroupFailed) for each in found)
        assert len(done([crowd_.decide(*request) for request in requests[1:]])) == 2


async def _gathered(
    group: GroupCommit, requests: Sequence[Request], return_exceptions: bool = False
) -> list[Any]:
    asked = (group.decided(*request) for request in requests)
    return await asyncio.gather(*asked, return_exceptions=return_exceptions)
