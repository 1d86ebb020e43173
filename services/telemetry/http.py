"""`/metrics`, `/health/live` and `/health/ready` of one process, on a thread of its own.

Not on the event loop, so that it still responds when the loop is stuck.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class RequestHandler(BaseHTTPRequestHandler):
    """Sends complete responses, hides the Python version, and logs no requests."""

    server_version = "lianyun"
    sys_version = ""

    def respond(self, status: int, kind: str, body: bytes) -> None:
        """Send ``body`` of the media type ``kind``; blocks until the socket accepts it, or the client has gone."""
        with suppress(ConnectionError):  # a health check reads the status line and closes
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a health check, with details as short texts or numbers by name."""

    ok: bool
    details: dict[str, str | int | float | bool] = field(default_factory=dict)


class HealthServer:
    """Serves until `stop`. `live` false means that the process must be restarted; `ready` false that it is not working now.

    Both are called on a thread of the server and must not block. Port 0 takes a free one; see `port`.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        live: Callable[[], Health],
        ready: Callable[[], Health],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        handler = _handler(registry, {"/health/live": live, "/health/ready": ready})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health-http", daemon=True)

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin serving; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; blocks for up to half a second."""
        self._server.shutdown()
        self._server.server_close()


def _handler(
    registry: CollectorRegistry, checks: dict[str, Callable[[], Health]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(RequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self.respond(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path in checks:
                health = checks[path]()
                body = {"ok": health.ok, **health.details}
                self.respond(200 if health.ok else 503, "application/json", json.dumps(body).encode() + b"\n")
            else:
                self.respond(
                    404, "text/plain; charset=utf-8", b"try /metrics, /health/live or /health/ready\n"
                )

    return Handler
