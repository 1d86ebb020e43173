"""What a caller is answered counts nothing that others did: neither numbers, nor cursors, handles and tags."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.api.permissions import PARTIES, ROWS
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
COUNTERS = {"number", "position", "record", "no", "offset", "sequence", "version"}


def members(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from members(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from members(each, name)
    else:
        yield name, value


@pytest.mark.parametrize("key", sorted(ROWS), ids=" ".join)
def test_no_answer_holds_a_counter_of_the_platform(api: RunningApi, key: tuple[str, str]) -> None:
    row = ROWS[key]
    if key[0] == "DELETE":
        return
    for party in sorted(row.sees & {*PARTIES}):
        sent = {"idempotency-key": uuid4().hex, **row.headers} if key[0] != "GET" else {}
        answer = api.client(party).request(key[0], row.own, json=row.body, headers=sent)
        body = answer.json()
        if key[1].endswith("/answers"):
            for each in body["answers"]:
                assert each.pop("number") in range(1, 11)  # of the question
        for name, value in members(body):
            if name == "version" and key[1].startswith(("/v1/document", "/v1/trade")):
                continue  # of the document by its issuer, of a trade's data by its owner
            if key[1] == "/v1/sandbox/conformance":
                continue  # what the cases would have published
            if name in COUNTERS and isinstance(value, int):
                assert 2**52 <= value < 2**53, (name, value)
            if name in ("next", "handle") and value is not None:
                raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
                # Sealed bytes are any bytes: a bracket among them says nothing, a number or a topic does.
                assert not re.search(rb"\[\d{2,},|cre\.[a-z]", raw), (name, raw)


def test_the_number_of_a_decision_is_the_same_wherever_it_is_shown(api: RunningApi) -> None:
    bank = api.client("abank")
    status = bank.get("/v1/financings/LN-1").json()
    numbers = [step["number"] for step in status["history"] if step["number"]]
    assert status["position"] in numbers
    assert [
        s["number"] for s in bank.get("/v1/financings/LN-1/history").json()["items"] if s["number"]
    ] == numbers
    listed = {each["financing"]: each["position"] for each in bank.get("/v1/financings").json()["items"]}
    found = bank.get("/v1/financing-status?kind=consignment&id=xaport/XA-1").json()["financings"]
    assert {each["financing"]: each["position"] for each in found} == {
        name: position for name, position in listed.items() if name in ("abank/LN-1", "abank/GD-1")
    }
    assert listed["abank/LN-1"] == status["position"]
    stored = api.rows(
        "SELECT number FROM lianyun.financing_decision WHERE financing = 'abank/LN-1' ORDER BY number"
    )
    assert [api.context.seal.number("decision", "abank", number) for (number,) in stored] == numbers


def test_a_place_in_the_feed_can_be_gone_on_from_and_not_be_read(api: RunningApi) -> None:
    bank = api.client("abank")
    place = bank.get("/v1/alert-feed").json()["next"]
    raw = base64.urlsafe_b64decode(place + "=" * (-len(place) % 4))
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        json.loads(raw[16:])
    assert bank.get("/v1/alert-feed", params={"cursor": place}).json()["items"] == []
    assert api.client("bbank").get("/v1/alert-feed", params={"cursor": place}).status_code == 400
