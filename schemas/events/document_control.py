"""The platform's decisions on documents (numbers 2100 to 2199): drafts, signatures, and who holds the one original."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import PartyCode, Payload, Time
from schemas.events.declare import event
from schemas.events.finance_decision import Digest16, Number
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import Code, Free, OwnReference, Sha256Hex
from schemas.rfc3339 import parse_micros

DocumentAction = Literal[
    "DRAFT",
    "SIGN",
    "ISSUE",
    "TRANSFER",
    "ENDORSE",
    "BLANK_ENDORSE",
    "PLEDGE",
    "RELEASE",
    "SURRENDER_FOR_DELIVERY",
    "AMEND",
    "SWITCH_TO_PAPER",
    "SWITCH_TO_ELECTRONIC",
    "TRANSFER_OUT",
    "TRANSFER_IN",
    "VOID",
]


@event(
    "document.decided.v1",
    2100,
    region=Region.DOCUMENT,
    by=(Role.PLATFORM,),
    about=frozenset({ObjectKind.CONSIGNMENT}),
    authority=(Role.PLATFORM,),
    document="decision",
)
class DocumentDecided(Payload):
    """The platform decided an instruction on a document under the document's lock: done, or refused with the reason and a remedy.

    ``happened`` is the moment under the lock, ``before`` the decision on the same document that came last, ``position`` the reading
    position below which everything accepted was seen. ``by`` signed the instruction (signing.md, 10) whose SHA-256 is ``instruction_sha256``
    with ``instruction_signature``, under the registry's version ``registry``. A transfer of the original that is done has its number in the
    chain and its digest, ``transfer_sha256``; ``previous_sha256`` is the digest of the one before. ``rules`` is the version of the table of legal bases.
    """

    happened: Time
    number: Number
    position: Number
    before: Number | None = None
    document: Digest16
    kind: Literal["MULTIMODAL_BILL", "FORWARDERS_RECEIPT", "RAIL_NOTE"]
    form: Code
    consignment: OwnReference
    action: DocumentAction
    outcome: Literal["DONE", "REFUSED"]
    by: PartyCode
    request: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
    version: Number
    content_sha256: Sha256Hex
    previous_sha256: Sha256Hex | None = None
    to: PartyCode | None = None
    paper: Free | None = None
    instruction_sha256: Sha256Hex
    instruction_signature: Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
    registry: Number
    transfer: Number | None = None
    transfer_sha256: Sha256Hex | None = None
    guard: Code | None = None
    satisfied_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    rules: Free

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        self.happened_micros  # noqa: B018 - computed once, cached
