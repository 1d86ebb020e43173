"""The outermost middleware: request id and trace, request target, limit of the body, and a problem for every failure."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import Gauge
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.trace_context import TRACEPARENT, TraceContext
from services.api.problems import MEDIA_TYPE, Problem
from services.api.targets import OwnNames
from services.telemetry.tracing import Kind, Span, Spans, Value

log = logging.getLogger(__name__)
_NAME = TRACEPARENT.encode()


class RequestTrace:
    """One request in its trace: ``here`` is its place there, and its span's id is the request's id."""

    def __init__(self, scope: Mapping[str, Any], spans: Spans | None) -> None:
        self._spans = spans
        self._span: Span | None = None
        self._method = str(scope["method"])
        given = _given(scope)
        if spans is not None:
            attributes: dict[str, Value] = {
                "http.request.method": self._method,
                "url.scheme": str(scope["scheme"]),
            }
            self._span = spans.begin(self._method, "SERVER", given, attributes)
            self.here = self._span.context
        else:
            trace = secrets.token_bytes(16) if given is None else given.trace
            self.here = TraceContext(trace, secrets.token_bytes(8), given is not None and given.sampled)
        # A trace that is neither recorded nor requested is not passed on.
        self.carried = self.here if given is not None or self.here.sampled else None

    @property
    def id(self) -> str:
        """The id of the request: of its span, 16 hexadecimal digits."""
        return self.here.span.hex()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self.here.trace.hex()

    def child(self, name: str, kind: Kind, attributes: Mapping[str, Value]) -> Span | None:
        """A span within the request; None where spans are off or this trace is not sampled."""
        if self._spans is None or not self.here.sampled:
            return None
        return self._spans.begin(name, kind, self.here, attributes)

    def end(self, route: str, status: int) -> None:
        """The request was answered with ``status`` by ``route`` as declared, "" where none matched."""
        if self._span is None:
            return
        if route:
            self._span.rename(f"{self._method} {route}")
        self._span.end(
            {"http.route": route, "http.response.status_code": status},
            failed=f"status {status}" if status >= 500 or not status else "",
        )


class ProblemTrace:
    """Puts ``traceId`` into an answer that is a problem; every other passes untouched. For one answer.

    A problem is small and comes in one piece, so its head waits for its body.
    """

    def __init__(self, trace_id: str) -> None:
        self._member = b'"traceId":"' + trace_id.encode() + b'"}'
        self._head: Message | None = None

    def __call__(self, message: Message) -> Iterator[Message]:
        """What is to be sent now that ``message`` came."""
        if message["type"] == "http.response.start" and _is_problem(message):
            self._head = message
            return
        if self._head is not None:
            head, self._head = self._head, None
            body = message.get("body", b"")
            if body.endswith(b"}") and len(body) > 2 and not message.get("more_body"):
                body = body[:-1] + b"," + self._member
                message = {**message, "body": body}
                head["headers"] = [
                    (name, str(len(body)).encode() if name == b"content-length" else value)
                    for name, value in head["headers"]
                ]
            yield head
        yield message


def _is_problem(head: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in head["headers"]
    )


def _given(scope: Mapping[str, Any]) -> TraceContext | None:
    """The context that the caller sends; None for none, one that is none, and several."""
    found = [value for name, value in scope["headers"] if name == _NAME]
    return TraceContext.of(found[0].decode("latin-1")) if len(found) == 1 else None


class TooLarge(HTTPException):
    """A body beyond the limit; an HTTPException, because the framework passes only those through."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


class RequestMetrics(Protocol):
    """Counts requests; for several threads."""

    @property
    def in_progress(self) -> Gauge:
        """Those that are being answered."""

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""


class Edge:
    """ASGI middleware around everything. An unexpected error answers as a problem with the id under which it is logged.

    Every problem gets the trace id of its request, whoever made it: also one that is answered again from the store.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: OwnNames,
        metrics: RequestMetrics,
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
