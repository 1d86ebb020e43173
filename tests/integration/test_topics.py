"""The declared topics, against a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from services.processors.topics.cluster import ClusterError, SetConfig, admin_client, apply, make_plan
from services.processors.topics.declaration import read_declaration
from services.testbed.localstack import LocalStack

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A broker of this module's own: it looks at all topics."""
    with LocalStack(postgres=False) as stack:
        yield stack.bootstrap


def test_apply_creates_everything_and_then_has_nothing_to_do(bootstrap: str) -> None:
    declaration = read_declaration()
    with admin_client(bootstrap) as admin:
        assert len(make_plan(admin, declaration).actions) == len(declaration.topics)
    assert len(apply(bootstrap, declaration).actions) == len(declaration.topics)
    again = apply(bootstrap, declaration)
    assert again.done
    assert again.undeclared == ()


def test_a_changed_setting_is_found_and_put_right(bootstrap: str) -> None:
    declaration = read_declaration()
    apply(bootstrap, declaration)
    with admin_client(bootstrap) as admin:
        changed = ConfigResource(ConfigResourceType.TOPIC, "cre.gateway.v1", {"retention.ms": "1000"})
        admin.alter_configs([changed])
        until = time.monotonic() + 10  # a change is visible a moment after it was accepted
        while (seen := make_plan(admin, declaration)).done and time.monotonic() < until:
            time.sleep(0.05)
    assert seen.actions == (SetConfig("cre.gateway.v1", "retention.ms", "1000", "2592000000"),)
    apply(bootstrap, declaration)
    assert apply(bootstrap, declaration).done


def test_records_carry_the_brokers_time_and_large_ones_are_refused(bootstrap: str) -> None:
    apply(bootstrap, read_declaration())
    producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=1 << 20)
    before = time.time() * 1000
    lie = producer.send("cre.gateway.v1", value=b"{}", partition=0, timestamp_ms=1_000)
    written = lie.get(timeout=30)
    with pytest.raises(KafkaError):
        producer.send("cre.gateway.v1", value=b"x" * 200_000, partition=0).get(timeout=30)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    partition = TopicPartition("cre.gateway.v1", 0)
    consumer.assign([partition])
    consumer.seek(partition, written.offset)
    records = [record for batch in consumer.poll(timeout_ms=10_000).values() for record in batch]
    consumer.close()
    assert len(records) == 1
    assert abs(records[0].timestamp - before) < 60_000


def test_using_a_topic_does_not_create_it(bootstrap: str) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_block_ms=1_500)
    with pytest.raises(KafkaError):
        producer.send("cre.typing.erorr.v1", value=b"{}").get(timeout=10)
    producer.close()
    with admin_client(bootstrap) as admin:
        assert "cre.typing.erorr.v1" not in admin.list_topics()


def test_more_partitions_than_declared_is_a_conflict(bootstrap: str) -> None:
    apply(bootstrap, read_declaration())
    fewer = read_declaration()
    fewer = fewer.model_copy(update={"defaults": fewer.defaults.model_copy(update={"partitions": 4})})
    with pytest.raises(ClusterError, match="cannot be taken away"):
        apply(bootstrap, fewer)


def test_more_partitions_are_added(bootstrap: str) -> None:
    declaration = read_declaration()
    one = declaration.model_copy(update={"topics": declaration.topics[:1]})
    apply(bootstrap, one)
    more = one.model_copy(update={"defaults": one.defaults.model_copy(update={"partitions": 9})})
    assert len(apply(bootstrap, more).actions) == 1
    assert apply(bootstrap, more).done


def test_no_broker_is_said_in_one_sentence() -> None:
    with pytest.raises(ClusterError, match="no broker answers at"):
        apply("127.0.0.1:9", read_declaration(), connection={"bootstrap_timeout_ms": 500})
