"""Sending documents to other platforms: an envelope is recorded and offered in the register, then delivered until its answer is recorded.

Each step may be repeated. The document is out once the receiver's signed acceptance is stored; a refusal gives it back only after the
offer was withdrawn in the register, so that a late acceptance finds nothing to accept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from schemas.reasons import Refusal
from schemas.strict_json import loads
from services.documents.pint import store
from services.documents.pint.domain.envelope import (
    ActionCode,
    ChainEntry,
    DocumentMetadata,
    Envelope,
    EnvelopeManifest,
    FinishedResponse,
    Party,
    ResponseCode,
    StartedResponse,
    Transaction,
    finished,
)
from services.documents.pint.domain.register import Act, Contradicted, Control, Offer
from services.documents.pint.domain.signed_content import BadContent, BadSignature, canonical, checksum
from services.documents.pint.registers import Registers, Unreachable
from services.documents.pint.store import Clock, Platform, Transfer, TransferState
from services.ledger.storage.session import Session


class NotSent(Exception):
    """A document that cannot be sent now; the text says why."""


Returned = Callable[[Session, Transfer], None]
"""What else is recorded of a document that was not accepted, in the transaction that settles the transfer."""


@dataclass(frozen=True, slots=True)
class OutgoingDocument:
    """What is sent: the transport document, by whom, to whom, as which act; files by their name and media type.

    ``issued`` is for a document that leaves for the first time: its ISSUE and the carrier's signed issuance manifest.
    """

    document: Mapping[str, Any]
    actor: Party
    recipient: Party
    action: ActionCode = ActionCode.TRANSFER
    reason: str | None = None
    files: Sequence[tuple[str, str, bytes]] = ()
    issued: tuple[Party, str] | None = None


class Sender:
    """What this platform sends; for one thread. Sessions are in autocommit."""

    def __init__(self, registers: Registers, client: httpx.Client, clock: Clock, returned: Returned) -> None:
        self._registers, self._client, self._clock, self._returned = registers, client, clock, returned
        self._own = registers.own

    def start(self, session: Session, sent: OutgoingDocument) -> Transfer:
        """Record the transfer as pending; from then on nothing else is done with the document here.

        Raises NotSent where this platform does not control the document, or the recipient's platform is not in the directory;
        Unreachable for a register of another.
        """
        _, known = self._registers.known(session)
        platform = known.get(sent.recipient.ebl_platform)
        if platform is None or platform.url is None:
            raise NotSent(f"{sent.recipient.ebl_platform} is no platform of the directory")
        document = checksum(canonical(dict(sent.document)))
        register = self._guarding(session, document)
        away = register != self._own.register
        control = self._controlled(session, register, document) if away else None
        with session.transaction():
            store.lock(session, document)
            came = self._here(session, document, register)
            if control is None:
                control = self._controlled(session, register, document)
            envelope = self._envelope(session, sent, document, came)
            transfer = Transfer(
                envelope.last_entry,
                document,
                True,
                platform.code,
                register,
                TransferState.PENDING,
                envelope,
                None,
            )
            store.start(session, transfer, self._clock())
            if not away:
                self._offer(session, transfer, control)
        return transfer

    def deliver(self, session: Session, transfer: Transfer) -> TransferState:
        """Have a pending transfer answered and settle it; PENDING where it stays open. Raises Unreachable, to be tried again."""
        _, known = self._registers.known(session)
        platform = known[transfer.platform]
        control = self._registers.control(session, transfer.register, transfer.document)
        if control is None:
            raise Unreachable(f"{transfer.register} does not know the document")
        if control.controller == self._own.code and control.offer is None:
            control = self._offer(session, transfer, control)
        if control.offer != Offer(transfer.platform, transfer.entry):
            return self._by_register(session, transfer)
        answer, text = self._answer(session, platform, transfer)
        if answer.response_code in (ResponseCode.BSIG, ResponseCode.BENV):
            return self._refused(session, transfer, text)
        if answer.response_code in (ResponseCode.RECE, ResponseCode.DUPE):
            return self._settle(session, transfer, TransferState.ACCEPTED, text)
        return TransferState.PENDING

    def withdraw(self, session: Session, transfer: Transfer) -> TransferState:
        """Take a pending transfer back, where the register allows it: REFUSED, or ACCEPTED where the receiver was first."""
        return self._refused(session, transfer, "")

    def _guarding(self, session: Session, document: str) -> str:
        """The URI of the register that guards a document: of this platform, for one that never came from another."""
        before = store.transfers(session, document)
        return before[0].register if before else self._own.register

    def _here(self, session: Session, document: str, register: str) -> Envelope | None:
        """The envelope that a document came with, None where it never left; NotSent where it is elsewhere, or on its way."""
        before = store.transfers(session, document)
        if any(each.outward and each.state is TransferState.PENDING for each in before):
            raise NotSent("the document is being sent")
        done = [each for each in before if each.state is TransferState.ACCEPTED]
        if done and done[-1].outward:
            raise NotSent(f"the document is at {done[-1].platform}")
        if not done and register != self._own.register:
            raise NotSent("the document has not come yet")
        return done[-1].envelope if done else None

    def _controlled(self, session: Session, register: str, document: str) -> Control:
        """The control by the register; NotSent where it is not this platform's. A document that never left is registered."""
        control = self._registers.control(session, register, document)
        if control is None and register == self._own.register:
            text = self._registers.step(register, document, 0, Act.ISSUE)
            control = self._registers.submit(session, register, document, text)
        if control is None or control.controller != self._own.code:
            raise NotSent(
                f"by the register {control.controller if control else 'nobody'} controls the document"
            )
        if control.offer is not None:
            raise NotSent("by the register the document is offered already")
        return control

    def _offer(self, session: Session, transfer: Transfer, control: Control) -> Control:
        try:
            return self._registers.record(
                session,
                transfer.register,
                control,
                Act.OFFER,
                entry=transfer.entry,
                recipient=transfer.platform,
            )
        except Contradicted as fault:
            raise NotSent(f"the register refuses: {fault}") from None

    def _envelope(
        self, session: Session, sent: OutgoingDocument, document: str, came: Envelope | None
    ) -> Envelope:
        moment = datetime.fromtimestamp(self._clock() / 1e6, UTC).isoformat(timespec="milliseconds")
        at = moment.replace("+00:00", "Z")
        chain = [] if came is None else came.envelope_transfer_chain
        act = Transaction(
            action_code=sent.action,
            actor=sent.actor,
            recipient=sent.recipient,
            action_date_time=at,
            reason_code=sent.reason,
        )
        if chain:
            first: dict[str, Any] = {"previous": checksum(chain[-1].encode())}
            acts = [act]
        elif sent.issued is None:
            raise NotSent("the carrier's issuance manifest is missing")
        else:
            holder, issuance = sent.issued
            issue = Transaction(
                action_code=ActionCode.ISSUE, actor=sent.actor, recipient=holder, action_date_time=at
            )
            first = {
                "issuance_manifest_signed_content": issuance,
                "control_tracking_registry": self._own.register,
            }
            acts = [issue, act]
        entry = self._own.signed(
            ChainEntry(
                ebl_platform=self._own.code, transport_document_checksum=document, transactions=acts, **first
            ).json_object()
        )
        files = [
            DocumentMetadata(
                name=name,
                size=len(content),
                media_type=media,
                document_checksum=store.keep_file(session, content, self._clock()),
            )
            for name, media, content in sent.files
        ]
        manifest = EnvelopeManifest(
            transport_document_checksum=document,
            last_entry=checksum(entry.encode()),
            supporting_documents=files or None,
        )
        return Envelope(
            transport_document=dict(sent.document),
            envelope_manifest_signed_content=self._own.signed(manifest.json_object()),
            envelope_transfer_chain=[*chain, entry],
        )

    def _answer(
        self, session: Session, platform: Platform, transfer: Transfer
    ) -> tuple[FinishedResponse, str]:
        """The signed answer to the envelope, after the files that the receiver lacks."""
        base = f"{str(platform.url).rstrip('/')}/v3/envelopes"
        answer = self._called("POST", base, transfer.envelope.json_object())
        if answer.status_code == httpx.codes.CREATED:
            started = StartedResponse.of(_value(answer))
            for name in started.missing_additional_document_checksums:
                content = store.file(session, name)
                if content is None:
                    raise NotSent(f"{platform.code} wants a file that is not of the envelope: {name}")
                self._called(
                    "PUT",
                    f"{base}/{started.envelope_reference}/additional-documents/{name}",
                    base64.b64encode(content).decode(),
                )
            answer = self._called("PUT", f"{base}/{started.envelope_reference}/finish-transfer", None)
        text = _value(answer)
        directory, _ = self._registers.known(session)
        try:
            return finished(str(text), transfer.envelope, platform.code, directory), str(text)
        except (BadSignature, BadContent) as fault:
            raise Unreachable(f"{platform.code} answered {answer.status_code} unsigned: {fault}") from None

    def _refused(self, session: Session, transfer: Transfer, text: str) -> TransferState:
        """Withdraw the offer; where the register accepted it meanwhile, the register counts."""
        own = transfer.register == self._own.register
        with session.transaction() if own else nullcontext():
            control = self._registers.control(session, transfer.register, transfer.document)
            if control is not None and control.offer == Offer(transfer.platform, transfer.entry):
                with suppress(Contradicted):
                    self._registers.record(
                        session, transfer.register, control, Act.WITHDRAW, entry=transfer.entry
                    )
            return self._by_register(session, transfer, text)

    def _by_register(self, session: Session, transfer: Transfer, text: str = "") -> TransferState:
        """Settle a transfer that the register no longer has as an offer; PENDING where it has."""
        accepted = self._registers.acceptance(session, transfer)
        if accepted is not None:
            return self._settle(session, transfer, TransferState.ACCEPTED, accepted)
        control = self._registers.control(session, transfer.register, transfer.document)
        if control is None or control.offer == Offer(transfer.platform, transfer.entry):
            return TransferState.PENDING
        return self._settle(session, transfer, TransferState.REFUSED, text)

    def _settle(self, session: Session, transfer: Transfer, state: TransferState, text: str) -> TransferState:
        with session.transaction():
            store.lock(session, transfer.document)
            settled = store.settle(session, transfer.entry, state, text, self._clock())
            if settled and state is TransferState.REFUSED:
                self._returned(session, transfer)
        return state

    def _called(self, method: str, url: str, body: object) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json", "API-Version": "3"}
        try:
            return self._client.request(method, url, content=content, headers=headers)
        except httpx.HTTPError as fault:
            raise Unreachable(f"{url} did not answer ({type(fault).__name__})") from None


def _value(answer: httpx.Response) -> object:
    try:
        return loads(answer.content, 1024 * 1024)
    except Refusal as fault:
        raise Unreachable(f"{answer.url} answered {answer.status_code}: {fault.detail}") from None
