"""The check beside workers: what they have yet to settle is no damage, and is looked at again until it is settled."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.audit.fsck.check import fsck
from services.audit.report import Damage, Report
from services.ledger.admission.model import Record
from services.ledger.dead_letters import service as desks
from services.ledger.dead_letters import store
from services.ledger.dead_letters.service import PostgresLedger
from services.ledger.storage import points
from services.ledger.storage.claims import LOSS_ACCEPTED, move_partition
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story
from tests.support.databases import migrated_database
from tests.support.signed_stories import (
    APPENDED_MS,
    GATEWAY,
    NETWORK,
    SETTINGS,
    Desk,
    all_stories,
    record,
    register,
)

pytestmark = pytest.mark.integration
STORIES = all_stories("w")[::2]


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "fsck_beside")
    with psycopg.connect(address) as session:
        register(session, (*STORIES, late_link()))
    return address


@pytest.fixture(autouse=True)
def _no_hook() -> Iterator[None]:
    yield
    points.install(None)


def late_link() -> Story:
    return next(s for s in all_stories("late") if s.slug == "05_late_link")


def check(dsn: str, **more: Any) -> Report:
    return fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}), **more)


def work(dsn: str, records: list[Record], partition: int, failures: list[BaseException]) -> None:
    try:
        desk = Desk(dsn, partition)
        chance = random.Random(partition)
        at = 0
        while at < len(records):
            size = chance.randint(1, 6)
            desk.apply(records[at : at + size])
            at += size
        desk.close()
    except BaseException as failure:
        failures.append(failure)


def test_nothing_is_found_while_two_workers_write(dsn: str) -> None:
    events = [told for story in STORIES for told in story.told]
    random.Random(3).shuffle(events)
    half = len(events) // 2
    dealt = [
        [record(t, n, p) for n, t in enumerate(part)] for p, part in ((1, events[:half]), (2, events[half:]))
    ]
    failures: list[BaseException] = []
    workers = [
        threading.Thread(target=work, args=(dsn, records, place + 1, failures), daemon=True)
        for place, records in enumerate(dealt)
    ]
    for worker in workers:
        worker.start()
    runs = 0
    while any(worker.is_alive() for worker in workers):
        report = check(dsn, patience=0.0)
        assert report.findings == ()
        runs += 1
    assert failures == []
    assert runs >= 2
    desk = Desk(dsn, 7)
    desk.settle()
    desk.close()
    report = check(dsn, processes=2)
    assert report.findings == ()
    assert report.waiting == 0
    assert report.counts["events"] == len({(t.envelope.source, t.envelope.id, t.payload) for t in events})


def test_a_head_that_waits_to_be_settled_is_said_to_wait_and_then_found_right(dsn: str) -> None:
    """A link and a fact of its box, by two transactions that cannot see one another: the head is old until it is settled."""
    story = late_link()
    told = {each.short: each for each in story.told}
    one, other = Desk(dsn, 3), Desk(dsn, 4)
    one.apply([record(told["open"], 0, 3)])
    one.settle()
    reached, go_on = threading.Event(), threading.Event()

    def pause(point: str) -> None:
        if point == "before_commit" and threading.current_thread().name == "slow":
            reached.set()
            assert go_on.wait(30)

    points.install(pause)
    slow = threading.Thread(target=lambda: one.apply([record(told["assign"], 1, 3)]), name="slow")
    slow.start()
    assert reached.wait(30)
    other.apply([record(told["depart"], 0, 4)])
    go_on.set()
    slow.join()
    points.install(None)

    report = check(dsn, patience=0.0)
    assert report.findings == ()
    assert report.waiting == 1

    settling = threading.Timer(0.5, other.settle)
    settling.start()
    report = check(dsn, patience=20.0)
    settling.join()
    assert report.findings == ()
    assert report.waiting == 0
    one.close()
    other.close()


@pytest.mark.long
def test_several_processes_find_the_same(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.audit.fsck.check.RANGE", 20)
    one, several = check(dsn, patience=0.0), check(dsn, patience=0.0, processes=2)
    assert several.counts == one.counts
    assert several.findings == one.findings


def test_a_redriven_letter_is_an_event_like_any_other(dsn: str) -> None:
    """Its offset was counted as refused, its event comes from no batch of the log."""
    story = next(s for s in all_stories("redriven") if s.slug == "14_two_departures")
    desk = Desk(dsn, 6)
    desk.apply([record(told, offset, 6) for offset, told in enumerate(story.told)])
    with psycopg.connect(dsn) as session:
        register(session, [story])
    with psycopg.connect(dsn, autocommit=True) as session:
        letters = list(store.list_letters(session, store.LetterQuery()))
        counter = desks.DeadLetterService(
            session, PostgresLedger(), SETTINGS, by="op", at=APPENDED_MS * 1_000
        )
        done = [counter.redrive(letter.digest).outcome for letter in letters]
    assert len(letters) == len(story.told)
    assert set(done) == {desks.ActionOutcome.REDRIVEN}
    desk.settle()
    desk.close()
    report = check(dsn)
    assert [f for f in report.findings if f.kind is not Damage.HEAD] == []


def test_an_accepted_loss_is_no_damage(dsn: str) -> None:
    with psycopg.connect(dsn) as session:
        for number, (offset, topic_id) in enumerate(((40, None), (0, "another topic"))):
            accepted = move_partition(
                session,
                LOSS_ACCEPTED,
                GATEWAY,
                1 + number,
                offset + 1_000 * (1 - number),
                topic_id,
                "op",
                "test",
            )
            assert accepted is not None
        assert move_partition(session, LOSS_ACCEPTED, GATEWAY, 99, 0, None, "op", "test") is None
    report = check(dsn)
    assert Damage.LEDGER not in report.found
    assert report.counts["losses_accepted"] == 2


def test_damage_is_found_beside_what_waits(dsn: str) -> None:
    desk = Desk(dsn, 5)
    story = late_link()
    again = {each.short: each for each in story.told}
    with psycopg.connect(dsn) as session:
        changed = session.execute("UPDATE g1.head SET boxes = boxes + 7 WHERE founded").rowcount
    assert changed > 10
    desk.apply([record(again["in"], 0, 5)])
    report = check(dsn, patience=0.0)
    assert report.found["HEAD"] >= changed - 1
    desk.close()
