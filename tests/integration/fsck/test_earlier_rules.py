"""An event admitted by earlier rules stays what it is: read again by the rules of its admission, it is no finding."""

from __future__ import annotations

import functools
from dataclasses import replace

import psycopg
import pytest

from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import Refused
from services.ledger.registry import store
from services.ledger.storage.event_reader import events_by_number
from services.query.stored_events import Unreadable, reread
from services.testbed.localstack.engine import DatabaseAddress
from tests.support import signed_stories
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, NETWORK, Desk, all_stories, register, signed

pytestmark = pytest.mark.integration


def test_an_id_that_shows_nothing_is_refused_today_and_stays_readable_from_before(
    postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = migrated_database(postgres, "earlier_rules")
    story = all_stories()[0]
    with psycopg.connect(dsn) as session:
        register(session, [story])
    first = story.told[0]
    hidden = replace(first.envelope, id=f"{first.envelope.id}\u202e")
    desk = Desk(dsn)
    message = signed(first.party, hidden, first.payload, 0)
    events, refused, _ = desk.judge([message])
    assert not events
    assert [(each.reason, each.pointer) for each in refused] == [("INVALID_HEADER", "header:ce_id")]

    def by_the_first_rules(verified: object, registry: object) -> object:
        return verified if isinstance(verified, Refused) else evaluate(verified, registry, 1)  # type: ignore[arg-type]

    monkeypatch.setattr(signed_stories.Desk, "_judged", staticmethod(by_the_first_rules))
    desk.apply([message])
    desk.settle()
    desk.close()
    check = functools.partial(fsck, dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    with psycopg.connect(dsn, autocommit=True) as session:
        # As the release of those rules put it down, which made no digests of batches.
        session.execute("UPDATE lianyun.body SET rules = 1")
        session.execute("UPDATE lianyun.batch SET digest = NULL")
        registry = store.load(session)
        numbers = [no for (no,) in session.execute("SELECT no FROM lianyun.body").fetchall()]
        (stored,) = events_by_number(session, numbers)
        assert reread(stored, registry).envelope.id.endswith("\u202e")
        assert check().findings == ()
        session.execute("UPDATE lianyun.body SET rules = 2")
        assert {finding.kind for finding in check().findings} == {Damage.ADMISSION}
        (later,) = events_by_number(session, numbers)
        with pytest.raises(Unreadable):
            reread(later, registry)
