"""Free loopback ports for servers that keep their port over restarts."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def first_ephemeral_port() -> int:
    """The lowest port that the system assigns to outgoing connections."""
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def free_port() -> int:
    """Return a loopback TCP port that nothing listens on at this moment.

    The port lies below the ephemeral range. A port inside it would be lost while its server is down: a
    client that keeps reconnecting on loopback is sooner or later given that very port as its own, connects
    to itself, and the restarted server finds its address taken.
    Another process may take the port before the caller binds it; callers retry with a new one.
    Raises OSError when 200 random ports are all taken.
    """
    highest = max(_LOWEST + 1_000, min(first_ephemeral_port(), 32_768) - 1)
    for _ in range(200):
        port = random.randint(_LOWEST, highest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise OSError(f"no free TCP port found on {LOOPBACK} between {_LOWEST} and {highest}")


def listening(port: int) -> bool:
    """Whether something accepts connections on the loopback ``port``. Blocks for at most 1 s."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
