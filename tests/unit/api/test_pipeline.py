"""What comes of a call beside its answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from schemas.events.base import Role
from services.api.auth.gate import Caller
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.operations import Operation
from services.api.pipeline import answer
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry


@pytest.mark.parametrize("nothing", [True, False])
def test_an_empty_page_is_held_back_like_what_is_absent(nothing: bool) -> None:
    request = Request({"type": "http", "method": "GET", "path": "/v1/things", "headers": [], "state": {}})
    call = Call(
        context=cast(Any, SimpleNamespace(settings=SimpleNamespace(network="demo"))),
        request=request,
        route="/v1/things",
        id="0" * 16,
        caller=Caller("abank", frozenset(), "", ""),
        party=Party(1, "abank", "A Bank", frozenset({Role.BANK})),
        registry=cast(Registry, None),
        now=0,
        body=b"",
    )
    operation = Operation(
        "/v1/things",
        "GET",
        Needs(Scope.FINANCING_READ),
        idempotent=False,
        transaction=True,
        function=lambda _call: Answer({"items": []}, nothing=nothing),
    )
    assert asyncio.run(answer(operation, call, {})).body == {"items": []}
    assert request.state.nothing is nothing
