"""What small servers of ours answer with, on the standard library's handler."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler


class Answering(BaseHTTPRequestHandler):
    """Answers with one body at once, names no version of Python, and logs no request."""

    server_version = "lianyun"
    sys_version = ""

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """Send ``body`` of the media type ``kind``; blocks until the socket takes it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: that somebody asked is no news."""
