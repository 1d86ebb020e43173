"""A delivery in the trace of the event that it tells of: it carries that trace on, with an id of its own for each attempt."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from schemas.trace_context import TRACEPARENT, TraceContext
from services.notifications.webhooks.queue import Taken
from services.notifications.webhooks.sender import Answer
from services.telemetry.tracing import Spans, Value


class Delivery:
    """One attempt: the ``headers`` that carry its trace, none where the event had none, and how it was ``answered``."""

    def __init__(self, context: TraceContext | None) -> None:
        self.headers = {} if context is None else {TRACEPARENT: context.text()}
        self.answered: Answer | None = None


@contextmanager
def delivering(spans: Spans | None, taken: Taken) -> Iterator[Delivery]:
    """One attempt at ``taken``, as a span where spans are made and the trace is kept."""
    cause = _context(taken)
    if cause is None or spans is None or not cause.sampled:
        own = None if cause is None else cause._replace(span=secrets.token_bytes(8))
        yield Delivery(own)
        return
    told: dict[str, Value] = {
        "http.request.method": "POST",
        "server.address": _host(taken.url),
        "lianyun.webhook.message": taken.message,
        "http.request.resend_count": taken.attempt - 1,
    }
    span = spans.begin("deliver webhook", "CLIENT", cause, told)
    delivery = Delivery(span.context)
    try:
        yield delivery
    finally:
        answer = delivery.answered
        status = None if answer is None else answer.status
        good = answer is not None and answer.good
        span.end(
            {} if status is None else {"http.response.status_code": status},
            failed="" if good else "not delivered",
        )


def trace_field(taken: Taken) -> dict[str, str]:
    """``trace_id`` for a log line about ``taken``, where there is one."""
    cause = _context(taken)
    return {} if cause is None else {"trace_id": cause.trace.hex()}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # what is wrong with it the sender says


def _context(taken: Taken) -> TraceContext | None:
    return None if taken.traceparent is None else TraceContext.of(taken.traceparent)
