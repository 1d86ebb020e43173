"""The servers that LIANYUN_STACK=containers gives the other tests: one container each, through testcontainers."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from kafka import KafkaProducer

from services.processors.topics.cluster import apply
from services.processors.topics.declaration import read_declaration
from services.testbed.localstack.engine import BrokerAddress, open_broker, open_database

pytestmark = pytest.mark.containers
CHOSEN = {"LIANYUN_STACK": "containers"}


@pytest.fixture(scope="module")
def broker_container(broker_image: str) -> Iterator[BrokerAddress]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIANYUN_KAFKA_IMAGE", broker_image)
        with open_broker(CHOSEN) as opened:
            yield opened


def test_broker_container_takes_the_declared_topics(broker_container: BrokerAddress) -> None:
    assert apply(broker_container.bootstrap, read_declaration()).actions
    assert apply(broker_container.bootstrap, read_declaration()).done


def test_broker_container_ends_transactions(broker_container: BrokerAddress) -> None:
    """For that the broker is a client of its own, at an address that leads back to it from inside the container."""

    producer = KafkaProducer(
        bootstrap_servers=broker_container.bootstrap,
        transactional_id="in-a-container",
        max_block_ms=20_000,
        delivery_timeout_ms=20_000,
        request_timeout_ms=15_000,
    )
    try:
        producer.init_transactions()
        offsets = []
        for _ in range(2):
            producer.begin_transaction()
            offsets.append(producer.send("cre.gateway.v1", b"inside", partition=0).get(timeout=20).offset)
            producer.commit_transaction()
        assert offsets == [0, 2], "the marker of the first one lies between them"
    finally:
        producer.close(timeout=5)


def test_database_container_gives_fresh_databases(broker_image: str) -> None:
    del broker_image  # skips where no container is asked for
    with (
        open_database(CHOSEN) as database,
        psycopg.connect(database.fresh_database("in_a_container")) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchone() == ("in_a_container",)
