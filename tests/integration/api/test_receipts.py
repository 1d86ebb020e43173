"""Receipts over HTTP verify without the API, and show nothing that the matrix does not."""

from __future__ import annotations

import base64

import pytest

from services.credit.store import records
from services.ledger.storage.session import open_session
from services.transparency.domain.bundle import Bundle
from services.transparency.domain.receipt import Receipt
from services.transparency.store.bundles import decision_of
from tests.support import receipts
from tests.support.api.cast import SHARED_BOX
from tests.support.api.server import RunningApi
from tests.support.receipts import TRUST

pytestmark = pytest.mark.integration


def bundle(api: RunningApi, party: str, path: str) -> tuple[Bundle, str]:
    answer = api.client(party).get(path)
    assert answer.status_code == 200, answer.text
    return Bundle.of_json(answer.json()), answer.text


def test_an_event_of_ones_own(api: RunningApi) -> None:
    path = f"/v1/events/receipt?source=//cr.example&id={receipts.DELIVERED}"
    answer = api.client("cr").get(path)
    assert Receipt.of_json(answer.json()).verified(TRUST).document.place.startswith("cre.financing.v1/")
    again = api.client("cr").get(path, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_hand_over_shows_nothing_of_other_boxes(api: RunningApi) -> None:
    made, text = bundle(api, "silk", f"/v1/handovers/receipt?container={receipts.HANDED_OVER}&place=Dostyk")
    found = made.verified(TRUST)
    assert found.statement.startswith(f"The platform states: Box {receipts.HANDED_OVER} was handed over at")
    assert found.withheld == 2
    shown = text.encode() + b"".join(part.document.text for part in made.parts if part.document)
    assert SHARED_BOX.encode() not in shown
    assert base64.b64encode(SHARED_BOX.encode()) not in shown


def test_a_pledge_and_a_decision_are_the_banks_own_and_logged(api: RunningApi) -> None:
    made, _ = bundle(api, "abank", "/v1/financings/LN-1/receipt")
    assert made.verified(TRUST).claim.about["financing"] == "abank/LN-1"
    with open_session(api.dsn) as session:
        ((number,),) = session.execute(
            "SELECT number FROM lianyun.financing_decision WHERE financing = 'abank/LN-1' AND action = 'PLEDGE'"
        ).fetchall()
        found = decision_of(session, number)
    assert found is not None
    shown = api.context.seal.number("decision", "abank", number)
    made, _ = bundle(api, "abank", f"/v1/decisions/{shown}/receipt")
    assert made.verified(TRUST).claim.about["action"] == "PLEDGE"
    for party, other in (("bbank", shown), ("bbank", api.context.seal.number("decision", "bbank", number))):
        assert api.client(party).get(f"/v1/decisions/{other}/receipt").status_code == 404
    read = api.rows(
        "SELECT resource FROM lianyun.access_log WHERE route LIKE '%%/receipt' AND party = 'abank'"
    )
    assert {"financing:abank/LN-1", f"decision:{shown}"} <= {row[0] for row in read}


def test_what_is_not_cosigned_yet_says_when_to_ask_again(api: RunningApi) -> None:
    client = api.client("bbank")
    given = client.get("/v1/shippers/textil/credit?purpose=FINANCING_APPLICATION")
    path = f"/v1/shippers/textil/credit/receipt?purpose=FINANCING_APPLICATION&record={given.json()['record']}"
    pending = client.get(path)
    assert (pending.status_code, pending.json()["type"]) == (503, "urn:lianyun:problem:receipt-pending")
    assert pending.headers["retry-after"] == "2"
    with open_session(api.dsn) as session:
        session.autocommit = True
        receipts.grow(session)
        receipts.cosign(session)
        assert records.issued_records(session, "bbank", "textil")
    made, _ = bundle(api, "bbank", path)
    assert made.verified(TRUST).claim.about["shipper"] == "textil"
    assert api.client("abank").get(path).status_code == 404
