"""Receipts and bundles as files; docs/guides/transparency.md says what each member is and how it is verified."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import Shape

Base64 = Annotated[str, Field(description="Base64.")]


class Receipt(Shape):
    """An event as it was signed, and the proof that the cosigned log holds it."""

    format: Literal["lianyun-receipt-v1"]
    kind: str
    place: str
    at: Annotated[int, Field(description="UTC microseconds.")]
    key: str
    identity: Base64
    salt: Base64
    text: Base64
    proof: Annotated[str, Field(description="C2SP tlog-proof.")]


class ReceiptClaim(Shape):
    """What is claimed, with parameters of its kind."""

    kind: Literal["handed-over", "decided", "release-allowed", "pledge-stands", "credit-signal"]


class Bundle(Shape):
    """A claim and all that proves it offline."""

    format: Literal["lianyun-bundle-v1"]
    claim: ReceiptClaim
    statement: Annotated[str, Field(description="The claim as a sentence.")]
    parts: Annotated[
        list[dict[str, Any]], Field(description="Entries of the log with documents and inclusion proofs.")
    ]
    records: list[Base64]
    answer: Annotated[str | None, Field(description="The platform's answer: SD-JWT, RFC 9901.")]
    checkpoint: Annotated[str, Field(description="C2SP checkpoint with its cosignatures.")]
    policy: Annotated[str, Field(description="C2SP tlog-policy. Verify by a policy that you have yourself.")]
    policy_sha256: str
