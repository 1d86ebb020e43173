"""The outermost layer: an id for every request, its target, a bound for its body, and an answer whatever fails behind it."""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.measuring import ApiMetrics
from services.api.problems import Problem
from services.api.targets import OwnNames
from services.api.tracing import ProblemTrace, RequestTrace
from services.observability.tracing import Spans

log = logging.getLogger(__name__)


class TooLarge(HTTPException):
    """A body beyond the limit; an HTTPException, because the framework passes only those through."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


class Edge:
    """ASGI middleware around everything. An unexpected error answers as a problem with the id under which it is logged.

    Every problem gets the trace id of its request, whoever made it: also one that is answered again from the store.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: OwnNames,
        metrics: ApiMetrics,
        body_limit: int,
        spans: Spans | None = None,
    ) -> None:
        self.app, self._names = app, names
        self._metrics, self._limit, self._spans = metrics, body_limit, spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        tracing = RequestTrace(scope, self._spans)
        request_id = tracing.id
        scope.setdefault("state", {}).update(id=request_id, tracing=tracing)
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
            for each in completed(message):
                await send(each)

        completed = ProblemTrace(tracing.trace_id)

        try:
            declared = _content_length(scope)
            if declared is not None and declared > self._limit:
                response = Problem(
                    "content-too-large", limit=self._limit, headers={"connection": "close"}
                ).response()
                await response(scope, receive, sending)
            elif (refused := self._names.address(scope)) is not None:
                await refused.response()(scope, receive, sending)
            else:
                await self.app(scope, bounded, sending)
        except ClientDisconnect:
            pass  # before all of its body came: nobody is there to be answered
        except Exception:
            # Whatever it says stays here: it may name tables, paths or somebody else's data.
            log.exception(
                "a request failed",
                extra={"action": "api_failed", "request": request_id, "trace_id": tracing.trace_id},
            )
            if status == 0:
                await Problem("internal", trace=request_id).response()(scope, receive, sending)
        finally:
            self._metrics.in_progress.dec()
            route: Any = scope.get("route")
            path = getattr(route, "path", "")
            self._metrics.count(path, status, time.monotonic() - started)
            tracing.end(path, status)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else None
    return None
