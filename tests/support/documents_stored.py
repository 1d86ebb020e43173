"""Documents of the financing stories' parties in a database, with a log that a test grows and has cosigned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count

from psycopg import Connection

from schemas.document_instruction import Instruction
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.documents.domain.decisions import DRAFT, SIGN, Decision, Register
from services.documents.domain.document import Document, DocumentKind, DocumentParty, checked, fields_of
from services.documents.domain.legal import SignerRole
from services.documents.domain.transfer import Action
from services.documents.store.document_service import DocumentService
from services.documents.store.registers import registers_of
from services.ledger.storage.session import Session, open_session
from services.transparency.domain.keys import LogSigner
from services.transparency.store import log
from tests.support.financing.stored_world import SIGNER, events_of, key_of, tell
from tests.support.financing.stories import cases

LOG = LogSigner("log.example/documents", SigningKey.from_seed(Scheme.ED25519, sha256(b"log").digest()))
ISSUER, CARRIER, SHIPPER, CONSIGNEE, BANK = "silk", "cr", "optic", "ruhr", "abank"
BILL = checked(
    Document(
        version=1,
        kind=DocumentKind.MULTIMODAL_BILL,
        form="NEGOTIABLE",
        basis="CN_SINGLE_DOCUMENT",
        number="FBL-2026-1",
        consignment="xaport/XA-1",
        parties=(
            DocumentParty(SignerRole.ISSUER, ISSUER),
            DocumentParty(SignerRole.CARRIER, CARRIER),
            DocumentParty(SignerRole.CONSIGNOR, SHIPPER),
            DocumentParty(SignerRole.CONSIGNEE, CONSIGNEE),
        ),
        fields=fields_of({"containers": ["CSQU3054383"], "notes": ["SMGS/CN/XAY/100001/2026"]}.items()),
    )
)


RECEIPT = checked(
    replace(
        BILL,
        kind=DocumentKind.FORWARDERS_RECEIPT,
        form="RECEIPT",
        basis="CONTRACT",
        number="FCR-2026-9",
        parties=(DocumentParty(SignerRole.ISSUER, ISSUER), DocumentParty(SignerRole.CONSIGNOR, SHIPPER)),
    )
)
"""A second document over the same consignment, which is only drafted."""
READERS: Mapping[str, frozenset[str]] = {
    BILL.number: frozenset({ISSUER, CARRIER, SHIPPER, CONSIGNEE, BANK}),
    RECEIPT.number: frozenset({ISSUER, SHIPPER}),
}
"""Who may read the documents of ``play_documents``, by their numbers."""


def play_documents(dsn: str) -> None:
    """Issue the bill to the shipper, who pledges it to the bank, effective; and draft the receipt. The parties are stored already."""
    with open_session(dsn) as session:
        bill = Documents(session)
        bill.issued()
        bill.done(Action.PLEDGE, SHIPPER, BANK)
        Documents(session, RECEIPT, requests=bill.requests).do(DRAFT, ISSUER)


def hear_the_base(session: Session) -> None:
    """Store what every financing story begins with."""
    for known, told in events_of(cases()[0]):
        tell(session, told, known)
    session.commit()


def cosign(connection: Connection[object]) -> None:
    """Grow the log to its end and take its head as cosigned; a transaction of its own."""
    connection.autocommit = True
    try:
        log.read_head(connection)
    except log.NoLog:
        log.create(connection, LOG, 1)
    while not log.sequence(connection, LOG, SIGNER.network, 8_192).complete:
        pass
    head = log.read_head(connection)
    log.record_cosigned(connection, head.key, head.note)
    connection.autocommit = False


@dataclass
class Documents:
    """A hand that signs instructions with the parties' keys and has them decided, each in a transaction."""

    session: Session
    document: Document = BILL
    service: DocumentService = field(default_factory=lambda: DocumentService(SIGNER))
    requests: count[int] = field(default_factory=count)

    @property
    def register(self) -> Register:
        """What is decided so far."""
        id_ = bytes.fromhex(self.document.id)
        found = registers_of(self.session, [id_])[id_]
        self.session.commit()
        return found

    def instruction(
        self,
        action: str,
        by: str,
        to: str = "",
        paper: str = "",
        document: Document | None = None,
        request: str = "",
    ) -> Instruction:
        """The next instruction, on the register as it is."""
        known, register = document or self.document, self.register
        last = "" if action in (DRAFT, SIGN) or register.chain is None else register.chain.last
        name = request or f"{by}-{next(self.requests)}"
        return Instruction(
            SIGNER.network, by, known.id, action, known.version, known.digest, name, last, to, paper
        )

    def decide(self, ask: Instruction, draft: Document | None = None, signed_by: str = "") -> Decision:
        """Decide an instruction in a transaction."""
        with self.session.transaction():
            return self.service.decide(
                self.session, ask, ask.signed_by(key_of(signed_by or ask.party)), draft
            )

    def do(self, action: str, by: str, to: str = "", paper: str = "") -> Decision:
        """The next instruction decided; the log is not grown."""
        draft = self.document if action == DRAFT else None
        return self.decide(self.instruction(action, by, to, paper), draft)

    def done(self, action: str, by: str, to: str = "", paper: str = "") -> Decision:
        """The same, which must be done, and effective."""
        decision = self.do(action, by, to, paper)
        assert decision.done, decision
        cosign(self.session)
        return decision

    def issued(self, to: str = SHIPPER) -> None:
        """Drafted, signed by all and issued, effective."""
        self.do(DRAFT, self.document.issuer)
        for party in self.document.signatories:
            self.do(SIGN, party.party)
        self.done(Action.ISSUE, self.document.issuer, to)
