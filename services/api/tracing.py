"""The trace of a request: its caller's where it sends a ``traceparent``, else one of its own, by which logs and problems are found."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.types import Message

from schemas.trace_context import TRACEPARENT, TraceContext
from services.api.problems import MEDIA_TYPE
from services.telemetry.tracing import Kind, Span, Spans, Value

_NAME = TRACEPARENT.encode()


class RequestTrace:
    """One request in its trace: ``here`` is its place there, and its span's id is the request's id."""

    def __init__(self, scope: Mapping[str, Any], spans: Spans | None) -> None:
        self._spans = spans
        self._span: Span | None = None
        self._method = str(scope["method"])
        given = _given(scope)
        if spans is not None:
            told: dict[str, Value] = {"http.request.method": self._method, "url.scheme": str(scope["scheme"])}
            self._span = spans.begin(self._method, "SERVER", given, told)
            self.here = self._span.context
        else:
            trace = secrets.token_bytes(16) if given is None else given.trace
            self.here = TraceContext(trace, secrets.token_bytes(8), given is not None and given.sampled)
        # A trace that nobody keeps and nobody asked for is no news to whoever comes next.
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
        """A span within the request; None where no spans are made or this trace is not kept."""
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
