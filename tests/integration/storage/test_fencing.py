"""Claims and fences: an offset is applied once, by whoever claimed last, however dead or alive the others are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from services.ledger.storage import claims as partition_claims
from services.ledger.storage import points
from services.ledger.storage.batch import Advance, Batch
from services.ledger.storage.claims import AssignedPartition, claim_partitions
from services.ledger.storage.errors import Fenced
from services.ledger.storage.session import open_session
from services.ledger.storage.writer import Writer
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair, Pausing, no_letters, start

pytestmark = pytest.mark.integration


@pytest.fixture
def writer(dsn: str) -> Iterator[Writer]:
    with Writer(dsn, no_letters) as writer:
        yield writer


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return f"cre.fence.{request.node.name}"


def stored(dsn: str, ids: list[bytes]) -> int:
    with psycopg.connect(dsn) as session:
        row = session.execute(
            "SELECT count(*) FROM lianyun.identity WHERE id = ANY (%s::uuid[])", ([i.hex() for i in ids],)
        ).fetchone()
    assert row is not None
    return int(row[0])


def batch(teller: Teller, topic: str, epoch: int, first: int, registry: int, partition: int = 0) -> Batch:
    event = teller.claim(teller.box(), HOUR)
    event = event._replace(record=event.record._replace(topic=topic, partition=partition, offset=first))
    return Batch((Advance(topic, partition, epoch, first, first + 1),), (event,), (), registry)


def test_a_partition_never_read_starts_at_the_beginning_of_its_log(writer: Writer, topic: str) -> None:
    (claim,) = writer.claim_partitions("a", [AssignedPartition(topic, 3, "id-1", 40)])
    assert (claim.next_offset, claim.epoch, claim.topic_id) == (40, 1, "id-1")


def test_a_claim_goes_on_where_the_ledger_is_and_keeps_the_topic_that_it_reads(
    dsn: str, writer: Writer, topic: str, teller: Teller, pair: Pair
) -> None:
    (claim,) = writer.claim_partitions("a", [AssignedPartition(topic, 0, "id-1", 5)])
    writer.apply(batch(teller, topic, claim.epoch, 5, pair.registry))
    with Writer(dsn, no_letters) as other:
        (again,) = other.claim_partitions("b", [AssignedPartition(topic, 0, "id-2", 0)])
    assert (again.next_offset, again.epoch, again.topic_id) == (6, 2, "id-1")


@pytest.mark.parametrize(("epoch", "first"), [(1, 0), (3, 0), (2, 1)], ids=["older", "newer", "gap"])
def test_another_epoch_or_offset_is_fenced_off_and_nothing_is_applied(
    dsn: str, writer: Writer, topic: str, teller: Teller, pair: Pair, epoch: int, first: int
) -> None:
    for owner in ("a", "b"):
        (claim,) = writer.claim_partitions(owner, [AssignedPartition(topic, 0)])
    assert claim.epoch == 2
    refused = batch(teller, topic, epoch, first, pair.registry)
    with pytest.raises(Fenced):
        writer.apply(refused)
    assert stored(dsn, [refused.events[0].id]) == 0
    writer.apply(batch(teller, topic, 2, 0, pair.registry))


def test_one_fenced_partition_holds_the_whole_batch_back(
    dsn: str, writer: Writer, topic: str, teller: Teller, pair: Pair
) -> None:
    claims = writer.claim_partitions("a", [AssignedPartition(topic, 0), AssignedPartition(topic, 1)])
    with Writer(dsn, no_letters) as other:
        other.claim_partitions("b", [AssignedPartition(topic, 1)])
    both = [batch(teller, topic, claim.epoch, 0, pair.registry, n) for n, claim in enumerate(claims)]
    whole = Batch(
        tuple(a for b in both for a in b.advances),
        tuple(e for b in both for e in b.events),
        (),
        pair.registry,
    )
    with pytest.raises(Fenced):
        writer.apply(whole)
    assert stored(dsn, [event.id for event in whole.events]) == 0
    writer.apply(both[0])


@pytest.mark.parametrize("point", ["after_fence", "holding_heads", "before_commit"])
def test_a_claim_ends_a_previous_owner_that_stands_still_in_its_transaction(
    dsn: str, topic: str, teller: Teller, pair: Pair, point: str
) -> None:
    zombie = Writer(dsn, no_letters)
    (old,) = zombie.claim_partitions("zombie", [AssignedPartition(topic, 0)])
    founding = teller.founding(teller.cons())
    link = teller.claim(teller.cons(), HOUR)
    events = tuple(
        e._replace(record=e.record._replace(topic=topic, offset=n)) for n, e in enumerate((founding, link))
    )
    given = Batch((Advance(topic, 0, old.epoch, 0, 2),), events, (), pair.registry)
    pausing = Pausing("zombie", point)
    points.install(pausing)
    running = start("zombie", lambda: zombie.apply(given))
    assert pausing.reached.wait(30)
    began = time.monotonic()
    with Writer(dsn, no_letters) as living:
        (claim,) = living.claim_partitions("living", [AssignedPartition(topic, 0)])
        assert time.monotonic() - began < 10
        assert claim.next_offset == 0
        applied = living.apply(replace(given, advances=(Advance(topic, 0, claim.epoch, 0, 2),)))
    pausing.go_on.set()
    with pytest.raises(psycopg.OperationalError):
        running.join()
    assert applied.new == 2
    with psycopg.connect(dsn) as session:
        row = session.execute("SELECT count(*) FROM lianyun.fence_log WHERE owner = 'living'").fetchone()
    assert row is not None
    assert row[0] >= 1


FROZEN = """
    import os, signal, sys
    import psycopg
    from services.ledger.storage.session import open_session
    from services.ledger.storage.claims import AssignedPartition, claim_partitions
    session = open_session(sys.argv[1])
    claim_partitions(session, "frozen", [AssignedPartition(sys.argv[2], 0)])
    session.execute("UPDATE lianyun.kafka_offset SET next_offset = 1 WHERE topic = %s", (sys.argv[2],))
    with session.cursor().copy("COPY lianyun.term FROM STDIN") as copy:
        copy.write(b"1\\tword")  # half a row: the server waits for the rest of the message
        copy.write(b"x" * 200_000)
        print("frozen", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_client_stopped_in_the_middle_of_a_message_is_ended(dsn: str, writer: Writer, topic: str) -> None:
    """No timeout of the server ends such a session: it neither idles nor runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(FROZEN), dsn, topic], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "frozen\n"
        began = time.monotonic()
        (claim,) = writer.claim_partitions("living", [AssignedPartition(topic, 0)])
        assert time.monotonic() - began < 10
        assert (claim.next_offset, claim.epoch) == (0, 2)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def advancing(session: psycopg.Connection[tuple[object, ...]], topic: str) -> None:
    """Take the partition's row, as the first statement of a batch does."""
    session.execute("UPDATE lianyun.kafka_offset SET next_offset = next_offset WHERE topic = %s", (topic,))


def test_an_owner_that_is_busy_for_too_long_is_ended_too(dsn: str, writer: Writer, topic: str) -> None:
    """It is not frozen, its server works; known as the previous owner, it is ended all the same."""
    with open_session(dsn) as owner:
        claim_partitions(owner, "busy", [AssignedPartition(topic, 0)])
        advancing(owner, topic)
        running = start("busy", lambda: owner.execute("SELECT pg_sleep(25)"))
        began = time.monotonic()
        (claim,) = writer.claim_partitions("living", [AssignedPartition(topic, 0)])
        assert time.monotonic() - began < 15
        assert claim.epoch == 2
        with pytest.raises(psycopg.OperationalError):
            running.join()


def test_a_claimer_that_froze_before_it_owned_anything_is_ended(dsn: str, writer: Writer, topic: str) -> None:
    """The row names no owner yet, or the one before: only that its client says nothing gives it away."""
    writer.claim_partitions("before", [AssignedPartition(topic, 0)])
    frozen = open_session(dsn)
    advancing(frozen, topic)
    began = time.monotonic()
    (claim,) = writer.claim_partitions("living", [AssignedPartition(topic, 0)])
    assert time.monotonic() - began < 15
    assert claim.epoch == 2
    with pytest.raises(psycopg.OperationalError):
        frozen.execute("SELECT 1")
    frozen.close()


def test_a_claimer_that_has_been_silent_for_long_is_ended_without_waiting_for_its_locks(
    dsn: str, writer: Writer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_claims, "ATTEMPTS", 1)
    writer.claim_partitions("before", [AssignedPartition(topic, 0)])
    frozen = open_session(dsn)
    advancing(frozen, topic)
    with psycopg.connect(dsn, autocommit=True) as session:
        silent = "SELECT state_change < clock_timestamp() - interval '2 seconds' FROM pg_stat_activity WHERE pid = %s"
        while session.execute(silent, (frozen.info.backend_pid,)).fetchone() == (False,):
            time.sleep(0.1)
        writer.claim_partitions("living", [AssignedPartition(topic, 0)])
        said = session.execute("SELECT what FROM lianyun.fence_log ORDER BY at DESC LIMIT 1").fetchone()
    assert said == (f"ended sessions without progress: [{frozen.info.backend_pid}]",)
    frozen.close()


def test_a_new_session_under_an_old_owners_pid_is_left_alone(dsn: str, writer: Writer, topic: str) -> None:
    """The pid beside an offset may have been given away since: the session's start tells."""
    writer.claim_partitions("gone", [AssignedPartition(topic, 0)])
    with open_session(dsn) as innocent, open_session(dsn) as frozen, psycopg.connect(dsn) as session:
        session.execute(
            "UPDATE lianyun.kafka_offset SET backend = %s, backend_start = now() - interval '1 hour' WHERE topic = %s",
            (innocent.info.backend_pid, topic),
        )
        session.commit()
        working = start("innocent", lambda: innocent.execute("SELECT pg_sleep(4)"))
        advancing(frozen, topic)
        writer.claim_partitions("living", [AssignedPartition(topic, 0)])
        working.join()
        frozen.close()


def test_a_session_that_stands_still_with_locked_heads_is_ended_by_who_waits_for_them(
    pair: Pair, teller: Teller
) -> None:
    pair.apply(0, [teller.founding(teller.cons())])
    pair.settle()
    pausing = Pausing("frozen", "holding_heads")
    points.install(pausing)
    running = start("frozen", lambda: pair.apply(0, [teller.claim(teller.cons(), HOUR)]))
    assert pausing.reached.wait(30)
    applied = pair.apply(1, [teller.claim(teller.cons(), 2 * HOUR)])
    assert applied.retries >= 1
    pausing.go_on.set()
    with pytest.raises(psycopg.OperationalError):
        running.join()
