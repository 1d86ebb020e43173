"""The application, with the short way before the framework."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from services.api.direct.table import Found, Table
from services.api.edge import Edge
from services.api.measuring import ApiMetrics
from services.api.performing import perform
from services.observability.tracing import Spans

_FOUND = "lianyun.found"


class Application(FastAPI):
    """The framework, asked only for what the table of its own routes does not find."""

    _table = Table(())

    def shorten(self, metrics: ApiMetrics, body_limit: int, spans: Spans | None = None) -> None:
        """From now on find the present routes without the framework; behind the same layer as its own answers."""
        self._table = Table(self.router.routes)
        self._edge = Edge(_performed, metrics, body_limit, spans)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the table where it finds the route, else as the framework does."""
        found = self._table.found(scope) if scope["type"] == "http" else None
        if found is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope["route"], scope[_FOUND] = self, found.route, found
        await self._edge(scope, receive, send)


async def _performed(scope: Scope, receive: Receive, send: Send) -> None:
    found: Found = scope[_FOUND]
    response = await perform(found.declared, Request(scope, receive), found.parameters)
    await response(scope, receive, send)
