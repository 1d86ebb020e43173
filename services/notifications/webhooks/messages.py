"""The messages of webhooks: that a resource of the party changed, and where to read it; no further content."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

import orjson

from services.domain.facts import Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MessageType(StrEnum):
    """The types of messages."""

    CONSIGNMENT_CHANGED = "consignment.changed.v1"
    """Accepted events may have changed a consignment that the party is engaged in or that is its collateral."""
    CONSIGNMENT_NOTICE = "consignment.notice.v1"
    """Something changed in a consignment that a person of the party subscribed to, as it selected on the consignment's page."""
    FINANCING_ALERT = "financing.alert.v1"
    """A fact about pledged cargo was accepted that requires the holder of the pledge to review its financing."""
    FINANCING_DECIDED = "financing.decided.v1"
    """A decision was recorded on a financing of the party, or freed one."""
    TEST = "webhook.test.v1"
    """A test of the endpoint was requested; sent whatever the subscription selects."""


SUBSCRIBABLE = tuple(each for each in MessageType if each is not MessageType.TEST)


class Subject(NamedTuple):
    """The resource that a message is about: ``kind`` (consignment, financing, webhook) and its id in the API."""

    kind: str
    id: str

    @property
    def href(self) -> str:
        """The resource's path, relative to the API's base URL."""
        owner, slash, reference = self.id.partition("/")
        # A bank reads its financings under its own references; a slash in a reference is no separator.
        before = "" if self.kind == "financing" else f"{quote(owner, safe='')}{slash}"
        return f"/v1/{self.kind}s/{before}{quote(reference, safe='')}"


class Message(NamedTuple):
    """One message to one party; the same change always yields the same ``id`` and ``body``.

    ``same`` identifies messages that may be coalesced, "" where each is delivered. ``traceparent`` is the trace context of the event
    that caused it, "" where there was none; it is not part of the body.
    """

    id: str
    party: str
    type: MessageType
    at: Micros
    body: bytes
    same: str = ""
    traceparent: str = ""


def message(
    party: str, type_: MessageType, subject: Subject, news: str, at: Micros, traceparent: str = ""
) -> Message:
    """The message to ``party`` about ``subject``; ``news`` identifies the committed change.

    ``at`` is the time of the commit, UTC microseconds; ``traceparent`` as in Message.
    """
    identity = "\0".join((party, type_, subject.kind, subject.id, news))
    id_ = f"msg_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"
    body = {
        "id": id_,
        "type": str(type_),
        "timestamp": _rfc3339(at),
        "data": {"subject": {"kind": subject.kind, "id": subject.id, "href": subject.href}},
    }
    same = f"{subject.kind} {subject.id}" if type_ is MessageType.CONSIGNMENT_CHANGED else ""
    return Message(id_, party, type_, at, orjson.dumps(body), same, traceparent)


def _rfc3339(micros: Micros) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
