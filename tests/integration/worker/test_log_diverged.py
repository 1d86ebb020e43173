"""A log that is not the one that was read: nothing is read on by number alone, and what was skipped can be applied."""

from __future__ import annotations

import json
import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.admission.raw_bytes import unframe
from services.ledger.storage.ledger_protocol import PartitionId
from services.processors.log_reader import LogReader
from services.runtime.ports import free_port
from services.testbed.localstack import LocalStack
from services.testbed.localstack.broker import Broker
from services.testbed.localstack.broker_settings import BACK_SOON
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.process import Guard
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena, metrics
from tests.integration.worker.test_product import Partner, counts, workers
from tests.support import launcher
from tests.support.databases import migrated_database

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(900)]
PATIENCE = 90.0


@pytest.fixture(scope="module")
def own() -> Iterator[LocalStack]:
    """A broker to be killed."""
    with LocalStack(postgres=False, broker_settings=BACK_SOON) as stack:
        yield stack


@pytest.fixture
def database(postgres: DatabaseAddress) -> str:
    return migrated_database(postgres, f"diverged_{uuid.uuid4().hex[:12]}")


@pytest.fixture
def arena(own: LocalStack, database: str, tmp_path: Path) -> Iterator[Arena]:
    probe.prepare(database)
    arena = Arena(own.bootstrap, database, tmp_path)
    yield arena
    arena.close()


def partner(arena: Arena, topic: str) -> Partner:
    made = Partner(arena, topic, SigningKey(Scheme.ED25519_BATCH, b"\x07" * 32))
    made.register()
    return made


def publish(sender: Partner, count: int, waves: int = 1) -> None:
    """Publish so many events in record batches of their own, all acknowledged."""
    for _ in range(waves):
        with sender.arena.producer() as send:
            for headers, value in sender.messages(count // waves):
                send(sender.topic, 0, value, headers)


def partition_folder(own: LocalStack, topic: str) -> Path:
    return own.folder / "kafka" / "data" / f"{topic}-0"


def lose_tail(own: LocalStack, topic: str, share: float = 0.5) -> None:
    """Kill the broker, cut the only segment of the partition, start it again."""
    own.broker.kill()
    folder = partition_folder(own, topic)
    segment = folder / "00000000000000000000.log"
    with segment.open("r+b") as file:
        file.truncate(int(segment.stat().st_size * share))
    for file in folder.iterdir():
        if file.suffix in (".index", ".timeindex", ".snapshot") or file.name == "leader-epoch-checkpoint":
            file.unlink()
    own.broker.start()


def end_of(arena: Arena, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=arena.bootstrap)
    try:
        return int(consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)])
    finally:
        consumer.close()


def ids_in_log(arena: Arena, topic: str) -> set[str]:
    """The ids of the events that the log has."""
    reader = LogReader({"bootstrap_servers": arena.bootstrap})
    where = PartitionId(topic, 0)
    records = list(reader.records(where, *reader.bounds(where)))
    return {dict(record.headers)["ce_id"].decode() for record in records}  # type: ignore[union-attr]


def stopped(arena: Arena, port: int, reason: str) -> None:
    """Wait until the worker shows that the partition stopped, and the ledger remembers it."""

    def shown() -> bool:
        try:
            return f'reason="{reason}"' in metrics(port)
        except OSError:  # it starts
            return False

    arena.wait_for(shown, PATIENCE, reason)
    arena.wait_for(lambda: ledger(arena)["stopped"] == reason, PATIENCE, f"{reason} in the ledger")


def ledger(arena: Arena) -> dict[str, Any]:
    names = ("next_offset", "sum", "stopped", "last_offset", "last_digest", "last_leader_epoch")
    ((*row,),) = arena.query(
        """SELECT next_offset, beginning + events + refused + holes, stopped, last_offset, last_digest, last_leader_epoch
           FROM lianyun.kafka_offset"""
    )
    return dict(zip(names, row, strict=True))


def lianyun(arena: Arena, *arguments: str, code: int = 0) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(arena.folder),
        "LIANYUN_BOOTSTRAP": arena.bootstrap,
        "LIANYUN_DSN": arena.dsn,
    }
    done = launcher.lianyun(*arguments, env=environment, cwd=arena.folder, timeout=300)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def redriven(arena: Arena, topic: str, *more: str) -> dict[str, Any]:
    """What `lianyun offsets redrive` does, after it has said what it would do."""
    lianyun(arena, "offsets", "redrive", topic, "0", "--why", "drill", *more, code=2)
    said = lianyun(arena, "offsets", "redrive", topic, "0", "--why", "drill", "--yes", "--json", *more)
    answer: dict[str, Any] = json.loads(said[said.index("{") :])
    return answer


def applied_all(arena: Arena, topic: str) -> None:
    """Wait until the ledger is at the end of the log; then every event of the log is stored, once, and the sums agree."""
    arena.wait_for(
        lambda: ledger(arena)["next_offset"] == end_of(arena, topic) and ledger(arena)["stopped"] is None,
        PATIENCE,
        "end of the log in the ledger",
    )
    assert ledger(arena)["next_offset"] == ledger(arena)["sum"]
    reader = LogReader({"bootstrap_servers": arena.bootstrap})
    last = reader.mark(PartitionId(topic, 0), ledger(arena)["last_offset"])
    assert last is not None
    assert last.digest == ledger(arena)["last_digest"]
    assert last.leader_epoch == ledger(arena)["last_leader_epoch"]


def stored_ids(arena: Arena) -> set[str]:
    rows = arena.query("SELECT headers FROM lianyun.body")
    return {dict(unframe(framed))["ce_id"].decode() for (framed,) in rows}  # type: ignore[union-attr]


# --- One broker loses its tail ----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("worker", ["runs through it", "starts after it"])
def test_a_tail_that_was_lost_and_overgrown_stops_the_partition_for_good(
    arena: Arena, own: LocalStack, worker: str
) -> None:
    (topic,) = arena.create_topics(["a"], partitions=1)
    for _ in range(10):  # batches of their own, so that half of them survives
        arena.produce(10, b"good-first", partitions=1)
    port = free_port()
    settings = {"LIANYUN_METRICS_PORT": str(port)}
    with arena.supervisor(1, settings) as running:
        arena.await_stored(100)
        if worker == "starts after it":
            running.stop()
        else:
            running.signal(0, signal.SIGSTOP)
        lose_tail(own, topic)
        arena.produce(101, b"good-again", partitions=1)
        assert end_of(arena, topic) > 100, "the log has grown past the ledger before the worker looks"
        if worker == "runs through it":
            running.signal(0, signal.SIGCONT)
            stopped(arena, port, "LOG_DIVERGED")
    with arena.supervisor(1, settings) as running:
        stopped(arena, port, "LOG_DIVERGED")
        arena.produce(100, b"good-more", partitions=1)
        running.signal(0, signal.SIGKILL)
        arena.wait_for(lambda: running.restarts > 0, PATIENCE, "restart")
        stopped(arena, port, "LOG_DIVERGED")
    assert arena.stored() == 100, "nothing was read on by number alone"
    found = lianyun(arena, "doctor", code=3)
    assert "LOG_DIVERGED" in found.replace("\n", "")
    assert "LOG_DIVERGED" in lianyun(arena, "offsets", "list")


@pytest.mark.long
def test_growth_does_not_end_a_stop_beyond_the_end_where_nothing_shows_the_same_log(
    arena: Arena, own: LocalStack
) -> None:
    """As on a platform that was upgraded, whose ledger has no record to compare."""
    (topic,) = arena.create_topics(["a"], partitions=1)
    for _ in range(10):
        arena.produce(10, b"good-first", partitions=1)
    port = free_port()
    settings = {"LIANYUN_METRICS_PORT": str(port)}
    with arena.supervisor(1, settings):
        arena.await_stored(100)
    arena.query_only("UPDATE lianyun.kafka_offset SET last_offset = NULL, last_digest = NULL")
    lose_tail(own, topic)
    with arena.supervisor(1, settings):
        stopped(arena, port, "OFFSET_BEYOND_END")
        arena.produce(101, b"good-again", partitions=1)
        arena.wait_for(lambda: arena.query("SELECT epoch FROM lianyun.kafka_offset")[0][0] > 8, 60, "claims")
        stopped(arena, port, "OFFSET_BEYOND_END")
    assert arena.stored() == 100


@pytest.mark.long
@pytest.mark.parametrize("worker", ["runs through it", "starts after it"])
def test_what_the_log_has_instead_is_applied_by_a_redrive(arena: Arena, own: LocalStack, worker: str) -> None:
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    sender = partner(arena, topic)
    publish(sender, 100, waves=10)
    port = free_port()
    settings = {"LIANYUN_METRICS_PORT": str(port)}
    with workers(arena, 1, **settings) as running:
        arena.wait_for(lambda: counts(arena) == (100, 0, 100), PATIENCE, "100 events")
        if worker == "starts after it":
            running.stop()
        lose_tail(own, topic)
        publish(sender, 101)
        with ExitStack() as again:
            if worker == "starts after it":
                again.enter_context(workers(arena, 1, **settings))
            stopped(arena, port, "LOG_DIVERGED" if end_of(arena, topic) > 100 else "OFFSET_BEYOND_END")
            assert counts(arena)[0] == 100
            was = lianyun(arena, "fsck", code=1)
            assert "LOG_DIVERGED" in was
            told = redriven(arena, topic)
            assert 0 < told["redrive"] < 100
            assert told["gone"] == 100 - told["redrive"]
            arena.wait_for(lambda: counts(arena)[0] == 201, PATIENCE, "all events")
            applied_all(arena, topic)
    assert ids_in_log(arena, topic) <= stored_ids(arena)
    assert "sound" in lianyun(arena, "fsck")
    ((kind, detail),) = arena.query(
        "SELECT kind, detail FROM lianyun.platform_event WHERE kind = 'log_redriven'"
    )
    assert (kind, detail["was"], detail["stopped"], detail["why"]) == (
        "log_redriven",
        100,
        "LOG_DIVERGED",
        "drill",
    )


@pytest.mark.long
def test_what_an_older_release_has_skipped_is_found_and_applied(arena: Arena, own: LocalStack) -> None:
    """Without a record to compare the offsets are taken at their word once, as they always were before."""
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    sender = partner(arena, topic)
    publish(sender, 100, waves=10)
    with workers(arena, 1):
        arena.wait_for(lambda: counts(arena) == (100, 0, 100), PATIENCE, "100 events")
    lose_tail(own, topic)
    publish(sender, 101)
    arena.query_only("UPDATE lianyun.kafka_offset SET last_offset = NULL, last_digest = NULL")
    with workers(arena, 1):
        arena.wait_for(
            lambda: ledger(arena)["next_offset"] == end_of(arena, topic), PATIENCE, "end of the log"
        )
        assert counts(arena)[0] < 201, "events were skipped"
        told = redriven(arena, topic)
        arena.wait_for(lambda: counts(arena)[0] == 201, PATIENCE, "all events")
        applied_all(arena, topic)
        before = counts(arena)[0]
        lianyun(arena, "offsets", "redrive", topic, "0", "--why", "x", "--from", "999999", "--yes", code=2)
        assert redriven(arena, topic, "--from", "3")["next"] == 3, "the operator may name the offset"
        applied_all(arena, topic)
    assert told["other"] > 0
    assert counts(arena)[0] == before == 201, "nothing twice"
    assert "sound" in lianyun(arena, "fsck")


@pytest.mark.long
def test_a_record_that_left_the_log_in_order_stops_nothing(arena: Arena, own: LocalStack) -> None:
    """Retention took all that was applied: the log still reaches to the next offset in the leader epoch of the last record."""
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    sender = partner(arena, topic)
    publish(sender, 20)
    with workers(arena, 1):
        arena.wait_for(lambda: counts(arena) == (20, 0, 20), PATIENCE, "20 events")
    with arena.admin() as admin:
        admin.delete_records({TopicPartition(topic, 0): 20})
    with workers(arena, 1):
        publish(sender, 5)
        arena.wait_for(lambda: counts(arena) == (25, 0, 25), PATIENCE, "25 events")
    own.broker.kill()
    own.broker.start()
    with workers(arena, 1):
        publish(sender, 5)
        arena.wait_for(lambda: counts(arena) == (30, 0, 30), PATIENCE, "30 events")


@pytest.mark.long
def test_a_broker_that_restarts_whole_stops_nothing(arena: Arena, own: LocalStack) -> None:
    arena.create_topics(["a"], partitions=1)
    port = free_port()
    with arena.supervisor(1, {"LIANYUN_METRICS_PORT": str(port)}):
        for wave in range(1, 6):
            arena.produce(50, b"good", partitions=1)
            arena.await_stored(50 * wave)
        looks = comparisons(port)
        assert looks <= 2, "fetches over one connection from one leader prove themselves"
        own.broker.kill()
        own.broker.start()
        arena.produce(50, b"good", partitions=1)
        arena.await_stored(300)
        arena.wait_for(lambda: comparisons(port) > looks, 10, "a look after the restart")
        assert arena.query("SELECT stopped, last_leader_epoch IS NULL FROM lianyun.kafka_offset") == [
            (None, False)
        ]
    arena.check_exactly_once()


def comparisons(port: int) -> float:
    line = next(
        line for line in metrics(port).splitlines() if line.startswith("lianyun_log_comparisons_total ")
    )
    return float(line.split()[1])


# --- A restored volume, a mirror, an unclean election ---------------------------------------------------------------


@pytest.mark.long
def test_a_volume_that_was_restored_from_a_copy(database: str, tmp_path: Path) -> None:
    """The leader epochs that were given out since the copy come again."""
    with LocalStack(tmp_path / "own", postgres=False, broker_settings=BACK_SOON) as own:
        arena = Arena(own.bootstrap, database, tmp_path)
        (topic,) = arena.create_topics(["ktz"], partitions=1)
        sender = partner(arena, topic)
        publish(sender, 40, waves=4)
        port = free_port()
        data = own.folder / "kafka" / "data"
        own.broker.stop()
        shutil.copytree(data, tmp_path / "copy")
        own.broker.start()
        with workers(arena, 1, LIANYUN_METRICS_PORT=str(port)):
            publish(sender, 60)
            arena.wait_for(lambda: counts(arena) == (100, 0, 100), PATIENCE, "100 events")
            own.broker.kill()
            shutil.rmtree(data)
            shutil.copytree(tmp_path / "copy", data)
            own.broker.start()
            publish(sender, 90)
            stopped(arena, port, "LOG_DIVERGED")
            told = redriven(arena, topic)
            assert (told["redrive"], told["gone"]) == (40, 60)
            arena.wait_for(lambda: counts(arena)[0] == 190, PATIENCE, "all events")
            applied_all(arena, topic)
        assert "sound" in lianyun(arena, "fsck")
        arena.close()


@pytest.mark.long
@pytest.mark.parametrize("identity", ["known", "unknown"])
def test_a_mirror_under_the_same_name(own: LocalStack, database: str, tmp_path: Path, identity: str) -> None:
    """Another cluster has the topic under the same name, and the records at other offsets."""
    arena = Arena(own.bootstrap, database, tmp_path)
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    sender = partner(arena, topic)
    publish(sender, 60, waves=3)
    with workers(arena, 1):
        arena.wait_for(lambda: counts(arena) == (60, 0, 60), PATIENCE, "60 events")
    reader = LogReader({"bootstrap_servers": own.bootstrap})
    records = list(reader.records(PartitionId(topic, 0), 20, 60))
    if identity == "unknown":
        arena.query_only("UPDATE lianyun.kafka_offset SET topic_id = NULL")
    port = free_port()
    with LocalStack(postgres=False) as other:
        arena.bootstrap = other.bootstrap
        arena.create_topics([topic.split(".", 2)[2]], partitions=1)
        with arena.producer() as send:
            for record in records:
                send(topic, 0, record.value or b"", [(k, v or b"") for k, v in record.headers])
        publish(sender, 50)
        with workers(arena, 1, LIANYUN_METRICS_PORT=str(port)):
            if identity == "unknown":
                stopped(arena, port, "LOG_DIVERGED")
            else:
                arena.wait_for(lambda: "TOPIC_REPLACED" in arena.log_text(), PATIENCE, "TOPIC_REPLACED")
            assert redriven(arena, topic)["redrive"] == 0
            arena.wait_for(lambda: counts(arena)[0] == 110, PATIENCE, "all events")
            applied_all(arena, topic)
        assert "sound" in lianyun(arena, "fsck")
    arena.close()


@pytest.mark.long
def test_an_unclean_election_among_three_brokers(database: str, tmp_path: Path) -> None:
    """The replica that alone had the latest records is gone, and one without them is elected: no connection need end."""
    guard = Guard()
    common = {
        **BACK_SOON,
        "offsets.topic.replication.factor": "4",
        "offsets.topic.num.partitions": "1",
        "unclean.leader.election.enable": "true",
    }
    controller = Broker(tmp_path / "kafka-1", guard, common)
    brokers: list[Broker] = []
    try:
        controller.start()
        for node in ("2", "3", "4"):
            brokers.append(
                Broker(tmp_path / f"kafka-{node}", guard, {**common, "node.id": node}, joins=controller)
            )
            brokers[-1].start()
        leader, *followers = brokers
        arena = Arena(controller.bootstrap, database, tmp_path)
        topic = f"test.{arena.mark}.ktz"
        with arena.admin() as admin:
            options = {
                "message.timestamp.type": "LogAppendTime",
                "min.insync.replicas": "1",
                "unclean.leader.election.enable": "true",
            }
            admin.create_topics(
                {topic: {"assignments": {0: [2, 3, 4]}, "configs": options}}, wait_for_metadata=True
            )
        arena.topics.append(topic)
        sender = partner(arena, topic)
        publish(sender, 40, waves=4)
        port = free_port()
        with workers(arena, 1, LIANYUN_METRICS_PORT=str(port)):
            arena.wait_for(lambda: counts(arena) == (40, 0, 40), PATIENCE, "40 events")
            for follower in followers:
                follower.kill()
            arena.wait_for(lambda: in_sync(arena, topic) == [2], PATIENCE, "a leader alone")
            publish(sender, 60)
            arena.wait_for(lambda: counts(arena) == (100, 0, 100), PATIENCE, "100 events")
            leader.kill()
            for follower in followers:
                follower.start()
            arena.wait_for(lambda: bool({3, 4} & set(in_sync(arena, topic))), PATIENCE, "another leader")
            publish(sender, 90)
            stopped(arena, port, "LOG_DIVERGED")
            leader.start()
            told = redriven(arena, topic)
            assert (told["redrive"], told["gone"]) == (40, 60)
            arena.wait_for(lambda: counts(arena)[0] == 190, PATIENCE, "all events")
            applied_all(arena, topic)
        assert "sound" in lianyun(arena, "fsck")
        arena.close()
    finally:
        for broker in (*brokers, controller):
            broker.kill()
        guard.release()


def in_sync(arena: Arena, topic: str) -> list[int]:
    """The replicas that the controller takes for complete; [] where the client went to a broker that is gone."""
    try:
        with arena.admin() as admin:
            (described,) = admin.describe_topics([topic])
    except KafkaError:
        return []
    return list(described["partitions"][0]["isr_nodes"])
