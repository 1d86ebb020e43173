"""A worker on a broker that asks for names and passwords: it needs READ on topics and group, and nothing more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from services.processors.log_reader import TopicDirectory
from services.processors.topics.access import apply_grants, grants
from services.processors.topics.cluster import ClusterError, admin_client, apply
from services.processors.topics.declaration import read_declaration
from services.producers import publisher
from services.producers.publisher import BrokerUnreachable
from services.testbed.localstack import LocalStack
from services.testbed.localstack.broker_settings import ADMINISTRATOR
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
TOPIC = "cre.railway.ktz.v1"


@pytest.fixture(scope="module")
def secured() -> Iterator[LocalStack]:
    users = {name: f"secret-of-{name}" for name in (ADMINISTRATOR, "ktz", "worker")}
    with LocalStack(broker_users=users) as stack:
        administrator = stack.broker.client_options(ADMINISTRATOR)
        declaration = read_declaration()
        apply(stack.bootstrap, declaration, connection=administrator)
        with admin_client(stack.bootstrap, administrator) as admin:
            apply_grants(admin, grants(declaration))
        producer = KafkaProducer(
            bootstrap_servers=stack.bootstrap, enable_idempotence=True, **stack.broker.client_options("ktz")
        )
        for number in range(40):
            producer.send(TOPIC, value=b"good-%d" % number, partition=number % 8).get(timeout=30)
        producer.close()
        yield stack


@pytest.fixture
def arena(secured: LocalStack, tmp_path: Path) -> Arena:
    dsn = migrated_database(secured.database, f"secured_{uuid.uuid4().hex[:12]}")
    probe.prepare(dsn)
    return Arena(secured.bootstrap, dsn, tmp_path)


def credentials(password: str) -> dict[str, str]:
    return {
        "LIANYUN_GROUP": "lianyun",
        "LIANYUN_WORKER_TOPICS": TOPIC,
        "LIANYUN_KAFKA_USER": "worker",
        "LIANYUN_KAFKA_PASSWORD": password,
    }


def test_a_worker_reads_with_its_own_password(arena: Arena) -> None:
    with arena.supervisor(1, credentials("secret-of-worker")) as workers:
        arena.await_stored(40, 40)
        assert workers.ended == []
        assert "secret-of-worker" not in arena.log_text()
    ids = arena.query("SELECT DISTINCT topic_id IS NULL FROM lianyun.kafka_offset")
    assert ids == [(False,)], "the worker may describe its topics, so it knows their identity"


QUICKLY = {"bootstrap_timeout_ms": 1_500}


@pytest.mark.long
def test_clients_say_that_a_wrong_password_looks_like_no_broker(
    secured: LocalStack, caplog: pytest.LogCaptureFixture
) -> None:
    """The client library reports it as a timeout: whoever reads our message must think of the password too."""
    guess = {**secured.broker.client_options("ktz"), "sasl_plain_password": "a guess"}
    with pytest.raises(BrokerUnreachable, match="wrong SASL password looks the same"):
        publisher.connect(secured.bootstrap, dict(guess), patience=1.5)
    wrong = {**guess, **QUICKLY}
    with (
        pytest.raises(ClusterError, match="wrong password looks the same"),
        admin_client(secured.bootstrap, wrong),
    ):
        pass
    directory = TopicDirectory({"bootstrap_servers": secured.bootstrap, **wrong})
    assert directory.topic_ids([TOPIC]) == {}
    directory.close()
    assert "a wrong SASL password looks the same" in caplog.text
    right = TopicDirectory({"bootstrap_servers": secured.bootstrap, **secured.broker.client_options("ktz")})
    assert right.topic_ids([TOPIC]).keys() == {TOPIC}
    right.close()


def test_a_wrong_password_ends_the_worker_and_says_so(arena: Arena) -> None:
    with arena.supervisor(1, credentials("a guess")) as workers:
        arena.wait_for(lambda: bool(workers.ended), 40, "end of the worker")
        assert workers.ended[0].name == "UNEXPECTED"
    assert "uthentication" in arena.log_text()
    assert "a guess" not in arena.log_text()
