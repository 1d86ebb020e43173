"""Connections that ask nothing, dribble, or send too much end in time and in bounds, and disturb nobody else."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.runtime.credentials.authority import issue, new_authority
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
QUICK = {"api_header_seconds": 1, "api_body_seconds": 2, "api_connections": 40, "api_peer_connections": 30}
LIMITS = {"api_header_limit": 16_384, "api_line_limit": 8_192}
PATIENCE = 30.0
"""Seconds after which the test fails; no bound of the API is compared with the clock."""


@pytest.fixture(scope="module")
def quick(api_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(api_dsn, tmp_path_factory.mktemp("quick"), {**QUICK, **LIMITS}) as running:
        yield running


@pytest.fixture(autouse=True)
def none_left(quick: RunningApi) -> Iterator[None]:
    yield
    until = time.monotonic() + PATIENCE
    while quick.context.connections.total:
        assert time.monotonic() < until, "connections are left"
        time.sleep(0.05)


def connected(api: RunningApi) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.port), timeout=PATIENCE)


def heard(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


def problem(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)


def alive(api: RunningApi) -> bool:
    return httpx.get(f"{api.url}/health/live", timeout=PATIENCE).status_code == 200


FIRST = (
    b"",
    b"GET",
    b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ",
    b"\r\n",
    b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n",  # answered, and then left open
    b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET /hea",
    b"GET /health/live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\na",
)
"""What comes first on a connection, and then nothing more."""
DROPS = tuple(
    (before, drop)
    for before in (b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
    for drop in (b"a", b"\r\n", b"x: y\r\n")
)
"""What comes first, and what again and again after it."""


@pytest.mark.long
def test_connections_without_a_whole_request_end(quick: RunningApi) -> None:
    """All at once: each of them ends by itself, while the others are open."""
    with ExitStack() as stack:
        opened = {first: stack.enter_context(connected(quick)) for first in FIRST}
        for first, connection in opened.items():
            connection.sendall(first)
        for first, connection in opened.items():
            try:
                heard(connection)
            except TimeoutError:
                pytest.fail(f"it is still open: {first!r}")
    assert alive(quick)


@pytest.mark.long
def test_dribbling_keeps_no_connection_open(quick: RunningApi) -> None:
    with ExitStack() as stack:
        opened = {each: stack.enter_context(connected(quick)) for each in DROPS}
        for (before, drop), connection in opened.items():
            connection.sendall(before + (b"GET /h" if drop != b"\r\n" else b""))
        until = time.monotonic() + PATIENCE
        while opened and time.monotonic() < until:
            for each, connection in list(opened.items()):
                try:
                    connection.sendall(each[1])
                except OSError:
                    del opened[each]
            time.sleep(0.1)
    assert not opened, "they are still open"


def test_a_slow_head_is_a_408_and_so_is_a_slow_body(quick: RunningApi) -> None:
    for slow in (
        b"GET / HTTP/1.1\r\nhost: ",
        b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx",
    ):
        with connected(quick) as connection:
            connection.sendall(slow.replace(b"host: x", f"host: 127.0.0.1:{quick.port}".encode()))
            status, found = problem(heard(connection))
        assert (status, found["type"]) == (408, "urn:lianyun:problem:request-timeout")


def test_connections_are_bounded_for_each_address_and_others_are_answered(quick: RunningApi) -> None:
    """400 that ask nothing: 30 are open at a time, the others are refused at once."""
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(quick)) for _ in range(400)]
        refused = [each for each in opened if _refused(each)]
        assert quick.context.connections.most_seen <= QUICK["api_peer_connections"]
        assert len(refused) >= 1
        other = stack.enter_context(closing(socket.socket()))
        other.settimeout(PATIENCE)
        other.bind(("127.0.0.2", 0))
        other.connect(("127.0.0.1", quick.port))
        other.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert heard(other).startswith(b"HTTP/1.1 200")
        for each in opened:
            heard(each)  # every one of them ends
    assert alive(quick)


def _refused(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        first = connection.recv(65_536)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(PATIENCE)
    if not first:
        return True
    status, found = problem(first)
    return (status, found["type"]) in {
        (503, "urn:lianyun:problem:too-many-connections"),
        (408, "urn:lianyun:problem:request-timeout"),
    }


@pytest.mark.parametrize(
    ("name", "sent", "status"),
    [
        ("one header", b"x-big: " + b"a" * 200_000, 431),
        ("many headers", b"\r\n".join(b"x-%d: aaaaaaaa" % n for n in range(5_000)), 431),
        ("just beyond", b"x-big: " + b"a" * 16_384, 431),
        ("within", b"x-big: " + b"a" * 15_000, 200),
    ],
)
def test_headers_are_bounded_together(quick: RunningApi, name: str, sent: bytes, status: int) -> None:
    with connected(quick) as connection:
        _send(
            connection, b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + sent + b"\r\n\r\n"
        )
        answer = heard(connection)
    assert int(answer.split()[1]) == status, name
    if status != 200:
        found = problem(answer)[1]
        assert (found["type"], found["limit"]) == ("urn:lianyun:problem:headers-too-large", 16_384)


@pytest.mark.parametrize(("length", "status"), [(200_000, 414), (8_193, 414), (8_000, 404)])
def test_the_request_line_is_bounded(quick: RunningApi, length: int, status: int) -> None:
    with connected(quick) as connection:
        target = b"/" + b"a" * (length - 1)
        host = f"host: 127.0.0.1:{quick.port}".encode()
        _send(connection, b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\nconnection: close\r\n\r\n")
        answer = heard(connection)
    assert int(answer.split()[1]) == status
    if status == 414:
        assert problem(answer)[1]["limit"] == 8_192


@pytest.mark.parametrize("part", [b"x: " + b"a" * 4_000, b"a" * 4_000])
def test_a_head_that_never_ends_is_cut(quick: RunningApi, part: bytes) -> None:
    with connected(quick) as connection:
        _send(connection, b"GET /health/live HTTP/1.1\r\nhost: x\r\n" + part * 100)
        assert int(heard(connection).split()[1]) == 431


@pytest.mark.parametrize(
    "tail",
    [b"0\r\n" + b"x: " + b"a" * 400_000, b"1;" + b"e" * 400_000 + b"\r\nx\r\n0\r\n\r\n"],
    ids=["trailers", "extensions"],
)
def test_what_surrounds_a_body_is_bounded_too(quick: RunningApi, tail: bytes) -> None:
    with connected(quick) as connection:
        head = f"POST /oauth2/token HTTP/1.1\r\nhost: 127.0.0.1:{quick.port}\r\ntransfer-encoding: chunked\r\n\r\n"
        _send(connection, head.encode() + tail)
        assert int(heard(connection).split()[1]) in (400, 431)


def test_what_is_no_http_is_answered_by_a_problem(quick: RunningApi) -> None:
    with connected(quick) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        status, found = problem(heard(connection))
    assert (status, found["type"]) == (400, "urn:lianyun:problem:bad-request")


def test_one_connection_still_serves_many_requests(quick: RunningApi) -> None:
    with httpx.Client(base_url=quick.url, timeout=PATIENCE) as client:
        for _ in range(50):
            assert client.get("/health/live").status_code == 200
        assert quick.context.connections.total == 1


def test_requests_that_follow_one_another_at_once_are_all_answered(quick: RunningApi) -> None:
    one = b"GET /health/live HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 5_000 + b"\r\n\r\n"
    with connected(quick) as connection:
        connection.sendall(one * 9 + one.replace(b"\r\nx:", b"\r\nconnection: close\r\nx:"))
        assert heard(connection).count(b"HTTP/1.1 200") == 10


@pytest.mark.long
def test_a_handshake_that_never_comes_ends(
    api_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.api import connections

    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 1.0)
    moment = datetime.now(UTC)
    issued = issue(new_authority("test", moment), "api", ["127.0.0.1"], moment)
    (tmp_path / "c.pem").write_bytes(issued.certificate)
    (tmp_path / "c.key").write_bytes(issued.key)
    files = {"api_certificate": tmp_path / "c.pem", "api_certificate_key": tmp_path / "c.key"}
    with RunningApi(api_dsn, tmp_path, {**QUICK, **files}) as secured:
        with connected(secured) as connection:
            heard(connection)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(connected(secured)) as silent:
            assert b"408" in heard(silent)[:20]
        assert httpx.get(f"{secured.url}/health/live", verify=False, timeout=PATIENCE).status_code == 200


def _send(connection: socket.socket, data: bytes) -> None:
    """All of it, or as much as the other side takes."""
    with suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(data)
