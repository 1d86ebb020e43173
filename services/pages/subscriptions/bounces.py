"""Messages that come back: the return path of each, the delivery status notification that reports it (RFC 3464), and what follows.

The return path (VERP) names subscription and notice with an HMAC-SHA-256 keyed by the random salt of the address, so nobody who never got
the message can make it come back; who got it may end the subscription anyway. The salt is erased with the address, and then nothing is counted.
Each message counts once, however often it comes back. A report is data of strangers: its status codes are read and nothing else of it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from services.pages.subscriptions import statement, store
from services.pages.subscriptions.store import CONFIRMATION, Status, Subscription

Session = Connection[Any]
MOST_FAILURES = 3
"""So many messages that came back suspend a subscription, whatever the reason."""
_CODE_BYTES = 10
_RETURN_PATH = re.compile(r"[^\s<>@]+\+(?P<code>[a-z2-7]{42})-(?P<no>\d{1,9})@[^\s<>@]+")
_STATUS = re.compile(r"\s*([45]\.\d{1,3}\.\d{1,3})(?!\d)")
_NO_SUCH_ADDRESS: Final = re.compile(r"5\.1\.(1|2|3|6|10)|5\.2\.1")
"""No such mailbox or host, no address at all, moved, takes no mail, disabled (RFC 3463 3.2 and 3.3, RFC 7505)."""


class Bounce(NamedTuple):
    """A notice that came back, and the status for which its delivery failed (RFC 3463)."""

    subscription: str
    no: int
    status: str


def return_path(session: Session, base: str, found: Subscription, no: int) -> str:
    """The envelope sender of a notice: ``base`` with what names the notice after a plus sign (RFC 5233), in lower case."""
    local, _, domain = base.rpartition("@")
    id_ = UUID(found.id).bytes
    ((salt,),) = _rows(session, "salt", {"id": found.id})
    code = base64.b32encode(id_ + _code(salt, id_, no)).decode().rstrip("=").lower()
    return f"{local}+{code}-{no}@{domain}"


def _code(salt: bytes, id_: bytes, no: int) -> bytes:
    return hmac.digest(salt, b"lianyun returned mail\0" + id_ + no.to_bytes(8, "big"), "sha256")[:_CODE_BYTES]


def read_report(
    session: Session, message: Message, recipients: Iterable[str]
) -> list[tuple[Bounce, Status | None]]:
    """Count the notices whose delivery a message reports as failed, of those whose return path is among ``recipients`` or those it names.

    With each the state of its subscription then, None where it counts no more. Empty for any other message.
    """
    status = failed_status(message)
    if status is None:
        return []
    named = [*recipients]
    for header in ("Delivered-To", "X-Original-To", "To"):
        named += [str(each) for each in message.get_all(header, [])]
    ((now,),) = _rows(session, "clock", {})
    found = [Bounce(id_, no, status) for id_, no in dict.fromkeys(_proven(session, named))]
    return [(each, _came_back(session, each, now)) for each in found]


def _proven(session: Session, named: Iterable[str]) -> Iterator[tuple[str, int]]:
    for found in _RETURN_PATH.finditer(" ".join(named).lower()):
        raw = base64.b32decode(found["code"].upper() + "=" * 6)
        id_, code, no = raw[:16], raw[16:], int(found["no"])
        rows = _rows(session, "salt", {"id": str(UUID(bytes=id_))})
        if rows and rows[0][0] is not None and hmac.compare_digest(code, _code(rows[0][0], id_, no)):
            yield str(UUID(bytes=id_)), no


def failed_status(message: Message) -> str | None:
    """The status of a delivery that has failed, the gravest one; None where none has, or it is no delivery status notification."""
    if (
        message.get_content_type() != "multipart/report"
        or message.get_param("report-type") != "delivery-status"
    ):
        return None
    found: list[str] = []
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status" and part.is_multipart():
            for recipient in cast("list[Message]", part.get_payload())[1:]:
                status = _STATUS.match(str(recipient.get("Status", "")))
                if str(recipient.get("Action", "")).strip().lower() == "failed" and status:
                    found.append(status[1])
    return max(found, key=lambda each: (is_final(each), each), default=None)


def is_final(status: str) -> bool:
    """Whether one failure for ``status`` says that the address takes no mail: by its detail, or refused without any."""
    return _NO_SUCH_ADDRESS.fullmatch(status) is not None or (status.startswith("5") and "." not in status)


def _came_back(session: Session, bounce: Bounce, now: int) -> Status | None:
    values = {"subscription": bounce.subscription, "no": bounce.no, "detail": bounce.status}
    found = store.by_id(session, bounce.subscription)
    # Who answered a message that asks for confirmation has got it.
    if found is None or (bounce.no == CONFIRMATION and found.state is not Status.UNCONFIRMED):
        return None
    if not _rows(session, "notice_came_back", values):
        return None
    return count(session, found, bounce.status, bounce.status, now)


def count(session: Session, found: Subscription, status: str, reason: str, now: int) -> Status:
    """Count a failure; the state then: suspended for ``reason`` where the address takes no mail, or the third time."""
    ((failures,),) = _rows(session, "count_failure", {"id": found.id})
    if (is_final(status) or failures >= MOST_FAILURES) and store.suspend(session, found, reason, now):
        return Status.SUSPENDED
    return found.state


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(row_factory=tuple_row).execute(statement(name), parameters).fetchall()
