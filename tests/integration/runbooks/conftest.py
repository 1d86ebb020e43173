"""Ground of its own for each walk, on the run's servers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.engine import Servers
from tests.integration.runbooks.ground import Ground
from tests.support.runbooks.walk import Walk


@pytest.fixture
def ground(stack: Servers, tmp_path: Path) -> Ground:
    made = Ground(stack.bootstrap, stack.database.fresh_database(f"walk_{uuid.uuid4().hex[:12]}"), tmp_path)
    made.found()
    return made


@pytest.fixture
def walk(ground: Ground) -> Callable[..., Walk]:
    """Begin a walk through a page on the ground, with variables of the page."""
    programs = postgres_programs(needs_to_be_shared=False)
    return lambda name, **variables: Walk(name, ground.folder, ground.environment(**variables), programs)
