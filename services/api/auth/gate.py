"""Authentication of requests: the access token, its binding to a key or certificate, and the registered client."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from services.api import statement
from services.api.auth.keys import KeySource
from services.api.auth.tokens.access import Granted, Verifier
from services.api.auth.tokens.certificate import certificate_thumbprint
from services.api.auth.tokens.jose import ALGORITHMS, BadToken
from services.api.auth.tokens.proof import Proof, ProofRequest, prove
from services.api.problems import Problem
from services.api.seal import Seal
from services.api.settings import ApiSettings
from services.api.targets import OwnNames
from services.ledger.storage.session import BoundStatement

PURPOSE = "purpose:"
"""The prefix of a scope that names a legal purpose: ``purpose:AML``."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A request whose token and binding hold; whether its proof is fresh shows in the database."""

    granted: Granted
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as it may act here: ``purpose`` is "" or the legal purpose under which it reads."""

    client: str
    scopes: frozenset[str]
    purpose: str
    bound: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller, its party's number, the registry's version and the database's clock (UTC microseconds)."""

    caller: Caller
    party: int
    registry: int
    now: int


class NotProven(Problem):
    """Whoever asks is not known; ``reason`` is the word under which that is counted, "" for what is no failure."""

    def __init__(self, detail: str, headers: dict[str, str], reason: str) -> None:
        super().__init__("unauthorized", detail, headers=headers)
        self.reason = reason


_REASONS = {"": "no_token", "invalid_token": "bad_token", "use_dpop_nonce": ""}
"""By the error of the challenge. Every caller begins by being given a nonce."""


class Gate:
    """Judges requests of one API; for several threads."""

    def __init__(
        self, settings: ApiSettings, names: OwnNames, keys: KeySource, seal: Callable[[], Seal]
    ) -> None:
        """``issuer`` is that of access tokens, ``audience`` what they must name: both by the settings alone."""
        self._settings, self._names, self._seal = settings, names, seal
        self.issuer = settings.api_issuer or names.issuer
        self.audience = settings.api_audience or names.issuer
        self._verifier = Verifier(self.issuer, self.audience, keys.keys)

    def proven(self, request: Request) -> Proven:
        """The token and its binding; raises Problem unauthorized. Reads no database; about 0.2 ms."""
        return self._proven(request, self._verifier.granted)

    def recognised(self, request: Request) -> Proven | None:
        """What ``proven`` gives where it takes no waiting: the token was proven before, and all is in order.

        None for whatever else, also for what is wrong: ``proven`` refuses it with the reason.
        """
        try:
            return self._proven(request, self._verifier.known)
        except Problem:
            return None

    def _proven(self, request: Request, granted_by: Callable[[str], Granted]) -> Proven:
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() not in ("dpop", "bearer") or not token:
            raise self._refusal("", "Send one Authorization header: DPoP <access token>.")
        try:
            granted = granted_by(token)
            if granted.key is not None:
                if scheme.lower() != "dpop":
                    raise BadToken("the token is bound to a key: its scheme is DPoP")
                proof = self.proof(request, token)
                if proof.thumbprint != granted.key:
                    raise BadToken("the proof is signed by another key than the token is bound to")
                return Proven(granted, proof)
            if self.certificate(request) != granted.certificate:
                raise BadToken("the connection does not show the certificate that the token is bound to")
            return Proven(granted, None)
        except BadToken as problem:
            raise self._refusal("invalid_token", str(problem)) from None

    def proof(self, request: Request, token: str | None) -> Proof:
        """The DPoP proof of a request; BadToken, or Problem where it must carry a nonce of ours."""
        given = request.headers.getlist("dpop")
        if len(given) != 1:
            raise BadToken("send one DPoP header with a proof for this request")
        now = time.time()
        uris = self._names.uris(request.scope["path"])
        proof = prove(
            given[0], ProofRequest(request.method, uris, now, self._settings.api_proof_seconds), token
        )
        if self._settings.api_nonces and not self._seal().fresh(proof.nonce, now):
            nonce = self._seal().nonce(now)
            raise self._refusal("use_dpop_nonce", "Sign the proof anew with the nonce of DPoP-Nonce.", nonce)
        return proof

    def certificate(self, request: Request) -> str | None:
        """The thumbprint of the client's certificate, if it shows one."""
        settings = self._settings
        return certificate_thumbprint(request, settings.api_certificate_header, settings.api_proxies)

    def admission(self, proven: Proven) -> BoundStatement:
        """What uses up the proof and looks who the client is; once a request."""
        granted, proof = proven.granted, proven.proof
        parameters = {
            "digest": None if proof is None else proof.digest,
            "expires": None if proof is None else proof.expires,
            "client": granted.client,
        }
        return BoundStatement(statement("admit"), parameters)

    def judged(self, rows: Sequence[tuple[Any, ...]], proven: Proven) -> Admitted:
        """What the ``rows`` of ``admission`` say; raises Problem for a replay and for a client that is none."""
        if not rows:
            said = "The client is not registered, or no longer."
            raise self._refusal("invalid_token", said, reason="unknown_client")
        granted = proven.granted
        fresh, party, scopes, purposes, registry, now = rows[0]
        if not fresh:
            raise Problem("proof-replayed", headers=_challenge("invalid_dpop_proof", "used before"))
        wanted = {scope.removeprefix(PURPOSE) for scope in granted.scopes if scope.startswith(PURPOSE)}
        if len(wanted) > 1 or not wanted <= set(purposes):
            raise Problem(
                "forbidden", "The token names a purpose that the client is not registered for, or several."
            )
        purpose = wanted.pop() if wanted else ""
        caller = Caller(granted.client, granted.scopes & set(scopes), purpose, granted.bound)
        return Admitted(caller, party, registry, now)

    def _refusal(
        self, error: str, detail: str, nonce: str | None = None, reason: str | None = None
    ) -> NotProven:
        why = _REASONS[error] if reason is None else reason
        return NotProven(detail, _challenge(error, detail, nonce), why)


def _challenge(error: str, detail: str, nonce: str | None = None) -> dict[str, str]:
    """WWW-Authenticate as RFC 9449, 7.1, and the nonce to use."""
    said = "".join(each for each in detail if " " <= each <= "~" and each not in '"\\')
    challenge = f'DPoP algs="{" ".join(ALGORITHMS)}"' + (
        f', error="{error}", error_description="{said}"' if error else ""
    )
    return {"www-authenticate": challenge, **({"dpop-nonce": nonce} if nonce else {})}
