"""The same servers in containers, where an engine answers and was asked for."""

from __future__ import annotations

import os

import psycopg
import pytest

from services.localstack.engine import open_broker, open_database
from services.topics.cluster import apply
from services.topics.declaration import read_declaration

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(
        os.environ.get("LIANYUN_STACK") != "containers", reason="LIANYUN_STACK=containers is not set"
    ),
]


def test_broker_container_takes_the_declared_topics() -> None:
    with open_broker({"LIANYUN_STACK": "containers"}) as broker:
        assert apply(broker.bootstrap, read_declaration()).actions
        assert apply(broker.bootstrap, read_declaration()).done


def test_database_container_gives_fresh_databases() -> None:
    with (
        open_database({"LIANYUN_STACK": "containers"}) as database,
        psycopg.connect(database.fresh_database("in_a_container")) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchone() == ("in_a_container",)
