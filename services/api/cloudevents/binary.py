"""CloudEvents in HTTP's binary mode: attributes in ``ce-`` headers, the body is the payload as signed.

Source: CloudEvents HTTP binding 1.0, 3.1: characters outside printable ASCII, the space, the double quote and the percent
sign are percent-encoded in header values. The signature has the header that it has on Kafka, ``lianyun-signature``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from schemas.envelope import HEADERS, SIGNATURE_HEADER
from schemas.reasons import Reason, Refusal
from services.api.cloudevents.offer import Misfit, Offer, offer

_NAMES = {f"ce-{name}": name for name in HEADERS if name != "datacontenttype"} | {
    "content-type": "datacontenttype",
    SIGNATURE_HEADER: SIGNATURE_HEADER,
}
POINTERS = {f"header:{header}": f"header:ce-{name}" for name, header in HEADERS.items()} | {
    "header:content-type": "header:content-type"
}
_TRACE = b"ce-traceparent"
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def read_binary(headers: Sequence[tuple[bytes, bytes]], body: bytes, network: str) -> Offer | Misfit:
    """The event of a request in binary mode, from its raw headers (names in lower case) and its body."""
    found: dict[str, str] = {}
    traces = [value.decode("latin-1") for raw, value in headers if raw.lower() == _TRACE]
    try:
        for raw, value in headers:
            name = _NAMES.get(raw.decode("latin-1").lower())
            if name is None:
                continue
            header = raw.decode("latin-1").lower()
            if name in found:
                raise Refusal(
                    Reason.DUPLICATE_HEADER,
                    f"The header {header} occurs more than once.",
                    f"header:{header}",
                    "Send each header once: which of two counts would be a guess.",
                )
            found[name] = _decoded(header, value) if header.startswith("ce-") else _ascii(header, value)
        signature = found.pop(SIGNATURE_HEADER, None)
        return offer(network, found, signature, body, traces[0] if len(traces) == 1 else None)
    except Refusal as refusal:
        placed = POINTERS.get(refusal.pointer, refusal.pointer)
        return Misfit(refusal.at(placed), found.get("source", "")[:256], found.get("id", "")[:256])


def _decoded(header: str, value: bytes) -> str:
    if _BROKEN.search(value):
        raise Refusal(
            Reason.INVALID_HEADER,
            f"The header {header} has a percent sign that begins no byte.",
            f"header:{header}",
            "Percent-encode the value as the HTTP binding of CloudEvents says, 3.1.3.2.",
        )
    _ascii(header, value)
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(
            Reason.INVALID_HEADER, f"The header {header} is not UTF-8.", f"header:{header}"
        ) from None


def _ascii(header: str, value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise Refusal(
            Reason.INVALID_HEADER,
            f"The header {header} holds bytes outside ASCII.",
            f"header:{header}",
            "Percent-encode them.",
        ) from None
