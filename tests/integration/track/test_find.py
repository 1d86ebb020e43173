"""`lianyun find` over a platform whose follower has given every object its names."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.audit.fsck.check import fsck
from services.cases.store import projector
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.domain.facts import Facts
from services.ledger.storage.session import open_session
from services.query.search.names import spellings, things_in
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, Desk, record, register

pytestmark = pytest.mark.integration
TOLD = [story for story in stories() if story.slug[:2] in ("01", "20", "62", "63")]


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "find")
    with psycopg.connect(address) as session:
        register(session, TOLD)
        register_platform(session)
    desk = Desk(address)
    desk.apply([record(told, n) for n, told in enumerate(told for story in TOLD for told in story.told)])
    desk.settle()
    desk.close()
    with open_session(address) as session:
        session.autocommit = True
        projector.catch_up(session, Clock(1_775_000_000_000_000).desk, 20)
    return address


def find(
    monkeypatch: pytest.MonkeyPatch, dsn: str, *text: str, given: str | None = None
) -> tuple[dict[str, Any], Exit]:
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    done = CliRunner().invoke(app, ["find", "--json", *text], input=given)
    if done.exception is None:
        return json.loads(done.stdout), Exit.OK
    assert isinstance(done.exception, Failure), done.exception
    return json.loads(done.stdout), done.exception.code


def test_every_object_of_the_events_has_its_names(dsn: str) -> None:
    facts = Facts.union(told.facts() for story in TOLD for told in story.told)
    expected = {(s, int(t.kind), t.key) for t in things_in(facts) for s in spellings(t)}
    with psycopg.connect(dsn) as session:
        assert set(session.execute("SELECT spelled, kind, key FROM lianyun.object_name")) == expected
    assert fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY})).sound


def test_every_name_whole_or_half_leads_to_its_object(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(dsn) as session:
        boxes = [key for (key,) in session.execute("SELECT key FROM lianyun.object_name WHERE kind = 4")]
    assert boxes
    for text, given in (
        (boxes[0], None),
        (boxes[0][:7], None),
        ("-", f"dear all,\n{boxes[0][:4]} {boxes[0][4:]}\nthanks"),
    ):
        found, code = find(monkeypatch, dsn, text, given=given)
        assert code == Exit.OK
        assert boxes[0] in {each["id"] for each in found["items"]}


def test_what_names_nothing_says_what_was_looked_at(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, code = find(monkeypatch, dsn, "ZZZU9999999")
    assert code == Exit.NOT_FOUND
    assert found["items"] == []
    assert found["scope"]
