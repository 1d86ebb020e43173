"""What is committed becomes messages to those whom it concerns, and to nobody else; nothing committed is missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import orjson
import pytest

from schemas.trace_context import TraceContext
from services.financing.domain.decisions import Action
from services.financing.domain.requests import DecisionRequest
from services.ledger.storage.session import Session, open_session
from services.notifications.webhooks import outbox, queue, subscriptions
from services.notifications.webhooks.messages import SUBSCRIBABLE, MessageType, Subject, message
from services.notifications.webhooks.sealed_secrets import Seal
from tests.stories.story import Told
from tests.support.financing.stored_world import Stored, events_of, tell
from tests.support.financing.stories import Case, cases, micros
from tests.support.producers.condition import until

pytestmark = pytest.mark.integration
CASE: Case = next(case for case in cases() if case.slug.startswith("03_"))
SOON = micros("2026-03-03T10:00+08:00")
# By what the story's consignment is: its operator, its parties, a bank with a pledge, and strangers.
PARTIES = ("xaport", "optic", "ruhr", "abank", "bbank", "ktz")


@pytest.fixture
def stored(dsn: str) -> Iterator[Stored]:
    found = Stored(dsn, [event for event in events_of(CASE) if event[1].short != "delivered"])
    found.begin()
    yield found
    found.close()


@pytest.fixture
def everybody(session: Session, seal: Seal) -> None:
    for party in PARTIES:
        subscriptions.create(session, party, "https://hooks.example/", SUBSCRIBABLE, "", seal, 0)


def messages(session: Session) -> list[tuple[str, str, dict[str, str]]]:
    """(party, type, subject) of all messages."""
    rows = session.execute("SELECT party, type, body FROM lianyun.webhook_message ORDER BY party, type, id")
    return [(party, type_, orjson.loads(bytes(body))["data"]["subject"]) for party, type_, body in rows]


def told(session: Session) -> set[tuple[str, str]]:
    return {(party, type_) for party, type_, _ in messages(session)}


def clear(session: Session) -> None:
    session.execute("DELETE FROM lianyun.webhook_message")


def delivery() -> Told:
    return next(told for _, told in events_of(CASE) if told.short == "delivered")


@pytest.mark.usefixtures("everybody")
def test_each_kind_of_news_reaches_whom_it_concerns(session: Session, stored: Stored) -> None:
    ask, at, on = CASE.ask(0)
    reserved, _ = stored.ask(ask, at, on)
    outbox.catch_up(session)
    assert reserved.done
    engaged = {party for party, type_ in told(session) if type_ == "consignment.changed.v1"}
    assert "xaport" in engaged
    assert engaged.isdisjoint({"abank", "bbank", "ktz"}), "no pledge yet, and a stranger"
    assert {(p, s["id"]) for p, t, s in messages(session) if t == "financing.decided.v1"} == {
        ("abank", "abank/GD-1")
    }
    clear(session)

    for number in (1, 2):
        ask, at, _ = CASE.ask(number)
        stored.ask(ask, at)
    tell(stored.session, delivery(), SOON)
    stored.session.commit()

    def announced() -> bool:
        """What is committed is announced once nobody on the server, of another database perhaps, is older."""
        outbox.catch_up(session)
        return ("abank", "financing.alert.v1") in told(session)

    until(announced, "the alert is announced")
    found = told(session)
    assert ("abank", "consignment.changed.v1") in found, "it holds a pledge now"
    assert ("xaport", "consignment.changed.v1") in found
    assert {party for party, _ in found}.isdisjoint({"bbank", "ktz"})
    kinds = {(t, s["kind"]) for _, t, s in messages(session)}
    assert kinds == {
        ("consignment.changed.v1", "consignment"),
        ("financing.alert.v1", "financing"),
        ("financing.decided.v1", "financing"),
    }
    assert {s["id"] for _, t, s in messages(session) if t == "consignment.changed.v1"} == {"xaport/XA-1"}
    assert outbox.catch_up(session) == 0, "and nothing twice"


@pytest.mark.usefixtures("everybody")
def test_a_message_carries_on_the_trace_of_the_event_that_it_tells_of(
    session: Session, stored: Stored
) -> None:
    ask, at, on = CASE.ask(0)
    stored.ask(ask, at, on)
    for number in (1, 2):
        ask, at, _ = CASE.ask(number)
        stored.ask(ask, at)
    traces = "SELECT party, type, traceparent FROM lianyun.webhook_message ORDER BY party, type"
    outbox.catch_up(session)
    assert {trace for _, _, trace in session.execute(traces)} == {None}, "none of it came with a trace"
    clear(session)
    context = TraceContext(bytes(range(16)), bytes(range(8)), True).text()
    tell(stored.session, delivery(), SOON, context)
    stored.session.commit()
    outbox.catch_up(session)
    found = {(party, type_): trace for party, type_, trace in session.execute(traces)}
    assert found["abank", "financing.alert.v1"] == context
    assert found["xaport", "consignment.changed.v1"] == context
    assert set(found.values()) == {context}
    taken = queue.lease_due(session, SOON * 2, 60_000_000, {}, 100)
    assert {each.traceparent for each in taken} >= {context}


@pytest.mark.usefixtures("everybody")
def test_a_refused_request_about_cargo_is_told_to_nobody(session: Session, stored: Stored) -> None:
    """Whoever asked has the answer; the bank behind the refusal stays unnamed, and learns of no request."""
    for number in (0, 1, 2):
        ask, at, on = CASE.ask(number)
        stored.ask(ask, at, on)
    outbox.catch_up(session)
    clear(session)
    ask, at, on = next(
        CASE.ask(n) for n, asked in enumerate(CASE.asks) if asked["do"] == Action.RELEASE_ORDER
    )
    ruling, _ = stored.ask(ask, at, on)
    assert ruling.guard == "RELEASE_BLOCKED"
    outbox.catch_up(session)
    assert [each for each in messages(session) if each[1] == "financing.decided.v1"] == []


@pytest.mark.usefixtures("everybody")
def test_a_transaction_that_commits_late_is_not_skipped(dsn: str, session: Session, stored: Stored) -> None:
    """The one with the smaller id commits last: a follower that only looked at ids would never see it."""
    stored.hear(SOON)
    outbox.catch_up(session)
    clear(session)
    with open_session(dsn, "lianyun-test") as late:
        late.execute("SELECT pg_current_xact_id()")  # its id is taken now
        ask, at, on = CASE.ask(0)
        ruling, _ = stored.ask(ask, at, on)
        assert ruling.done
        assert outbox.catch_up(session) == 0, "it may not be looked at yet: one before it may still appear"
        tell(late, delivery(), SOON)
        late.commit()
    assert outbox.catch_up(session) > 0
    found = told(session)
    assert ("abank", "financing.decided.v1") in found
    assert ("xaport", "consignment.changed.v1") in found


def test_what_was_committed_between_subscribing_and_the_first_look_is_told(
    session: Session, stored: Stored, seal: Seal
) -> None:
    stored.hear(SOON)
    assert outbox.catch_up(session) == 0, "nobody ever subscribed"
    subscriptions.create(
        session, "abank", "https://hooks.example/", [MessageType.FINANCING_DECIDED], "", seal, 0
    )
    ask, at, on = CASE.ask(0)
    stored.ask(ask, at, on)
    assert outbox.catch_up(session) == 1
    assert told(session) == {("abank", "financing.decided.v1")}


@pytest.mark.usefixtures("everybody")
def test_two_followers_at_once_tell_everything_once(dsn: str, session: Session, stored: Stored) -> None:
    ask, at, on = CASE.ask(0)
    stored.ask(ask, at, on)
    put: list[int] = []

    def follow() -> None:
        with open_session(dsn, "lianyun-test") as own:
            own.autocommit = True
            put.append(outbox.catch_up(own))

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rows = session.execute("SELECT count(*) FROM lianyun.webhook_delivery").fetchone()
    assert rows is not None
    assert sum(put) == rows[0] > 0


def delivered_once(session: Session) -> list[str]:
    """Take what is due, as if it were being sent; the messages about consignments among it."""
    now = time.time_ns() // 1_000
    taken = queue.lease_due(session, now, 60_000_000, {}, 100)
    return [each.message for each in taken if b"consignment.changed" in each.body]


def test_news_joins_what_nobody_has_begun_to_tell_and_never_what_is_being_told(
    session: Session, stored: Stored, seal: Seal
) -> None:
    made, _ = subscriptions.create(session, "xaport", "https://hooks.example/", SUBSCRIBABLE, "", seal, 0)
    stored.hear(SOON)
    assert outbox.catch_up(session) >= 1
    waiting = (
        "SELECT count(*) FROM lianyun.webhook_delivery WHERE state = 'WAITING' AND attempts = 0 AND same = %s"
    )
    assert session.execute(waiting, ("consignment xaport/XA-1",)).fetchone() == (1,)
    first = delivered_once(session)
    tell(stored.session, delivery(), SOON)
    stored.session.commit()
    assert outbox.catch_up(session) == 1, "the first is on its way: what comes now has a message of its own"
    (second,) = delivered_once(session)
    assert second not in first
    kept = session.execute("SELECT count(*) FROM lianyun.webhook_message").fetchone()
    assert kept == (len(first) + 1,), "what joined another message left none of its own"
    since = time.time_ns() // 1_000 - 60_000_000
    session.execute("UPDATE lianyun.webhook_delivery SET state = 'DELIVERED'")
    assert queue.replay(session, made.id, since, since) == len(first) + 1, "told since then, of whatever age"


@pytest.mark.usefixtures("everybody")
def test_repeating_a_request_tells_nothing_again(session: Session, stored: Stored) -> None:
    ask, at, on = CASE.ask(0)
    stored.ask(ask, at, on)
    outbox.catch_up(session)
    again, _ = stored.ask(ask, at, on)
    assert again.done
    assert outbox.catch_up(session) == 0


def test_a_request_of_a_stranger_about_a_financing_is_told_to_nobody(
    session: Session, stored: Stored, seal: Seal
) -> None:
    ask, at, on = CASE.ask(0)
    stored.ask(ask, at, on)
    for party in ("abank", "bbank"):
        subscriptions.create(
            session, party, "https://hooks.example/", [MessageType.FINANCING_DECIDED], "", seal, 0
        )
    stored.ask(DecisionRequest(Action.PLEDGE, "bbank", "mine", "abank/GD-1"), at)
    outbox.catch_up(session)
    assert messages(session) == []


@pytest.mark.usefixtures("everybody")
def test_who_is_engaged_only_once_everything_is_settled_is_told_then(
    session: Session, stored: Stored
) -> None:
    """A transaction that could not see a link beside it leaves a note; until it is settled, nobody is left out for good."""
    stored.hear(SOON)
    engaged = session.execute("SELECT cons, engaged FROM g1.reach").fetchall()
    session.execute("UPDATE g1.reach SET engaged = '{}'")
    session.execute("INSERT INTO g1.pending (judged, nos, consignments) VALUES ('{}', '{}', '{}')")
    outbox.catch_up(session)
    assert told(session) == set()
    for consignment, words in engaged:
        session.execute("UPDATE g1.reach SET engaged = %s WHERE cons = %s", (words, consignment))
    assert outbox.catch_up(session) == 0, "the note still waits"
    session.execute("DELETE FROM g1.pending")
    assert outbox.catch_up(session) > 0
    assert ("xaport", "consignment.changed.v1") in told(session)
    assert session.execute("SELECT count(*) FROM lianyun.webhook_again").fetchone() == (0,)
    assert outbox.catch_up(session) == 0


@pytest.mark.usefixtures("everybody")
def test_a_retraction_is_news_of_what_it_takes_back(session: Session, stored: Stored) -> None:
    stored.hear(SOON)
    outbox.catch_up(session)
    clear(session)
    # An event that is about no cargo by itself, seen again alone: as it is, and as one that withdraws a founding.
    session.execute(
        "DELETE FROM lianyun.batch t WHERE t.first_no <> (SELECT max(b.no) / 4096 * 4096 FROM lianyun.body b WHERE NOT EXISTS"
        " (SELECT FROM g1.claim WHERE no = b.no) AND NOT EXISTS (SELECT FROM g1.link WHERE no = b.no)"
        " AND NOT EXISTS (SELECT FROM g1.founding WHERE no = b.no))"
    )
    again = "UPDATE lianyun.webhook_cursor SET xid = '0', no = -1 WHERE source = 'event'"
    session.execute(again)
    outbox.catch_up(session)
    assert told(session) == set()
    session.execute(
        "INSERT INTO g1.withdrawal (no, event, target, replaces) SELECT b.no, b.id, i.id, false"
        " FROM lianyun.batch t, lianyun.body b, lianyun.identity i, g1.founding f"
        " WHERE b.no >= t.first_no AND b.no < t.first_no + 4096 AND f.no = i.no LIMIT 1"
    )
    session.execute(again)
    outbox.catch_up(session)
    assert ("xaport", "consignment.changed.v1") in told(session)


def test_a_fact_that_concerns_nobody_does_not_stop_what_follows(
    session: Session, stored: Stored, seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "ROWS", 1)
    subscriptions.create(
        session, "abank", "https://hooks.example/", [MessageType.FINANCING_ALERT], "", seal, 0
    )
    session.execute("INSERT INTO lianyun.financing_watch (financing, no) VALUES (gen_random_uuid(), 1)")
    for number in (0, 1, 2):
        ask, at, on = CASE.ask(number)
        stored.ask(ask, at, on)
    tell(stored.session, delivery(), SOON)
    stored.session.commit()
    assert outbox.catch_up(session) == 1
    assert told(session) == {("abank", "financing.alert.v1")}


@pytest.mark.usefixtures("everybody")
def test_the_id_of_a_message_cannot_be_found_by_counting(session: Session, stored: Stored) -> None:
    """Otherwise its receiver would learn how many decisions, events and transactions there were of others."""
    for number in range(3):
        ask, at, on = CASE.ask(number)
        stored.ask(ask, at, on)
    tell(stored.session, delivery(), SOON)
    stored.session.commit()
    outbox.catch_up(session)
    rows = session.execute("SELECT party, type, body FROM lianyun.webhook_message").fetchall()
    (most,) = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
    assert {type_ for _, type_, _ in rows} == {str(each) for each in SUBSCRIBABLE} - {
        "consignment.notice.v1"  # of subscriptions, whose ids are random
    }
    for party, type_, body in rows:
        sent = orjson.loads(bytes(body))
        subject = Subject(sent["data"]["subject"]["kind"], sent["data"]["subject"]["id"])
        for number in (*range(2_000), *range(max(2_000, int(most) - 2_000), int(most) + 100)):
            for news in (str(number), f"decision {number}", f"event {number}"):
                assert message(party, MessageType(type_), subject, news, 0).id != sent["id"], news
