"""A loopback link to a broker that comes and goes and breaks connections at the worst moments.

It speaks just enough Kafka to stand in the way: messages are length-prefixed frames, and the broker's own port in an
answer (behind the text of its host) is replaced by the link's, so that clients come back through the link.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import Counter
from enum import StrEnum
from types import TracebackType
from typing import Self

_PRODUCE = 0
_HOST = b"127.0.0.1"


class Cut(StrEnum):
    """Where a connection breaks."""

    IDLE = "idle"  # wherever it is when the link goes down
    MID_REQUEST = "mid_request"  # half of a produce request has gone out
    BEFORE_ANSWER = "before_answer"  # the broker has the request, the publisher never learns


class WeakLink:
    """``bootstrap`` leads to the broker while the link is :meth:`up`; use as a context manager.

    ``produced`` counts the produce requests that came, ``cuts`` the connections that broke, by where.
    """

    def __init__(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self._broker = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.cuts: Counter[Cut] = Counter()
        self.produced = 0
        self._cut = Cut.IDLE
        self._open = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.down()
        self._listener.close()

    def up(self, cut: Cut = Cut.IDLE) -> None:
        """Let connections through; the first produce request meets ``cut``."""
        with self._lock:
            self._open, self._cut = True, cut

    def down(self) -> None:
        """Break every connection and take no new one."""
        with self._lock:
            self._open = False
            broken, self._connections = self._connections, set()
        self.cuts[Cut.IDLE] += len(broken) // 2
        for connection in broken:
            _reset(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    _reset(client)
                    continue
                server = socket.create_connection(self._broker)
                self._connections |= {client, server}
            for source, target in ((client, server), (server, client)):
                threading.Thread(
                    target=self._pump, args=(source, target, source is client), daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while (frame := _frame(source)) is not None:
                cut = self._met(frame) if asks else Cut.IDLE
                if cut is Cut.MID_REQUEST:
                    target.sendall(frame[: len(frame) // 2])
                    break
                target.sendall(frame if asks else self._led_here(frame))
                if cut is Cut.BEFORE_ANSWER:
                    break
        with self._lock:
            self._connections -= {source, target}
        _reset(source)
        _close(target)

    def _met(self, frame: bytes) -> Cut:
        """The cut that this request meets; each is met once."""
        if struct.unpack_from(">h", frame, 4)[0] != _PRODUCE:
            return Cut.IDLE
        with self._lock:
            cut, self._cut = self._cut, Cut.IDLE
            self.produced += 1
        if cut is not Cut.IDLE:
            self.cuts[cut] += 1
        return cut

    def _led_here(self, frame: bytes) -> bytes:
        own, here = (_HOST + struct.pack(">i", port) for port in (self._broker[1], self._port))
        return frame.replace(own, here)


def _frame(source: socket.socket) -> bytes | None:
    head = _exactly(source, 4)
    if head is None:
        return None
    body = _exactly(source, struct.unpack(">i", head)[0])
    return None if body is None else head + body


def _exactly(source: socket.socket, size: int) -> bytes | None:
    parts = []
    while size:
        part = source.recv(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _reset(connection: socket.socket) -> None:
    """Break a connection as a dead link does: whoever is on it gets an error, not an end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    _close(connection)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    connection.close()
