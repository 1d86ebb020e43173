"""One running pages process over the run's Postgres, with the cast of ``tests/support/api/cast.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import play
from tests.support.databases import migrated_database
from tests.support.pages import RunningPages


@pytest.fixture(scope="session")
def pages(postgres: DatabaseAddress) -> Iterator[RunningPages]:
    address = migrated_database(postgres, "pages_tests")
    play(address)
    with RunningPages(address) as running:
        yield running
