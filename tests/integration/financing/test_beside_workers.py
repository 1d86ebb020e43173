"""A worker that brings a delivery and a bank that pledges the same cargo: one of the two sees the other, always."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.financing.domain.decisions import Action, Decision
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.status_reader import status_of
from services.ledger.storage import points
from services.ledger.storage.decision_locks import database_clock
from services.ledger.storage.session import open_session
from tests.stories.story import Told
from tests.support.financing.stored_world import SIGNER, Stored, events_of, tell, value
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import KEY
from tests.support.storage.writers import Pausing, start

pytestmark = pytest.mark.integration
CASE: Case = next(case for case in cases() if case.slug.startswith("03_"))
SOON = micros("2026-03-03T10:00+08:00")
WATCHED = "SELECT count(*) FROM lianyun.financing_watch"


@pytest.fixture
def reserved(dsn: str) -> Iterator[Stored]:
    """The goods are reserved; the delivery is not known yet."""
    ask, at, on = CASE.ask(0)
    stored = Stored(dsn, [event for event in events_of(CASE) if event[1].short != "delivered"])
    stored.begin()
    decision, _ = stored.ask(ask, at, on)
    assert decision.done
    stored.hear(SOON)
    yield stored
    stored.close()


def delivery() -> Told:
    return next(told for _, told in events_of(CASE) if told.short == "delivered")


def bring(dsn: str) -> None:
    """What a worker does with the delivery."""
    with open_session(dsn, "lianyun-test") as session:
        tell(session, delivery(), SOON)
        session.commit()


def test_a_delivery_waits_for_the_pledge_and_is_put_down_for_it(dsn: str, reserved: Stored) -> None:
    reserved._at = SOON
    decision = reserved.desk.decide(
        reserved.session, DecisionRequest(Action.PLEDGE, "abank", "p", "abank/GD-1")
    )
    assert decision.done
    worker = start("worker", lambda: bring(dsn))
    time.sleep(0.3)
    assert worker.thread.is_alive(), "the worker waits at the heads of the cargo"
    reserved.session.commit()
    worker.join()
    assert value(dsn, WATCHED) == 1


def test_a_fact_that_a_later_link_leads_to_the_cargo_is_put_down(dsn: str, reserved: Stored) -> None:
    """A box was gated out before anybody said what is in it: whoever holds the pledge learns of it when that is said."""
    reserved._at = SOON
    assert reserved.desk.decide(
        reserved.session, DecisionRequest(Action.PLEDGE, "abank", "p", "abank/GD-1")
    ).done
    reserved.session.commit()
    extra = (
        {"id": "out", "by": "dit", "at": "2026-03-20T09:00+01:00", "type": "movement.gated_out",
         "says": {"objects": "container TBJU7000010", "place": "duisburg"}},
        {"id": "in-it", "by": "xaport", "at": "2026-03-21T09:00+01:00", "type": "link.containers_assigned",
         "says": {"containers": ["TBJU7000010"], "carries": ["consignment xaport/XA-1"], "from": "2026-03-02T08:00+08:00"}},
        {"id": "other-box", "by": "xaport", "at": "2026-03-21T09:00+01:00", "type": "link.containers_assigned",
         "says": {"containers": ["TBJU7000031"], "carries": ["consignment xaport/XA-1"], "from": "2026-03-02T08:00+08:00"}},
    )  # fmt: skip
    case = replace(
        CASE, story=replace(CASE.story, events=(*CASE.story.events, *extra)), _written=(*CASE.events, *extra)
    )
    out, in_it, other = (told for _, told in events_of(case)[-3:])
    for told, expected in ((out, 0), (other, 0), (in_it, 1)):
        with open_session(dsn, "lianyun-test") as session:
            tell(session, told, SOON)
            session.commit()
        assert value(dsn, WATCHED) == expected, told.short
    query = "SELECT i.id FROM lianyun.financing_watch w JOIN lianyun.identity i USING (no)"
    assert value(dsn, query).bytes == out.event, "the fact itself, not the link"
    late = micros("2026-03-22T00:00Z")
    seen = status_of(reserved.session, "abank/GD-1", "abank", late, late)
    assert seen is not None
    assert "GATED_OUT_AGAINST_PLEDGE" in {alert.covenant for alert in seen.alerts}


@pytest.mark.usefixtures("reserved")
def test_a_pledge_waits_for_the_delivery_and_is_refused(dsn: str) -> None:
    pause = Pausing("worker", "before_commit")
    points.install(pause)
    worker = start("worker", lambda: bring(dsn))
    assert pause.reached.wait(30)
    answered: list[Decision] = []

    def pledge() -> None:
        desk = DecisionService(
            KeyRing([KEY]), SIGNER, clock=lambda s: (SOON + 36 * 3_600 * 1_000_000, database_clock(s)[1])
        )
        with open_session(dsn, "lianyun-test") as session:
            answered.append(desk.decide(session, DecisionRequest(Action.PLEDGE, "abank", "p", "abank/GD-1")))
            session.commit()

    bank = threading.Thread(target=pledge, name="bank", daemon=True)
    bank.start()
    time.sleep(0.3)
    assert not answered, "the bank waits for the worker"
    pause.go_on.set()
    worker.join()
    bank.join(30)
    assert [decision.guard for decision in answered] == ["NOT_DELIVERED"]
    assert value(dsn, WATCHED) == 0


def test_a_delivery_dated_before_the_drawdown_lifts_nothing(dsn: str, reserved: Stored) -> None:
    for number in (1, 2):
        ask, at, _ = CASE.ask(number)
        decision, _ = reserved.ask(ask, at)
        assert decision.done
    bring(dsn)
    now = micros("2026-03-21T00:00Z")
    seen = status_of(reserved.session, "abank/GD-1", "abank", now, now)
    assert seen is not None
    assert [alert.covenant for alert in seen.alerts] == ["DELIVERED_AGAINST_PLEDGE"]
    assert seen.alerts[0].events == (delivery().event,)
    assert (seen.stage.value, seen.drawn, seen.blocks_release) == ("DRAWN", Money(100_000_000, "CNY"), True)
    assert value(dsn, WATCHED) == 1
