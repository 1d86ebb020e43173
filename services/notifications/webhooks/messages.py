"""What a party is told: that something of its own changed, and where to read it. Nothing else is in a message."""

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
    """What a subscription can ask for."""

    CONSIGNMENT_CHANGED = "consignment.changed.v1"
    """Accepted events may have changed a consignment that the party is engaged in, or that is its collateral."""
    FINANCING_ALERT = "financing.alert.v1"
    """A fact about pledged cargo was accepted, after which whoever holds the pledge has to look at its financing."""
    FINANCING_DECIDED = "financing.decided.v1"
    """A decision was recorded on a financing of the party, or freed one."""
    TEST = "webhook.test.v1"
    """Somebody asked for a test of the endpoint; sent whatever a subscription asks for."""


SUBSCRIBABLE = tuple(each for each in MessageType if each is not MessageType.TEST)


class Subject(NamedTuple):
    """What a message is about: ``kind`` (consignment, financing, webhook) and its id in the API."""

    kind: str
    id: str

    @property
    def href(self) -> str:
        """Where the receiver reads the rest, below the API's own address."""
        owner, slash, reference = self.id.partition("/")
        # A bank reads its financings under its own references; a slash in a reference parts nothing.
        before = "" if self.kind == "financing" else f"{quote(owner, safe='')}{slash}"
        return f"/v1/{self.kind}s/{before}{quote(reference, safe='')}"


class Message(NamedTuple):
    """One message to one party; the same news gives the same ``id`` and ``body``, whoever looks at it when.

    ``same`` names what several pieces of news may be told of in one message, "" where each is told by itself.
    ``traceparent`` is the context of the event that it tells of, "" where that came without; it is no part of what is told.
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
    """The message to ``party`` that ``news`` (the identity of what was committed) concerns ``subject``.

    ``at`` is when it was committed, UTC microseconds; ``traceparent`` as of Message.
    """
    told = "\0".join((party, type_, subject.kind, subject.id, news))
    id_ = f"msg_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
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
