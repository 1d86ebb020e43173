"""The head of a TAF message: who sent it when under which key, and whether it creates, replaces or deletes.

Sources: Regulation (EU) 2021/541 (TAF TSI), schema 3.5 of the EU Agency for Railways and sector schema 2.3 of the JSG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.reasons import Reason, Refusal
from services.producers.formats.instants import Instant
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, identity
from services.producers.formats.model import EventDraft, Record

FORMAT = "taf"
_STATUS = {"1": "create", "2": "replace", "3": "delete"}


@dataclass(frozen=True, slots=True)
class Head:
    """Who sent a message, when, under which key; ``key`` is what all messages about the same report share."""

    number: str  # 4005, 4004, 3003
    sender: str
    recipient: str
    key: str
    created: Instant
    status: str  # create, replace, delete

    def id(self, *record: str) -> str:
        """The id of the event that this message makes of ``record``."""
        again = (f"replaced-{self.created.micros}",) if self.status == "replace" else ()
        return identity(FORMAT, self.number, self.sender, self.key, *again, *record)

    def first_id(self, *record: str) -> str:
        """The id that the creating message gave the same record."""
        return identity(FORMAT, self.number, self.sender, self.key, *record)


def read(message: Node, number: str, notes: Notes) -> Head:
    """The head of ``message``, message type ``number``; raises Refusal where key, time or status is missing."""
    reference = "MessageHeader/MessageReference"
    given = message.value(f"{reference}/MessageType")
    if given != number:
        notes.remark(
            f"{message.path}/{reference}/MessageType",
            f"MessageType is {given[:40]!r}, the element {message.name} is message {number}: the element counts.",
        )
    identifier = message.require(f"{reference}/MessageIdentifier").text
    key = identifier
    if notes.choice("key") == "SenderReference":
        key = message.value("MessageHeader/SenderReference") or identifier
    at = message.require(f"{reference}/MessageDateTime")
    created = notes.made_at(at, "MessageDateTime")
    status = message.require("MessageStatus")
    if status.text not in _STATUS:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"MessageStatus {status.text[:20]!r} is none of 1 (create), 2 (replace), 3 (delete).",
            status.path,
            "Send one of the three.",
        )
    notes.interpret(status.path, f"MessageStatus {status.text}", _STATUS[status.text])
    notes.interpret(
        f"{message.path}/{reference}/MessageTypeVersion",
        f"MessageTypeVersion {message.value(f'{reference}/MessageTypeVersion')}",
        f"message {number}",
    )
    return Head(
        number,
        message.require("MessageHeader/Sender").text,
        message.value("MessageHeader/Recipient"),
        key,
        created,
        _STATUS[status.text],
    )


def by_status(head: Head, records: Iterable[tuple[tuple[str, ...], Record]]) -> Iterator[Record]:
    """The drafts that the message makes of ``records``, each with its own key: itself, its retraction, or both.

    Status delete retracts the event of the creating message; status replace retracts it and states the new one.
    """
    for key, record in records:
        if not isinstance(record, EventDraft) or head.status == "create":
            yield record
            continue
        yield EventDraft(
            where=record.where,
            id=identity(head.first_id(*key), f"withdrawn-{head.created.micros}"),
            type="cre.correction.retracted.v1",
            time=record.time,
            data={"target": head.first_id(*key), "reason": "OTHER"},
        )
        if head.status == "replace":
            yield record
