"""The application, with the short way before the framework."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.direct.table import Found, Table
from services.api.edge import Edge
from services.api.measuring import ApiMetrics
from services.api.performing import perform
from services.api.targets import OwnNames
from services.telemetry.tracing import Spans

_FOUND = "lianyun.found"
_REFUSED = "lianyun.refused"


class Application(FastAPI):
    """The framework, asked only for what the table of its own routes does not find, or for a body that is refused."""

    _table = Table(())

    def shorten(
        self, names: OwnNames, metrics: ApiMetrics, body_limit: int, spans: Spans | None = None
    ) -> None:
        """From now on find the present routes without the framework; behind the same layer as its own answers."""
        self._table, self._names = Table(self.router.routes), names
        self._edge = Edge(self._performed, metrics, body_limit, spans)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the table where it finds the route, else as the framework does; what is not addressed to it is refused."""
        found = None
        if scope["type"] == "http":
            refused = self._names.address(scope)
            if refused is not None:
                scope["app"], scope[_REFUSED] = self, refused
                await self._edge(scope, receive, send)
                return
            found = self._table.found(scope)
        if found is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope["route"], scope[_FOUND] = self, found.route, found
        await self._edge(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's layers; what of them lies behind the edge also tells what is wrong with a body."""
        layers = super().build_middleware_stack()
        behind = layers
        while not isinstance(behind, Edge):
            behind = behind.app  # type: ignore[attr-defined]
        self._behind_edge = behind.app
        return layers

    async def _performed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _REFUSED in scope:
            await scope[_REFUSED].response()(scope, receive, send)
            return
        found: Found = scope[_FOUND]
        request = Request(scope, receive)
        try:
            raw = b"" if found.body is None else await request.body()
        except ClientDisconnect:
            return
        parameters = found.with_body(raw)
        if parameters is None:
            await self._behind_edge(scope, _again(raw, receive), send)
            return
        response = await perform(found.declared, request, parameters)
        await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """What receives ``body``, which was received already, and then what follows."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return pending.pop() if pending else await receive()

    return received
