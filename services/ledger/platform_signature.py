"""Signed events of the platform: its decisions as event payloads, signed by its key over the bytes as stored."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.base import Payload
from schemas.signing import derive_salt, sign
from schemas.signing_key import PrivateKey
from services.domain.facts import Micros
from services.ledger.admission.raw_bytes import frame

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    """The platform as publisher: network, source, signing key and the secret from which salts are derived."""

    network: str
    source: str
    key: PrivateKey
    salt_secret: bytes

    def secret(self, purpose: str) -> bytes:
        """32 bytes for one ``purpose``, derived from the salt secret; whoever reads the database cannot compute them."""
        return hmac.digest(self.salt_secret, b"lianyun-secret\n" + purpose.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A signed event: framed headers with the signature, and the payload."""

    headers: bytes
    payload: bytes


def signed_event(
    signer: Signer, model: type[Payload], id_: str, at: Micros, data: dict[str, Any]
) -> SignedEvent:
    """The event of type ``model`` with the id ``id_``, the time ``at`` and the payload ``data``; equal arguments give equal bytes.

    Raises pydantic.ValidationError where ``data`` is no payload of that type, since a signed event must remain readable.
    """
    payload = orjson.dumps({"salt": derive_salt(signer.salt_secret, signer.source, id_), **data})
    model.model_validate_json(payload)
    envelope = Envelope(
        specversion="1.0",
        id=id_,
        source=signer.source,
        type=model.spec.type,
        time=rfc3339(at),
        datacontenttype="application/json",
    )
    signature = sign(signer.key, signed_bytes(signer.network, envelope, payload))
    return SignedEvent(frame([*envelope.to_headers(), (SIGNATURE_HEADER, signature.encode())]), payload)


def rfc3339(micros: Micros) -> str:
    """A moment in UTC with microseconds, as RFC 3339 writes it."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds").replace("+00:00", "Z")
