"""The statements that runbooks give to psql run on a database as it is."""

from __future__ import annotations

import psycopg
import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support.alerts.runbooks import FILES, statements
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


def test_statements_of_runbooks_run(postgres: DatabaseAddress) -> None:
    dsn = migrated_database(postgres, "runbooks")
    tried = 0
    with psycopg.connect(dsn, autocommit=True) as session:
        for file in FILES:
            for statement in statements(file):
                session.execute(statement.encode())
                tried += 1
    assert tried > 5
