"""One running API over the run's Postgres, with the cast of ``tests/support/api/cast.py``.

``api`` is shared by the run: ``api.client("abank")`` is an HTTP client of that party (tokens and proofs by itself), ``api.url``
where it listens, ``api.dsn`` its database, ``api.rows(sql)`` its rows. Tests add what they need and change nothing that is there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.store import log
from tests.support import receipts
from tests.support.api import hooks, permissions
from tests.support.api.cast import play
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database


@pytest.fixture(scope="session")
def api_dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "api_tests")
    play(address, receipts.cast())
    hooks.put(address, permissions.PARTIES)
    with open_session(address) as session:
        session.autocommit = True
        log.create(session, receipts.LOG, 1)
        receipts.grow(session)
        receipts.cosign(session)
    return address


@pytest.fixture(scope="session")
def api(api_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    folder = tmp_path_factory.mktemp("api")
    policy = folder / "policy"
    policy.write_text(receipts.POLICY)
    with RunningApi(api_dsn, folder, {"transparency_policy": policy}) as running:
        yield running
