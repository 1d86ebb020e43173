"""The outermost layer: an id for every request, a bound for every body, and an answer whatever fails behind it."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.measuring import ApiMetrics
from services.api.problems import Problem

log = logging.getLogger(__name__)


class TooLarge(HTTPException):
    """A body beyond the limit; an HTTPException, because the framework passes only those through."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


class Edge:
    """ASGI middleware around everything. An unexpected error answers as a problem with the id under which it is logged."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, body_limit: int) -> None:
        self._app, self._metrics, self._limit = app, metrics, body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["id"] = request_id
        status = 0
        taken = 0
        self._metrics.in_progress.inc()

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(self._limit)
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            declared = _content_length(scope)
            if declared is not None and declared > self._limit:
                response = Problem(
                    "content-too-large", limit=self._limit, headers={"connection": "close"}
                ).response()
                await response(scope, receive, sending)
            else:
                await self._app(scope, bounded, sending)
        except Exception:
            # Whatever it says stays here: it may name tables, paths or somebody else's data.
            log.exception("a request failed", extra={"action": "api_failed", "request": request_id})
            if status == 0:
                await Problem("internal", trace=request_id).response()(scope, receive, sending)
        finally:
            self._metrics.in_progress.dec()
            route: Any = scope.get("route")
            self._metrics.count(getattr(route, "path", ""), status, time.monotonic() - started)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else None
    return None
