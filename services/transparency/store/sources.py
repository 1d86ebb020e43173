"""What joins the log, by source: documents in an order in which none can appear before one that was read."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from schemas.envelope import content_digest, event_id, read_headers, signed_bytes
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from services.domain.facts import Micros
from services.ledger.admission.raw_bytes import frame, unframe
from services.ledger.audit_trail.entries import LOGS
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.entry import NO_KEY, Document, Kind

SALT_BYTES: Final = 16
OPEN_REGISTERS: Final = frozenset({"registry_event", "registry_statement", "migration"})
"""Registers whose entries say which change they are: everybody derives the registry and the releases from them."""


class Unloggable(Exception):
    """Stored bytes that are not what was accepted: a digest that does not match, a message that cannot be read."""


class Cursor(NamedTuple):
    """How far a source has joined the log."""

    major: str = "0"
    minor: int = 0


class Found(NamedTuple):
    """A document: its place and name within the source, and the salt to be stored with its entry where it has none of its own."""

    cursor: Cursor
    position: str
    document: Document
    salt: bytes | None = None


def cursors(session: Session) -> Mapping[str, Cursor]:
    """The sources that may have something new, those among them that came since, and how far each is."""
    session.execute(statement("new_sources"))
    return {name: Cursor(major, minor) for name, major, minor in session.execute(statement("cursors"))}


def read(session: Session, network: str, source: str, after: Cursor, limit: int, now: Micros) -> list[Found]:
    """At most ``limit`` documents of a source behind a cursor, in the order in which they join; of refused messages, whole transactions.

    ``now`` is the time of what has none of its own. Unloggable where something stored is not what was accepted.
    """
    name, _, detail = source.partition(" ")
    arguments = {**after._asdict(), "limit": limit}
    match name:
        case "event":
            found = _events(session, network, arguments)
        case _ if name in _SIGNED:
            found = _signed(session, network, name, arguments)
        case "refused":
            found = _refused(session, arguments)
        case "register":
            found = _register(session, detail, arguments, now)
        case _ if name in LOGS:
            found = _lines(session, name, {**arguments, "stream": int(detail)})
        case _:
            raise LookupError(f"no source {source!r}")
    return list(found)


def _events(session: Session, network: str, arguments: Mapping[str, Any]) -> Iterator[Found]:
    rows = session.cursor(binary=True).execute(statement("events"), arguments)
    for xid, no, content, topic, part, offset, appended, headers, payload in rows:
        place = f"{topic}/{part}@{offset}"
        document = signed_document(network, Kind.EVENT, place, headers, payload, appended, content)
        yield Found(Cursor(xid, no), str(no), document)


_SIGNED: Final = {
    "decision": (Kind.DECISION, "decisions"),
    "case-step": (Kind.CASE_STEP, "case_steps"),
    "document-decision": (Kind.DECISION, "document_decisions"),
}
"""Of each source of what the platform signed: what its entries are over, and the statement that reads it."""


def _signed(session: Session, network: str, name: str, arguments: Mapping[str, Any]) -> Iterator[Found]:
    kind, query = _SIGNED[name]
    for xid, number, at, headers, payload in session.execute(statement(query), arguments):
        document = signed_document(network, kind, f"{name} {number}", headers, payload, at)
        yield Found(Cursor(xid, number), str(number), document)


def _refused(session: Session, arguments: Mapping[str, Any]) -> Iterator[Found]:
    for xid, digest, reason, at, topic, part, offset in session.execute(statement("refused"), arguments):
        salt, place = secrets.token_bytes(SALT_BYTES), f"{topic}/{part}@{offset}"
        yield Found(Cursor(xid), digest.hex(), refused_document(digest, reason, place, salt, at), salt)


def _register(session: Session, register: str, arguments: Mapping[str, Any], now: Micros) -> Iterator[Found]:
    rows = session.execute(statement("register_entries"), {**arguments, "register": register})
    for number, key, change in rows:
        salt = secrets.token_bytes(SALT_BYTES)
        document = register_document(register, number, key, change, salt, now)
        yield Found(Cursor(minor=number), str(number), document, salt)


def _lines(session: Session, log: str, arguments: Mapping[str, Any]) -> Iterator[Found]:
    for place, at, seal in session.execute(statement(log), arguments):
        salt = secrets.token_bytes(SALT_BYTES)
        yield Found(Cursor(minor=place), str(place), line_document(log, seal, salt, at), salt)


def signed_document(
    network: str,
    kind: Kind,
    place: str,
    framed: bytes,
    payload: bytes,
    at: Micros,
    content: bytes | None = None,
) -> Document:
    """The document of a signed event: the bytes that are signed and the signature, under the salt of its payload.

    Unloggable where the message cannot be read, or its ``content`` (16 bytes of SHA-256 over what is signed) is another.
    """
    try:
        envelope, signature = read_headers(unframe(framed))
        key, salt = parse_header(signature).key_id, orjson.loads(payload)["salt"]
    except (Refusal, ValueError, KeyError, TypeError) as fault:
        raise Unloggable(f"{place} is no message that can have been accepted: {fault}") from fault
    signed = signed_bytes(network, envelope, payload)
    if content is not None and not hmac.compare_digest(content_digest(signed), content):
        raise Unloggable(f"{place} is not what was accepted: its content has another digest")
    text = len(signed).to_bytes(4) + signed + signature
    return Document(kind, place, text, str(salt).encode(), event_id(envelope.source, envelope.id), key, at)


def event_document(network: str, headers: Sequence[tuple[str, bytes]], payload: bytes) -> Document:
    """The document of an event as its publisher has it: place and time are the broker's, so subject and digest alone are its entry's."""
    return signed_document(network, Kind.EVENT, "", frame(headers), payload, 0)


def refused_document(digest: bytes, reason: str, place: str, salt: bytes, at: Micros) -> Document:
    """The document of a message that was not accepted: its digest, and why."""
    return Document(Kind.REFUSED, place, digest + reason.encode(), salt, digest, NO_KEY, at)


def register_document(register: str, number: int, key: str, change: str, salt: bytes, at: Micros) -> Document:
    """The document of an entry of the audit trail; which change it is shows for open registers only."""
    text = orjson.dumps([register, number, key, change])
    place = f"{register} {number}" if register in OPEN_REGISTERS else "-"
    return Document(Kind.REGISTER, place, text, salt, f"{register}\n{key}".encode(), NO_KEY, at)


def line_document(log: str, seal: bytes, salt: bytes, at: Micros) -> Document:
    """The document of a line of the access log: its seal, which covers the line and all of its stream before it."""
    return Document(Kind.ACCESS, "-", seal, salt, log.encode() + seal, NO_KEY, at)
