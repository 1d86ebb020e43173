"""The queue of deliveries in the database: enqueued with their message, leased, settled with the result.

Locks are taken in one order: the subscription, then its deliveries.

A delivery is leased by one process at a time; one that ends without settling it (kill -9, power) loses it when the lease expires, and
it is attempted again. Delivery is therefore at least once; receivers deduplicate by the message's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.ledger.audit_trail.digests import MESSAGE, seal
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.platform_events import record_platform_event
from services.notifications.webhooks import statement
from services.notifications.webhooks.messages import Message

Session = Connection[Any]
FOREVER: Final = (1 << 63) - 1
"""Due time of the deliveries of a subscription that is not enabled."""


class LeasedDelivery(NamedTuple):
    """A delivery to be attempted now; ``attempt`` counts from 1, ``at`` is when the change was committed.

    ``traceparent`` is the trace context of the event that caused it, None where there was none.
    """

    subscription: str
    message: str
    url: str
    body: bytes
    at: Micros
    attempt: int
    failing_since: Micros | None
    traceparent: str | None = None


class DeliveryRecord(NamedTuple):
    """A delivery as shown to its party: ``state`` WAITING, DELIVERED or DEAD."""

    message: str
    type: str
    at: Micros
    state: str
    attempts: int
    due: Micros | None
    last_attempt: Micros | None
    status: int | None
    detail: str


def put_messages(session: Session, messages: Iterable[Message], only: str | None = None) -> int:
    """Insert ``messages`` with a delivery for each subscription to their type; the number of new deliveries.

    In the caller's transaction. A message that exists is ignored, as is one whose ``same`` equals that of a message that no attempt was
    made to deliver. ``only``: for this subscription, whatever types it selects.
    """
    ordered = sorted(set(messages))
    if not ordered:
        return 0
    values = {
        "ids": [each.id for each in ordered],
        "parties": [each.party for each in ordered],
        "types": [str(each.type) for each in ordered],
        "ats": [each.at for each in ordered],
        "bodies": [each.body for each in ordered],
        "sames": [each.same or None for each in ordered],
        "traces": [each.traceparent or None for each in ordered],
        "seals": [_seal(each) for each in ordered],
        "only": only,
        "forever": FOREVER,
    }
    return session.execute(statement("message_put"), values).rowcount


def lease_due(
    session: Session, now: Micros, lease: Micros, busy: dict[str, int], at_once: int
) -> list[LeasedDelivery]:
    """Lease what is due, at most ``at_once`` per endpoint, those it is ``busy`` with included; the caller commits.

    A slow endpoint takes no capacity from others.
    """
    values = {
        "now": now,
        "lease": now + lease,
        "at_once": at_once,
        "busy": list(busy),
        "counts": list(busy.values()),
    }
    rows = session.cursor(row_factory=tuple_row).execute(statement("take"), values).fetchall()
    return [LeasedDelivery(s, m, url, bytes(body), *rest) for s, m, url, body, *rest in rows]


def record_success(session: Session, leased: LeasedDelivery, status: int, now: Micros) -> None:
    """Settle a delivery that the endpoint accepted; the caller commits."""
    values = _settled(leased, "DELIVERED", now, now, status, "")
    session.execute(statement("succeeded"), values)
    session.execute(statement("settle"), values)


def record_failure(
    session: Session,
    leased: LeasedDelivery,
    status: int | None,
    detail: str,
    now: Micros,
    again: Micros | None,
) -> None:
    """Settle a failed attempt: due again at ``again``, or dead where that is None. The caller commits."""
    state = "DEAD" if again is None else "WAITING"
    values = _settled(leased, state, now, now if again is None else again, status, detail)
    session.execute(statement("failing"), values)
    session.execute(statement("settle"), values)


def disable(session: Session, subscription: str, reason: str, now: Micros) -> bool:
    """Disable the subscription, with an alert for operators; False where it is not enabled. The caller commits."""
    values = {"id": subscription, "reason": reason, "due": FOREVER, "now": now}
    row = session.cursor(row_factory=tuple_row).execute(statement("disable"), values).fetchone()
    if row is None:
        return False
    version, party, url = row
    entry = {"state": "DISABLED", "reason": reason, "version": version}
    enter(session, "webhook_subscription", subscription, entry)
    alert = {"subscription": subscription, "party": party, "url": url, "reason": reason}
    record_platform_event(session, "WEBHOOK_DISABLED", alert)
    session.execute(statement("make_due"), values)
    return True


def replay(session: Session, subscription: str, since: Micros, now: Micros) -> int:
    """Deliver again all messages from ``since`` on that are still stored; their number. The caller commits.

    Includes messages for other subscriptions of the party from before this one was made, of the types that it selects.
    """
    values = {"id": subscription, "since": since, "now": now}
    return session.execute(statement("replay"), values).rowcount


def deliveries(
    session: Session, subscription: str, state: str | None, before: tuple[Micros, str] | None, limit: int
) -> list[DeliveryRecord]:
    """Deliveries of a subscription, latest first, after ``before`` (time and message id)."""
    at, id_ = before or (FOREVER, "")
    values = {"id": subscription, "state": state, "at": at, "message": id_, "limit": limit}
    rows = session.cursor(row_factory=tuple_row).execute(statement("deliveries"), values).fetchall()
    return [_delivery_record(*row) for row in rows]


def purge(session: Session, before: Micros, limit: int = 10_000) -> int:
    """Delete messages from before ``before`` with their deliveries, at most ``limit``; their number. The caller commits."""
    values = {"before": before, "limit": limit}
    gone = session.cursor(row_factory=tuple_row).execute(statement("purge_begin"), values).fetchall()
    return session.execute(statement("purge"), {"ids": [id_ for (id_,) in gone]}).rowcount


def _seal(message: Message) -> bytes:
    row = {**message._asdict(), "traceparent": message.traceparent or None}
    return seal(*(row[name] for name in MESSAGE))


def _delivery_record(
    message: str, type_: str, at: Micros, state: str, attempts: int, due: Micros | None, *rest: Any
) -> DeliveryRecord:
    return DeliveryRecord(message, type_, at, state, attempts, None if due == FOREVER else due, *rest)


def _settled(
    leased: LeasedDelivery, state: str, now: Micros, due: Micros, status: int | None, detail: str
) -> dict[str, Any]:
    return {
        "subscription": leased.subscription,
        "message": leased.message,
        "attempt": leased.attempt,
        "state": state,
        "now": now,
        "due": due,
        "status": status,
        "detail": detail[:500],
    }
