"""The outermost middleware of the pages: request id, own name, limit of the body, security headers, metrics, a page for every failure."""

from __future__ import annotations

import logging
import time

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.edge import RequestTrace
from services.pages.context import PageContext

log = logging.getLogger(__name__)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
_TRANSPORT = {"strict-transport-security": "max-age=31536000; includeSubDomains"}


class TooLarge(Exception):
    """A body beyond the limit."""


class PagesEdge:
    """ASGI middleware around everything. A header that a page sets itself stands; every other answer gets those of HEADERS."""

    def __init__(self, app: ASGIApp, context: PageContext) -> None:
        self.app, self._context = app, context
        always = {**HEADERS, **(_TRANSPORT if context.secure else {})}
        self._always = [(name.encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, taken = time.monotonic(), 0, 0
        tracing = RequestTrace(scope, None)
        scope.setdefault("state", {}).update(id=tracing.id, tracing=tracing)

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._context.settings.pages_body_limit:
                raise TooLarge
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}
                missing = [(name, value) for name, value in self._always if name not in own]
                message["headers"] = [*message["headers"], *missing, (b"x-request-id", tracing.id.encode())]
            await send(message)

        async def fail(code: int) -> None:
            if status == 0:
                response = self._context.error_page(Request(scope), code)
                await response(scope, receive, sending)

        try:
            refused = self._context.names.address(scope)
            if refused is not None:
                await fail(refused.kind.status)
            else:
                await self.app(scope, bounded, sending)
        except ClientDisconnect:
            pass
        except TooLarge:
            await fail(413)
        except Exception:
            # Whatever it says stays here: it may name tables, paths or somebody else's data.
            log.exception("a page failed", extra={"action": "page_failed", "request": tracing.id})
            await fail(500)
        finally:
            route = scope["state"].get("route", "")
            self._context.metrics.count(route, status, time.monotonic() - started)
