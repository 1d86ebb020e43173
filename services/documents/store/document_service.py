"""The service that decides instructions on documents: one instruction, one transaction, under the lock of the document.

The acting party's signature is verified against the registry first. Each decision is recorded as an event signed by the platform over the bytes as
stored, which joins the transparency log; a transfer is effective once a cosigned checkpoint covers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import tuple_row

from schemas.document_instruction import Instruction
from schemas.events.document_control import DocumentDecided
from schemas.reasons import Refusal as Unsigned
from schemas.signature_header import parse_header
from services.documents.domain.decisions import (
    DRAFT,
    STEPS,
    Decision,
    Outcome,
    Register,
    Surroundings,
    decide,
)
from services.documents.domain.document import Document, canonical
from services.documents.domain.legal import legal
from services.documents.domain.transfer import Action, Medium, OriginalState, Refusal
from services.documents.store import statement
from services.documents.store.registers import COLUMNS, decision_of, registers_of
from services.documents.store.shared_data import shared_view
from services.domain.facts import Micros
from services.domain.objects import consignment
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event
from services.ledger.registry import store as registry_store
from services.ledger.registry.party import KeyState, key_state
from services.ledger.registry.registry import Registry
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt
from services.ledger.storage.decision_locks import Clock, database_clock, lock, request_key
from services.ledger.storage.session import Session

_ISSUE = b"issue of originals"
"""The lock under which originals come into being: two over one cargo wait for one another."""


class NotInstructed(Exception):
    """The acting party did not sign this instruction with a key that counts; nothing was decided."""


class UnknownDocument(Exception):
    """There is no such document for the acting party; nothing was decided."""


class NotDrafted(Exception):
    """A first draft that cannot be, with its remedy: there is no document yet to record the refusal on."""


class RequestUsed(Exception):
    """The party used this request id for another instruction; nothing was decided."""


@dataclass(frozen=True)
class DocumentService:
    """Decides in the caller's transaction, which it neither commits nor rolls back. Usable from several sessions and threads."""

    signer: Signer
    clock: Clock = database_clock

    def decide(
        self, session: Session, ask: Instruction, signature: str, draft: Document | None = None
    ) -> Decision:
        """Decide and record ``ask``, signed by ``signature``; ``draft`` is the document of a DRAFT.

        A repeated instruction gives its recorded decision and records nothing. Blocks while others decide on the same document. Raises
        NotInstructed, UnknownDocument, NotDrafted, RequestUsed, and what Postgres raises.
        """
        adapt(session)
        if ask.network != self.signer.network or ask.action not in STEPS:
            raise NotInstructed(
                f"an instruction is for {self.signer.network}, and one of {', '.join(sorted(STEPS))}"
            )
        registry = registry_store.load(session)
        document = _id(ask.document)
        held = [document, request_key(ask.party, ask.request)]
        lock(session, [*held, *([_ISSUE.ljust(16)] if ask.action == Action.ISSUE else [])])
        points.reach("document_locked")
        at, position = self.clock(session)
        _verify(ask, signature, registry, at)
        earlier = _earlier(session, ask)
        if earlier is not None:
            return earlier
        known = registers_of(session, [document])[document]
        if not known.decisions and (ask.action != DRAFT or draft is None):
            raise UnknownDocument(ask.document)
        platform = registry.owner(self.signer.source)
        back = ask.action == Action.TRANSFER_IN and platform is not None and platform.code == ask.party
        if known.decisions and not back and ask.party not in known.readers() | _signatories(known):
            raise UnknownDocument(ask.document)
        last = known.decisions[-1] if known.decisions else None
        moment = at if last is None else max(at, last.at)
        around = _surroundings(session, ask, draft, known, registry, moment)
        found = decide(ask, draft, known, around, moment)
        if last is None and isinstance(found, Refusal) and found.reason == "PARTY_OF_CARGO":
            raise UnknownDocument(ask.document)  # nobody learns which consignments there are
        if last is None and isinstance(found, Refusal):
            raise NotDrafted(f"{found.reason}: {found.remedy}")
        decision = self._decision(session, ask, signature, draft, known, found, registry, moment, position)
        self._record(session, decision, known, draft)
        points.reach("document_decided")
        return decision

    def _decision(
        self,
        session: Session,
        ask: Instruction,
        signature: str,
        draft: Document | None,
        known: Register,
        found: Refusal | int,
        registry: Registry,
        at: Micros,
        position: int,
    ) -> Decision:
        document = known.current or draft
        assert document is not None
        ((number,),) = session.execute(statement("number")).fetchall()
        refused = found if isinstance(found, Refusal) else Refusal("", "")
        return Decision(
            number=number,
            document=ask.document,
            kind=document.kind,
            form=document.form,
            consignment=document.consignment,
            action=ask.action,
            outcome=Outcome.REFUSED if refused.reason else Outcome.DONE,
            at=at,
            position=position,
            before=known.decisions[-1].number if known.decisions else None,
            by=ask.party,
            request=ask.request,
            version=ask.version,
            content=ask.content,
            previous=ask.previous,
            to=ask.to,
            paper=ask.paper,
            instruction=ask.digest,
            signature=signature,
            registry=registry.version,
            place=found if isinstance(found, int) else 0,
            guard=refused.reason,
            satisfied_by=refused.remedy,
            rules=legal().version,
        )

    def _record(self, session: Session, decision: Decision, known: Register, draft: Document | None) -> None:
        signed = signed_decision(self.signer, decision)
        row = {**decision._asdict(), "headers": signed.headers, "payload": signed.payload}
        session.execute(
            statement("put_decision"), {**row, "outcome": str(decision.outcome), "kind": str(decision.kind)}
        )
        versions = dict(known.versions)
        if decision.done and decision.action == DRAFT and draft is not None:
            versions[draft.digest] = draft
            version = {
                "document": decision.document,
                "content": draft.digest,
                "decision": decision.number,
                "body": canonical(draft.plain).decode(),
            }
            session.execute(statement("put_version"), version)
        after = Register((*known.decisions, decision), versions, known.effective)
        session.execute(statement("put_head"), head_row(after))


def signed_decision(signer: Signer, decision: Decision) -> SignedEvent:
    """The event of ``decision``; the same decision gives the same bytes."""
    fields = {name: value for name, value in stated(decision).items() if value is not None}
    return signed_event(signer, DocumentDecided, event_id_of(decision), decision.at, fields)


def event_id_of(decision: Decision) -> str:
    """The CloudEvents id of the platform's event for ``decision``."""
    return f"document-decision-{decision.number}"


def stated(decision: Decision) -> dict[str, Any]:
    """The fields of the event that come from ``decision``; None for what it leaves out."""
    transfer = decision.transfer
    return {
        "happened": rfc3339(decision.at),
        "number": decision.number,
        "position": decision.position,
        "before": decision.before,
        "document": decision.document,
        "kind": str(decision.kind),
        "form": decision.form,
        "consignment": decision.consignment,
        "action": decision.action,
        "outcome": str(decision.outcome),
        "by": decision.by,
        "request": decision.request,
        "version": decision.version,
        "content_sha256": decision.content,
        "previous_sha256": decision.previous or None,
        "to": decision.to or None,
        "paper": decision.paper or None,
        "instruction_sha256": decision.instruction,
        "instruction_signature": decision.signature,
        "registry": decision.registry,
        "transfer": decision.place or None,
        "transfer_sha256": None if transfer is None else transfer.digest,
        "guard": decision.guard or None,
        "satisfied_by": decision.satisfied_by[:200] or None,
        "rules": decision.rules,
    }


def head_row(register: Register) -> dict[str, Any]:
    """The row of ``document_head`` that the decisions give; LookupError where no draft of it is stored. Raises BrokenChain."""
    document, holding, last = register.current, register.holding, register.decisions[-1]
    if document is None:
        raise LookupError(f"no draft of document {last.document} is stored")
    state = "DRAFT"
    if holding is not None:
        here = holding.medium is Medium.ELECTRONIC
        state = str(holding.state if here else holding.medium)
    return {
        "document": last.document,
        "number": document.number,
        "kind": str(document.kind),
        "form": document.form,
        "issuer": document.issuer,
        "consignment": document.consignment,
        "cons": consignment(*document.consignment.split("/", 1)).id.hex(),
        "controls": document.legal_form().surrendered and state in (OriginalState.LIVE, *Medium),
        "holder": "" if holding is None else holding.holder,
        "state": state,
        "transfers": 0 if register.chain is None else len(register.chain.transfers),
        "last": last.number,
        "at": last.at,
        "readers": sorted(register.readers()),
    }


def _id(document: str) -> bytes:
    try:
        found = bytes.fromhex(document)
    except ValueError:
        found = b""
    if len(found) != 16:
        raise UnknownDocument(document)
    return found


def _verify(ask: Instruction, signature: str, registry: Registry, at: Micros) -> None:
    try:
        key = registry.key(parse_header(signature.encode("ascii", "replace")).key_id)
    except Unsigned as refusal:
        raise NotInstructed(refusal.detail) from None
    if key is None or key.party != ask.party:
        raise NotInstructed(f"it is not signed by a registered key of {ask.party}")
    state = key_state(key, at)
    if state is not KeyState.VALID:
        raise NotInstructed(f"key {key.key_id} is {state}")
    if fault := ask.fault(signature, key.public):
        raise NotInstructed(fault)


def _earlier(session: Session, ask: Instruction) -> Decision | None:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    row = cursor.execute(statement("decided_under"), {"by": ask.party, "request": ask.request}).fetchone()
    if row is None:
        return None
    decision = decision_of(row[:COLUMNS])
    if decision.instruction != ask.digest:
        raise RequestUsed(f"request {ask.request} was used for another instruction: name this one anew")
    return decision


def _signatories(known: Register) -> frozenset[str]:
    return frozenset(each.party for version in known.versions.values() for each in version.signatories)


def _surroundings(
    session: Session,
    ask: Instruction,
    draft: Document | None,
    known: Register,
    registry: Registry,
    at: Micros,
) -> Surroundings:
    named: Sequence[str] = (
        ask.party,
        ask.to,
        *(() if draft is None else (each.party for each in draft.parties)),
    )
    roles = {code: party.roles for code in named if (party := registry.party(code)) is not None}
    engaged: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    if ask.action == DRAFT and draft is not None:
        known_view = shared_view(session, draft.consignment, at, registry)
        engaged = frozenset() if known_view is None else known_view.view.engaged
    if ask.action == Action.ISSUE:
        thing = consignment(*known.first.consignment.split("/", 1))
        parameters = {"document": ask.document, "cons": thing.id.hex()}
        others = frozenset(
            each.hex() if isinstance(each, bytes) else str(each)
            for (each,) in session.execute(statement("controlling"), parameters)
        )
    return Surroundings(roles, engaged, others)
