"""Bounds of what a connection may cost before it is known who calls: how many, how slow, how large.

uvicorn's own protocol bounds none of these: a connection that sends nothing, or a byte now and then, stays open, and a head
may have any size. Whatever is cut here is answered by a problem where an answer can be read at all.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.api.limits import network_of
from services.api.problems import Problem

if sys.platform == "win32":
    from asyncio import SelectorEventLoop as EventLoop
else:
    from uvloop import Loop as EventLoop

HANDSHAKE_SECONDS = 10.0
_LINGERS = 2.0  # seconds for the other side to read why it is refused
_FLUSHES = 60.0  # seconds for the other side to read an answer once nothing more is sent
_OVERHEAD = 40  # bytes of a request line beside its target, at most: method, version, blanks


class Bounds(NamedTuple):
    """Bytes of a request line and of all headers together; seconds until a head and a body are complete."""

    line: int
    header: int
    header_seconds: float
    body_seconds: float


class Connections:
    """The open connections of one process: ``most`` in total, ``most_of_peer`` from one network that is none of ``proxies``.

    Of one event loop. ``most_seen`` is the largest total so far.
    """

    def __init__(self, most: int, most_of_peer: int, proxies: Collection[str]) -> None:
        self._most, self._most_of_peer = most, most_of_peer
        self._proxies = frozenset(map(network_of, proxies))
        self._by_peer: Counter[str] = Counter()
        self.total = self.most_seen = 0

    def open(self, peer: str) -> bool:
        """Count a connection from the network ``peer``; False, and not counted, where there are enough."""
        crowded = self._by_peer[peer] >= self._most_of_peer and peer not in self._proxies
        if crowded or self.total >= self._most:
            return False
        self._by_peer[peer] += 1
        self.total += 1
        self.most_seen = max(self.most_seen, self.total)
        return True

    def close(self, peer: str) -> None:
        """Count it no longer."""
        self.total -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within the bounds of the application's context; one for each connection.

    A head must be complete within ``bounds.header_seconds`` of its first byte (or of the connection), a body within
    ``bounds.body_seconds`` of its head: whatever is sent meanwhile moves neither. A request that is refused while another one
    is being answered on the same connection ends it without an answer.
    """

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        context = config.loaded_app.state.context
        self._bounds: Bounds = context.bounds
        self._open: Connections = context.connections
        self._peer: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: Problem | None = None
        self._reading = ""  # "", head or body
        self._another = False
        self._fields = self._unread = self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and wait for its first request; it ends at once where there are too many."""
        super().connection_made(transport)
        peer = network_of(self.client[0] if self.client else "")
        if not self._open.open(peer):
            self._write(Problem("too-many-connections", headers={"retry-after": "5"}))
            transport.close()
            return
        self._peer = peer
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        self._wait(None)
        if self._peer is not None:
            self._open.close(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless it was refused; what belongs to no request begins to count against the next one."""
        if self._refusal is not None or self.transport.is_closing():
            return
        if not self._reading:
            self._await_head()
        before, body, self._another = self._reading, self._body, False
        super().data_received(data)
        if self._reading == before and not self._another:
            self._unread += len(data) - (self._body - body)
            if self._unread > self._bounds.header + self._body:
                self.refuse(self._too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if not self._reading:  # behind another one, in the same data
            self._another = True
            self._await_head()

    def on_url(self, url: bytes) -> None:
        """Bound the request line."""
        super().on_url(url)
        limit = self._bounds.line
        if len(self.url) > limit - _OVERHEAD:
            self._refusal = Problem("uri-too-long", limit=limit)
            raise ValueError("the request line is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the fields together, also those behind a body."""
        self._fields += len(name) + len(value) + 4
        if self._fields > self._bounds.header:
            self._refusal = self._too_large()
            raise ValueError("the headers are too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; its body must follow."""
        self._reading, self._unread = "body", 0
        self._wait(self._bounds.body_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count it."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of the request is there: it may take its time now."""
        self._reading = ""
        self._wait(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Answer what cannot be read, in place of a line of text."""
        problem, self._refusal = self._refusal, None
        self.refuse(problem or Problem("bad-request", "It is no HTTP/1.1 request that can be read."))

    def timeout_keep_alive_handler(self) -> None:
        """No further request came; whoever does not read the last answer is cut off a minute later."""
        super().timeout_keep_alive_handler()
        self._timer = self.loop.call_later(_FLUSHES, self.transport.abort)

    def refuse(self, problem: Problem) -> None:
        """Answer with ``problem`` if nothing else is being answered, read nothing more, and end the connection."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = problem
        cycle = self.cycle
        if self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.close()
            return
        self._unset_keepalive_if_required()
        if cycle is not None:  # whoever works on it is done
            cycle.disconnected = True
            cycle.message_event.set()
        self._write(problem)
        # Closed at once, what is still on its way here would take the answer away from whoever sends it.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._wait(None)
        self._timer = self.loop.call_later(_LINGERS, self.transport.abort)

    def _await_head(self) -> None:
        self._reading, self._fields, self._unread, self._body = "head", 0, 0, 0
        self._wait(self._bounds.header_seconds)

    def _wait(self, seconds: float | None) -> None:
        """From now on it may take so long; None: as long as it likes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self.refuse(Problem("request-timeout"))

    def _too_large(self) -> Problem:
        return Problem("headers-too-large", limit=self._bounds.header)

    def _write(self, problem: Problem) -> None:
        answer: Response = problem.response()
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines = [
            STATUS_LINE[answer.status_code],
            *(name + b": " + value + b"\r\n" for name, value in headers),
        ]
        self.transport.write(b"".join([*lines, b"\r\n", bytes(answer.body)]))


class Loop(EventLoop):
    """The event loop of the server, which waits for a TLS handshake no longer than HANDSHAKE_SECONDS."""

    async def create_server(self, *args: Any, **named: Any) -> Any:
        """As ever, with that bound where there is TLS."""
        if named.get("ssl") is not None:
            named.setdefault("ssl_handshake_timeout", HANDSHAKE_SECONDS)
        return await super().create_server(*args, **named)


class CertifiedProtocol(BoundedProtocol):
    """The protocol of a connection, with ``extensions.tls.client_cert_chain`` in the scope where the client showed a certificate.

    uvicorn checks the certificate against the configured authorities; whose it is, the application finds out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember what the client showed; None without TLS or without a certificate."""
        super().connection_made(transport)
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        shown = None if connection is None else connection.getpeercert(binary_form=True)
        self._chain = () if shown is None else (ssl.DER_cert_to_PEM_cert(shown),)

    def on_message_begin(self) -> None:
        """Tell it with every request."""
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {**scope.get("extensions", {}), "tls": {"client_cert_chain": self._chain}}
