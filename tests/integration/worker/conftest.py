"""An arena per test on the run's servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.testbed.localstack.engine import Servers
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena
from tests.support.databases import migrated_database


@pytest.fixture
def arena(stack: Servers, tmp_path: Path) -> Iterator[Arena]:
    dsn = migrated_database(stack.database, f"worker_{uuid.uuid4().hex[:12]}")
    probe.prepare(dsn)
    arena = Arena(stack.bootstrap, dsn, tmp_path)
    yield arena
    arena.close()
