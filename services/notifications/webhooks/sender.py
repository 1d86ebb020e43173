"""One attempt: a POST to an endpoint, without redirects, over a socket whose address was checked when it was opened."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)

from services.notifications.webhooks.address import BadUrl, allowed, require_url

log = logging.getLogger(__name__)
USER_AGENT = "Lianyun-Webhooks/1"
_READ_BYTES = 4_096  # of the response body, which is discarded


class AttemptResult(NamedTuple):
    """The result of an attempt: the HTTP status, None without a response; ``retry_after`` in seconds.

    ``detail`` is for the subscriber, one of the sentences of docs/guides/webhooks.md; the error of the library is only logged.
    """

    status: int | None
    detail: str
    retry_after: float = 0.0

    @property
    def success(self) -> bool:
        """Whether the endpoint accepted it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint is gone for good (410)."""
        return self.status == 410


class AddressRefused(OSError):
    """The socket would have led to an address that must not be called."""


_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (AddressRefused, "not called: the name leads to an address that is not public"),
    (socket.gaierror, "the name of the host cannot be resolved"),
    (ClientConnectorDNSError, "the name of the host cannot be resolved"),
    (ssl.SSLCertVerificationError, "the certificate does not hold"),
    (ClientConnectorCertificateError, "the certificate does not hold"),
    (ssl.SSLError, "no TLS connection was made"),
    (ClientSSLError, "no TLS connection was made"),
    (ClientConnectorError, "no connection was made"),
    (ClientResponseError, "the answer is no HTTP"),
    (ServerDisconnectedError, "the connection ended before an answer"),
    (ConnectionError, "the connection ended before an answer"),
)
_FAILED = "the delivery failed"


def describe_failure(problem: BaseException) -> str:
    """The sentence for subscribers about ``problem`` or its causes."""
    causes: list[BaseException] = []
    cause: BaseException | None = problem
    while cause is not None and len(causes) < 10:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return next(
        (sentence for kind, sentence in _FAILURES if any(isinstance(each, kind) for each in causes)), _FAILED
    )


class Sender:
    """An HTTP client that calls public addresses only; one per process, used in its event loop.

    ``loopback`` allows this machine too. Connections are not reused, so each attempt checks the address anew.
    """

    def __init__(self, timeout: float, loopback: bool = False) -> None:
        self._loopback = loopback
        self._timeout = ClientTimeout(total=timeout)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Sender:
        connector = TCPConnector(force_close=True, limit=0, use_dns_cache=False, socket_factory=self._socket)
        # No proxy from the environment, no cookies: responses of one endpoint must not affect another.
        self._session = ClientSession(
            connector=connector, cookie_jar=DummyCookieJar(), trust_env=False, auto_decompress=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: dict[str, str], now: float) -> AttemptResult:
        """POST ``body``; always returns a result, at the latest after the timeout. ``now``: Unix time, for Retry-After."""
        assert self._session is not None, "use it as an async context manager"
        try:
            require_url(url, self._loopback)
            async with self._session.post(
                url,
                data=body,
                headers={"content-type": "application/json", "user-agent": USER_AGENT, **headers},
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                await answer.content.read(_READ_BYTES)
                pause = retry_after_seconds(answer.headers.get("retry-after", ""), now)
                return AttemptResult(answer.status, _describe_status(answer.status), pause)
        except BadUrl as problem:
            return AttemptResult(None, f"not called: {problem}")
        except TimeoutError:
            return AttemptResult(None, f"no answer within {self._timeout.total:g} s")
        except (ClientError, OSError, ValueError, asyncio.IncompleteReadError) as problem:
            log.info("no delivery to %s: %s: %s", _host(url), type(problem).__name__, problem)
            return AttemptResult(None, describe_failure(problem))

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, type_, protocol, _, address = info
        if not allowed(str(address[0]), self._loopback):
            raise AddressRefused
        return socket.socket(family, type_, protocol)


def retry_after_seconds(retry_after: str, now: float) -> float:
    """Seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date); 0 where it is absent or invalid."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


def _describe_status(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed"
    return "" if 200 <= status < 300 else f"answered {status}"


def _host(url: str) -> str:
    return urlsplit(url).netloc  # without path and query, which may hold the subscriber's secrets
