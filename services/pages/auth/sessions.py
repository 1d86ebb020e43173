"""Sign-ins under way and sessions, stored under digests of what the browser holds; each function in the caller's transaction."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.ledger.storage.arrays import adapt
from services.pages.auth import statement
from services.people.domain.person import Person, PersonId
from services.people.store.people import people_of

Session = Connection[Any]
SECOND = 1_000_000
PENDING_SECONDS = 600
"""How long a sign-in may take at the issuer."""
_SEEN_EVERY = 60 * SECOND
"""How exactly the last request of a session is stored: most requests write nothing."""


class PendingSignIn(NamedTuple):
    """A sign-in under way: what the issuer must repeat, and where the person wanted to go."""

    nonce: str
    verifier: str
    return_to: str


class StoredSession(NamedTuple):
    """A session: who, since when, and when it was last used (to a minute)."""

    person: PersonId
    begun: Micros
    seen: Micros


def new_secret() -> str:
    """32 random bytes as text: a session id, a state, a nonce, a code verifier."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Under what a secret is stored."""
    return hashlib.sha256(secret.encode()).digest()


def form_token(session_id: str) -> str:
    """What a form of the session carries; nobody computes it without the session's id.

    It differs from page to page, so that the size of a compressed page tells nothing of it (BREACH).
    """
    salt = secrets.token_urlsafe(12)
    return f"{salt}.{_form_digest(session_id, salt)}"


def is_form_token(session_id: str, token: str) -> bool:
    """Whether a form of this session carried ``token``."""
    salt, _, digest_ = token.partition(".")
    return hmac.compare_digest(digest_.encode(), _form_digest(session_id, salt).encode())


def _form_digest(session_id: str, salt: str) -> str:
    return hmac.new(session_id.encode(), f"form {salt}".encode(), hashlib.sha256).hexdigest()


def begin(session: Session, state: str, browser: str, pending: PendingSignIn, now: Micros) -> None:
    """Remember a sign-in, for the browser that holds ``browser``."""
    values = {
        "state": digest(state),
        "browser": digest(browser),
        "expires": now + PENDING_SECONDS * SECOND,
        **pending._asdict(),
    }
    session.execute(statement("begin"), values)


def take(session: Session, state: str, browser: str, now: Micros) -> PendingSignIn | None:
    """The sign-in of that state, which is then used up; None where another browser began it, or it is over."""
    found = _rows(session, "take", {"state": digest(state)})
    if not found:
        return None
    ((held, nonce, verifier, return_to, expires),) = found
    if not hmac.compare_digest(bytes(held), digest(browser)) or expires <= now:
        return None
    return PendingSignIn(nonce, verifier, return_to)


def open_session(session: Session, person: PersonId, sid: str, token: str, now: Micros) -> str:
    """Begin a session; returns its id, which is stored nowhere."""
    id_ = new_secret()
    values = {"digest": digest(id_), "person": person.hex(), "now": now, "sid": sid, "token": token}
    session.execute(statement("open"), values)
    return id_


def find(session: Session, session_id: str) -> tuple[StoredSession, Person] | None:
    """The session of that id, and whose it is; whether it has run out is not judged. One statement."""
    adapt(session)
    found = _rows(session, "find", {"digest": digest(session_id)})
    if not found:
        return None
    (person,) = people_of(row[3:] for row in found)
    return StoredSession(*found[0][:3]), person


def see(session: Session, session_id: str, stored: StoredSession, now: Micros) -> None:
    """The session was used at ``now``."""
    if now - stored.seen >= _SEEN_EVERY:
        session.execute(statement("see"), {"digest": digest(session_id), "now": now})


def end(session: Session, session_id: str) -> str | None:
    """End the session; returns its ID token, None where there was none to end."""
    found = _rows(session, "end", {"digest": digest(session_id)})
    return str(found[0][0]) if found else None


def end_others(session: Session, person: PersonId, session_id: str) -> int:
    """End every session of the person but this one; returns how many."""
    values = {"person": person.hex(), "digest": digest(session_id)}
    return session.execute(statement("end_others"), values).rowcount


def end_at_issuer(session: Session, issuer: str, subject: str, sid: str) -> int:
    """End the sessions that the issuer ended: of a session there, of a subject, of both; returns how many."""
    values = {"issuer": issuer, "subject": subject, "sid": sid}
    return session.execute(statement("end_at_issuer"), values).rowcount


def of_person(session: Session, person: PersonId) -> list[tuple[bytes, Micros, Micros]]:
    """(digest, begun, seen) of the person's sessions, the newest first."""
    return [
        (bytes(d), begun, seen) for d, begun, seen in _rows(session, "sessions", {"person": person.hex()})
    ]


def purge(session: Session, now: Micros, longest: int) -> None:
    """Forget what is over; ``longest`` are the seconds that a session may be unused at most."""
    session.execute(statement("purge"), {"now": now, "seen": now - longest * SECOND})


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
