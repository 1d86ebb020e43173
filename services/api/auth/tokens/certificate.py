"""The client's certificate of a connection (RFC 8705): from the connection itself, or from a proxy whose word counts."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Collection
from urllib.parse import unquote

from starlette.requests import Request

from services.api.auth.tokens.jose import BadToken


def certificate_thumbprint(request: Request, header: str, proxies: Collection[str]) -> str | None:
    """SHA-256 of the certificate (base64url, as in ``x5t#S256``); None where there is none.

    The header of a peer that is no known proxy counts for nothing. It is RFC 9440 (``:base64:`` of the DER) or, as nginx
    writes it, the PEM text percent-encoded.
    """
    direct = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain")
    if direct:
        return thumbprint(ssl.PEM_cert_to_DER_cert(direct[0]))
    peer = request.client.host if request.client is not None else ""
    given = request.headers.get(header)
    if given is None or peer not in proxies:
        return None
    try:
        if given.startswith(":") and given.endswith(":"):
            return thumbprint(base64.b64decode(given[1:-1], validate=True))
        return thumbprint(ssl.PEM_cert_to_DER_cert(unquote(given)))
    except ValueError:
        raise BadToken("the proxy gave a certificate that is none") from None


def thumbprint(der: bytes) -> str:
    """The thumbprint of a certificate in DER."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
