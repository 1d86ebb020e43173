"""One running API over the run's Postgres, with the cast of ``tests/support/api/cast.py``.

``api`` is shared by the run: ``api.client("abank")`` is an HTTP client of that party (tokens and proofs by itself), ``api.url``
where it listens, ``api.dsn`` its database, ``api.rows(sql)`` its rows. Tests add what they need and change nothing that is there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api import hooks, permissions
from tests.support.api.cast import play
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database


@pytest.fixture(scope="session")
def api_dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "api_tests")
    play(address)
    hooks.put(address, permissions.PARTIES)
    return address


@pytest.fixture(scope="session")
def api(api_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(api_dsn, tmp_path_factory.mktemp("api")) as running:
        yield running
