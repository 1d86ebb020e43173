"""The request target: one of the API's own names, and the normal form of a path (RFC 3986, 6.2.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from services.api.problems import Problem

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PROBED = "/health/"
_LITERAL = re.compile(r"(?:/(?!\.)[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
"""A path that is its own normal form."""
_ESCAPE = re.compile("%(.{0,2})", re.DOTALL)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX = frozenset("0123456789ABCDEFabcdef")


class OwnNames:
    """The URLs of one API, the canonical one first; ``issuer`` is that one. Nothing that a caller sends decides a name."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self.issuer = self.urls[0]
        self._origins = tuple(normal_uri(url).rstrip("/") for url in urls)
        self._authorities = frozenset(name.encode() for url in urls for name in _authorities(url))

    def uris(self, path: str) -> tuple[str, ...]:
        """How a proof may name a request for the normal ``path``."""
        return tuple(origin + path for origin in self._origins)

    def address(self, scope: Any) -> Problem | None:
        """Put the normal path of an HTTP request into its scope, percent-encoded; the Problem that refuses it, or None.

        A path that cannot be read is bad-request, a Host that is none of these names misdirected. Health is answered under
        any name: a probe knows only the address of the process.
        """
        raw = scope.get("raw_path")
        try:
            scope["path"] = normal_path(quote(scope["path"]) if raw is None else raw.decode("ascii"))
        except ValueError as problem:
            return Problem("bad-request", f"The path cannot be read: {problem}.")
        if scope["path"].startswith(_PROBED):
            return None
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._authorities:
            return Problem("misdirected", "Host is none of the names of this API.")
        return None


def normal_path(path: str) -> str:
    """``path`` in the one spelling of everything equivalent to it; ValueError says what cannot be read.

    What needs no escape has none, the others are upper case; dot segments are resolved. An escaped slash is part of its
    segment and stays escaped. Characters that no URI holds (of an IRI) are escaped as UTF-8.
    """
    if _LITERAL.fullmatch(path) or not path.startswith("/"):
        return path
    text = _ESCAPE.sub(_respelled, quote(path, safe="%/:@!$&'()*+,;=~"))
    if "%00" in text:
        raise ValueError("the escape %00 is in no name")
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its escapes are no UTF-8") from None
    return _without_dots(text)


@lru_cache(maxsize=1_024)
def normal_uri(uri: str) -> str:
    """Scheme, authority and path of ``uri`` as they are compared, without default port, query and fragment; ValueError."""
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    authority = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
    return f"{scheme}://{authority}{normal_path(parts.path or '/')}"


def require_url(url: str) -> str:
    """``url`` without a slash at its end; ValueError where it is no scheme, host and port by which an API is reached."""
    parts = urlsplit(url)
    plain = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0
    if not plain or "@" in parts.netloc or parts.query or parts.fragment or not url.isascii():
        raise ValueError("give scheme, host and port, as https://api.example or http://127.0.0.1:8443")
    return url.rstrip("/")


def _authorities(url: str) -> tuple[str, ...]:
    """How Host may spell the authority of ``url``: a default port may be there or not."""
    parts = urlsplit(url)
    authority, port = parts.netloc.lower(), _DEFAULT_PORTS[parts.scheme]
    bare = authority.removesuffix(port)
    return (bare, bare + port) if parts.port is None or bare != authority else (authority,)


def _respelled(escape: re.Match[str]) -> str:
    digits = escape[1]
    if len(digits) != 2 or not _HEX.issuperset(digits):
        raise ValueError("a % begins no escape")
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    found: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del found[-1:]
        elif segment != ".":
            found.append(segment)
    if segments[-1] in (".", ".."):
        found.append("")
    return "/" + "/".join(found)
