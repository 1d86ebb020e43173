"""Every operation says what it answers, and answers that."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.api.app import described
from tests.support.api.permissions import PARTIES, ROWS
from tests.support.api.published import require_published, schema_of
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
OPEN = (
    "/health/live",
    "/health/ready",
    "/openapi.json",
    "/oauth2/jwks",
    "/.well-known/oauth-authorization-server",
)


def test_every_success_has_a_schema() -> None:
    for path, operations in described()["paths"].items():  # type: ignore[attr-defined]
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and status != "204":
                    content = answer.get("content", {})
                    assert content, (method, path, status)
                    assert all(each["schema"] for each in content.values()), (method, path, status)


# What is removed can be removed but once, by the test of permissions; its answer has no content.
@pytest.mark.parametrize("key", sorted(key for key in ROWS if ROWS[key].status != 204), ids=" ".join)
def test_an_answer_has_the_published_form(api: RunningApi, key: tuple[str, str]) -> None:
    row, statuses = ROWS[key], set[int]()
    for party in sorted(row.sees & {*PARTIES}):
        sent = {"idempotency-key": uuid4().hex, **row.headers} if key[0] != "GET" else {}
        answer = api.client(party).request(key[0], row.own, json=row.body, headers=sent)
        if answer.is_success and answer.content:
            assert schema_of(key[0], row.own.partition("?")[0], answer.status_code) is not None
        statuses.add(answer.status_code)
    # Of what a row shows to nobody here (an event by its handle, a removal) the tests of that route look at the answer.
    assert statuses & {200, 201, 202, 204, row.status} or not row.sees & {*PARTIES}, statuses


@pytest.mark.parametrize("path", OPEN)
def test_an_open_answer_has_the_published_form(api: RunningApi, path: str) -> None:
    answer = api.anonymous().get(path)
    assert schema_of("GET", path, answer.status_code) is not None
    require_published(answer)


def test_a_token_has_the_published_form(api: RunningApi) -> None:
    auth = api.auth("xaport")
    api.client("xaport").get("/v1/platform-keys")
    seen = []
    for request in auth.auth_flow(api.anonymous().build_request("GET", "/health/live")):
        seen.append(request)
        break
    answer = api.anonymous().send(seen[0])
    assert answer.status_code == 200
    assert schema_of("POST", "/oauth2/token", 200) is not None
    require_published(answer)


def test_a_financing_is_had_as_a_signed_answer(api: RunningApi) -> None:
    answer = api.client("abank").get("/v1/financings/LN-1?signed=true")
    content = described()["paths"]["/v1/financings/{reference}"]["get"]["responses"]["200"]["content"]  # type: ignore[index]
    assert (answer.status_code, answer.headers["content-type"] in content) == (200, True)
