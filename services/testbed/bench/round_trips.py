"""How often the client of a database waits for it: a relay between the two that counts who speaks after whom."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 1 << 16
_FLUSH = b"H\x00\x00\x00\x04"
"""A message that asks for nothing: the client sends it behind a pipeline, whether it was answered meanwhile or not."""


class Crossings:
    """A context manager: whoever connects to ``dsn`` here reaches the database of the given URL, and is counted.

    A round trip is counted when a client speaks after the server did. Statements that are sent together count once.
    """

    def __init__(self, dsn: str) -> None:
        where = urlsplit(dsn)
        self._server = (where.hostname or "127.0.0.1", where.port or 5_432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        account = where.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(where._replace(netloc=f"{account}@127.0.0.1:{port}"))
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """Round trips so far, over all connections."""
        return self._count

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="crossings", daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(self._server)
            answered = threading.Event()
            for source, target, asks in ((client, server, True), (server, client, False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._pass_on, args=(source, target, asks, answered), daemon=True
                ).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, asks: bool, answered: threading.Event
    ) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                if not asks:
                    answered.set()
                elif answered.is_set() and chunk != _FLUSH:
                    answered.clear()
                    with self._lock:
                        self._count += 1
                target.sendall(chunk)
        except OSError:
            pass  # either side has gone
        finally:
            for end in (source, target):
                end.close()
