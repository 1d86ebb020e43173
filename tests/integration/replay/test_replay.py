"""A replay beside a writer: nothing is lost, both generations agree, batches are held for a moment."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_all_start_methods, get_context
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from schemas.events.base import Role
from schemas.schemes import Scheme
from services.audit.fsck.check import fsck
from services.audit.replay import catch_up, switchover
from services.audit.replay.batch_hold import HoldExpired, Holds, held
from services.audit.replay.catch_up import Follower
from services.audit.replay.event_reader import EventReader, blocks_after
from services.audit.replay.outcome import Differs, ReplayError
from services.audit.replay.rebuild import drop, replay, rollback
from services.audit.stored_events import BODIES
from services.domain.view import View
from services.ledger.admission.model import Record
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAmended
from services.ledger.registry.registry import Registry
from services.ledger.storage.arrays import bigints
from services.ledger.storage.errors import GenerationMoved, RegistryMoved
from services.ledger.storage.generations import create_generation, switch_generation
from services.ledger.storage.operations import quarantine
from services.ledger.storage.session import end_frozen, open_session, set_session_generation
from services.ledger.storage.writer import Writer
from services.query.views import read_view
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.profile import LONG
from tests.support.signed_stories import (
    APPENDED_MS,
    GATEWAY,
    NETWORK,
    Desk,
    all_stories,
    key_of,
    record,
    register,
    tell,
)

pytestmark = pytest.mark.integration
COPIES = itertools.count()
GENEROUS = 4.0
"""A hold lasts a second by its deadline; this is what a busy machine may add until somebody notices its end."""
FIRST = all_stories("a")[:: 1 if LONG else 3]
LATER = all_stories("b")[:: 1 if LONG else 3]


@pytest.fixture(scope="module")
def told(postgres: DatabaseAddress) -> str:
    """A database with all stories, and with the parties of those that are still to be told."""
    address = postgres.fresh_database("replay_told")
    tell(address, FIRST)
    with psycopg.connect(address) as session:
        register(session, LATER)
    return address


@pytest.fixture
def dsn(postgres: DatabaseAddress, told: str) -> Iterator[str]:
    """A copy of it, under a name of its own: the server may still be vacuuming the one before."""
    name = f"replayed_{next(COPIES)}"
    with psycopg.connect(postgres.dsn, autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE replay_told").format(sql.Identifier(name)))
        yield told.replace("replay_told", name)
        with suppress(psycopg.Error):  # it goes with the server
            session.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def value(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as session:
        row = session.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def generations(dsn: str) -> dict[int, str]:
    with psycopg.connect(dsn) as session:
        return dict(session.execute("SELECT number, state FROM lianyun.generation").fetchall())


def sound(dsn: str) -> None:
    report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    assert report.findings == ()
    assert report.waiting == 0


class Live:
    """A worker in a thread: applies record after record in small batches until told to stop, as the shell would do it."""

    def __init__(self, dsn: str, records: list[Record], partition: int, pause: float = 0.0) -> None:
        self._desk = Desk(dsn, partition)
        self._records = records
        self._pause = pause
        self._stop = threading.Event()
        self._random = random.Random(partition)
        self.applied = 0
        self.moved = 0
        self.longest = 0.0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self._desk.settle()
        self._desk.close()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while self.applied < len(self._records) and not self._stop.is_set():
                size = self._random.randint(1, 8)
                started = time.monotonic()
                self._apply(self._records[self.applied : self.applied + size])
                self.longest = max(self.longest, time.monotonic() - started)
                time.sleep(self._pause)
        except BaseException as failure:
            self.failure = failure

    def _apply(self, records: list[Record]) -> None:
        try:
            self._desk.apply(records)
            self.applied += len(records)
        except GenerationMoved:
            self.moved += 1
            self._desk.close()
            self._desk.reopen()
            assert self._desk.next_offset == self.applied, "the batch that was refused left nothing behind"
        except RegistryMoved:
            pass


@pytest.fixture
def later() -> list[Record]:
    """Signed records of stories that nobody has told yet, in disorder."""
    events = [told for story in LATER for told in story.told]
    random.Random(7).shuffle(events)
    return [record(told, offset, partition=1) for offset, told in enumerate(events)]


def test_nothing_is_lost_while_a_writer_goes_on(dsn: str, later: list[Record]) -> None:
    before = value(dsn, "SELECT count(*) FROM lianyun.body")
    with Live(dsn, later, partition=1, pause=0.03) as live:
        stages: list[str] = []
        done = replay(dsn, progress=lambda stage, _done, _of: stages.append(stage))
        while live.moved == 0 and live.applied < len(later) and live.failure is None:
            time.sleep(0.05)
    assert live.moved == 1, "the writer was at work at the switch, and began again"
    assert done.differences == 0
    assert done.compared > 0
    assert done.hold_seconds < GENEROUS
    assert done.holds >= 2
    assert (done.previous, done.generation) == (1, 2)
    assert done.caught_up > 0, "events came while the generation was built"
    assert {"events", "heads", "comparing", "switched"} <= set(stages)
    assert generations(dsn) == {1: "RETIRED", 2: "CURRENT"}
    stored = value(dsn, "SELECT count(*) FROM lianyun.body")
    assert stored == before + live.applied, "every event is stored once (the stories hold no copies)"
    sound(dsn)


@pytest.mark.long
def test_two_writers_are_never_held_for_long(dsn: str, later: list[Record]) -> None:
    half = len(later) // 2
    left = [_at(one, offset, 1) for offset, one in enumerate(later[:half])]
    right = [_at(one, offset, 2) for offset, one in enumerate(later[half:])]
    with Live(dsn, left, partition=1) as one, Live(dsn, right, partition=2) as two:
        done = replay(dsn)
    assert done.hold_seconds < GENEROUS
    assert max(one.longest, two.longest) < 3 * GENEROUS
    sound(dsn)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catching up takes 10 ms for each event in the database, many times as long as the writers take to write it."""
    apply = Follower._apply

    def slowly(follower: Follower, session: Any, source: Any, blocks: Any, most: int) -> int:
        count = apply(follower, session, source, blocks, most)
        session.execute("SELECT pg_sleep(%s)", (count * 0.01,))
        return count

    monkeypatch.setattr(Follower, "_apply", slowly)


@pytest.mark.long
@pytest.mark.usefixtures("slow")
def test_slow_catching_up_makes_more_holds_and_none_longer(
    dsn: str, later: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is no luck: a hold whose time is up lets batches go, keeps what it has applied, and the switch comes."""
    monkeypatch.setattr(switchover, "MAX_STALLED_STEPS", 1)
    left = [_at(one, offset, 1) for offset, one in enumerate(later[:150])]
    right = [_at(one, offset, 2) for offset, one in enumerate(later[150:300])]
    with Live(dsn, left, partition=1), Live(dsn, right, partition=2):
        done = replay(dsn)
    assert done.differences == 0
    assert generations(dsn) == {1: "RETIRED", 2: "CURRENT"}
    assert done.caught_up > 100, "as much as would not go into one hold"
    assert done.holds > 2
    assert done.hold_seconds < GENEROUS
    sound(dsn)


@pytest.mark.long
def test_what_does_not_end_within_a_hold_is_cancelled(dsn: str) -> None:
    with psycopg.connect(dsn) as gate, psycopg.connect(dsn) as writing, psycopg.connect(dsn) as batch:
        for sleeping in (gate, writing):
            holds = Holds()
            with pytest.raises(HoldExpired), held(gate, writing, holds):
                sleeping.execute("SELECT pg_sleep(30)")
            assert (holds.count, holds.cut_short) == (1, 1)
            assert holds.longest < 5
            batch.execute("SET lock_timeout = '1s'")
            store.hold(batch)
            batch.commit()
            assert all(
                each.closed or each.info.transaction_status is TransactionStatus.IDLE
                for each in (gate, writing)
            )


def test_a_replay_that_stands_still_holds_nobody(dsn: str) -> None:
    """As if the process had been stopped: it says nothing, and cancels nothing."""
    with psycopg.connect(dsn) as gate, psycopg.connect(dsn) as writing, psycopg.connect(dsn) as batch:
        batch.execute("SET lock_timeout = '20s'")
        with pytest.raises(HoldExpired), held(gate, writing, Holds()):
            store.hold(batch)  # which waits for nothing but the database's own patience
        assert gate.closed


@pytest.mark.long
def test_a_switch_whose_answer_was_lost_is_not_made_again(
    dsn: str, later: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on workers write the new generation; whoever followed on would write it too."""
    switched = list[int]()

    def losing(session: Any, number: int) -> None:
        switch_generation(session, number)
        session.commit()
        session.close()
        switched.append(number)
        desk = Desk(dsn, partition=1)
        desk.apply(later[:30])
        desk.settle()
        desk.close()

    monkeypatch.setattr(switchover, "switch_generation", losing)
    done = replay(dsn)
    assert switched == [2]
    assert (done.generation, done.differences) == (2, 0)
    assert generations(dsn) == {1: "RETIRED", 2: "CURRENT"}
    sound(dsn)


class Breaking(Follower):
    """A follower whose steps fail at their end when they are told to."""

    breaks = False

    def _apply(self, *step: Any) -> int:
        count = super()._apply(*step)
        if self.breaks:
            raise psycopg.errors.QueryCanceled
        return count


@pytest.mark.long
def test_a_replay_that_computes_for_long_is_not_taken_for_frozen(
    dsn: str, later: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine seconds pass between two statements of one transaction; workers do not end its session."""
    absorb, slept = catch_up._absorb, list[bool]()

    def pausing(work: Any, stated: Any, note: Any, touched: Any) -> None:
        absorb(work, stated, note, touched)
        if stated and not slept:
            slept.append(True)
            time.sleep(2.5)
            with open_session(dsn) as worker:
                assert end_frozen(worker, "a worker") == []

    monkeypatch.setattr(catch_up, "_absorb", pausing)
    with Live(dsn, later, partition=1, pause=0.03):
        done = replay(dsn)
    assert slept
    assert done.differences == 0


def test_a_step_that_is_rolled_back_is_made_again(dsn: str, later: list[Record]) -> None:
    """Also in the middle of one transaction's events, and what was put in quarantine meanwhile is not forgotten."""
    desk = Desk(dsn, partition=1)
    applied = desk.apply(later[:30])
    desk.settle()
    desk.close()
    with psycopg.connect(dsn) as session:
        create_generation(session, 2)
        query = (
            "SELECT first_no, xid::text FROM lianyun.batch WHERE events > 0 ORDER BY first_no DESC LIMIT 1"
        )
        first, xid = session.execute(query).fetchone() or (0, "0")
    with open_session(dsn) as session:
        set_session_generation(session, 2)
        follower, source, counts = (
            Breaking(2, xid=int(xid), first=first - 1),
            EventReader(session),
            list[int](),
        )
        session.execute("INSERT INTO lianyun.quarantine (no) VALUES (%s)", (first,))
        session.commit()
        for breaks in (False, True, False, True, False, False):
            before = (follower.left, follower.first, follower.quarantined)
            follower.breaks = breaks
            blocks = follower.blocks(session, horizon=False)
            session.commit()
            if breaks:
                with pytest.raises(psycopg.errors.QueryCanceled):
                    follower.follow(session, source, blocks, 11)
                session.rollback()
                assert (follower.left, follower.first, follower.quarantined) == before
            else:
                counts.append(follower.follow(session, source, blocks, 11))
        assert counts == [11, 11, applied.new - 22, 0]
        assert follower.quarantined == {first}
        rows = "SELECT count(DISTINCT no) FROM (SELECT no FROM {0}.claim UNION ALL SELECT no FROM {0}.link) x WHERE no >= %s"
        built, used = (
            session.execute(rows.format(name).encode(), (first,)).fetchone() for name in ("g2", "g1")
        )
        assert built == used


def _at(one: Record, offset: int, partition: int) -> Record:
    return Record(one.topic, partition, offset, one.append_ms, one.headers, one.value)


@pytest.mark.long
def test_rollback_takes_along_what_came_since(dsn: str, later: list[Record]) -> None:
    replay(dsn)
    desk = Desk(dsn, partition=1)
    desk.apply(later[:40])
    desk.apply(later[40:60])
    desk.settle()
    desk.close()
    done = rollback(dsn)
    assert (done.previous, done.generation, done.caught_up, done.differences) == (2, 1, 60, 0)
    assert generations(dsn) == {1: "CURRENT", 2: "RETIRED"}
    sound(dsn)
    assert rollback(dsn).generation == 2, "and forth again"
    sound(dsn)
    assert drop(dsn) == [1]
    assert value(dsn, "SELECT to_regnamespace('g1')::text") is None
    with pytest.raises(ReplayError, match="in use"):
        drop(dsn, 2)
    with pytest.raises(ReplayError, match="no earlier generation"):
        rollback(dsn)


@pytest.mark.long
def test_a_key_revoked_meanwhile_is_quarantined_in_the_new_generation(dsn: str) -> None:
    """The revocation is no batch: what it puts aside between the build and the switch must not be missed."""
    party = FIRST[0].party(next(iter(FIRST[0].parties)))
    revoked: list[int] = []

    def revoke(stage: str, _done: int, _of: int) -> None:
        if stage == "comparing" and not revoked:
            with psycopg.connect(dsn) as session:
                done = commands.revoke_key(
                    session,
                    key_of(party, Scheme.ED25519_BATCH).key_id,
                    quarantine,
                    at=APPENDED_MS * 1_000,
                    by="test",
                )
                revoked.append(done.quarantined)

    done = replay(dsn, progress=revoke)
    assert revoked[0] > 0
    assert done.differences == 0
    settled(dsn)
    assert value(dsn, "SELECT count(*) FROM g2.dead WHERE reason = 4") >= 1
    sound(dsn)


@pytest.mark.long
@pytest.mark.parametrize(
    "since", [APPENDED_MS * 1_000 + 1, APPENDED_MS * 1_000 - 1], ids=["later", "known too late"]
)
def test_a_party_amended_since_changes_nothing_about_what_it_had_said(dsn: str, since: int) -> None:
    """Also where the broker had taken it after the amendment's moment: it was admitted before anybody knew of that."""
    story = next(
        story for story in FIRST if any(Role.RAILWAY in p.roles for p in map(story.publisher, story.parties))
    )
    railway = next(code for code in story.parties if Role.RAILWAY in story.publisher(code).roles)
    known = registry_of(dsn)
    shown = views(dsn)
    with psycopg.connect(dsn) as session:
        change = PartyAmended(
            code=story.publisher(railway).code,
            since=since,
            roles=frozenset({Role.BANK}),
            managers=frozenset(),
        )
        commands.amend_party(session, change, at=since, by="test")
    assert registry_of(dsn).version == known.version + 1
    sound(dsn)
    assert replay(dsn).differences == 0
    sound(dsn)
    assert views(dsn) == shown


def registry_of(dsn: str) -> Registry:
    with psycopg.connect(dsn) as session:
        return store.load(session)


def views(dsn: str) -> dict[bytes, View]:
    """Every consignment as it is shown."""
    with psycopg.connect(dsn) as session:
        registry = store.load(session)
        founded = session.execute("SELECT cons FROM lianyun.head WHERE founded").fetchall()
        told = {
            cons.bytes: read_view(session, cons.bytes, APPENDED_MS * 1_000, registry) for (cons,) in founded
        }
    return {cons: each.view for cons, each in told.items() if each is not None}


def settled(dsn: str) -> None:
    desk = Desk(dsn, partition=9)
    desk.settle()
    desk.close()


@pytest.mark.long
def test_damage_is_mended_only_where_that_was_agreed_to(dsn: str) -> None:
    with psycopg.connect(dsn) as session:
        session.execute(
            "UPDATE g1.head SET boxes = boxes + 1 WHERE cons = (SELECT min(cons::text)::uuid FROM g1.head)"
        )
        session.execute(
            "DELETE FROM g1.claim WHERE no = (SELECT min(no) FROM g1.claim WHERE part = 1 AND NOT dead)"
        )
    with pytest.raises(Differs) as refused:
        replay(dsn)
    assert refused.value.count >= 1
    assert generations(dsn)[1] == "CURRENT"
    done = replay(dsn, accept_differences=True)
    assert done.differences >= 1
    assert done.shown
    assert generations(dsn) == {1: "RETIRED", done.generation: "CURRENT"}, "the refused one was dropped"
    sound(dsn)


@pytest.mark.long
def test_other_rules_only_count_differences(dsn: str) -> None:
    with psycopg.connect(dsn) as session:
        session.execute("UPDATE lianyun.generation SET fold_version = 'older'")
        session.execute("UPDATE g1.head SET boxes = boxes + 1")
        session.execute("ALTER TABLE g1.reach DROP COLUMN parts CASCADE")  # older rules may keep less
    with pytest.raises(GenerationMoved):
        Writer(dsn, lambda _session, _refused: None)
    done = replay(dsn)
    assert done.previous_fold_version == "older" != done.fold_version
    assert done.differences > 0
    sound(dsn)
    with pytest.raises(ReplayError, match="release"):
        rollback(dsn)


def test_a_message_that_cannot_be_read_any_more_stops_the_replay_by_name(dsn: str) -> None:
    with psycopg.connect(dsn) as session:
        session.execute(
            "UPDATE lianyun.body SET payload = 'x'::bytea WHERE no = (SELECT min(no) FROM lianyun.body)"
        )
        number = value(dsn, "SELECT min(no) FROM lianyun.body")
    with pytest.raises(ReplayError, match=f"event {number} .*fsck"):
        replay(dsn)
    assert generations(dsn)[1] == "CURRENT"


def test_one_replay_at_a_time(dsn: str) -> None:
    other: list[BaseException] = []

    def again(stage: str, _done: int, _of: int) -> None:
        if stage == "comparing":
            with pytest.raises(ReplayError, match="Another replay") as refused:
                replay(dsn)
            other.append(refused.value)

    replay(dsn, progress=again)
    assert len(other) == 1


@pytest.mark.long
@pytest.mark.parametrize("begun", sorted({"fork", "spawn"} & set(get_all_start_methods())))
def test_several_processes_build_the_same(dsn: str, monkeypatch: pytest.MonkeyPatch, begun: str) -> None:
    from services.audit import worker_pool
    from services.audit.replay import generation_build

    monkeypatch.setattr(worker_pool, "_context", lambda: get_context(begun))
    monkeypatch.setattr(generation_build, "UNIT", 40)
    monkeypatch.setattr(generation_build._chunks, "__defaults__", (10,))
    done = replay(dsn, processes=2)
    assert done.differences == 0
    sound(dsn)


def test_a_portion_is_read_along_the_index_by_its_own_numbers(dsn: str) -> None:
    """What had to be sorted, or was filtered, was the whole table once for each portion as soon as it was large."""
    with open_session(dsn) as session:
        blocks = blocks_after(session, 0, 0, horizon=True)[:8]
        wanted = {
            "firsts": bigints([block.first for block in blocks]),
            "ends": bigints([block.beyond for block in blocks]),
            "most": None,
        }
        session.execute("ANALYZE lianyun.body")
        plan = session.execute(f"EXPLAIN {BODIES}".encode(), wanted).fetchall()
    told = "\n".join(line for (line,) in plan)
    assert "Index Cond: ((no >= f.first) AND (no < f.beyond))" in told, told
    assert "Sort" not in told, told
    assert "Filter" not in told, told
