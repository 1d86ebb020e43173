"""The platform's own documents in the exchange: what leaves was transferred out by its holder, and what returns has a holder again.

An original that is away is nobody's here, so that it is neither transferred, pledged, surrendered nor printed; the decision TRANSFER_IN, signed
by the platform, gives it back in the transaction that settles the transfer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from schemas.document_instruction import Instruction
from services.documents.domain.decisions import Register
from services.documents.domain.document import Document
from services.documents.domain.transfer import Action, Medium
from services.documents.domain.transfer import Transfer as OriginalTransfer
from services.documents.pint import store
from services.documents.pint.domain import open_attestation
from services.documents.pint.domain.envelope import (
    IdentifyingCode,
    IssuanceManifest,
    Party,
    issued_to,
)
from services.documents.pint.receiver import Budget, Receiver, Sessions, unlimited
from services.documents.pint.registers import Identity, Registers, Unreachable
from services.documents.pint.sender import NotSent, OutgoingDocument, Sender
from services.documents.pint.store import Clock, Transfer, TransferState
from services.documents.store.document_service import DocumentService
from services.documents.store.registers import registers_of
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session

log = logging.getLogger(__name__)

CODES = "Lianyun"
"""The list of codes, mutually agreed (``ZZZ``), in which parties are named to other platforms."""


def party(platform: str, code: str, name: str = "") -> Party:
    """A party as other platforms see it."""
    listed = IdentifyingCode(code_list_provider="ZZZ", party_code=code, code_list_name=CODES)
    return Party(party_name=name or code, ebl_platform=platform, identifying_codes=[listed])


def issuance_manifest(document: Document, holder: Party) -> dict[str, object]:
    """What the issuer of a document signs before it leaves for the first time, for its first holder."""
    manifest = IssuanceManifest(document_checksum=document.digest, issue_to_checksum=issued_to(holder))
    return manifest.json_object()


def user(session: Session, codes: list[IdentifyingCode]) -> tuple[str, str] | None:
    """The registered party that codes name, and its name; None where they name none, or not one."""
    named = {each.party_code for each in codes if each.code_list_provider == "ZZZ"}
    found = registry_store.read_snapshot(session).party(min(named)) if len(named) == 1 else None
    return None if found is None else (found.code, found.name)


@dataclass(frozen=True)
class Original:
    """A document of this platform by its content: its id, and its register of decisions."""

    id: str
    register: Register

    @property
    def document(self) -> Document:
        """The version that stands; LookupError before anything was drafted."""
        found = self.register.current
        if found is None:
            raise LookupError(self.id)
        return found

    @property
    def out(self) -> OriginalTransfer:
        """The transfer by which the original is away; NotSent where it is not, or where it is not effective yet."""
        holding, chain = self.register.holding, self.register.chain
        if holding is None or chain is None or holding.medium is not Medium.AWAY:
            raise NotSent("its holder has not transferred it out (TRANSFER_OUT)")
        if self.register.effective < len(chain.transfers):
            raise NotSent("its transfer out is not effective before witnesses have cosigned it")
        return chain.transfers[-1]


def original(session: Session, document: str) -> Original:
    """The document with that id; LookupError where there is none."""
    id_ = bytes.fromhex(document)
    found = registers_of(session, [id_])[id_]
    if not found.decisions:
        raise LookupError(document)
    return Original(document, found)


class Exchange:
    """What this platform sends and receives; the decisions on its own originals go with it."""

    def __init__(
        self, own: Identity, party_code: str, service: DocumentService, client: httpx.Client, clock: Clock
    ) -> None:
        """``party_code`` is the platform itself in the registry of parties, whose key ``service`` signs with."""
        self.registers = Registers(own, client, clock)
        self.sender = Sender(self.registers, client, clock, self._refused)
        self._party, self._service, self._clock = party_code, service, clock

    def receiver(self, sessions: Sessions, budget: Budget = unlimited) -> Receiver:
        """What answers other platforms, each within its ``budget``."""
        return Receiver(self.registers, sessions, user, self._clock, self._received, budget)

    def send(
        self,
        session: Session,
        document: str,
        issuance: str | None = None,
        files: Sequence[tuple[str, str, bytes]] = (),
    ) -> Transfer:
        """Record the envelope of an original that its holder transferred out; ``issuance`` is needed for the first one.

        Raises NotSent, LookupError, Unreachable.
        """
        found = original(session, document)
        out, chain = found.out, found.register.chain
        platform, _, recipient = out.paper.partition("/")
        issued = None
        if issuance is not None and chain is not None:
            issued = (self.party(session, chain.transfers[0].to), issuance)
        actor = self.party(session, out.by)
        sent = OutgoingDocument(
            found.document.plain, actor, party(platform, recipient), files=files, issued=issued
        )
        return self.sender.start(session, sent)

    def party(self, session: Session, code: str) -> Party:
        """A registered party as other platforms see it."""
        known = registry_store.read_snapshot(session).party(code)
        return party(self.registers.own.code, code, "" if known is None else known.name[:70].strip())

    def deliver(self, session: Session) -> list[tuple[Transfer, TransferState]]:
        """Have every pending transfer answered, the earliest first; what stays open is logged, to be tried again."""
        return [(each, self._delivered(session, each)) for each in store.pending(session, outward=True)]

    def _delivered(self, session: Session, transfer: Transfer) -> TransferState:
        try:
            return self.sender.deliver(session, transfer)
        except (Unreachable, NotSent, LookupError) as fault:
            extra = {"action": "not_delivered", "entry": transfer.entry}
            log.warning("a document is not delivered to %s: %s", transfer.platform, fault, extra=extra)
            return TransferState.PENDING

    def recall(self, session: Session, document: str) -> TransferState:
        """Take an original back that is on its way, or was never sent: REFUSED, or ACCEPTED where the other platform was first."""
        found = original(session, document)
        content = found.document.digest
        for each in store.pending(session, outward=True):
            if each.document == content:
                return self.sender.withdraw(session, each)
        with session.transaction():
            store.lock(session, content)
            before = [t for t in store.transfers(session, content) if t.state is TransferState.ACCEPTED]
            if before and before[-1].outward:
                raise NotSent(f"the document is at {before[-1].platform}")
            out = found.out
            self._give(session, found, out.by, f"recall-{out.digest}", out.paper)
        return TransferState.REFUSED

    def _refused(self, session: Session, transfer: Transfer) -> None:
        found = self._own(session, transfer.document)
        if found is not None:
            self._give(session, found, found.out.by, f"pint-{transfer.entry}", found.out.paper)

    def _received(self, session: Session, transfer: Transfer, to: str) -> None:
        found = self._own(session, transfer.document)
        if found is None:
            return
        try:
            self._give(session, found, to, f"pint-{transfer.entry}", transfer.platform)
        except NotSent as fault:
            raise Unreachable(str(fault)) from None

    def _own(self, session: Session, content: str) -> Original | None:
        """The document of this platform with that content; None for another platform's."""
        id_ = store.document(session, content)
        return None if id_ is None else original(session, id_)

    def _give(self, session: Session, found: Original, to: str, request: str, place: str) -> None:
        """Decide TRANSFER_IN; NotSent where it is refused, so that nothing of the transaction is recorded."""
        signer, chain, document = self._service.signer, found.register.chain, found.document
        instruction = Instruction(
            signer.network,
            self._party,
            found.id,
            Action.TRANSFER_IN,
            document.version,
            document.digest,
            request,
            "" if chain is None else chain.last,
            to,
            place,
        )
        decision = self._service.decide(session, instruction, instruction.signed_by(signer.key))
        if not decision.done:
            raise NotSent(f"the document does not return: {decision.guard}")


def export(found: Original, legal: str, issuer: str, domain: str, secret: bytes) -> dict[str, object]:
    """A document as OpenAttestation 2.0: evidence, not control, and it says so.

    ``issuer`` is who makes the export and ``domain`` where it is known by (DNS-TXT); ``legal`` what the document says about itself; from
    ``secret`` come the salts.
    """
    document, holding = found.document, found.register.effective_holding
    data = {
        "id": document.number,
        "issuers": [{"name": issuer, "identityProof": {"type": "DNS-TXT", "location": domain}}],
        "notice": open_attestation.NOTICE,
        "legalStatement": legal,
        "documentSha256": document.digest,
        "document": document.plain,
        "lastTransferSha256": None if holding is None else holding.last,
    }
    return open_attestation.wrapped(data, secret)
