"""Entries of the log: that something was accepted, as a salted digest that says nothing to whoever has not the document."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from schemas.merkle import HASH_BYTES
from services.domain.facts import Micros
from services.transparency.domain.encoding import Malformed, decimal, digest, spelled

HEADER: Final = "lianyun-log-entry-v1"
UNIT: Final = 512
"""Entries are padded to a multiple of it, so that their length says nothing."""
MOST_BYTES: Final = 2048
NO_KEY: Final = "-"
_DIGEST: Final = b"lianyun-log-document-v1\n"
_SUBJECT: Final = b"lianyun-log-subject-v1\n"


class Kind(StrEnum):
    """What an entry is over."""

    EVENT = "event"
    """An accepted event or a further content under its id: bytes as signed, and the signature."""
    DECISION = "decision"
    """A decision on a financing or a document, signed by the platform."""
    CASE_STEP = "case-step"
    """A step on a case, signed by the platform."""
    REFUSED = "refused"
    """A message that was not accepted: its digest and the reason."""
    REGISTER = "register"
    """A change of a register of the audit trail: parties and keys, clients, people, credit records, migrations, gaps accepted."""
    ACCESS = "access"
    """A line of the access log."""


@dataclass(frozen=True, slots=True)
class Document:
    """What an entry is made of: the whole text, and the salt that keeps its digest from being guessed.

    ``identity`` names what the document is about: further documents about the same, under the same salt, show as such.
    ``key`` signed it, 16 hexadecimal digits, or nobody did. ``place`` is where it stands: a record of the broker, a number.
    """

    kind: Kind
    place: str
    text: bytes
    salt: bytes
    identity: bytes
    key: str
    at: Micros


@dataclass(frozen=True, slots=True)
class Entry:
    """The leaf of a document. Its digests cannot be made, nor linked to a document, without the salt."""

    kind: Kind
    place: str
    subject: bytes
    digest: bytes
    key: str
    at: Micros

    @classmethod
    def of(cls, document: Document) -> Entry:
        """The entry over a document."""
        subject = hmac.digest(document.salt, _SUBJECT + document.identity, "sha256")
        return cls(
            document.kind, document.place, subject, document_digest(document), document.key, document.at
        )

    def covers(self, document: Document) -> bool:
        """Whether this is the entry over a document, whole."""
        return self == Entry.of(document)

    @property
    def raw(self) -> bytes:
        """The bytes that are hashed into the tree; Malformed where they would be longer than an entry may be."""
        lines = (
            HEADER,
            f"kind {self.kind}",
            f"place {self.place}",
            f"subject {spelled(self.subject)}",
            f"digest {spelled(self.digest)}",
            f"key {self.key}",
            f"at {self.at}",
        )
        text = "".join(f"{line}\n" for line in lines).encode()
        padded = text.ljust(-(-len(text) // UNIT) * UNIT, b"\n")
        if len(padded) > MOST_BYTES or any("\n" in value for value in (self.place, self.key)):
            raise Malformed(f"an entry has at most {MOST_BYTES} bytes, and its values are on one line each")
        return padded

    @classmethod
    def parse(cls, raw: bytes) -> Entry:
        """The entry of the bytes in the tree; Malformed for every other spelling of them."""
        try:
            lines = raw.rstrip(b"\n").decode().split("\n")
        except UnicodeDecodeError:
            raise Malformed("an entry is UTF-8") from None
        names = ("kind", "place", "subject", "digest", "key", "at")
        if len(lines) != 1 + len(names) or lines[0] != HEADER:
            raise Malformed(f"an entry begins with {HEADER} and has six lines behind it")
        values = []
        for name, line in zip(names, lines[1:], strict=True):
            found, _, value = line.partition(" ")
            if found != name:
                raise Malformed(f"the line {name} is missing")
            values.append(value)
        kind, place, subject, about, key, at = values
        try:
            known = Kind(kind)
        except ValueError:
            raise Malformed("an entry of a kind that is not known here") from None
        entry = cls(
            known,
            place,
            digest(subject, "the subject"),
            digest(about, "the digest"),
            key,
            decimal(at, "the time"),
        )
        if entry.raw != raw:
            raise Malformed("an entry is not in its one form")
        return entry


def document_digest(document: Document) -> bytes:
    """SHA-256 over kind, salt and text of a document, each of which has one length or one end."""
    salt = sha256(document.salt).digest()
    assert len(salt) == HASH_BYTES
    return sha256(_DIGEST + f"{document.kind}\n".encode() + salt + document.text).digest()
