"""One migrated database with the parties of the stories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.ledger.storage import points
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.financing.stored_world import emptied, stories_database


@pytest.fixture(scope="session")
def financing_dsn(postgres: DatabaseAddress) -> str:
    return stories_database(postgres, "financing_tests")


@pytest.fixture
def dsn(financing_dsn: str) -> Iterator[str]:
    yield emptied(financing_dsn)
    points.install(None)
