"""What the parties of one consignment see of it, through the whole API."""

from __future__ import annotations

from typing import Any

import pytest

from services.api.access.filter import number_digest
from tests.support.api.cast import DECLARATION, SHARED_BOX
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration


def timeline(api: RunningApi, party: str, ref: str = "xaport/XA-1") -> list[dict[str, Any]]:
    answer = api.client(party).get(f"/v1/consignments/{ref}/timeline")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def names(items: list[dict[str, Any]]) -> set[str]:
    return {each["milestone"] for each in items}


def test_the_shipper_sees_everything(api: RunningApi) -> None:
    seen = timeline(api, "optic")
    found = next(each for each in seen if each["milestone"] == "customs.inspection_finding")
    assert found["object"] == f"declaration:{DECLARATION}"
    assert found["finding"] == "QUANTITY"
    body = api.client("optic").get("/v1/consignments/xaport/XA-1").json()
    assert body["invoices"][0]["grand_total_amount"] == {"minor_units": 417500000, "currency_code": "CNY"}
    assert body["goods"] == [{"hs": "8541430000", "by": "silk"}]


def test_the_operator_sees_hold_and_release_and_no_price(api: RunningApi) -> None:
    seen = timeline(api, "xaport")
    assert "customs.inspection_finding" not in names(seen)
    assert "document.invoice_issued" not in names(seen)
    released = next(each for each in seen if each["milestone"] == "customs.released")
    assert released["object"] is released["by"] is released["event"] is None
    body = api.client("xaport").get("/v1/consignments/xaport/XA-1").json()
    assert body["invoices"] is None
    assert body["goods"] == [{"hs": "85", "by": "silk"}]
    assert DECLARATION.partition("/")[2] not in str(body)


def test_the_pledgee_sees_where_the_goods_are_and_no_invoice(api: RunningApi) -> None:
    body = api.client("abank").get("/v1/consignments/xaport/XA-1").json()
    assert body["movement"]["milestone"] == "movement.delivered"
    assert body["invoices"] is None
    assert body["goods"] == [{"hs": "8541", "by": "silk"}]
    assert "customs.inspection_finding" not in names(timeline(api, "abank"))


def test_a_bank_sees_by_consent_what_its_shipper_owns_and_nothing_beside(api: RunningApi) -> None:
    assert api.client("bbank").get("/v1/consignments/xaport/XA-2").status_code == 200
    listed = api.client("bbank").get("/v1/consignments", params={"container": SHARED_BOX}).json()
    assert [each["consignment"] for each in listed["items"]] == ["xaport/XA-2"]
    both = api.client("silk").get("/v1/consignments", params={"container": SHARED_BOX}).json()
    assert {each["consignment"] for each in both["items"]} == {"xaport/XA-2", "xaport/XA-3"}


def test_a_list_goes_on_where_its_cursor_says_and_for_nobody_else(api: RunningApi) -> None:
    first = api.client("silk").get("/v1/consignments", params={"container": SHARED_BOX, "limit": 1})
    assert first.json()["next"]
    assert 'rel="next"' in first.headers["link"]
    more = {"container": SHARED_BOX, "limit": 1, "cursor": first.json()["next"]}
    second = api.client("silk").get("/v1/consignments", params=more).json()
    assert second["next"] is None
    assert second["items"] != first.json()["items"]
    stolen = api.client("toys").get("/v1/consignments", params=more)
    assert stolen.status_code == 400
    assert stolen.json()["type"] == "urn:lianyun:problem:cursor-invalid"


def test_pages_of_a_timeline_are_the_timeline(api: RunningApi) -> None:
    whole = timeline(api, "optic")
    found: list[dict[str, Any]] = []
    target = "/v1/consignments/xaport/XA-1/timeline?limit=2"
    for _ in range(len(whole)):
        answer = api.client("optic").get(target)
        found += answer.json()["items"]
        if "link" not in answer.headers:
            break
        target = answer.headers["link"].split(">")[0].removeprefix("<")
    assert found == whole
    assert [each["recorded"] for each in whole] == sorted(each["recorded"] for each in whole)


def test_a_declaration_leads_to_its_consignment_in_either_spelling(api: RunningApi) -> None:
    for text in (DECLARATION, DECLARATION.partition("/")[2]):
        answer = api.client("optic").get("/v1/consignments", params={"declaration": text})
        assert [each["consignment"] for each in answer.json()["items"]] == ["xaport/XA-1"]


def test_a_search_names_one_thing(api: RunningApi) -> None:
    for params in ({}, {"container": SHARED_BOX, "ref": "xaport/XA-1"}):
        answer = api.client("optic").get("/v1/consignments", params=params)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:lianyun:problem:invalid"


def test_a_bank_that_files_numbers_compares_digests() -> None:
    assert number_digest("xaport/XA-1", DECLARATION) != number_digest("xaport/XA-2", DECLARATION)
