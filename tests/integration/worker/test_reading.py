"""What a worker reads, and what it does when the log is not what it was."""

from __future__ import annotations

import asyncio
import signal
import time
import urllib.request

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition

from services.runtime.ports import free_port
from tests.integration.worker.harness import Arena, metrics

pytestmark = pytest.mark.integration


def test_everything_is_read_once_and_a_worker_leaves_in_order(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    arena.produce(3_000)
    port = free_port()
    with arena.supervisor(1, {"LIANYUN_METRICS_PORT": str(port)}) as workers:
        arena.await_stored(3_000)
        arena.produce(400)
        assert arena.await_stored(3_400) < 3
        arena.check_exactly_once()
        time.sleep(1.2)
        shown = metrics(port)
        assert "lianyun_worker_ready 1.0" in shown
        assert f'lianyun_events_received_total{{topic="{arena.topics[0]}"}} 1700.0' in shown
        assert f'lianyun_ledger_lag_events{{partition="0",topic="{arena.topics[0]}"}} 0.0' in shown
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            assert answer.status == 200
        workers.signal(0, signal.SIGTERM)
        arena.wait_for(lambda: bool(workers.ended), 10, "end of the worker")
        assert workers.ended[0].name == "OK"
        assert "left in order" in arena.log_text()
    # Lag tools find what the ledger holds.
    with arena.admin() as admin:
        committed = admin.list_group_offsets(f"test-{arena.mark}")[f"test-{arena.mark}"]
    hints = {tuple(tp): at.offset for tp, at in committed.items()}
    assert hints == {
        (t, p): n for t, p, n in arena.query("SELECT topic, part, next_offset FROM lianyun.kafka_offset")
    }


def test_the_ledger_decides_where_to_read_and_not_the_group(arena: Arena) -> None:
    (topic,) = arena.create_topics(["a"], partitions=1)
    arena.produce(100, partitions=1)
    with psycopg.connect(arena.dsn) as session:
        session.execute(
            """INSERT INTO lianyun.kafka_offset
                   (topic, part, beginning, next_offset, epoch, owner, backend, backend_start)
               VALUES (%s, 0, 40, 40, 7, 'somebody', 0, now())""",
            [topic],
        )
    with arena.supervisor(1):
        arena.await_stored(60)
        assert arena.query('SELECT min("offset"), max("offset"), count(*) FROM probe') == [(40, 99, 60)]


@pytest.mark.parametrize("codec", ["lz4", "zstd", "gzip", "snappy"])
def test_compressed_messages_are_read(arena: Arena, codec: str) -> None:
    (topic,) = arena.create_topics(["a"], partitions=1)

    async def produce() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=arena.bootstrap, compression_type=codec)
        await producer.start()
        await asyncio.gather(*[producer.send_and_wait(topic, b"good" * 50) for _ in range(50)])
        await producer.stop()

    asyncio.run(produce())
    with arena.supervisor(1):
        arena.await_stored(50)
        arena.check_exactly_once()


def test_the_holes_that_transactions_leave_are_passed(arena: Arena) -> None:
    (topic,) = arena.create_topics(["a"], partitions=1)

    async def produce() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=arena.bootstrap, transactional_id=f"t-{arena.mark}")
        await producer.start()
        for _ in range(5):  # each commit leaves a marker, which is an offset without a message
            async with producer.transaction():
                await producer.send_and_wait(topic, b"good")
        await producer.stop()

    asyncio.run(produce())
    with arena.supervisor(1):
        arena.await_stored(5)
        arena.produce(5, partitions=1)
        arena.await_stored(10)
        offsets = [row[0] for row in arena.query('SELECT "offset" FROM probe ORDER BY 1')]
        assert offsets == [0, 2, 4, 6, 8, 10, 11, 12, 13, 14]


@pytest.mark.long
def test_a_topic_created_again_stops_and_the_others_flow(arena: Arena) -> None:
    moved, other = arena.create_topics(["moved", "other"], partitions=1)
    arena.produce(200, partitions=1)
    port = free_port()
    with arena.supervisor(1, {"LIANYUN_METRICS_PORT": str(port)}):
        arena.await_stored(200)
        with arena.admin() as admin:
            admin.delete_topics([moved])
        time.sleep(1)
        topics = arena.topics
        arena.topics = []
        _create_again(arena, moved)
        arena.topics = topics
        with arena.producer() as send:
            for _ in range(150):  # more than before: the old offset lies inside the new log
                send(moved, 0, b"good")
                send(other, 0, b"good")
        arena.wait_for(lambda: "TOPIC_REPLACED" in arena.log_text(), 30, "named error")
        arena.await_stored(250, topic=other)
        arena.wait_for(lambda: 'reason="TOPIC_REPLACED"' in metrics(port), 5, "metric")
        before = arena.stored(moved)
        # An operator accepts the new log; no restart is needed.
        with psycopg.connect(arena.dsn) as session:
            session.execute("DELETE FROM probe WHERE topic = %s", [moved])
            session.execute(
                "UPDATE lianyun.kafka_offset SET next_offset = 0, topic_id = NULL, epoch = epoch + 1 WHERE topic = %s",
                [moved],
            )
        assert before <= 150
        arena.await_stored(150, topic=moved)
        arena.check_exactly_once()


def _create_again(arena: Arena, topic: str) -> None:
    name = topic.split(".", 2)[2]
    for _ in range(50):
        try:
            arena.create_topics([name], partitions=1)
            return
        except Exception:
            time.sleep(0.2)  # the deletion is not finished
    raise AssertionError("the topic could not be created again")


def test_offsets_that_are_gone_stop_the_partition_until_the_loss_is_accepted(arena: Arena) -> None:
    short, other = arena.create_topics(["short", "other"], partitions=1)
    arena.produce(200, partitions=1)
    with arena.admin() as admin:
        admin.delete_records({TopicPartition(short, 0): 60})
    with arena.supervisor(1):
        arena.await_stored(100, topic=other)
        arena.wait_for(lambda: "OFFSET_TRUNCATED" in arena.log_text(), 20, "named error")
        assert "60 offsets are gone" in arena.log_text()
        assert arena.stored(short) == 0, "reading on from 'earliest' would lose 60 messages without a sound"
        with psycopg.connect(arena.dsn) as session:
            session.execute(
                "UPDATE lianyun.kafka_offset SET next_offset = 60, epoch = epoch + 1 WHERE topic = %s",
                [short],
            )
        arena.await_stored(40, topic=short)


def test_records_with_a_time_of_the_publishers_choice_stop_their_partition(arena: Arena) -> None:
    (other,) = arena.create_topics(["other"], partitions=1)
    (lying,) = arena.create_topics(["lying"], partitions=1, **{"message.timestamp.type": "CreateTime"})
    arena.produce(100, partitions=1)
    with arena.supervisor(1):
        arena.await_stored(50, topic=other)
        arena.wait_for(lambda: "NOT_APPEND_TIME" in arena.log_text(), 20, "named error")
        assert arena.stored(lying) == 0


@pytest.mark.long
def test_a_topic_of_garbage_rests_and_the_others_flow(arena: Arena) -> None:
    flood, good = arena.create_topics(["flood", "good"], partitions=2)
    with arena.producer() as send:
        for number in range(9_000):
            send(flood, number % 2, b"bad-%d" % number)
        for number in range(300):
            send(good, number % 2, b"good-%d" % number)
    port = free_port()
    with arena.supervisor(1, {"LIANYUN_REFUSED_WINDOW": "3000", "LIANYUN_METRICS_PORT": str(port)}):
        arena.await_stored(300, 20, topic=good)
        assert arena.stored(flood) < 6_000, "the flood went before the others"
        arena.wait_for(lambda: "it rests for" in arena.log_text(), 20, "rest")
        with arena.producer() as send:
            send(good, 0, b"good-later")
        assert arena.await_stored(301, 10, topic=good) < 3, "the others flow while the topic rests"
        assert f'lianyun_topic_rests_until_timestamp_seconds{{topic="{flood}"}}' in metrics(port)
        assert arena.stored(flood) < 9_000
        arena.await_stored(9_000, 60, topic=flood)  # nothing is skipped: it goes on after its rests
        arena.check_exactly_once()
