"""A partner's password lets it write to its own topic, and to nothing else: on a real broker with an authorizer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from services.processors.topics.access import apply_grants, grants, missing_grants
from services.processors.topics.cluster import ClusterError, admin_client, apply
from services.processors.topics.declaration import read_declaration
from services.testbed.localstack import Broker, LocalStack
from services.testbed.localstack.broker_settings import ADMINISTRATOR
from services.testbed.localstack.engine import BrokerAddress

pytestmark = pytest.mark.integration
OWN, FOREIGN = "cre.railway.ktz.v1", "cre.railway.rzd.v1"


@pytest.fixture(scope="module")
def secured() -> Iterator[Broker]:
    users = {name: f"secret-of-{name}" for name in (ADMINISTRATOR, "ktz", "worker")}
    with LocalStack(postgres=False, broker_users=users) as stack:
        broker = stack.broker
        declaration = read_declaration()
        administrator = broker.client_options(ADMINISTRATOR)
        apply(broker.bootstrap, declaration, connection=administrator)
        with admin_client(broker.bootstrap, administrator) as admin:
            assert apply_grants(admin, grants(declaration)) == grants(declaration)
            assert apply_grants(admin, grants(declaration)) == ()
        yield broker


def producer(broker: Broker, user: str) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        enable_idempotence=True,
        max_block_ms=5_000,
        **broker.client_options(user),
    )


def test_a_partner_writes_to_its_topic_and_the_worker_reads_it(secured: Broker) -> None:
    writer = producer(secured, "ktz")
    written = writer.send(OWN, value=b"departed", partition=3).get(timeout=20)
    writer.close()
    reader = KafkaConsumer(
        bootstrap_servers=secured.bootstrap, group_id="lianyun", **secured.client_options("worker")
    )
    partition = TopicPartition(OWN, 3)
    reader.assign([partition])
    reader.seek(partition, written.offset)
    values = [record.value for batch in reader.poll(timeout_ms=10_000).values() for record in batch]
    reader.close()
    assert values == [b"departed"]


def test_a_partner_cannot_write_elsewhere_and_goes_on_with_its_own(secured: Broker) -> None:
    writer = producer(secured, "ktz")
    with pytest.raises(TopicAuthorizationFailedError):
        writer.send(FOREIGN, value=b"forged").get(timeout=20)
    assert writer.send(OWN, value=b"arrived").get(timeout=20).topic == OWN
    writer.close()


def test_a_partner_cannot_read(secured: Broker) -> None:
    reader = KafkaConsumer(bootstrap_servers=secured.bootstrap, **secured.client_options("ktz"))
    partition = TopicPartition(OWN, 0)
    reader.assign([partition])
    reader.seek(partition, 0)
    with pytest.raises(TopicAuthorizationFailedError):
        reader.poll(timeout_ms=5_000)
    reader.close()


@pytest.mark.long
def test_a_wrong_password_and_none_are_refused(secured: Broker) -> None:
    wrong = {**secured.client_options("ktz"), "sasl_plain_password": "guess"}
    for options in (wrong, {}):
        with pytest.raises(KafkaError):
            KafkaProducer(bootstrap_servers=secured.bootstrap, bootstrap_timeout_ms=3_000, **options)


def test_a_broker_without_an_authorizer_is_named_as_such(broker: BrokerAddress) -> None:
    with pytest.raises(ClusterError, match=r"(?i)authorizer"), admin_client(broker.bootstrap) as admin:
        missing_grants(admin, grants(read_declaration()))
