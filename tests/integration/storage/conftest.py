"""One migrated database and two writers for the tests of the store; each test keeps to objects of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from services.ledger.storage import points
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.storage.facts import Teller
from tests.support.storage.writers import Pair


@pytest.fixture(scope="session")
def dsn(postgres: DatabaseAddress) -> str:
    # Mutants run some of these tests in processes of their own on the same server: no run may drop another's database.
    return migrated_database(postgres, f"storage_tests_{os.getpid()}")


@pytest.fixture(scope="session")
def lasting() -> Iterator[list[Pair]]:
    """The pair of the last test, if it left it sound: a new session plans every statement anew, which takes half a second."""
    pairs: list[Pair] = []
    yield pairs
    for pair in pairs:
        pair.close()


@pytest.fixture
def pair(dsn: str, lasting: list[Pair]) -> Iterator[Pair]:
    pair = lasting.pop() if lasting else Pair(dsn)
    pair.claim()
    pair.settle()
    yield pair
    points.install(None)
    if pair.sound:
        lasting.append(pair)
    else:
        pair.close()


@pytest.fixture
def careless(dsn: str) -> Iterator[Pair]:
    """Two writers that never settle: what they lose shows that settling is needed."""
    pair = Pair(dsn, settle=False)
    yield pair
    points.install(None)
    pair.close()


@pytest.fixture
def teller(request: pytest.FixtureRequest) -> Teller:
    return Teller(request.node.name)
