"""Subscriptions of parties in the database: creation, changes, rotation of secrets. Every function runs in the caller's transaction.

A subscription of another party is treated as missing: None.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.ledger.audit_trail.entries import enter
from services.notifications.webhooks import statement
from services.notifications.webhooks.messages import Message, MessageType, Subject, message
from services.notifications.webhooks.queue import FOREVER, put_messages
from services.notifications.webhooks.sealed_secrets import Seal
from services.notifications.webhooks.signature import SchemeName, Secret

Session = Connection[Any]
SECOND = 1_000_000
MAX_PER_PARTY = 20
_ENTERED = ("party", "url", "types", "description", "state", "reason", "created", "version")


class State(StrEnum):
    """The state of a subscription; messages wait while it is not enabled, as long as they are stored."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    """By its party."""
    DISABLED = "DISABLED"
    """By the platform: the endpoint failed too long, or answered 410 Gone."""
    REMOVED = "REMOVED"


class TooMany(Exception):
    """The party has reached its limit of subscriptions."""


class Subscription(NamedTuple):
    """One endpoint of a party; ``version`` increases with each change by the party."""

    id: str
    party: str
    url: str
    types: tuple[MessageType, ...]
    description: str
    state: State
    reason: str
    created: Micros
    version: int
    failing_since: Micros | None
    last_success: Micros | None


class VerificationKey(NamedTuple):
    """What the receiver verifies with: a secret (``v1``) or a public key (``v1a``), and its expiry."""

    scheme: SchemeName
    shown: str
    created: Micros
    expires: Micros | None


def create(
    session: Session,
    party: str,
    url: str,
    types: Iterable[MessageType],
    description: str,
    seal: Seal,
    now: Micros,
) -> tuple[Subscription, list[VerificationKey]]:
    """A new subscription with a secret of each scheme. Raises TooMany.

    ``url`` must have passed ``address.require_url``. From this transaction on, no commit is missed.
    """
    _rows(session, "party_lock", {"party": party})
    if len(list_for_party(session, party)) >= MAX_PER_PARTY:
        raise TooMany(f"{party} has {MAX_PER_PARTY} webhooks; remove one first")
    id_ = f"wh_{secrets.token_hex(12)}"
    wanted = sorted({str(each) for each in types})
    values = {"id": id_, "party": party, "url": url, "types": wanted, "description": description, "now": now}
    (row,) = _rows(session, "subscription_put", values)
    made = _subscription(row)
    enter(session, "webhook_subscription", id_, {name: getattr(made, name) for name in _ENTERED})
    session.execute(statement("cursor_begin"))
    return made, [_add(session, id_, scheme, seal, now) for scheme in SchemeName]


def list_for_party(session: Session, party: str) -> list[Subscription]:
    """All subscriptions of ``party`` that were not removed, by id."""
    return [_subscription(row) for row in _rows(session, "subscriptions", {"party": party, "id": None})]


def find(session: Session, party: str, id_: str) -> Subscription | None:
    """The subscription ``id_`` of ``party``."""
    rows = _rows(session, "subscriptions", {"party": party, "id": id_})
    return _subscription(rows[0]) if rows else None


def change(
    session: Session,
    subscription: Subscription,
    now: Micros,
    *,
    url: str | None = None,
    types: Iterable[MessageType] | None = None,
    description: str | None = None,
    state: State | None = None,
) -> Subscription | None:
    """Change what is given, unless it was changed since ``subscription`` was read: then None.

    Enabling makes waiting deliveries due; any other state suspends them. REMOVED is final and deletes the secrets.
    """
    wanted = None if types is None else sorted({str(each) for each in types})
    values = {
        "id": subscription.id,
        "version": subscription.version,
        "url": url,
        "types": wanted,
        "description": description,
        "state": None if state is None else str(state),
        "reason": {State.PAUSED: "paused by its party", State.REMOVED: "removed by its party"}.get(state, "")
        if state
        else None,
    }
    rows = _rows(session, "subscription_change", values)
    if not rows:
        return None
    changed = {name: values[name] for name in _ENTERED if values.get(name) is not None}
    enter(
        session,
        "webhook_subscription",
        subscription.id,
        {**changed, "version": _subscription(rows[0]).version},
    )
    if state is State.REMOVED:
        for (no,) in _rows(session, "forget", {"id": subscription.id}):
            enter(session, "webhook_secret", no, None)
    elif state is not None:
        due = now if state is State.ENABLED else FOREVER
        session.execute(statement("make_due"), {"id": subscription.id, "due": due})
    return _subscription(rows[0])


def verification_keys(session: Session, id_: str, seal: Seal, now: Micros) -> list[VerificationKey]:
    """The keys for what is signed now, the current one of each scheme first. Raises SealError."""
    return [
        VerificationKey(secret.scheme, secret.shown(), created, expires)
        for secret, created, expires in _secrets(session, id_, seal, now)
    ]


def signing_secrets(session: Session, id_: str, seal: Seal, now: Micros) -> list[Secret]:
    """The secrets that deliveries are signed with now. Raises SealError."""
    return [secret for secret, _, _ in _secrets(session, id_, seal, now)]


def rotate(
    session: Session, id_: str, scheme: SchemeName, seal: Seal, now: Micros, overlap_seconds: int
) -> VerificationKey:
    """A new secret of ``scheme``; its predecessor signs for ``overlap_seconds`` more, earlier ones no more."""
    values = {"id": id_, "scheme": str(scheme), "expires": now + overlap_seconds * SECOND, "now": now}
    for no, gone in _rows(session, "secret_expire", values):
        enter(session, "webhook_secret", no, None if gone else {"expires": values["expires"]})
    return _add(session, id_, scheme, seal, now)


def enqueue_test(session: Session, subscription: Subscription, now: Micros) -> Message:
    """Enqueue a test message for this subscription, and return it."""
    test_message = message(
        subscription.party,
        MessageType.TEST,
        Subject("webhook", subscription.id),
        secrets.token_hex(8),
        now,
    )
    put_messages(session, [test_message], only=subscription.id)
    return test_message


def _add(session: Session, id_: str, scheme: SchemeName, seal: Seal, now: Micros) -> VerificationKey:
    secret = Secret.generate(scheme)
    values = {
        "id": id_,
        "scheme": str(scheme),
        "sealed": seal.close(secret.raw, id_),
        "public": secret.public,
        "now": now,
    }
    ((no,),) = _rows(session, "secret_put", values)
    entry = {"subscription": id_, "scheme": values["scheme"], "created": now, "expires": None}
    enter(session, "webhook_secret", no, {**entry, "sealed": values["sealed"], "public": values["public"]})
    return VerificationKey(scheme, secret.shown(), now, None)


def _secrets(
    session: Session, id_: str, seal: Seal, now: Micros
) -> list[tuple[Secret, Micros, Micros | None]]:
    return [
        (Secret(SchemeName(scheme), seal.open(bytes(sealed), id_)), created, expires)
        for scheme, sealed, created, expires in _rows(session, "secrets", {"id": id_, "now": now})
    ]


def _rows(session: Session, name: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(row_factory=tuple_row).execute(statement(name), values).fetchall()


def _subscription(row: Sequence[Any]) -> Subscription:
    id_, party, url, types, description, state, *rest = row
    known = tuple(MessageType(each) for each in types)
    return Subscription(id_, party, url, known, description, State(state), *rest)


class Endpoint(NamedTuple):
    """A subscription with its queue, for operators; ``oldest_due`` is of waiting deliveries that may be sent."""

    id: str
    party: str
    url: str
    state: str
    reason: str
    failing_since: Micros | None
    waiting: int
    oldest_due: Micros | None
    dead: int


def endpoints(session: Connection[Any]) -> list[Endpoint]:
    """All subscriptions that were not removed, by party and id; in the caller's transaction."""
    rows = session.cursor(row_factory=tuple_row).execute(statement("endpoints")).fetchall()
    return [Endpoint(*row) for row in rows]
