"""Events of the platform itself: what it decided, signed by its key over the bytes as stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.base import Payload
from schemas.signing import derive_salt, sign
from schemas.signing_key import SigningKey
from services.domain.facts import Micros
from services.ledger.admission.raw_bytes import frame

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    """Who signs for the platform: the network, the platform's source, its key and the secret of its salts."""

    network: str
    source: str
    key: SigningKey
    salt_secret: bytes


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """The event: framed headers with the signature, and the payload."""

    headers: bytes
    payload: bytes


def signed_event(
    signer: Signer, model: type[Payload], id_: str, at: Micros, said: dict[str, Any]
) -> SignedEvent:
    """The event of the type ``model`` with the id ``id_`` that says ``said`` at ``at``; the same arguments, the same bytes.

    Raises pydantic.ValidationError where ``said`` is no payload of that type: what is signed must be readable for ever.
    """
    payload = orjson.dumps({"salt": derive_salt(signer.salt_secret, signer.source, id_), **said})
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
    """A moment in UTC, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds").replace("+00:00", "Z")
