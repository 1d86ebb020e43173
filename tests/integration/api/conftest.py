"""One running API over the run's Postgres, with the cast of ``tests/support/api/cast.py``.

``api`` is shared by the run: ``api.client("abank")`` is an HTTP client of that party (tokens and proofs by itself), ``api.url``
where it listens, ``api.dsn`` its database, ``api.rows(sql)`` its rows. Tests add what they need and change nothing that is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support import receipts
from tests.support.api import hooks, permissions
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database


@pytest.fixture(scope="session")
def api_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def api_dsn(postgres: DatabaseAddress, api_folder: Path) -> str:
    address = migrated_database(postgres, "api_tests")
    receipts.play_logged(address, api_folder)
    hooks.put(address, permissions.PARTIES)
    return address


@pytest.fixture(scope="session")
def api(api_dsn: str, api_folder: Path) -> Iterator[RunningApi]:
    with RunningApi(api_dsn, api_folder, {"transparency_policy": api_folder / "policy"}) as running:
        yield running
