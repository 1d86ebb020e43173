"""One migrated database with the parties of the stories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.ledger.storage import points
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import empty, register
from tests.support.financing.stories import cases


@pytest.fixture(scope="session")
def financing_dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "financing_tests")
    with open_session(address) as session:
        register(session, cases()[0].story)
    return address


@pytest.fixture
def dsn(financing_dsn: str) -> Iterator[str]:
    with open_session(financing_dsn) as session:
        empty(session)
    yield financing_dsn
    points.install(None)
