"""Who gets in, and how everybody else is answered."""

from __future__ import annotations

import pytest

from tests.calling.running import RunningApi

pytestmark = pytest.mark.integration


def test_a_party_reads_its_own_consignment(api: RunningApi) -> None:
    answer = api.client("xaport").get("/v1/consignments/xaport/XA-1")
    assert answer.status_code == 200, answer.text
    assert answer.json()["consignment"] == "xaport/XA-1"
    again = api.client("xaport").get(
        "/v1/consignments/xaport/XA-1", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""


def test_without_a_token_nobody_is_known(api: RunningApi) -> None:
    answer = api.anonymous().get("/v1/consignments/xaport/XA-1")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("DPoP ")


def test_what_there_is_not_is_a_problem(api: RunningApi) -> None:
    answer = api.client("xaport").get("/v1/consignments/xaport/nothing")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:lianyun:problem:not-found"
    assert api.anonymous().get("/nowhere").json()["type"] == "urn:lianyun:problem:not-found"
    assert api.anonymous().post("/health/live").json()["type"] == "urn:lianyun:problem:method-not-allowed"


def test_a_proof_is_good_for_one_request(api: RunningApi) -> None:
    answer = api.client("xaport").get("/v1/consignments/xaport/XA-1")
    sent = answer.request.headers
    headers = {name: sent[name] for name in ("authorization", "dpop")}
    again = api.anonymous().get("/v1/consignments/xaport/XA-1", headers=headers)
    assert again.status_code == 401
    assert again.json()["type"] == "urn:lianyun:problem:proof-replayed"


def test_a_wrong_method_is_told_the_right_ones(api: RunningApi) -> None:
    answer = api.anonymous().delete("/oauth2/token")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["type"] == "urn:lianyun:problem:method-not-allowed"
