"""Subscriptions, their notices and tokens as stored; each function in the caller's transaction.

Every change of a subscription is entered in the audit trail; of an address the trail holds a salted digest, which says nothing once the
salt is erased.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg import Connection
from psycopg.rows import tuple_row

from services.api.access.share_links import digest_of
from services.ledger.audit_trail.entries import enter
from services.notifications.webhooks import statement as webhook_statement
from services.pages.subscriptions import statement
from services.pages.subscriptions.changes import Change, Kind, State, Wanted
from services.pages.subscriptions.telemetry import Overview

Session = Connection[Any]
DAY = 86_400_000_000
CONFIRM_WITHIN = 3 * DAY
SUSPENDED_FOR = 30 * DAY
MOST = 20
"""Subscriptions of one channel that one link or person has, those that ended within a day among them."""
MOST_ASKED = 3
"""Messages a day that ask one address to confirm, whoever wanted them."""
MOST_LISTED = 200
LONGEST_ADDRESS = 254
CONFIRMATION = 0
"""The number of the notice that asks an address to confirm."""
_FOREVER = (1 << 63) - 1
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
"""Addresses that are written as they are: no quotes, comments, spaces or lines."""


class Channel(StrEnum):
    """How a subscriber is notified."""

    MAIL = "mail"
    FEED = "feed"
    WEBHOOK = "webhook"
    """The endpoints of its party that select consignment.notice.v1: services.notifications.webhooks announces what is queued."""


class Status(StrEnum):
    """The state of a subscription."""

    UNCONFIRMED = "UNCONFIRMED"
    """Its address was asked whether it wants it."""
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    """Its address takes no mail, or too much of it came back; resumed by its owner or subscriber."""
    ENDED = "ENDED"


_STATES = {Channel.MAIL: "WAITING", Channel.FEED: "KEPT", Channel.WEBHOOK: "QUEUED"}


class SubscriptionError(Exception):
    """A subscription that cannot be made; ``reason`` is address or many."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; times in UTC microseconds. ``share`` is the link by which it was made, None for a party's own."""

    id: str
    consignment: bytes
    reference: str
    party: str
    share: str | None
    made_by: str
    channel: Channel
    address: str | None
    language: str
    wanted: Wanted
    state: Status
    reason: str
    made: int
    ended: int | None
    told: State
    last_no: int

    @property
    def client(self) -> str:
        """Its name in the access log."""
        return f"subscription:{self.id}"

    @property
    def resumable(self) -> bool:
        """Whether it may be resumed: its address was confirmed once, so that it takes part."""
        return self.state is Status.SUSPENDED and self.last_no > CONFIRMATION


@dataclass(frozen=True, slots=True)
class Listed:
    """A subscription as its owner sees it: when it was notified last, how much waits, and how many messages came back.

    ``label`` is that of the share link.
    """

    subscription: Subscription
    label: str
    sent: Sequence[int]
    waiting: int
    failures: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a subscriber is told at once; ``fields`` as in ``State``."""

    no: int
    at: int
    fields: frozenset[str]
    changes: tuple[Change, ...]

    def within(self, fields: Iterable[str]) -> Notice:
        """What of it may still be seen by whoever sees ``fields`` now."""
        if self.fields <= set(fields):
            return self
        return Notice(
            self.no, self.at, self.fields, tuple(each for each in self.changes if each.always_shown)
        )


@dataclass(frozen=True, slots=True)
class Leased:
    """A notice that one process tries to send; ``attempt`` counts from 1."""

    subscription: str
    notice: Notice
    attempt: int


def require_address(address: str) -> str:
    """The address. SubscriptionError for what is none that mail is sent to."""
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise SubscriptionError("address")
    return address


def make(
    session: Session,
    *,
    consignment: bytes,
    reference: str,
    party: str,
    share: str | None,
    made_by: str,
    channel: Channel,
    address: str | None,
    language: str,
    wanted: Wanted,
    told: State,
    fields: Sequence[str],
    now: int,
) -> tuple[str, str] | None:
    """Make a subscription; its id and the token of its feed, "" where it is none. ``told`` is what is seen now: only what differs later is news.

    None where the address was asked enough already or has the same subscription; nobody is told which. SubscriptionError for an
    address that is none, and beyond MOST.
    """
    if channel is Channel.MAIL:
        require_address(address or "")
    session.execute(statement("address_lock"), {"address": address or f"{party} {made_by}"})
    row: dict[str, Any] = {
        "consignment": UUID(bytes=consignment),
        "party": party,
        "made_by": made_by,
        "channel": str(channel),
        "address": address,
        "since": now - DAY,
    }
    ((asked, own, same),) = _rows(session, "asked_recently", row)
    if own >= MOST:
        raise SubscriptionError("many")
    if channel is Channel.MAIL and (asked >= MOST_ASKED or same):
        return None
    state = Status.UNCONFIRMED if channel is Channel.MAIL else Status.ACTIVE
    salt = secrets.token_bytes(16) if address else None
    entry = {
        "consignment": str(row["consignment"]),
        "reference": reference,
        "party": party,
        "share": share,
        "made_by": made_by,
        "channel": str(channel),
        "language": language,
        **asdict(wanted),
        "state": str(state),
        "reason": "",
        "made": now,
        "ended": None,
    }
    id_ = str(uuid4())
    session.execute(
        statement("make"),
        {
            **entry,
            "id": id_,
            "consignment": row["consignment"],
            "address": address,
            "salt": salt,
            "told": orjson.dumps(told.plain()).decode(),
        },
    )
    digests = {
        "salt": None if salt is None else _digest(salt),
        "address": None if salt is None else _digest(salt + (address or "").encode()),
    }
    enter(session, "subscription", id_, {**entry, **digests})
    session.execute(webhook_statement("cursor_begin"))
    if channel is Channel.MAIL:
        put_notice(session, id_, Notice(CONFIRMATION, now, frozenset(fields), ()), channel)
    if channel is not Channel.FEED:
        return id_, ""
    return id_, new_token(session, id_, feed=True)


def new_token(session: Session, id_: str, *, feed: bool) -> str:
    """A token of the subscription, of which only the digest is stored; ``feed``: it opens its feed too."""
    token = secrets.token_urlsafe(24)
    session.execute(statement("make_token"), {"digest": digest_of(token), "subscription": id_, "feed": feed})
    return token


def by_token(session: Session, token: str, *, feed: bool = False) -> Subscription | None:
    """The subscription of a token, in whatever state; ``feed``: only of one that opens a feed."""
    rows = _rows(session, "by_token", {"digest": digest_of(token), "feed": feed})
    return subscription_of(rows[0]) if rows else None


def by_id(session: Session, id_: str) -> Subscription | None:
    """The subscription with that id."""
    rows = _rows(session, "by_id", {"id": id_})
    return subscription_of(rows[0]) if rows else None


def of_party(session: Session, party: str, made_by: str, reference: str | None) -> list[Listed]:
    """The subscriptions of ``made_by``, and those by share links of its party, the newest first."""
    values = {"party": party, "made_by": made_by, "reference": reference, "limit": MOST_LISTED}
    rows = _rows(session, "of_party", values)
    return [Listed(subscription_of(row[:-4]), row[-4] or "", *row[-3:]) for row in rows]


def confirm(session: Session, found: Subscription, now: int) -> bool:
    """The address wants it: from now on it is notified, of what changed since it was asked for too."""
    return _change(session, found, Status.ACTIVE, "", now, from_=(Status.UNCONFIRMED,))


def end(session: Session, found: Subscription, reason: str, now: int) -> bool:
    """End it for good; its address is erased, once it is not needed any more to protect whoever never confirmed. False where it has ended."""
    live = (Status.UNCONFIRMED, Status.ACTIVE, Status.SUSPENDED)
    return _change(
        session,
        found,
        Status.ENDED,
        reason,
        now,
        from_=live,
        erase=found.state is not Status.UNCONFIRMED,
    )


def suspend(session: Session, found: Subscription, reason: str, now: int) -> bool:
    """Send nothing more until it is resumed."""
    return _change(session, found, Status.SUSPENDED, reason, now, from_=(Status.UNCONFIRMED, Status.ACTIVE))


def resume(session: Session, found: Subscription, now: int) -> bool:
    """Notify its address again, of what changed meanwhile too; False where it is not resumable."""
    if not found.resumable or not _change(session, found, Status.ACTIVE, "", now, from_=(Status.SUSPENDED,)):
        return False
    session.execute(statement("resume"), {"id": found.id})
    return True


def _change(
    session: Session,
    found: Subscription,
    state: Status,
    reason: str,
    now: int,
    *,
    from_: Iterable[Status],
    erase: bool = False,
) -> bool:
    ended = now if state is Status.ENDED else None
    values = {
        "id": found.id,
        "state": str(state),
        "reason": reason,
        "ended": ended,
        "look": now,
        "erase": erase,
        "from": [str(each) for each in from_],
    }
    if not _rows(session, "change_state", values):
        return False
    entry: dict[str, Any] = {"state": str(state), "reason": reason, "ended": ended}
    enter(session, "subscription", found.id, {**entry, **({"address": None, "salt": None} if erase else {})})
    return True


def put_notice(session: Session, id_: str, notice: Notice, channel: Channel) -> None:
    """Store a notice, to be sent or read as its channel has it."""
    values = {
        "subscription": id_,
        "no": notice.no,
        "at": notice.at,
        "fields": sorted(notice.fields),
        "changes": orjson.dumps([list(each) for each in notice.changes]).decode(),
        "state": _STATES[channel],
    }
    session.execute(statement("put_notice"), values)


def notices(
    session: Session,
    id_: str,
    *,
    after: int = CONFIRMATION,
    before: int = _FOREVER,
    limit: int = 20,
    newest_first: bool = False,
) -> list[Notice]:
    """Its notices after one number and before another."""
    values = {"id": id_, "after": after, "before": before, "limit": limit, "newest": newest_first}
    return [_notice(*row) for row in _rows(session, "notices", values)]


def newest(session: Session, ids: Iterable[str]) -> dict[str, tuple[int, Status]]:
    """The number of the newest notice of each subscription, and its state."""
    rows = _rows(session, "newest", {"ids": list(ids)})
    return {id_: (no, Status(state)) for id_, no, state in rows}


def lease(session: Session, now: int, until: int, limit: int) -> list[Leased]:
    """Take what is due to be sent until ``until``, by which it is settled or due again; the caller commits."""
    rows = _rows(session, "lease", {"now": now, "lease": until, "limit": limit})
    return [Leased(row[0], _notice(*row[1:5]), row[5]) for row in rows]


def settle(session: Session, leased: Leased, state: str, due: int, detail: str = "") -> bool:
    """Store what came of an attempt: SENT, FAILED, DROPPED, or WAITING until ``due``. False where another attempt has it."""
    values = {
        "subscription": leased.subscription,
        "no": leased.notice.no,
        "attempt": leased.attempt,
        "state": state,
        "due": due,
        "detail": detail[:200],
    }
    return session.execute(statement("settle"), values).rowcount == 1


def overview(session: Session) -> Overview:
    """What waits, for metrics."""
    ((waiting, oldest),) = _rows(session, "overview", {})
    ((look, suspended),) = _rows(session, "overview_looks", {})
    return Overview(waiting, oldest, look, suspended)


def purge(session: Session, now: int, keep_days: int) -> None:
    """End what was never confirmed or suspended for long; forget old notices, tokens of what ended, and addresses of whom nobody asks for."""
    limits = {"unconfirmed": now - CONFIRM_WITHIN, "suspended": now - SUSPENDED_FOR}
    for id_, _ in _rows(session, "expired", limits):
        found = by_id(session, id_)
        if found is not None:
            end(session, found, "expired", now)
    for (id_,) in _rows(session, "erase_addresses", {"before": now - DAY}):
        enter(session, "subscription", id_, {"address": None, "salt": None})
    session.execute(statement("purge_notices"), {"before": now - keep_days * DAY})
    session.execute(statement("purge_tokens"), {"before": now - keep_days * DAY})


def subscription_of(row: Sequence[Any]) -> Subscription:
    """The subscription of a row."""
    id_, consignment, reference, party, share, made_by, channel, address, language, *rest = row
    milestones, delay_hours, exceptions, disputes, overdue, state, reason, made, ended, told, last_no = rest
    return Subscription(
        id_,
        bytes(consignment),
        reference,
        party,
        share,
        made_by,
        Channel(channel),
        address,
        language,
        Wanted(milestones, delay_hours, exceptions, disputes, bool(overdue)),
        Status(state),
        reason,
        made,
        ended,
        State.of(told),
        last_no,
    )


def _notice(no: int, at: int, fields: Iterable[str], found: Iterable[Sequence[Any]]) -> Notice:
    changes = tuple(Change(Kind(kind), *rest) for kind, *rest in found)
    return Notice(no, at, frozenset(fields), changes)


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(row_factory=tuple_row).execute(statement(name), parameters).fetchall()
