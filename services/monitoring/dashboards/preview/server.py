"""The preview's HTTP server on loopback: the page, the dashboard, and the data of its panels."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import orjson

from services.monitoring.dashboards.preview.board_data import BoardData
from services.monitoring.dashboards.preview.boards import BoardError
from services.telemetry.http import RequestHandler

LOOPBACK = "127.0.0.1"
_MOST = 1 << 20


@dataclass(slots=True)
class Report:
    """The page's report once it is drawn: what each of its ``panels`` shows, and other ``errors``."""

    panels: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    drawn: threading.Event = field(default_factory=threading.Event)


class PageServer:
    """A context manager that serves the page in ``folder`` and the dashboard of ``board_data`` on a free loopback port.

    ``report`` is filled by the page. Requests with another Host are refused (DNS rebinding).
    """

    def __init__(self, folder: Path, board_data: BoardData) -> None:
        self.report = Report()
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(folder, board_data, self.report))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="preview-http", daemon=True
        )

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(folder: Path, board_data: BoardData, report: Report) -> type[BaseHTTPRequestHandler]:
    class Handler(RequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            if not self._ours():
                return
            answers = {"/dashboard": board_data.dashboard, "/marks": board_data.annotations}
            if path in answers:
                self._json(200, answers[path]())
                return
            wanted = (folder / (path.lstrip("/") or "index.html")).resolve()
            if not wanted.is_relative_to(folder.resolve()) or not wanted.is_file():
                self._json(404, {"error": f"there is no {path}"})
                return
            self.respond(200, mimetypes.guess_type(wanted.name)[0] or "text/plain", wanted.read_bytes())

        def do_POST(self) -> None:
            if not self._ours():
                return
            try:
                length = int(self.headers.get("Content-Length") or 0)
                body = orjson.loads(self.rfile.read(max(0, min(length, _MOST))))
                if self.path == "/query":
                    self._json(200, board_data.panel_frames(int(body["panel"]), int(body["points"])))
                elif self.path == "/report":
                    report.panels[:] = [dict(each) for each in body["panels"]]
                    report.errors[:] = [str(each) for each in body["errors"]]
                    report.drawn.set()
                    self._json(200, {})
                else:
                    self._json(404, {"error": "try /query or /report"})
            except BoardError as problem:
                self._json(404, {"error": str(problem)})
            except (ValueError, KeyError, TypeError) as problem:
                self._json(400, {"error": f"not understood: {problem!r}"})

        def _ours(self) -> bool:
            port = self.connection.getsockname()[1]
            if self.headers.get("Host") == f"{LOOPBACK}:{port}":
                return True
            self._json(403, {"error": "this server answers its own page only"})
            return False

        def _json(self, status: int, body: Mapping[str, Any]) -> None:
            self.respond(status, "application/json", orjson.dumps(body))

    return Handler
