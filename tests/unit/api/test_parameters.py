"""What is bound without the framework is bound as the framework does it; what is not in order is left to it."""

from __future__ import annotations

import asyncio
import inspect
import typing
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from services.api.app import create_app
from services.api.context import Context
from services.api.operations import Operation
from services.api.parameters import Binding
from services.api.settings import ApiSettings


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str
    pair: tuple[int, ...] = ()


def route(
    kind: Annotated[Literal["a", "b"], Query()],
    ref: Annotated[str, Path(pattern="^[a-z]+$")],
    body: Thing,
    limit: Annotated[int, Query(ge=1, le=9)] = 5,
    only: Annotated[bool, Query(alias="open")] = False,
    more: str | None = None,
) -> list[Any]:
    return [kind, ref, body.model_dump(mode="json"), limit, only, more]


def own() -> list[inspect.Parameter]:
    hints = typing.get_type_hints(route, include_extras=True)
    return [
        each.replace(annotation=hints[name]) for name, each in inspect.signature(route).parameters.items()
    ]


BINDING = Binding.of(own(), frozenset({"ref"}))
APP = FastAPI()
APP.post("/{ref}")(route)


async def framework(target: str, body: bytes) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://api") as client:
        return await client.post(target, content=body, headers={"content-type": "application/json"})


def bound(path: str, query: str, body: bytes, media_type: str) -> dict[str, Any] | None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query.encode(),
        "path_params": {"ref": path[1:]},
        "headers": [(b"content-type", media_type.encode())],
    }
    assert BINDING is not None
    return asyncio.run(BINDING.values(Request(scope, receive)))


@pytest.mark.parametrize(
    "query", ["kind=a", "kind=b&limit=9&open=true&more=x", "kind=a&kind=b&other=1", "kind=a&open=1&more="]
)
@pytest.mark.parametrize("body", [b'{"word":"x"}', b' {"word":"x","pair":[1,2]}'])
def test_what_is_in_order_is_bound_as_by_the_framework(query: str, body: bytes) -> None:
    values = bound("/abc", query, body, "application/json")
    answer = asyncio.run(framework(f"/abc?{query}", body))
    assert values is not None
    assert answer.json() == route(**values)


@pytest.mark.parametrize(
    ("path", "query", "body", "media_type"),
    [
        ("/abc", "", b'{"word":"x"}', "application/json"),
        ("/abc", "kind=c", b'{"word":"x"}', "application/json"),
        ("/ABC", "kind=a", b'{"word":"x"}', "application/json"),
        ("/abc", "kind=a&limit=0", b'{"word":"x"}', "application/json"),
        ("/abc", "kind=a&limit=", b'{"word":"x"}', "application/json"),
        ("/abc", "kind=a&open=maybe", b'{"word":"x"}', "application/json"),
        ("/abc", "kind=a", b'{"word":"x","y":1}', "application/json"),
        ("/abc", "kind=a", b"{", "application/json"),
        ("/abc", "kind=a", b"", "application/json"),
        ("/abc", "kind=a", b"null", "application/json"),
        ("/abc", "kind=a", b"[" * 100_000, "application/json"),
        ("/abc", "kind=a", b'{"word":"x"}', "text/plain"),
    ],
)
def test_what_is_not_in_order_is_left_to_the_framework(
    path: str, query: str, body: bytes, media_type: str
) -> None:
    assert bound(path, query, body, media_type) is None


def test_every_declared_route_knows_what_it_binds() -> None:
    context = Context(ApiSettings(dsn="postgresql://nowhere"))  # type: ignore[arg-type]
    declared = [
        each
        for each in create_app(context).routes
        if isinstance(getattr(getattr(each, "endpoint", None), "operation", None), Operation)
    ]
    unbound = set()
    for each in declared:
        _, *parameters = inspect.signature(each.endpoint).parameters.values()  # type: ignore[attr-defined]
        if Binding.of(parameters, frozenset(each.param_convertors)) is None:  # type: ignore[attr-defined]
            unbound.add(each.path)  # type: ignore[attr-defined]
    steps = {"/v1/financings/{reference}/pledge", "/v1/financings/{reference}/release"}
    assert unbound == steps, "whose body may be left out"
