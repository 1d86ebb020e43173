"""Who gets in, and how everybody else is answered."""

from __future__ import annotations

import pytest

from tests.support.api.server import RunningApi
from tests.support.producers.condition import until

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


def test_who_is_not_let_in_is_counted_by_why_and_made_up_clients_are_one(api: RunningApi) -> None:
    metrics = api.context.metrics
    value = metrics.instruments.registry.get_sample_value

    def failures(reason: str) -> float:
        return value("lianyun_api_auth_failures_total", {"reason": reason}) or 0

    before = {reason: failures(reason) for reason in ("no_token", "bad_token", "replayed", "forbidden")}
    path = "/v1/consignments/xaport/XA-1"
    api.anonymous().get(path)
    api.anonymous().get(path, headers={"authorization": "Bearer nonsense"})
    sent = api.client("xaport").get(path).request.headers
    api.anonymous().get(path, headers={name: sent[name] for name in ("authorization", "dpop")})
    assert api.client("xaport", "credit:read").get(path).status_code == 403
    assert {reason: failures(reason) - count for reason, count in before.items()} == dict.fromkeys(before, 1)
    metrics.limited("somebody-made-this-up")
    metrics.limited("and-this")
    assert value("lianyun_api_rate_limited_total", {"client": "other"}) == 2
    assert value("lianyun_api_rate_limited_total", {"client": "and-this"}) is None
    assert value("lianyun_database_pool_size") == api.settings.api_threads
    until(lambda: value("lianyun_database_pool_in_use") == 0, "sessions are given back after the answer")
    until(lambda: value("lianyun_api_requests_in_progress") == 0, "no request is in progress")


def test_a_wrong_method_is_told_the_right_ones(api: RunningApi) -> None:
    answer = api.anonymous().delete("/oauth2/token")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["type"] == "urn:lianyun:problem:method-not-allowed"
