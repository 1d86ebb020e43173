"""Transport documents over consignments: proposed, drafted, signed by several, and their one original passed from holder to holder."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from schemas.events.base import Role
from schemas.events.document_control import DocumentAction
from services.api.access import documents as shown
from services.api.auth.permissions import EVERYBODY, Needs, Scope
from services.api.calls import LARGEST_PAGE, Answer, Call, page
from services.api.financing.decisions import keys_of
from services.api.problems import Problem
from services.api.requests.documents import DocumentId, Proposal, SignedDraft, SignedInstruction
from services.api.responses.documents import (
    DocumentDecision,
    DocumentHistory,
    Documents,
    DocumentShown,
    ProposedDocument,
)
from services.api.router import Routes
from services.documents.domain.decisions import DRAFT
from services.documents.domain.document import Document, Invalid, checked
from services.documents.store.document_service import (
    DocumentService,
    NotDrafted,
    NotInstructed,
    RequestUsed,
    UnknownDocument,
)
from services.documents.store.registers import registers_of

routes = Routes("documents")
_READ = Needs(Scope.EVENTS_READ, foreign="absent")
_WRITE = Needs(Scope.EVENTS_WRITE, EVERYBODY - {Role.PLATFORM}, "absent")
_Document = Annotated[DocumentId, Path(description="The document's id, 32 hexadecimal digits.")]
_Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items a page at most.")]
_Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")]
ACTIONS: tuple[str, ...] = DocumentAction.__args__  # type: ignore[attr-defined]


@routes.get("/v1/documents", _READ, answers=Documents, problems=("cursor-invalid",))
def listed_documents(call: Call, limit: _Limit = 50, cursor: _Cursor = None) -> Answer:
    """The documents that the caller is a party of, holds, receives or pledged, the latest change first."""
    place = call.cursor(cursor, "documents")
    found, last = shown.readable_documents(call, None if place is None else int(place[0]), limit)
    items = [shown.summary(document, register) for document, register in found]
    return page(call, "documents", items, None if last is None else [last])


@routes.post(
    "/v1/document-proposals",
    _WRITE,
    answers=ProposedDocument,
    problems=("not-found", "invalid"),
    idempotent=False,
)
def propose_document(call: Call, body: Proposal) -> Answer:
    """Build a document from what is shared about a consignment, as far as the caller sees it. Nothing is stored: sign a DRAFT of its
    digest and send both to /v1/documents. Each field says which signed events support or contradict it, or that none does.
    """
    found = shown.proposed(call, body.document({}))
    if found is None:
        raise Problem("not-found")
    known, built = found
    document = _checked(body.document(built))
    return Answer(
        {
            "document": document.id,
            "content": document.digest,
            **shown.described(document, (), known, call.now),
        }
    )


@routes.post(
    "/v1/documents",
    _WRITE,
    answers=DocumentDecision,
    problems=("not-found", "invalid", "conflict", "instruction-unsigned"),
    idempotent=False,
)
def draft_document(call: Call, body: SignedDraft) -> Answer:
    """Draft a version of a document: version 1 of a new one, or the next of one that is issued, which AMEND then puts in force. The
    instruction is a DRAFT signed by the issuer, a party of the consignment. `request` makes it safe to send again.
    """
    document = _checked(body.document.whole())
    if body.instruction.action != DRAFT:
        raise Problem("invalid", "A draft is instructed by DRAFT.", pointer="/instruction/action")
    if document.issuer != call.party.code:
        raise Problem("not-found")
    return _decided(call, document.id, body.instruction, document)


@routes.get("/v1/documents/{document}", _READ, answers=DocumentShown, problems=("not-found",))
def shown_document(call: Call, document: _Document) -> Answer:
    """A document, whole: what it says, its law, who signed it, who holds its original, and what supports each field."""
    found = shown.whole_document(call, document)
    if found is None:
        raise Problem("not-found")
    return Answer(found[1])


@routes.get("/v1/documents/{document}/history", _READ, answers=DocumentHistory, problems=("not-found",))
def document_history(call: Call, document: _Document) -> Answer:
    """Every decision on a document in order, refused ones with the reason. A transfer is effective once witnesses cosigned it."""
    register = shown.readable_document(call, document)
    if register is None:
        raise Problem("not-found")
    items = [shown.decision(each, register, call.shown(each.number)) for each in register.decisions]
    return Answer({"items": items})


@routes.post(
    "/v1/documents/{document}/instructions",
    _WRITE,
    answers=DocumentDecision,
    problems=("not-found", "conflict", "invalid", "instruction-unsigned"),
    idempotent=False,
)
def instruct_document(call: Call, document: _Document, body: SignedInstruction) -> Answer:
    """Sign a version, or have something done to the original: ISSUE, TRANSFER, ENDORSE, BLANK_ENDORSE, PLEDGE, RELEASE,
    SURRENDER_FOR_DELIVERY, AMEND, SWITCH_TO_PAPER, SWITCH_TO_ELECTRONIC, VOID. The answer is a recorded decision: DONE, or REFUSED with the guard
    and what would satisfy it. One that is done is PENDING until witnesses cosigned it. `request` makes it safe to send again.
    """
    if body.action == DRAFT:
        raise Problem("invalid", "A draft is sent to /v1/documents, with the document.", pointer="/action")
    if shown.readable_document(call, document) is None:
        raise Problem("not-found")
    return _decided(call, document, body, None)


def _decided(call: Call, document: str, body: SignedInstruction, draft: Document | None) -> Answer:
    network = call.context.settings.network
    service = DocumentService(keys_of(call).signer(network))
    ask = body.instruction(network, call.party.code, document)
    try:
        found = service.decide(call.session, ask, body.signature, draft)
    except UnknownDocument:
        raise Problem("not-found") from None
    except (NotDrafted, RequestUsed) as problem:
        raise Problem("conflict", str(problem)) from None
    except NotInstructed as problem:
        raise Problem("instruction-unsigned", f"{problem}."[:300]) from None
    id_ = bytes.fromhex(document)
    register = registers_of(call.session, [id_])[id_]
    if draft is not None:
        call.reads("document", document, register.readers())
    return Answer(shown.decision(found, register, call.shown(found.number)))


def _checked(document: Document) -> Document:
    try:
        return checked(document)
    except Invalid as problem:
        raise Problem("invalid", f"{problem}.", pointer="/document") from None
