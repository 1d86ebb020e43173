"""Registers of control, this platform's and those of others, and this platform's part in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import OKPKey

from services.documents.pint import store
from services.documents.pint.domain.register import Act, Contradicted, Control, Step
from services.documents.pint.domain.signed_content import BadContent, BadSignature, Directory, signed
from services.documents.pint.store import Clock, Platform, Transfer
from services.ledger.storage.session import Session
from services.runtime.private_file import read_or_create


class Unreachable(Exception):
    """Another platform did not answer, or not with what the protocol allows; to be tried again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """This platform among the others: its code, the URI of its register, and the key that it signs with."""

    code: str
    register: str
    key: OKPKey

    @property
    def platform(self) -> Platform:
        """As the others have it in their directory, but for its address."""
        public = {**self.key.as_dict(private=False), "kid": self.key.thumbprint()}
        return Platform(self.code, self.code, None, self.register, (public,))

    def signed(self, payload: Mapping[str, Any]) -> str:
        """A content signed by this platform."""
        return signed(payload, self.key)


def read_key(path: Path) -> OKPKey:
    """The key in the file at ``path`` (a JWK), made there where there is none; OSError, ValueError."""

    def made() -> str:
        return json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)) + "\n"

    return OKPKey.import_key(json.loads(read_or_create(path, made)))


class Registers:
    """The register of this platform and, over HTTP, those of the platforms of the directory; no other is ever called."""

    def __init__(self, own: Identity, client: httpx.Client, clock: Clock) -> None:
        self.own, self._client, self._clock = own, client, clock

    def known(self, session: Session) -> tuple[Directory, dict[str, Platform]]:
        """The keys of all, this platform's with them, and the other platforms by code."""
        others = store.platforms(session)
        return store.directory([*others, self.own.platform]), {each.code: each for each in others}

    def control(self, session: Session, uri: str, document: str) -> Control | None:
        """Who controls a document by the register at ``uri``; None where it does not know it. Raises Unreachable.

        LookupError for a register that is neither this platform's nor in the directory.
        """
        if uri == self.own.register:
            return store.control(session, document)
        answer = self._called("GET", f"{self._base(session, uri)}/documents/{document}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._stated(session, uri, document, answer)

    def acceptance(self, session: Session, transfer: Transfer) -> str | None:
        """The step, signed by its recipient, by which the register recorded the acceptance of a transfer; None where it has none."""
        if transfer.register == self.own.register:
            steps = [signed for _, signed in store.steps(session, transfer.document)]
        else:
            base = self._base(session, transfer.register)
            answer = self._called("GET", f"{base}/documents/{transfer.document}")
            steps = _json(answer).get("steps", [])
        directory, _ = self.known(session)
        for text in steps:
            opened = directory.opened(text)
            step = Step.of(opened.payload)
            about = step.transport_document_checksum, step.act, step.entry, opened.signer
            if about == (transfer.document, Act.ACCEPT, transfer.entry, transfer.platform):
                return str(text)
        return None

    def record(self, session: Session, uri: str, control: Control, act: Act, **more: str) -> Control:
        """Record this platform's next step after ``control``; the control after it. Raises Contradicted, Unreachable, LookupError.

        In the register of this platform it belongs to the caller's transaction.
        """
        return self.submit(
            session, uri, control.document, self.step(uri, control.document, control.steps, act, **more)
        )

    def step(self, uri: str, document: str, number: int, act: Act, **more: str) -> str:
        """A step of this platform, signed; the same arguments give the same text."""
        step = Step(register_uri=uri, transport_document_checksum=document, number=number, act=act, **more)
        return self.own.signed(step.json_object())

    def submit(self, session: Session, uri: str, document: str, text: str) -> Control:
        """Record a signed step, as ``record`` does."""
        if uri == self.own.register:
            directory, _ = self.known(session)
            return store.record_step(session, text, directory, self.own.code, uri, self._clock())
        base = self._base(session, uri)
        answer = self._called("POST", f"{base}/documents/{document}/steps", {"step": text})
        if answer.status_code in (httpx.codes.CONFLICT, httpx.codes.NOT_FOUND):
            raise Contradicted(str(_json(answer).get("reason", "the register does not know the document")))
        return self._stated(session, uri, document, answer)

    def statement(self, control: Control) -> str:
        """What the register of this platform says, signed."""
        return self.own.signed({**control.json_object(), "register": self.own.register})

    def _base(self, session: Session, uri: str) -> str:
        for each in store.platforms(session):
            if each.register == uri:
                return uri
        raise LookupError(f"the register {uri} belongs to no platform of the directory")

    def _called(self, method: str, url: str, body: object = None) -> httpx.Response:
        try:
            return self._client.request(method, url, json=body)
        except httpx.HTTPError as fault:
            raise Unreachable(f"{url} did not answer ({type(fault).__name__})") from None

    def _stated(self, session: Session, uri: str, document: str, answer: httpx.Response) -> Control:
        """The control in a register's signed answer; Unreachable for every other answer."""
        owner = next(each.code for each in store.platforms(session) if each.register == uri)
        directory, _ = self.known(session)
        try:
            opened = directory.opened(str(_json(answer)["control"]))
            found = Control.of(opened.payload)
        except (BadSignature, BadContent, KeyError, TypeError, ValueError) as fault:
            raise Unreachable(f"the register {uri} answered {answer.status_code}: {fault}") from None
        if opened.signer != owner or opened.payload.get("register") != uri or found.document != document:
            raise Unreachable(f"the register {uri} answered about another document, or under another key")
        return found


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        raise Unreachable(f"{answer.url} answered {answer.status_code} without JSON") from None
    if not isinstance(value, dict):
        raise Unreachable(f"{answer.url} answered {answer.status_code} with something else")
    return value
