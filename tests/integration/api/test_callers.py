"""Callers that a platform registers by itself: the tenant to try things as, the same one at every start."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from joserfc.jwk import ECKey

from services.api.auth import clients
from services.ledger.registry import store
from services.testbed.localstack.api import admit, sandbox
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    return migrated_database(postgres, "callers")


def keys(dsn: str) -> tuple[str, ...]:
    with psycopg.connect(dsn) as session:
        (client,) = clients.listed(session)
    return client.keys


def test_the_tenant_is_registered_once_and_keeps_its_key(dsn: str, tmp_path: Path) -> None:
    path = sandbox(dsn, "demo", tmp_path)
    assert path is not None
    first = path.read_bytes()
    assert sandbox(dsn, "demo", tmp_path) == path
    assert path.read_bytes() == first
    assert len(keys(dsn)) == 1
    path.unlink()  # a lost key is replaced by a further one
    assert sandbox(dsn, "demo", tmp_path) == path
    assert len(keys(dsn)) == 2


def test_there_is_none_in_production(dsn: str, tmp_path: Path) -> None:
    assert sandbox(dsn, "prod", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_admitted_for_a_party_that_is_not_registered(dsn: str) -> None:
    with pytest.raises(clients.ClientError, match="no party 'nobody'"):
        admit(dsn, "nobody", ECKey.generate_key("P-256"))


def test_a_revoked_tenant_stays_out(dsn: str, tmp_path: Path) -> None:
    assert sandbox(dsn, "demo", tmp_path) is not None
    with psycopg.connect(dsn) as session:
        assert clients.revoke(session, "sandbox", at=time.time_ns() // 1_000)
        assert store.load(session).party("sandbox") is not None
    assert sandbox(dsn, "demo", tmp_path) is None
