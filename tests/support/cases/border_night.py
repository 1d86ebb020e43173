"""A night at a border, told for the border board: due, queued and handed over, with what keeps boxes and who looks after it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import yaml

from schemas.rfc3339 import parse_micros
from services.cases.domain.lifecycle import StepKind, StepRequest, Team
from services.cases.store import overview, projector
from services.cases.store.overview import Wanted
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.testbed.localstack.database import Database
from services.testbed.localstack.process import Guard
from tests.stories.story import Story, Text
from tests.support.cases.platform import Clock, register_platform
from tests.support.signed_stories import Desk as Hand
from tests.support.signed_stories import record, register

WORLD = Path(__file__).with_name("border_night.yaml")


def border_night() -> Story:
    """The story as it is written."""
    told = yaml.load(WORLD.read_text(encoding="utf-8"), Text)
    return Story(
        "border_night", told["title"], told["why"], told["parties"], tuple(told["events"]), told["as_of"], {}
    )


def play(address: str) -> None:
    """Store all of it in a migrated database, follow its cases, and have a desk take the train that is held."""
    story = border_night()
    with psycopg.connect(address) as session:
        register(session, [story])
        register_platform(session)
    hand = Hand(address)
    applied = hand.apply([record(told, n) for n, told in enumerate(story.told)])
    assert applied.new == len(story.told)
    hand.settle()
    hand.close()
    clock = Clock(parse_micros(story.as_of))
    with open_session(address) as session:
        session.autocommit = True
        projector.catch_up(session, clock.desk)
        held = next(
            c for c in overview.listed(session, Wanted()) if c.kind == "HELD" and c.what == "TRAIN_HELD"
        )
        with session.transaction():
            clock.desk.take_step(
                session, held.id, StepRequest(StepKind.ACKNOWLEDGED, Team("cr", "alashankou-shift"))
            )


@contextmanager
def night_server(name: str) -> Iterator[Database]:
    """A database server of a test's own, with the night at the border; it may be stopped and started."""
    guard = Guard()
    database = Database(Path(tempfile.mkdtemp(prefix=f"lianyun-{name}-")), guard)
    try:
        database.start()
        migrate(database.dsn)
        play(database.dsn)
        yield database
        database.stop_immediate()
    finally:
        guard.release()
        shutil.rmtree(database.process.log.parent, ignore_errors=True)
