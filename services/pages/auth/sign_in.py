"""Who looks at a page: sign-in from its beginning to its end, and the person of a request."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from psycopg import Connection
from starlette.requests import Request

from services.api.auth.gate import Caller
from services.api.limits import RateLimit
from services.api.settings import is_loopback
from services.domain.facts import Micros
from services.pages.auth import sessions
from services.pages.auth.provider import Provider, SignInError
from services.pages.auth.sessions import PendingSignIn
from services.pages.auth.settings import SignInSettings
from services.pages.viewer import Viewer
from services.people.domain.person import Grant, Permission, Person
from services.people.store import people

Session = Connection[Any]
log = logging.getLogger(__name__)
START, CALLBACK = "/sign-in", "/sign-in/callback"
HOME = "/console"
FORM_TOKEN = "form_token"
"""The field of every form that a signed-in person posts."""
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_LONGEST_PATH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Viewer):
    """A signed-in person with what it may do now."""

    who: Person
    grant: Grant
    session_id: str = field(repr=False)
    begun: Micros

    def form_token(self) -> str:
        """What the forms of this session carry."""
        return sessions.form_token(self.session_id)

    def posted(self, form: Mapping[str, str]) -> bool:
        """Whether a form of this session was posted."""
        return sessions.is_form_token(self.session_id, form.get(FORM_TOKEN, ""))

    def may(self, permission: Permission) -> bool:
        """Whether the person has the permission."""
        return permission in self.grant.permissions


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whoever signed in at the issuer and is no person here; ``subject`` is what an operator needs to register it."""

    issuer: str
    subject: str


class Authentication:
    """Signs people in by one issuer. For several threads. ValueError for pages that are reached without TLS from elsewhere."""

    def __init__(
        self, settings: SignInSettings, urls: tuple[str, ...], provider: Provider | None = None
    ) -> None:
        self.settings = settings
        self.provider = Provider(settings) if provider is None else provider
        self.budget = RateLimit(settings.signin_rate, settings.signin_rate_window, "sign-in")
        self._urls = urls
        self.secure = urls[0].startswith("https://")
        if not self.secure and not all(is_loopback(urlsplit(each).hostname or "") for each in urls):
            raise ValueError("people sign in over https, or on a loopback address of this machine")
        prefix = "__Host-lianyun" if self.secure else "lianyun-local"
        self.cookie, self.pending_cookie = prefix, f"{prefix}-sign-in"

    def identify(self, session: Session, request: Request, now: Micros) -> SignedIn | None:
        """The signed-in person of a request, in its transaction; None where the session has run out or the person may do nothing."""
        session_id = request.cookies.get(self.cookie, "")
        found = sessions.find(session, session_id) if session_id else None
        if found is None:
            return None
        stored, person = found
        grant = person.grant(now)
        if grant is None or person.issuer != self.settings.signin_issuer:
            return None
        idle, lifetime = self._lifetimes(grant)
        if now - stored.seen >= idle * sessions.SECOND or now - stored.begun >= lifetime * sessions.SECOND:
            return None
        sessions.see(session, session_id, stored, now)
        return SignedIn(
            party=person.party,
            caller=Caller(f"person:{person.id.hex()}", frozenset(), "", "session"),
            person=person.name or "",
            who=person,
            grant=grant,
            session_id=session_id,
            begun=stored.begun,
        )

    def begin(self, session: Session, request: Request, return_to: str, now: Micros) -> tuple[str, str]:
        """(where the browser goes, the cookie that it gets). Raises SignInError."""
        sessions.purge(session, now, max(self.settings.signin_idle, self.settings.signin_screen_lifetime))
        state, browser, nonce, verifier = (sessions.new_secret() for _ in range(4))
        where = self.provider.authorization_url(
            redirect_uri=self._redirect_uri(request),
            state=state,
            nonce=nonce,
            challenge=challenge_of(verifier),
        )
        pending = PendingSignIn(nonce, verifier, safe_path(return_to))
        sessions.begin(session, state, browser, pending, now)
        return where, self._set(self.pending_cookie, browser, sessions.PENDING_SECONDS)

    def finish(self, session: Session, request: Request, now: Micros) -> tuple[str, str] | Unknown:
        """(the path to go on at, the cookie of the new session); the session before ends. Raises SignInError."""
        query = request.query_params
        browser = request.cookies.get(self.pending_cookie, "")
        pending = sessions.take(session, query.get("state", ""), browser, now)
        if pending is None:
            raise SignInError("no sign-in of that state is under way in this browser")
        code = query.get("code")
        if code is None:
            raise SignInError(f"the issuer refused: {query.get('error', 'no code')[:100]!r}")
        identity = self.provider.exchange(
            code,
            verifier=pending.verifier,
            redirect_uri=self._redirect_uri(request),
            nonce=pending.nonce,
            issuer=query.get("iss"),
        )
        person = people.by_subject(session, self.settings.signin_issuer, identity.subject)
        grant = None if person is None else person.grant(now)
        if person is None or grant is None:
            return Unknown(self.settings.signin_issuer, identity.subject)
        sessions.end(session, request.cookies.get(self.cookie, ""))
        session_id = sessions.open_session(session, person.id, identity.session, identity.token, now)
        log.info(
            "a person signed in",
            extra={"action": "sign_in", "client": f"person:{person.id.hex()}", "party": person.party},
        )
        return pending.return_to, self._set(self.cookie, session_id, self._lifetimes(grant)[1])

    def end(self, session: Session, viewer: SignedIn, request: Request) -> tuple[str, str]:
        """End the session: (where the session at the issuer ends, "" where it has no such page; the cookie that is taken back)."""
        token = sessions.end(session, viewer.session_id)
        log.info("a person signed out", extra={"action": "sign_out", "client": viewer.caller.client})
        where = (
            ""
            if token is None
            else self.provider.end_session_url(token, f"{self._origin(request)}/signed-out")
        )
        return where, self._set(self.cookie, "", 0)

    def end_by_issuer(self, session: Session, logout_token: str) -> int:
        """End the sessions that a logout token names; returns how many. Raises SignInError."""
        subject, sid = self.provider.ended(logout_token)
        return sessions.end_at_issuer(session, self.settings.signin_issuer, subject, sid)

    def _lifetimes(self, grant: Grant) -> tuple[int, int]:
        """(seconds without a request, seconds in all)."""
        if grant.permissions == {Permission.BOARD}:
            return self.settings.signin_screen_lifetime, self.settings.signin_screen_lifetime
        return self.settings.signin_idle, self.settings.signin_lifetime

    def _origin(self, request: Request) -> str:
        """Of the name by which this browser reached the pages: on a loopback address one of several, and cookies are per name."""
        if self.secure:
            return self._urls[0]
        here = f"{request.url.scheme}://{request.url.netloc}"
        return here if here in self._urls else self._urls[0]

    def _redirect_uri(self, request: Request) -> str:
        return f"{self._origin(request)}{CALLBACK}"

    def _set(self, name: str, value: str, seconds: int) -> str:
        secure = "; Secure" if self.secure else ""
        return f"{name}={value}; Max-Age={seconds}; Path=/{secure}; HttpOnly; SameSite=Lax"


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def safe_path(path: str) -> str:
    """``path`` where it is one of this site, else the console's first page: no sign-in leads elsewhere."""
    return path if len(path) <= _LONGEST_PATH and _PATH.fullmatch(path) else HOME
