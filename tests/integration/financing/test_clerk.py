"""What partners ask for by signed events is decided once, and the decision names the event."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from services.domain.objects import consignment
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.store import decision_service as desks
from services.financing.store.financings import decisions_of
from services.financing.store.identifiers import financing_id
from services.financing.store.request_consumer import decide_next
from services.ledger.storage.operations import quarantine
from services.ledger.storage.session import open_session
from tests.support.financing.stored_world import Stored, checked, events_of, key_of, value
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
BASE: Case = next(case for case in cases() if case.slug.startswith("02_"))
DAY = micros("2026-03-03T10:00+08:00")
ASKS: tuple[dict[str, Any], ...] = (
    {"id": "order-before", "by": "ruhr", "type": "finance.release_order_requested", "says": {"objects": "container CSQU3054383", "order_number": "1"}},
    {"id": "pledge", "by": "abank", "type": "finance.pledged", "says": {"financing": "abank/GD-1"}},
    {"id": "order-after", "by": "ruhr", "type": "finance.release_order_requested", "says": {"objects": "consignment xaport/XA-1", "order_number": "2"}},
    {"id": "transfer", "by": "optic", "type": "finance.transfer_requested", "says": {"objects": "note SMGS/CN/XAY/100001/2026", "order_number": "3", "transfer_to_party": {"scheme": "PARTY", "id": "toys"}}},
    {"id": "order-of-a-stranger", "by": "toys", "type": "finance.release_order_requested", "says": {"objects": "consignment xaport/XA-1", "order_number": "4"}},
    {"id": "order-of-nothing", "by": "ruhr", "type": "finance.release_order_requested", "says": {"objects": "consignment xaport/NONE", "order_number": "5"}},
    {"id": "pledge-of-another", "by": "bbank", "type": "finance.pledged", "says": {"financing": "bbank/GD-9"}},
    {"id": "draw", "by": "abank", "type": "finance.drawn", "says": {"financing": "abank/GD-1", "drawn_amount": {"minor_units": 1000, "currency_code": "CNY"}}},
)  # fmt: skip


def told(asks: tuple[dict[str, Any], ...]) -> Case:
    dated = tuple({**each, "at": f"2026-03-03T09:{10 + n}+08:00"} for n, each in enumerate(asks))
    kept = [e for e in BASE.events if e["id"] != "delivered"]
    events = (*kept, *dated)
    return replace(BASE, story=replace(BASE.story, events=events), _written=events)


@pytest.fixture
def stored(dsn: str) -> Iterator[Stored]:
    case = told(ASKS)
    found = Stored(dsn, events_of(case))
    found.begin()
    ask, at, on = BASE.ask(0)
    assert found.ask(ask, at, on)[0].done
    found.hear(DAY)
    found._at = DAY
    yield found
    found.close()


def decisions(stored: Stored) -> list[tuple[Any, ...]]:
    rows = stored.session.execute(
        "SELECT d.action, d.asked_by, d.outcome, d.guard FROM lianyun.financing_decision d "
        "JOIN lianyun.identity i ON i.id = d.request ORDER BY i.no"
    ).fetchall()
    stored.session.commit()
    return rows


def answer_all(stored: Stored) -> int:
    count = 0
    while decide_next(stored.session, stored.desk):
        count += 1
    return count


def test_each_is_answered_once_in_the_order_of_arrival(stored: Stored) -> None:
    assert answer_all(stored) == len(ASKS)
    assert decisions(stored) == [
        ("RELEASE_ORDER", "ruhr", "DONE", ""),
        ("PLEDGE", "abank", "DONE", ""),
        ("RELEASE_ORDER", "ruhr", "REFUSED", "RELEASE_BLOCKED"),
        ("TRANSFER", "optic", "REFUSED", "RELEASE_BLOCKED"),
        ("RELEASE_ORDER", "toys", "REFUSED", "PARTY_OF_CARGO"),
        ("RELEASE_ORDER", "ruhr", "REFUSED", "PARTY_OF_CARGO"),
        ("PLEDGE", "bbank", "REFUSED", "PLEDGEE"),
        ("DRAW", "abank", "DONE", ""),
    ]
    assert answer_all(stored) == 0
    report = checked(stored.session)
    assert (report.findings, report.counts["requests_waiting"]) == ((), 0)
    for statement, field in (
        (
            b"DELETE FROM lianyun.financing_asked WHERE no = (SELECT min(no) FROM lianyun.financing_asked)",
            "row",
        ),
        (
            b"UPDATE lianyun.financing_asked SET answered = 999999 WHERE no = (SELECT max(no) FROM lianyun.financing_asked)",
            "answered",
        ),
    ):
        stored.session.execute(statement)
        (found,) = checked(stored.session).findings
        assert (found.field, found.where.startswith("financing_asked of event ")) == (field, True)
        stored.session.rollback()


def test_an_event_that_tells_of_a_decision_is_no_second_request(stored: Stored) -> None:
    """A bank that asked through the API publishes its word afterwards: it is paid out once."""
    amount = Money(1_000, "CNY")
    for ask in (
        DecisionRequest(Action.PLEDGE, "abank", "p", "abank/GD-1"),
        DecisionRequest(Action.DRAW, "abank", "d1", "abank/GD-1", amount=amount),
    ):
        assert stored.ask(ask, DAY)[0].done
    assert answer_all(stored) == len(ASKS)
    kept: tuple[Decision, ...] = decisions_of(stored.session, [financing_id("abank/GD-1")])
    assert [r.action for r in kept if r.done] == [Action.RESERVE, Action.PLEDGE, Action.DRAW]
    assert all(r.request is None for r in kept)


GOODS: tuple[dict[str, Any], ...] = (
    {"id": "founded-again", "by": "silk", "type": "link.consignment_opened", "says": {"reference": "SK-9", "containers": ["CSQU3054383"]}},
    {"id": "pledge", "by": "abank", "type": "finance.pledged", "says": {"financing": "abank/GD-1"}},
    {"id": "draw", "by": "abank", "type": "finance.drawn", "says": {"financing": "abank/GD-1", "drawn_amount": {"minor_units": 1000, "currency_code": "CNY"}}},
    {"id": "order-of-it", "by": "silk", "type": "finance.release_order_requested", "says": {"objects": "consignment silk/SK-9", "order_number": "1"}},
    {"id": "order-of-the-box", "by": "silk", "type": "finance.release_order_requested", "says": {"objects": "container CSQU3054383", "order_number": "2"}},
    {"id": "release", "by": "abank", "type": "finance.released", "says": {"financing": "abank/GD-1"}},
    {"id": "release-waiving-nothing", "by": "abank", "type": "finance.released.v2", "says": {"financing": "abank/GD-1"}},
    {"id": "release-waiving", "by": "abank", "type": "finance.released.v2", "says": {"financing": "abank/GD-1", "waiver": {"grounds": "RESTRUCTURED"}}},
    {"id": "order-afterwards", "by": "silk", "type": "finance.release_order_requested", "says": {"objects": "consignment silk/SK-9", "order_number": "3"}},
)  # fmt: skip


def test_requests_for_pledged_goods_under_another_consignment_and_a_release_with_debt(dsn: str) -> None:
    found = Stored(dsn, events_of(told(GOODS)))
    found.begin()
    assert found.ask(*BASE.ask(0))[0].done
    found.hear(DAY)
    found._at = DAY
    assert answer_all(found) == len(GOODS) - 1
    assert decisions(found) == [
        ("PLEDGE", "abank", "DONE", ""),
        ("DRAW", "abank", "DONE", ""),
        ("RELEASE_ORDER", "silk", "REFUSED", "RELEASE_BLOCKED"),
        ("RELEASE_ORDER", "silk", "REFUSED", "RELEASE_BLOCKED"),
        ("RELEASE", "abank", "REFUSED", "NOTHING_OUTSTANDING"),
        ("RELEASE", "abank", "REFUSED", "NOTHING_OUTSTANDING"),
        ("RELEASE", "abank", "DONE", ""),
        ("RELEASE_ORDER", "silk", "DONE", ""),
    ]
    rows = found.session.execute(
        "SELECT headers, convert_from(payload, 'UTF8'), shares, waiver FROM lianyun.financing_decision "
        "WHERE shares <> '{}' OR waiver <> '' ORDER BY number"
    ).fetchall()
    assert [(shares, waiver) for _, _, shares, waiver in rows] == [
        (["container:CSQU3054383"], ""),
        ([], "RESTRUCTURED"),
    ]
    assert all(b"cre.finance.decided.v3" in bytes(headers) for headers, *_ in rows)
    assert "abank" not in rows[0][1], "no bank is named"
    assert '"minor_units":1000' in rows[1][1], "with what is owed"
    assert checked(found.session).findings == ()
    found.close()


PARTS: tuple[dict[str, Any], ...] = (
    {"id": "two-boxes", "by": "xaport", "type": "link.containers_assigned", "says": {"containers": ["MSCU0000007"], "carries": ["consignment xaport/XA-1"]}},
    {"id": "pledge", "by": "abank", "type": "finance.pledged", "says": {"financing": "abank/GD-1"}},
    {"id": "draw", "by": "abank", "type": "finance.drawn", "says": {"financing": "abank/GD-1", "drawn_amount": {"minor_units": 150000000, "currency_code": "CNY"}}},
    {"id": "part", "by": "abank", "type": "finance.released.v3", "says": {"financing": "abank/GD-1", "goods": [{"kind": "container", "id": "MSCU 000000 7"}]}},
    {"id": "part-waiving", "by": "abank", "type": "finance.released.v3", "says": {"financing": "abank/GD-1", "goods": [{"kind": "container", "id": "MSCU 000000 7"}], "waiver": {"grounds": "OTHER"}}},
    {"id": "order", "by": "ruhr", "type": "finance.release_order_requested", "says": {"objects": "container MSCU0000007", "order_number": "1"}},
    {"id": "order-of-the-rest", "by": "ruhr", "type": "finance.release_order_requested", "says": {"objects": "container CSQU3054383", "order_number": "2"}},
    {"id": "whole", "by": "abank", "type": "finance.released.v3", "says": {"financing": "abank/GD-1"}},
)  # fmt: skip


def test_a_part_is_given_back_by_a_signed_event(dsn: str) -> None:
    found = Stored(dsn, events_of(told(PARTS)))
    found.begin()
    assert found.ask(*BASE.ask(0))[0].done
    found.hear(DAY)
    found._at = DAY
    assert answer_all(found) == len(PARTS) - 1
    assert decisions(found) == [
        ("PLEDGE", "abank", "DONE", ""),
        ("DRAW", "abank", "DONE", ""),
        ("RELEASE_PART", "abank", "REFUSED", "VALUE_COVERS"),
        ("RELEASE_PART", "abank", "DONE", ""),
        ("RELEASE_ORDER", "ruhr", "DONE", ""),
        ("RELEASE_ORDER", "ruhr", "REFUSED", "RELEASE_BLOCKED"),
        ("RELEASE", "abank", "REFUSED", "NOTHING_OUTSTANDING"),
    ]
    assert checked(found.session).findings == ()
    found.close()


def test_a_key_that_is_revoked_after_the_pledge_lifts_no_block(dsn: str) -> None:
    """All that the operator ever signed is set aside, the founding of the pledged cargo among it: the box stays of its goods."""
    found = Stored(dsn, events_of(told(GOODS[:2])))
    found.begin()
    assert found.ask(*BASE.ask(0))[0].done
    found.hear(DAY)
    found._at = DAY
    assert answer_all(found) == 1
    quarantine(found.session, key_of("xaport").key_id, 0)
    found.session.commit()
    order = DecisionRequest(Action.RELEASE_ORDER, "silk", "order")
    refused, _ = found.ask(order, DAY, (consignment("silk", "SK-9"),))
    assert (refused.guard, [str(thing) for thing in refused.shares]) == (
        "RELEASE_BLOCKED",
        ["container:CSQU3054383"],
    )
    found.close()


def test_several_clerks_answer_none_twice(dsn: str, stored: Stored) -> None:
    stored.session.commit()
    answered: list[int] = []

    def clerk() -> None:
        with open_session(dsn, "lianyun-test") as session:
            while decide_next(session, stored.desk):
                answered.append(1)

    threads = [threading.Thread(target=clerk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while decide_next(stored.session, stored.desk):
        answered.append(1)
    assert len(answered) == len(ASKS)
    assert value(dsn, "SELECT count(*) FROM lianyun.financing_asked WHERE answered IS NULL") == 0
    assert value(dsn, "SELECT count(*) FROM lianyun.financing_decision WHERE request IS NOT NULL") == len(
        ASKS
    )


def test_an_event_on_which_our_own_code_fails_stops_no_other(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in judging one request: it waits with its fault, all others are decided, and it is when the bug is gone."""
    decide = desks.decide

    def planted(ask: DecisionRequest, *rest: Any) -> Decision:
        if ask.asked_by == "optic":
            raise AttributeError("a bug of ours")
        return decide(ask, *rest)

    monkeypatch.setattr(desks, "decide", planted)
    assert answer_all(stored) == len(ASKS), "each is taken up once"
    assert [(action, by) for action, by, *_ in decisions(stored)] == [
        ("RELEASE_ORDER", "ruhr"),
        ("PLEDGE", "abank"),
        ("RELEASE_ORDER", "ruhr"),
        ("RELEASE_ORDER", "toys"),
        ("RELEASE_ORDER", "ruhr"),
        ("PLEDGE", "bbank"),
        ("DRAW", "abank"),
    ]
    report = checked(stored.session)
    assert report.counts["requests_waiting"] == 1
    ((found),) = report.findings
    assert (found.field, found.stored) == ("fault", "AttributeError: a bug of ours")
    stored.session.rollback()

    monkeypatch.undo()
    assert answer_all(stored) == 0, "not yet again"
    stored.session.execute("UPDATE lianyun.financing_asked SET again = clock_timestamp()")
    stored.session.commit()
    assert answer_all(stored) == 1
    assert ("TRANSFER", "optic", "REFUSED", "RELEASE_BLOCKED") in decisions(stored)
    report = checked(stored.session)
    assert (report.findings, report.counts["requests_waiting"]) == ((), 0)


def test_a_fault_of_the_infrastructure_is_raised_and_nothing_is_put_down(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Decision:
        raise psycopg.OperationalError("the database is gone")

    monkeypatch.setattr(desks, "decide", gone)
    with pytest.raises(psycopg.OperationalError):
        decide_next(stored.session, stored.desk)
    monkeypatch.undo()
    stored.session.rollback()
    assert answer_all(stored) == len(ASKS)
