"""Control of a document in the register of documents is what a financing goes by: proven by the effective transfer, not by the bank's word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from services.documents.domain.transfer import Action as Act
from services.financing.domain.control import ControlState
from services.financing.domain.decisions import Action, Terms
from services.financing.domain.documents import Box, Note, Papers
from services.financing.domain.requests import DecisionRequest
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.documents_stored import BANK, BILL, CARRIER, CONSIGNEE, ISSUER, SHIPPER, Documents, cosign
from tests.support.financing.stored_world import Stored, events_of, stories_database
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
MARCH = micros("2026-03-03T00:00Z")
NAME = f"{BANK}/GD-1"


def case_with_delivery() -> Case:
    """The base of the stories with the delivery of its first box, without the railway's record of the duplicate."""
    first = cases()[0]
    delivered = {
        "id": "delivered-1", "by": "dit", "at": "2026-03-20T10:00+01:00", "type": "movement.delivered",
        "says": {"objects": "container CSQU3054383", "place": "duisburg"},
    }  # fmt: skip
    events = (*(e for e in first.story.events if e["id"] != "control-1"), delivered)
    written = (*(e for e in first.events if e["id"] != "control-1"), delivered)
    return replace(first, story=replace(first.story, events=events), _written=written)


@pytest.fixture
def world(postgres: DatabaseAddress) -> Iterator[tuple[Stored, Documents]]:
    address = stories_database(postgres, "documents_financing")
    stored = Stored(address, events_of(case_with_delivery()))
    stored.begin()
    stored.session.commit()
    stored.hear(micros("2026-03-10T00:00Z"))
    with open_session(address, "lianyun-test") as session:
        clock = MARCH
        documents = Documents(session)
        documents.service = replace(documents.service, clock=lambda _s: (clock, 1))
        yield stored, documents
    stored.close()


def ask(stored: Stored, action: Action, number: int) -> tuple[str, str]:
    terms = Terms("optic/AP-GA", "optic", "IN_TRANSIT_GOODS", "GOODS") if action is Action.RESERVE else None
    papers = Papers(
        notes=(Note("SMGS/CN/XAY/100001/2026"),),
        boxes=(Box("CSQU3054383", "railnet:xian-intl-port", date(2026, 3, 2)),),
        consignments=("xaport/XA-1",),
    )
    request = DecisionRequest(action, BANK, f"{action}-{number}", NAME, terms=terms)
    if action is Action.RESERVE:
        request = replace(request, papers=papers)
    on = (cases()[0].ask(0)[2]) if action is Action.RESERVE else ()
    decision, _ = stored.ask(request, micros("2026-03-10T00:00Z"), on)
    return str(decision.outcome), decision.guard


def test_a_pledge_needs_the_original_and_the_effective_transfer_is_its_proof(
    world: tuple[Stored, Documents],
) -> None:
    stored, documents = world
    assert ask(stored, Action.RESERVE, 1) == ("DONE", "")
    assert ask(stored, Action.PLEDGE, 1) == ("REFUSED", "CONTROL")
    documents.issued()
    assert ask(stored, Action.PLEDGE, 2) == ("REFUSED", "CONTROL")  # the shipper holds it
    documents.do(Act.PLEDGE, SHIPPER, BANK)
    assert ask(stored, Action.PLEDGE, 3) == ("REFUSED", "CONTROL")  # and still does until it is effective
    cosign(documents.session)
    assert ask(stored, Action.PLEDGE, 4) == ("DONE", "")
    now = micros("2026-03-11T00:00Z")
    status = stored.status(NAME, BANK, now)
    assert status is not None
    (control,) = [each for each in status.control if each.transfer]
    chain = documents.register.chain
    assert chain is not None
    assert (control.state, control.holder, control.transfer) == (ControlState.HELD, BANK, chain.last)
    assert control.note == f"{BILL.number} of {ISSUER}"


def test_delivery_without_surrender_alerts_the_pledgee(world: tuple[Stored, Documents]) -> None:
    stored, documents = world
    ask(stored, Action.RESERVE, 1)
    documents.issued()
    documents.done(Act.PLEDGE, SHIPPER, BANK)
    assert ask(stored, Action.PLEDGE, 1) == ("DONE", "")
    stored.hear(micros("2026-03-31T00:00Z"))
    later = micros("2026-03-31T00:00Z")
    status = stored.status(NAME, BANK, later)
    assert status is not None
    found = [each for each in status.alerts if each.covenant == "DELIVERED_WITHOUT_SURRENDER"]
    assert [each.about for each in found] == [f"{BILL.number} of {ISSUER}"]


def test_surrendered_before_the_delivery_it_alerts_nobody_of_that(world: tuple[Stored, Documents]) -> None:
    stored, documents = world
    ask(stored, Action.RESERVE, 1)
    documents.issued()
    documents.done(Act.PLEDGE, SHIPPER, BANK)
    assert ask(stored, Action.PLEDGE, 1) == ("DONE", "")
    documents.done(Act.RELEASE, BANK)
    status = stored.status(NAME, BANK, micros("2026-03-11T00:00Z"))
    assert status is not None
    assert any(
        each.covenant == "CONTROL_LAPSED" and "HELD_BY_ANOTHER" in each.about for each in status.alerts
    )
    documents.done(Act.ENDORSE, SHIPPER, CONSIGNEE)
    documents.done(Act.SURRENDER_FOR_DELIVERY, CONSIGNEE, CARRIER)
    stored.hear(micros("2026-03-31T00:00Z"))
    status = stored.status(NAME, BANK, micros("2026-03-31T00:00Z"))
    assert status is not None
    covenants = {each.covenant for each in status.alerts}
    assert "DELIVERED_AGAINST_PLEDGE" in covenants
    assert "DELIVERED_WITHOUT_SURRENDER" not in covenants
