"""A database with the registry of a few stories, for the log over what they say."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from hashlib import sha256

import psycopg
import pytest

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.domain.keys import LogSigner
from services.transparency.store import log
from tests.stories.story import NETWORK, Story, stories
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register, rubbish

ORIGIN = "log.example/lianyun"
SIGNER = LogSigner(ORIGIN, SigningKey.from_seed(Scheme.ED25519, sha256(b"log").digest()))


@pytest.fixture(scope="module")
def told() -> list[Story]:
    return [
        each.scoped(f"t{n}")
        for n, each in enumerate(stories())
        if each.slug[:2] in ("01", "08", "11", "21", "25", "35", "38", "53")
    ]


@pytest.fixture
def dsn(postgres: DatabaseAddress, told: list[Story], request: pytest.FixtureRequest) -> str:
    fresh = migrated_database(postgres, "transparency_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, told)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    with open_session(dsn) as opened:
        opened.autocommit = True
        yield opened


def fill(dsn: str, told: list[Story], steps: int = 4, between: threading.Event | None = None) -> None:
    """Everything that the stories say, with some of it twice and rubbish behind."""
    desk, rng, at = Desk(dsn), random.Random(1), 0
    events = [each for story in told for each in story.told]
    records = [record(each, n) for n, each in enumerate([*events, *events[:5]])]
    records += [rubbish(len(records) + n) for n in range(3)]
    while at < len(records):
        size = rng.randint(1, max(1, len(records) // steps))
        desk.apply(records[at : at + size])
        at += size
        if between is not None:
            between.set()
    desk.settle()
    desk.close()


def catch_up(session: Session, limit: int = 8192) -> None:
    while not log.sequence(session, SIGNER, NETWORK, limit).complete:
        pass


def made_anew(session: Session) -> None:
    """Take the log away, as an operator can, and begin another one under its own key."""
    session.execute("ALTER TABLE lianyun.transparency_entry DISABLE TRIGGER ALL")
    session.execute(
        "TRUNCATE lianyun.transparency_head, lianyun.transparency_entry, lianyun.transparency_tile, lianyun.transparency_cursor"
    )
    log.create(session, SIGNER, 1)
