"""Bodies of requests about documents: proposals, drafts, and signed instructions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.document_instruction import Instruction
from schemas.events.document_control import DocumentAction
from schemas.events.wire import OwnReference, PartyCode
from services.documents.domain.document import Document, DocumentKind, DocumentParty, fields_of
from services.documents.domain.legal import SignerRole

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
DocumentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Value = (
    Annotated[int, Field(strict=True, ge=0, le=10**12)]
    | _Text
    | Annotated[list[_Text], Field(max_length=256)]
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedParty(_Body):
    """A registered party in a role; several may have one role."""

    role: SignerRole
    party: PartyCode


class Proposal(_Body):
    """A document to be built from what is shared about its consignment; ``fields`` are taken as given, the rest is filled in."""

    consignment: OwnReference
    kind: DocumentKind
    form: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,32}$")]
    basis: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,32}$")]
    number: Annotated[str, Field(min_length=1, max_length=64, description="The issuer's own number of it.")]
    parties: Annotated[list[NamedParty], Field(max_length=32)]
    fields: Annotated[dict[str, _Value], Field(max_length=32)] = {}

    def document(self, built: dict[str, object]) -> Document:
        """Version 1, with what was ``built`` below what is given."""
        return Document(
            version=1,
            kind=self.kind,
            form=self.form,
            basis=self.basis,
            number=self.number,
            consignment=self.consignment,
            parties=tuple(DocumentParty(each.role, each.party) for each in self.parties),
            fields=fields_of({**built, **self.fields}.items()),
        )


class WholeDocument(Proposal):
    """A version of a document, whole, as its digest covers it."""

    version: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    previous: Digest | Literal[""] = ""

    def whole(self) -> Document:
        """The document."""
        return Document(
            version=self.version,
            kind=self.kind,
            form=self.form,
            basis=self.basis,
            number=self.number,
            consignment=self.consignment,
            parties=tuple(DocumentParty(each.role, each.party) for each in self.parties),
            fields=fields_of(self.fields.items()),
            previous=self.previous,
        )


class SignedInstruction(_Body):
    """An instruction on a document, and the acting party's signature over it (signing.md, 10)."""

    action: DocumentAction
    version: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    content: Annotated[Digest, Field(description="The digest of that version.")]
    request: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            pattern=r"^[!-~]+$",
            description="The party's own name of this instruction, new for each: sent again it is the same decision.",
        ),
    ]
    previous: Annotated[
        Digest | Literal[""],
        Field(
            description="The digest of the latest transfer; empty before the first, and for DRAFT and SIGN."
        ),
    ] = ""
    to: PartyCode | Literal[""] = ""
    paper: Annotated[
        str,
        Field(
            max_length=64,
            description="The serial number of the paper original; for TRANSFER_OUT the other platform and its user: WAVE/duisport.",
        ),
    ] = ""
    signature: Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]

    def instruction(self, network: str, party: str, document: str) -> Instruction:
        """What was signed, by ``party``."""
        return Instruction(
            network,
            party,
            document,
            self.action,
            self.version,
            self.content,
            self.request,
            self.previous,
            self.to,
            self.paper,
        )


class SignedDraft(_Body):
    """A version of a document and the issuer's signed DRAFT of it."""

    document: WholeDocument
    instruction: SignedInstruction
