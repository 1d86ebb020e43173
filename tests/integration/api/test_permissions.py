"""Role x route x ownership: everybody asks every route for somebody's object, and sees what the declaration says."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from services.api.app import create_app
from services.api.auth.permissions import Scope
from services.api.context import Context
from services.api.operations import Operation
from services.api.router import PUBLIC
from services.api.settings import ApiSettings
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from tests.support.api.permissions import PARTIES, ROWS, Row
from tests.support.api.responses import text_of
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
OPEN = {
    "/health/live", "/health/ready", "/openapi.json", "/oauth2/token", "/oauth2/jwks",
    "/.well-known/oauth-authorization-server",
}  # fmt: skip


def routes() -> list[APIRoute]:
    context = Context(ApiSettings(dsn="postgresql://nowhere"))  # type: ignore[arg-type]
    return [route for route in create_app(context).routes if isinstance(route, APIRoute)]


def declared() -> list[Operation]:
    return [route.endpoint.operation for route in routes() if route.endpoint.operation != PUBLIC]  # type: ignore[attr-defined]


def asked(api: RunningApi, party: str, row: Row, method: str, url: str) -> httpx.Response:
    headers = {"idempotency-key": uuid4().hex} if method != "GET" else {}
    return api.client(party).request(method, url, json=row.body, headers={**headers, **row.headers})


def told(response: httpx.Response) -> tuple[int, Any, set[str]]:
    """All that a caller can tell two answers apart by, beside the ids that every request gets by chance."""
    names = {name for name in response.headers if name != "x-request-id"}
    return response.status_code, text_of(response), names


def test_every_route_declares_who_may_use_it() -> None:
    for route in routes():
        assert hasattr(route.endpoint, "operation"), f"{route.path} is neither declared nor marked public"
    assert {route.path for route in routes() if route.endpoint.operation == PUBLIC} == OPEN  # type: ignore[attr-defined]


def test_every_route_stands_in_the_table() -> None:
    assert {(each.method, each.path) for each in declared()} == set(ROWS)


@pytest.mark.parametrize("each", declared(), ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("party", PARTIES)
def test_whoever_may_not_see_it_is_answered_as_if_it_were_not_there(
    api: RunningApi, party: str, each: Operation
) -> None:
    row = ROWS[each.method, each.path]
    answer = asked(api, party, row, each.method, row.own)
    if not _roles(api.dsn)[party] & each.needs.roles:
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:lianyun:problem:forbidden"
        return
    if party in row.sees:
        assert answer.status_code == row.status, answer.text
        if row.lists:
            assert answer.json()["items"]
        return
    assert told(answer) == told(asked(api, party, row, each.method, row.absent))
    if row.lists:
        # Neither items nor a place to go on, nor what could not be judged; what was looked at is the same for everybody.
        assert not any(value for name, value in answer.json().items() if name != "scope")
    else:
        assert answer.status_code == 404


@pytest.mark.parametrize("each", declared(), ids=lambda each: f"{each.method} {each.path}")
def test_a_route_needs_its_scope(api: RunningApi, each: Operation) -> None:
    row = ROWS[each.method, each.path]
    other = next(scope for scope in Scope if scope is not each.needs.scope)
    party = next(
        code for code, roles in _roles(api.dsn).items() if code in PARTIES and roles & each.needs.roles
    )
    headers = {"idempotency-key": uuid4().hex, **row.headers}
    answer = api.client(party, str(other)).request(each.method, row.own, json=row.body, headers=headers)
    assert answer.status_code == 403, answer.text
    assert answer.json()["scope"] == str(each.needs.scope)


@pytest.mark.parametrize("each", declared(), ids=lambda each: f"{each.method} {each.path}")
def test_nobody_gets_in_without_a_token(api: RunningApi, each: Operation) -> None:
    row = ROWS[each.method, each.path]
    with api.anonymous() as client:
        answer = client.request(each.method, row.own, json=row.body, headers=dict(row.headers))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("DPoP ")


@cache
def _roles(dsn: str) -> dict[str, frozenset[Any]]:
    """The roles of each party, which no test changes."""
    with open_session(dsn, "lianyun-test") as session:
        return {party.code: party.roles for party in store.read_snapshot(session).parties.values()}
