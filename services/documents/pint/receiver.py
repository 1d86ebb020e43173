"""The PINT API 3.0.0 of this platform, and its register of control, over HTTP.

Other platforms authenticate by what they sign. An envelope is accepted in three steps that may each be repeated: it is recorded, the
register records the acceptance, the transfer is settled. The register's step is the one that moves control.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import orjson
from psycopg import Error
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.reasons import Refusal
from schemas.strict_json import loads
from services.documents.pint import store
from services.documents.pint.domain.envelope import (
    MOVES,
    VERSION,
    ActionCode,
    Envelope,
    FinishedResponse,
    IdentifyingCode,
    Refused,
    ResponseCode,
    StartedResponse,
    Verified,
    verified,
)
from services.documents.pint.domain.register import Act, Contradicted, Control, Offer
from services.documents.pint.domain.signed_content import BadContent, BadSignature, checksum
from services.documents.pint.registers import Registers, Unreachable
from services.documents.pint.store import Clock, Transfer, TransferState
from services.ledger.storage.session import Session

MOST_ENVELOPE: Final = 4 * 1024 * 1024
MOST_FILE: Final = 16 * 1024 * 1024
MOST_BODY: Final = 4 * (MOST_FILE // 3 + 1) + 2
"""A file as a JSON string of Base64: no other body is as large."""
MOST_STEP: Final = 64 * 1024
_CHECKSUM: Final = re.compile(r"[0-9a-f]{64}")
Sessions = Callable[[], AbstractContextManager[Session]]
Users = Callable[[Session, list[IdentifyingCode]], tuple[str, str] | None]
"""The party that codes name, as (code, name) in the registry of this platform; None where they name none, or several."""
Received = Callable[[Session, Transfer, str], None]
"""What else is recorded of a document that a party accepted, by its code, in the transaction that settles the transfer."""
Budget = Callable[[str], int]
"""Counts an envelope or step that the platform of a code signed; the seconds to wait where it is beyond its budget, else 0."""


class Busy(Exception):
    """The platform that signed is beyond its budget: nothing was recorded, and the same may be sent again after ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests: try again after {seconds} s")
        self.seconds = seconds


def unlimited(_platform: str) -> int:
    """The budget of everybody where nobody limits it."""
    return 0


class Receiver:
    """What this platform answers; for any thread. ``sessions`` gives sessions in autocommit."""

    def __init__(
        self,
        registers: Registers,
        sessions: Sessions,
        users: Users,
        clock: Clock,
        received: Received,
        budget: Budget = unlimited,
    ) -> None:
        self._registers, self._sessions, self._users = registers, sessions, users
        self._clock, self._received, self._budget = clock, received, budget
        self._own = registers.own

    def start(self, raw: bytes) -> Response:
        """``POST /v3/envelopes``."""
        try:
            envelope = Envelope.of(loads(raw, MOST_ENVELOPE))
        except (Refusal, BadContent) as fault:
            return self._problem("POST", "/v3/envelopes", HTTPStatus.BAD_REQUEST, str(fault))
        with self._sessions() as session:
            return self._answered(session, envelope, lambda: self._started(session, envelope))

    def waits_for(self, reference: str) -> bool:
        """Whether that envelope came: a file of another one is not even read."""
        with self._sessions() as session:
            return self._pending(session, reference) is not None

    def put_file(self, reference: str, name: str, raw: bytes) -> Response:
        """``PUT /v3/envelopes/{reference}/additional-documents/{checksum}``."""
        with self._sessions() as session:
            known = self._pending(session, reference)
            if known is None:
                return self._problem("PUT", reference, HTTPStatus.NOT_FOUND, "there is no such envelope")
            return self._answered(
                session, known.envelope, lambda: self._document_stored(session, known, name, raw)
            )

    def finish(self, reference: str) -> Response:
        """``PUT /v3/envelopes/{reference}/finish-transfer``."""
        with self._sessions() as session:
            known = self._pending(session, reference)
            if known is None:
                return self._problem("PUT", reference, HTTPStatus.NOT_FOUND, "there is no such envelope")
            return self._answered(session, known.envelope, lambda: self._finished(session, known.envelope))

    def validate(self, raw: bytes) -> Response:
        """``POST /v3/receiver-validation``: the name of the user that a code names."""
        try:
            code = IdentifyingCode.of(loads(raw))
        except (Refusal, BadContent) as fault:
            return self._problem("POST", "/v3/receiver-validation", HTTPStatus.BAD_REQUEST, str(fault))
        with self._sessions() as session:
            found = self._users(session, [code])
        if found is None:
            return self._problem("POST", "/v3/receiver-validation", HTTPStatus.NOT_FOUND, "no such user")
        return _json({"partyName": found[1]})

    def control(self, document: str) -> Response:
        """``GET {register}/documents/{checksum}``: who controls it, signed, and the steps to it."""
        with self._sessions() as session:
            found = store.control(session, document) if _CHECKSUM.fullmatch(document) else None
            if found is None:
                return _json({"reason": "the register does not know the document"}, HTTPStatus.NOT_FOUND)
            steps = [signed for _, signed in store.steps(session, document)]
        return _json({"control": self._registers.statement(found), "steps": steps})

    def record(self, document: str, raw: bytes) -> Response:
        """``POST {register}/documents/{checksum}/steps``: record a signed step; 409 where it does not follow."""
        with self._sessions() as session:
            try:
                text = str(_object(raw).get("step"))
                directory, _ = self._registers.known(session)
                opened = directory.opened(text)
                self._within(opened.signer)
                if opened.payload.get("transportDocumentChecksum") != document:
                    raise BadContent("the step is about another document")
                with session.transaction():
                    after = store.record_step(
                        session, text, directory, self._own.code, self._own.register, self._clock()
                    )
            except (Refusal, BadContent, BadSignature) as fault:
                return _json({"reason": str(fault)}, HTTPStatus.UNPROCESSABLE_ENTITY)
            except Contradicted as fault:
                return _json({"reason": str(fault)}, HTTPStatus.CONFLICT)
            except Busy as busy:
                return _limited({"reason": str(busy)}, busy)
        return _json({"control": self._registers.statement(after)})

    def resume(self) -> int:
        """Settle what the register accepted before this process ended; how many."""
        done = 0
        with self._sessions() as session:
            for each in store.pending(session, outward=False):
                found = self._registers.control(session, each.register, each.document)
                if found is not None and (found.controller, found.entry) == (self._own.code, each.entry):
                    self._answered(session, each.envelope, partial(self._finished, session, each.envelope))
                    done += 1
        return done

    def _answered(self, session: Session, envelope: Envelope, work: Callable[[], Response]) -> Response:
        """The answer of ``work``, or the signed one of what it raises."""
        try:
            return work()
        except Refused as refused:
            return self._final(
                FinishedResponse(
                    last_entry=envelope.last_entry,
                    response_code=refused.code,
                    reason=refused.reason[:255],
                    missing_additional_document_checksums=list(refused.missing) or None,
                )
            )
        except Busy as busy:
            return _limited(self._described("", "", HTTPStatus.TOO_MANY_REQUESTS, str(busy)), busy)
        except (Unreachable, Error) as fault:
            return self._problem("", "", HTTPStatus.SERVICE_UNAVAILABLE, f"try again: {type(fault).__name__}")
        finally:
            session.rollback()

    def _within(self, platform: str) -> None:
        """Count what a platform signed; Busy beyond its budget."""
        if seconds := self._budget(platform):
            raise Busy(seconds)

    def _started(self, session: Session, envelope: Envelope) -> Response:
        proven = self._verified(session, envelope)
        self._within(proven.sender)
        if (duplicate := self._duplicate(session, envelope)) is not None:
            return duplicate
        self._undisputed(session, proven)
        self._to_order(session, proven)
        self._offered(session, proven)
        store.start(session, _inward(envelope, proven), self._clock())
        missing = store.missing(session, proven.manifest.files)
        if missing:
            return _json(
                StartedResponse(
                    envelope_reference=proven.entry,
                    transport_document_checksum=proven.document,
                    last_entry=proven.entry,
                    missing_additional_document_checksums=missing,
                ).json_object(),
                HTTPStatus.CREATED,
            )
        return self._finished(session, envelope)

    def _document_stored(self, session: Session, known: Transfer, name: str, raw: bytes) -> Response:
        proven = self._verified(session, known.envelope)
        listed = proven.manifest.files.get(name)
        try:
            content = base64.b64decode(loads(raw, MOST_BODY), validate=True)  # type: ignore[arg-type]
        except (Refusal, binascii.Error, ValueError, TypeError):
            raise Refused(ResponseCode.INCD, "the body is no JSON string of Base64") from None
        if listed is None or (checksum(content), len(content)) != (name, listed.size):
            raise Refused(ResponseCode.INCD, "the file is not of a checksum and size that the manifest gives")
        store.keep_file(session, content, self._clock())
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"API-Version": VERSION})

    def _finished(self, session: Session, envelope: Envelope) -> Response:
        """Accept the envelope, or answer as before."""
        if (duplicate := self._duplicate(session, envelope)) is not None:
            return duplicate
        proven = self._verified(session, envelope)
        missing = store.missing(session, proven.manifest.files)
        if missing:
            raise Refused(ResponseCode.MDOC, "documents are missing", missing)
        register = str(proven.register)
        response = self._own.signed(
            FinishedResponse(
                last_entry=proven.entry,
                response_code=ResponseCode.RECE,
                received_additional_document_checksums=sorted(proven.manifest.files),
            ).json_object()
        )
        if register == self._own.register:
            with session.transaction():
                store.lock(session, proven.document)
                self._accepted(session, proven)
                self._settled(session, envelope, proven, response)
        else:
            self._accepted(session, proven)
            with session.transaction():
                store.lock(session, proven.document)
                self._settled(session, envelope, proven, response)
        return self._signed(HTTPStatus.OK, response)

    def _offered(self, session: Session, proven: Verified) -> Control:
        """The control by the register, which has the offer of the sender, or its acceptance; Refused where it has neither."""
        control = self._registers.control(session, str(proven.register), proven.document)
        if control is None:
            raise Refused(ResponseCode.BENV, "the register does not know the document")
        offered = control.offer == Offer(self._own.code, proven.entry) and control.controller == proven.sender
        if not offered and not self._has(control, proven):
            raise Refused(ResponseCode.DISE, "the register has no such offer of the sending platform")
        return control

    def _has(self, control: Control, proven: Verified) -> bool:
        """Whether this platform got the document by that envelope."""
        return (control.controller, control.entry) == (self._own.code, proven.entry)

    def _accepted(self, session: Session, proven: Verified) -> None:
        """Have the register record the acceptance; Refused where it says otherwise."""
        control = self._offered(session, proven)
        if self._has(control, proven):
            return
        try:
            self._registers.record(session, str(proven.register), control, Act.ACCEPT, entry=proven.entry)
        except Contradicted:
            if not self._has(self._offered(session, proven), proven):
                raise Unreachable("the register has moved on") from None

    def _settled(self, session: Session, envelope: Envelope, proven: Verified, response: str) -> None:
        if not store.settle(session, proven.entry, TransferState.ACCEPTED, response, self._clock()):
            return
        recipient = proven.transaction.recipient
        user = None if recipient is None else self._users(session, recipient.identifying_codes)
        if user is None:
            raise Unreachable("the recipient is gone")
        self._received(session, _inward(envelope, proven), user[0])

    def _verified(self, session: Session, envelope: Envelope) -> Verified:
        """The envelope, verified, and meant for a user of this platform; Refused."""
        directory, known = self._registers.known(session)
        proven = verified(envelope, directory)
        act = proven.transaction
        if act.action_code not in MOVES or act.recipient is None:
            raise Refused(ResponseCode.BENV, f"{act.action_code} gives nobody possession")
        if proven.sender not in known or known[proven.sender].url is None:
            raise Refused(ResponseCode.BENV, "the sender is no platform of the directory")
        if act.recipient.ebl_platform != self._own.code:
            raise Refused(ResponseCode.BENV, f"the recipient is a user of {act.recipient.ebl_platform}")
        user = self._users(session, act.recipient.identifying_codes)
        if user is None:
            raise Refused(ResponseCode.BENV, "the recipient is unknown here")
        surrendered = act.action_code in (
            ActionCode.SURRENDER_FOR_DELIVERY,
            ActionCode.SURRENDER_FOR_AMENDMENT,
        )
        if surrendered and user[0] != proven.issuer:
            raise Refused(
                ResponseCode.BENV, "it is surrendered to somebody else than the carrier that issued it"
            )
        registers = {self._own.register, *(each.register for each in known.values() if each.register)}
        if proven.register not in registers:
            raise Refused(ResponseCode.BENV, "no register that is known here guards the document")
        return proven

    def _undisputed(self, session: Session, proven: Verified) -> None:
        """Refused DISE where what was exchanged of the document before contradicts the envelope."""
        if proven.register != self._own.register and store.document(session, proven.document) is not None:
            raise Refused(ResponseCode.DISE, "the document was issued here, and is guarded by this register")
        for each in store.transfers(session, proven.document):
            if each.register != proven.register:
                raise Refused(ResponseCode.DISE, "the document is guarded by another register")
            if each.state is TransferState.ACCEPTED and each.entry not in proven.chain:
                raise Refused(ResponseCode.DISE, "the chain lacks a transfer that this platform knows")
            if each.state is TransferState.PENDING and each.outward:
                raise Refused(ResponseCode.DISE, "this platform controls the document, and is sending it")

    def _to_order(self, session: Session, proven: Verified) -> None:
        """Refused BENV where a document of this platform was endorsed elsewhere to somebody else than who receives it.

        What returns is to the order of its recipient (TRANSFER_IN): an endorsement to the recipient, or in blank, comes to the same.
        """
        made = proven.endorsement(self._own.code)
        if made is None or made.action_code is ActionCode.BLANK_ENDORSE:
            return
        if store.document(session, proven.document) is None:
            return
        named, recipient = made.recipient, proven.transaction.recipient
        codes = [] if recipient is None else recipient.identifying_codes
        here = named is not None and named.ebl_platform == self._own.code
        if (
            here
            and named is not None
            and self._users(session, named.identifying_codes) == self._users(session, codes)
        ):
            return
        whom = "nobody" if named is None else f"{named.ebl_platform}/{named.identifying_codes[0].party_code}"
        raise Refused(
            ResponseCode.BENV,
            f"endorsed elsewhere to {whom[:80]}, and sent to another: what returns is to the order of its recipient."
            " Transfer it to the endorsee, or have it endorsed to the recipient or in blank",
        )

    def _duplicate(self, session: Session, envelope: Envelope) -> Response | None:
        """The answer to an envelope that was accepted before."""
        before = store.transfer(session, envelope.last_entry)
        if before is None or before.outward or before.state is not TransferState.ACCEPTED:
            return None
        directory, _ = self._registers.known(session)
        received = FinishedResponse.of(directory.opened(str(before.response)).payload)
        return self._final(
            FinishedResponse(
                last_entry=before.entry,
                response_code=ResponseCode.DUPE,
                duplicate_of=before.envelope.envelope_transfer_chain[-1],
                received_additional_document_checksums=received.received_additional_document_checksums or [],
            )
        )

    def _pending(self, session: Session, reference: str) -> Transfer | None:
        found = store.transfer(session, reference) if _CHECKSUM.fullmatch(reference) else None
        return None if found is None or found.outward else found

    def _final(self, response: FinishedResponse) -> Response:
        return self._signed(response.response_code.status, self._own.signed(response.json_object()))

    @staticmethod
    def _signed(status: HTTPStatus, text: str) -> Response:
        return _json(text, status)

    def _problem(self, method: str, uri: str, status: HTTPStatus, text: str) -> Response:
        """An unsigned answer, which settles nothing."""
        return _json(self._described(method, uri, status, text), status)

    def _described(self, method: str, uri: str, status: HTTPStatus, text: str) -> dict[str, Any]:
        """The standard's document of an error."""
        moment = datetime.fromtimestamp(self._clock() / 1e6, UTC).isoformat(timespec="milliseconds")
        return {
            "httpMethod": method or "POST",
            "requestUri": uri or "/v3/envelopes",
            "statusCode": int(status),
            "statusCodeText": status.phrase[:50],
            "errorDateTime": moment.replace("+00:00", "Z"),
            "errors": [{"errorCodeText": status.phrase[:100], "errorCodeMessage": text[:5000]}],
        }


def routes(receiver: Receiver) -> list[Route]:
    """The PINT API below ``/v3``, the register of control below ``/register/v1``."""

    def route(
        path: str,
        method: str,
        most: int,
        work: Callable[[Mapping[str, str], bytes], Response],
        expected: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            request.scope["route"] = made
            if expected is not None and not await run_in_threadpool(expected, request.path_params):
                return await run_in_threadpool(work, request.path_params, b"")
            raw = bytearray()
            async for piece in request.stream():
                raw += piece
                if len(raw) > most:
                    return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return await run_in_threadpool(work, request.path_params, bytes(raw))

        made = Route(path, endpoint, methods=[method])
        return made

    return [
        route("/v3/envelopes", "POST", MOST_ENVELOPE, lambda _, raw: receiver.start(raw)),
        route(
            "/v3/envelopes/{reference}/additional-documents/{checksum}",
            "PUT",
            MOST_BODY,
            lambda path, raw: receiver.put_file(path["reference"], path["checksum"], raw),
            lambda path: receiver.waits_for(path["reference"]),
        ),
        route(
            "/v3/envelopes/{reference}/finish-transfer",
            "PUT",
            1024,
            lambda path, _: receiver.finish(path["reference"]),
        ),
        route("/v3/receiver-validation", "POST", 4096, lambda _, raw: receiver.validate(raw)),
        route(
            "/register/v1/documents/{checksum}",
            "GET",
            0,
            lambda path, _: receiver.control(path["checksum"]),
        ),
        route(
            "/register/v1/documents/{checksum}/steps",
            "POST",
            MOST_STEP,
            lambda path, raw: receiver.record(path["checksum"], raw),
        ),
    ]


def _inward(envelope: Envelope, proven: Verified) -> Transfer:
    return Transfer(
        proven.entry,
        proven.document,
        False,
        proven.sender,
        str(proven.register),
        TransferState.PENDING,
        envelope,
        None,
    )


def _object(raw: bytes) -> dict[str, Any]:
    value = loads(raw)
    if not isinstance(value, dict):
        raise BadContent("the body is no object")
    return value


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(
        orjson.dumps(value), status, headers={"API-Version": VERSION}, media_type="application/json"
    )


def _limited(value: object, busy: Busy) -> Response:
    answer = _json(value, HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["retry-after"] = str(busy.seconds)
    return answer
