"""The servers that LIANYUN_STACK=containers gives the other tests: one container each, through testcontainers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from services.localstack.engine import BrokerAddress, open_broker, open_database
from services.topics.cluster import apply
from services.topics.declaration import read_declaration

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

    async def commit() -> int:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker_container.bootstrap, transactional_id="in-a-container"
        )
        await producer.start()
        try:
            async with producer.transaction():
                first = await producer.send_and_wait("cre.gateway.v1", b"one", partition=0)
            async with producer.transaction():
                second = await producer.send_and_wait("cre.gateway.v1", b"two", partition=0)
            return int(second.offset - first.offset)
        finally:
            await producer.stop()

    assert asyncio.run(asyncio.wait_for(commit(), 60)) == 2, "the marker of the first one lies between them"


def test_database_container_gives_fresh_databases(broker_image: str) -> None:
    del broker_image  # skips where no container is asked for
    with (
        open_database(CHOSEN) as database,
        psycopg.connect(database.fresh_database("in_a_container")) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchone() == ("in_a_container",)
