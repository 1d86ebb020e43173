"""An arena per test on the run's servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ledger.storage.migrate import migrate
from services.testbed.localstack.engine import Servers
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena


@pytest.fixture
def arena(stack: Servers, tmp_path: Path) -> Iterator[Arena]:
    dsn = stack.database.fresh_database(f"worker_{uuid.uuid4().hex[:12]}")
    migrate(dsn)
    probe.prepare(dsn)
    arena = Arena(stack.bootstrap, dsn, tmp_path)
    yield arena
    arena.close()
