"""Registered clients: who may call the API, for which party, with which keys. Each function in the caller's transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import Connection

from services.api import statement
from services.api.auth.permissions import Scope
from services.api.auth.tokens.jose import public_key
from services.ledger.audit_trail.entries import enter
from services.ledger.registry.party import Party

Session = Connection[Any]
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
"""The form of a client's id, as the table holds it to."""
PURPOSES = frozenset({"AML", "SANCTIONS", "COURT", "SUPERVISOR"})


class ClientError(Exception):
    """What cannot be registered; the text says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client as listed; times are UTC microseconds."""

    id: str
    party: str
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    certificate: str | None
    registered: int
    by: str
    revoked: int | None
    keys: tuple[str, ...]


def add_client(
    session: Session,
    id: str,
    party: Party,
    *,
    jwk: Mapping[str, Any] | None,
    at: int,
    by: str,
    scopes: Iterable[str] = tuple(Scope),
    purposes: Iterable[str] = (),
    certificate: str | None = None,
) -> str:
    """Register a client of ``party`` with its public key or its certificate's thumbprint; returns the key's id ("" without).

    Raises ClientError for an id that is taken or a scope or purpose that there is not, BadToken for a key that cannot be used.
    """
    if not ID.fullmatch(id):
        raise ClientError(f"{id!r} is no id: small letters, digits, '.', '_' and '-', at most 100")
    wanted, legal = sorted(set(scopes)), sorted(set(purposes))
    if unknown := set(wanted) - set(Scope):
        raise ClientError(f"no such scope: {', '.join(sorted(unknown))}")
    if unknown := set(legal) - PURPOSES:
        raise ClientError(f"no such purpose: {', '.join(sorted(unknown))}")
    if (jwk is None) == (certificate is None):
        raise ClientError("a client has either a key or a certificate")
    if jwk is not None:
        public_key(jwk)
    row = session.execute(
        statement("add_client"),
        {
            "id": id,
            "party": party.no,
            "scopes": wanted,
            "purposes": legal,
            "certificate": certificate,
            "at": at,
            "by": by,
        },
    ).fetchone()
    if row is None:
        raise ClientError(f"client {id!r} is registered already")
    entry = {
        "party": party.no,
        "scopes": wanted,
        "purposes": legal,
        "certificate": certificate,
        "registered": at,
        "by": by,
        "revoked": None,
    }
    enter(session, "api_client", id, entry)
    return "" if jwk is None else add_key(session, id, jwk, at=at, by=by)


def add_key(
    session: Session, client: str, jwk: Mapping[str, Any], *, at: int, by: str, old_until: int | None = None
) -> str:
    """Give ``client`` a further key; with ``old_until`` the others end then. Returns its id (RFC 7638 thumbprint).

    That the private half is held is proven by every request for a token: the assertion names the client, and its key signs it.
    Raises ClientError for a key of another party's client: one pair in two hands would let each act as the other.
    """
    key = public_key(jwk)
    kid = key.thumbprint()
    if (
        session.execute(statement("client_key_elsewhere"), {"client": client, "kid": kid}).fetchone()
        is not None
    ):
        raise ClientError("the key is registered for a client of another party: make a new pair")
    public = orjson.dumps(key.as_dict(private=False)).decode()
    added = session.execute(
        statement("add_client_key"), {"client": client, "kid": kid, "jwk": public, "at": at, "by": by}
    ).fetchone()
    entry: dict[str, Any] = {"not_after": None}
    if added is not None and added[0]:
        entry |= {"jwk": orjson.loads(public), "added": at, "by": by}
    enter(session, "api_client_key", f"{client} {kid}", entry)
    if old_until is not None:
        values = {"client": client, "kid": kid, "at": old_until}
        for (ended,) in session.execute(statement("end_client_keys"), values).fetchall():
            enter(session, "api_client_key", f"{client} {ended}", {"not_after": old_until})
    return kid


def revoke(session: Session, id: str, *, at: int) -> bool:
    """End a client at once, its tokens with it; False where there was none to end."""
    ended = session.execute(statement("revoke_client"), {"id": id, "at": at}).fetchone() is not None
    if ended:
        enter(session, "api_client", id, {"revoked": at})
    return ended


def listed(session: Session) -> list[Client]:
    """All clients ever registered, by id."""
    rows = session.execute(statement("clients")).fetchall()
    return [
        Client(id, party, tuple(scopes), tuple(legal), certificate, registered, by, revoked, tuple(keys))
        for id, party, scopes, legal, certificate, registered, by, revoked, keys in rows
    ]


def ends_of(session: Session, party: Party) -> list[tuple[str, tuple[str, ...], int, int | None, int | None]]:
    """(id, scopes, registered, when its last key runs out, when it was revoked) of each client of ``party``, by id; UTC microseconds."""
    rows = session.execute(statement("client_ends"), {"party": party.no}).fetchall()
    return [(id, tuple(scopes), since, ends, revoked) for id, scopes, since, ends, revoked in rows]
