"""The client's certificate of a TLS connection that ends here, told to the application (ASGI TLS extension)."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from services.api.connections import BoundedProtocol


class CertifiedProtocol(BoundedProtocol):
    """The protocol of a connection, with ``extensions.tls.client_cert_chain`` in the scope where the client showed a certificate.

    uvicorn checks the certificate against the configured authorities; whose it is, the application finds out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember what the client showed; None without TLS or without a certificate."""
        super().connection_made(transport)
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        shown = None if connection is None else connection.getpeercert(binary_form=True)
        self._chain = () if shown is None else (ssl.DER_cert_to_PEM_cert(shown),)

    def on_message_begin(self) -> None:
        """Tell it with every request."""
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {**scope.get("extensions", {}), "tls": {"client_cert_chain": self._chain}}
