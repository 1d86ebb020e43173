"""The envelope of DCSA's eBL Platform Interoperability API (PINT) 3.0.0: its members by their published names, its making, its verification.

A transfer chain is a list of signed entries, each with the checksum of the text of the one before; the manifest names the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from services.documents.pint.domain.signed_content import (
    BadContent,
    BadSignature,
    Directory,
    canonical,
    checksum,
    payload_of,
)

VERSION: Final = "3.0.0"
MOST_ENTRIES: Final = 256
Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Signed = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
PlatformCode = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=4)]
Name = Annotated[str, StringConstraints(pattern=r"^\S(?:.*\S)?$", max_length=70)]


class ResponseCode(StrEnum):
    """How an envelope was answered, by the standard."""

    RECE = "RECE"  # received
    DUPE = "DUPE"  # received before
    BSIG = "BSIG"  # bad signature
    BENV = "BENV"  # bad envelope
    INCD = "INCD"  # inconclusive document: not of the checksum or size that the manifest gives
    MDOC = "MDOC"  # missing document
    DISE = "DISE"  # disputed: contradicts what is known of the document

    @property
    def status(self) -> HTTPStatus:
        """The status of HTTP that goes with it."""
        if self in (ResponseCode.RECE, ResponseCode.DUPE):
            return HTTPStatus.OK
        return (
            HTTPStatus.UNPROCESSABLE_ENTITY
            if self in (ResponseCode.BSIG, ResponseCode.BENV)
            else HTTPStatus.CONFLICT
        )


class Refused(Exception):
    """An envelope that is not accepted: the code of the answer, and the reason for its sender."""

    def __init__(self, code: ResponseCode, reason: str, missing: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.code, self.reason, self.missing = code, reason, tuple(missing)


class ActionCode(StrEnum):
    """What a transaction of a transfer chain did with the document."""

    ISSUE = "ISSUE"
    TRANSFER = "TRANSFER"
    ENDORSE = "ENDORSE"
    ENDORSE_TO_ORDER = "ENDORSE_TO_ORDER"
    BLANK_ENDORSE = "BLANK_ENDORSE"
    SURRENDER_FOR_DELIVERY = "SURRENDER_FOR_DELIVERY"
    SURRENDER_FOR_AMENDMENT = "SURRENDER_FOR_AMENDMENT"
    SACC = "SACC"
    SREJ = "SREJ"
    SIGN = "SIGN"


MOVES: Final = frozenset(
    {
        ActionCode.TRANSFER,
        ActionCode.SURRENDER_FOR_DELIVERY,
        ActionCode.SURRENDER_FOR_AMENDMENT,
        ActionCode.SREJ,
    }
)
"""The actions whose envelope gives possession to the recipient; others only notify it."""


ENDORSEMENTS: Final = frozenset({ActionCode.ENDORSE, ActionCode.ENDORSE_TO_ORDER, ActionCode.BLANK_ENDORSE})


class Member(BaseModel):
    """A JSON object by its published names; what is not known of it is left out on reading."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore"
    )

    @classmethod
    def of(cls, value: object) -> Self:
        """The member in a JSON value; BadContent with the first place that is wrong."""
        try:
            return cls.model_validate(value)
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BadContent(f"{cls.__name__}.{place}: {first['msg']}") from None

    def json_object(self) -> dict[str, Any]:
        """As JSON, without what is not given."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class IdentifyingCode(Member):
    """A code of a party in a list of codes."""

    code_list_provider: Annotated[str, StringConstraints(max_length=100)]
    party_code: Annotated[str, StringConstraints(max_length=150)]
    code_list_name: Annotated[str, StringConstraints(max_length=100)] | None = None


class Party(Member):
    """A user of a platform, with whatever else its platform gives of it."""

    model_config = ConfigDict(extra="allow")

    party_name: Name
    ebl_platform: PlatformCode
    identifying_codes: Annotated[list[IdentifyingCode], Field(min_length=1)]


class Transaction(Member):
    """One act with the document."""

    action_code: ActionCode
    actor: Party
    recipient: Party | None = None
    action_date_time: str
    reason_code: Annotated[str, StringConstraints(max_length=4)] | None = None
    comments: Annotated[str, StringConstraints(max_length=255)] | None = None


class DocumentMetadata(Member):
    """A file that goes with an envelope."""

    name: str
    size: Annotated[int, Field(ge=1)]
    media_type: Annotated[str, StringConstraints(max_length=100)]
    document_checksum: Checksum


class IssuanceManifest(Member):
    """What the carrier signs at issuance."""

    document_checksum: Checksum
    issue_to_checksum: Checksum
    visualisation_checksum: Annotated[Checksum | None, Field(alias="eBLVisualisationByCarrierChecksum")] = (
        None
    )


class ChainEntry(Member):
    """An entry of the transfer chain."""

    ebl_platform: PlatformCode
    transport_document_checksum: Checksum
    previous: Annotated[
        Checksum | None, Field(alias="previousEnvelopeTransferChainEntrySignedContentChecksum")
    ] = None
    visualisation: Annotated[DocumentMetadata | None, Field(alias="eBLVisualisationByCarrier")] = None
    issuance_manifest_signed_content: Signed | None = None
    control_tracking_registry: Annotated[str, StringConstraints(max_length=1024)] | None = None
    transactions: Annotated[list[Transaction], Field(min_length=1)]


class EnvelopeManifest(Member):
    """What an envelope holds, signed by the sending platform."""

    transport_document_checksum: Checksum
    last_entry: Annotated[Checksum, Field(alias="lastEnvelopeTransferChainEntrySignedContentChecksum")]
    visualisation: Annotated[DocumentMetadata | None, Field(alias="eBLVisualisationByCarrier")] = None
    supporting_documents: list[DocumentMetadata] | None = None

    @property
    def files(self) -> dict[str, DocumentMetadata]:
        """The additional documents by checksum."""
        given = [*(self.supporting_documents or ()), *([self.visualisation] if self.visualisation else ())]
        return {each.document_checksum: each for each in given}


class Envelope(Member):
    """The body of a start of a transfer."""

    transport_document: dict[str, Any]
    envelope_manifest_signed_content: Signed
    envelope_transfer_chain: Annotated[list[Signed], Field(min_length=1, max_length=MOST_ENTRIES)]

    @property
    def last_entry(self) -> str:
        """The checksum of the last entry of the chain, which names the transfer."""
        return checksum(self.envelope_transfer_chain[-1].encode())


class StartedResponse(Member):
    """What the receiving platform answers to a start while files are missing; unsigned."""

    envelope_reference: str
    transport_document_checksum: Checksum
    last_entry: Annotated[Checksum, Field(alias="lastEnvelopeTransferChainEntrySignedContentChecksum")]
    missing_additional_document_checksums: list[Checksum]


class FinishedResponse(Member):
    """The final answer to an envelope, signed by the receiving platform."""

    last_entry: Annotated[Checksum, Field(alias="lastEnvelopeTransferChainEntrySignedContentChecksum")]
    response_code: ResponseCode
    duplicate_of: Annotated[
        Signed | None, Field(alias="duplicateOfAcceptedEnvelopeTransferChainEntrySignedContent")
    ] = None
    reason: Annotated[str, StringConstraints(max_length=255)] | None = None
    missing_additional_document_checksums: list[Checksum] | None = None
    received_additional_document_checksums: list[Checksum] | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """An envelope whose signatures, checksums and order hold."""

    sender: str
    document: str  # the checksum of the transport document
    entry: str  # the checksum of the last entry
    chain: tuple[str, ...]  # the checksums of all entries, in order
    register: str | None  # the URI of the control tracking registry
    transaction: Transaction  # the last of the last entry
    issuer: str
    """Who signed the issuance manifest."""
    manifest: EnvelopeManifest
    acts: tuple[tuple[str, Transaction], ...]
    """All transactions in order, each with the platform that signed its entry."""

    def endorsement(self, home: str) -> Transaction | None:
        """The last endorsement that other platforms signed since the document left ``home``; None where there is none."""
        found = None
        for platform, act in self.acts:
            if platform == home:
                found = None
            elif act.action_code in ENDORSEMENTS:
                found = act
        return found


def verified(envelope: Envelope, directory: Directory) -> Verified:
    """The envelope, verified; Refused BSIG for a signature, BENV for what else is wrong.

    Rules of the standard: each entry is signed by the platform that it names; each but the first has the checksum of the one before;
    the first begins with the one ISSUE, and has the issuance manifest of the carrier and the registry, the others have neither; document
    and visualisation are the same throughout.
    """
    try:
        entries = [_entry(text, directory) for text in envelope.envelope_transfer_chain]
        opened = directory.opened(envelope.envelope_manifest_signed_content)
        manifest = EnvelopeManifest.of(opened.payload)
        last = entries[-1]
        _require(
            opened.signer == last.ebl_platform, "the manifest is not signed by the platform of the last entry"
        )
        document = checksum(canonical(envelope.transport_document))
        _require(manifest.transport_document_checksum == document, "the document has another checksum")
        _require(manifest.last_entry == envelope.last_entry, "the manifest names another last entry")
        issuer = _issued(entries[0], document, manifest.visualisation, directory)
        chain = tuple(checksum(text.encode()) for text in envelope.envelope_transfer_chain)
        for number, entry in enumerate(entries):
            _require(
                entry.transport_document_checksum == document, f"entry {number} is about another document"
            )
            visualised = entry.visualisation in (None, manifest.visualisation)
            _require(visualised, f"entry {number} has another visualisation")
            previous = chain[number - 1] if number else None
            _require(entry.previous == previous, f"entry {number} does not continue the one before it")
            _require(
                not number
                or entry.control_tracking_registry is entry.issuance_manifest_signed_content is None,
                f"entry {number} has a registry or an issuance manifest, which only the first has",
            )
        signed_acts = tuple((entry.ebl_platform, each) for entry in entries for each in entry.transactions)
        acts = [each for _, each in signed_acts]
        _require(
            [number for number, each in enumerate(acts) if each.action_code is ActionCode.ISSUE] == [0],
            "ISSUE is not the first transaction, once",
        )
        _require(
            all(each.action_code is not ActionCode.SACC for each in acts[:-1]), "a transaction follows SACC"
        )
    except BadSignature as fault:
        raise Refused(ResponseCode.BSIG, str(fault)) from None
    except BadContent as fault:
        raise Refused(ResponseCode.BENV, str(fault)) from None
    return Verified(
        sender=last.ebl_platform,
        document=document,
        entry=envelope.last_entry,
        chain=chain,
        register=entries[0].control_tracking_registry,
        transaction=last.transactions[-1],
        issuer=issuer,
        manifest=manifest,
        acts=signed_acts,
    )


def _entry(text: str, directory: Directory) -> ChainEntry:
    opened = directory.opened(text)
    entry = ChainEntry.of(opened.payload)
    if entry.ebl_platform != opened.signer:
        raise BadSignature(f"an entry of {entry.ebl_platform} is signed by {opened.signer}")
    return entry


def _issued(
    first: ChainEntry, document: str, visualisation: DocumentMetadata | None, directory: Directory
) -> str:
    """Who signed the issuance manifest of the first entry."""
    act = first.transactions[0]
    _require(first.issuance_manifest_signed_content is not None, "the first entry has no issuance manifest")
    opened = directory.opened(first.issuance_manifest_signed_content or "")
    manifest = IssuanceManifest.of(opened.payload)
    _require(manifest.document_checksum == document, "the issuance manifest is of another document")
    _require(
        visualisation is None or visualisation.document_checksum == manifest.visualisation_checksum,
        "the visualisation is not the one of the issuance manifest",
    )
    _require(
        act.recipient is not None and manifest.issue_to_checksum == issued_to(act.recipient),
        "the document was issued to somebody else than the issuance manifest says",
    )
    return opened.signer


def issued_to(recipient: Party) -> str:
    """The checksum of the party that a document is issued to, as ``issueTo`` of DCSA's issuance (EBL_ISS 3.0.0)."""
    given = recipient.json_object()
    party = {"partyName": given["partyName"], "sendToPlatform": given["eblPlatform"]}
    codes = {name: given[name] for name in ("identifyingCodes", "taxLegalReferences") if name in given}
    return checksum(canonical({**party, **codes}))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadContent(otherwise)


Read = TypeVar("Read", bound=Member)


def read(kind: type[Read], text: str) -> Read:
    """The payload of a signed content that was verified before."""
    return kind.of(payload_of(text))


def finished(text: str, envelope: Envelope, receiver: str, directory: Directory) -> FinishedResponse:
    """The signed answer of ``receiver`` to an envelope; BadSignature or BadContent where it is not that.

    The status of HTTP is not read: only what is signed counts.
    """
    opened = directory.opened(text)
    if opened.signer != receiver:
        raise BadSignature(f"the answer is signed by {opened.signer}, not by {receiver}")
    response = FinishedResponse.of(opened.payload)
    _require(response.last_entry == envelope.last_entry, "the answer is about another envelope")
    return response


def chained(envelope: Mapping[str, Any] | Envelope | None) -> tuple[str, ...]:
    """The texts of the entries of the envelope that a document came with; none for one that never left."""
    if envelope is None:
        return ()
    return tuple(Envelope.of(envelope).envelope_transfer_chain)
