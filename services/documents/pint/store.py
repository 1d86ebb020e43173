"""What is stored of the exchange: platforms, files, transfers, and the steps of the register. Each function works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from services.documents.domain.transfer import Medium
from services.documents.pint import statement
from services.documents.pint.domain.envelope import Envelope
from services.documents.pint.domain.register import (
    Act,
    Contradicted,
    Control,
    Step,
    after,
    control_of,
    repeats,
)
from services.documents.pint.domain.signed_content import (
    BadContent,
    Directory,
    SignedContent,
    payload_of,
)
from services.domain.facts import Micros
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.session import Session


@dataclass(frozen=True, slots=True)
class Platform:
    """Another platform, or a carrier that only signs: then it has no ``url``. ``keys`` are its public keys as JWKs."""

    code: str
    name: str
    url: str | None
    register: str | None
    keys: tuple[Mapping[str, Any], ...]


class TransferState(StrEnum):
    """PENDING until the receiver's answer is recorded. While it is, neither side acts with the document but to settle it."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer of a document to (``outward``) or from another platform; ``entry`` and ``document`` are checksums in hex."""

    entry: str
    document: str
    outward: bool
    platform: str
    register: str
    state: TransferState
    envelope: Envelope
    response: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Transfer:
        """Of a stored row."""
        entry, document, outward, platform, register, state, envelope, response = row
        return cls(
            entry=entry.hex(),
            document=document.hex(),
            outward=outward,
            platform=platform,
            register=register,
            state=TransferState(state),
            envelope=Envelope.of(orjson.loads(envelope)),
            response=response,
        )


def put_platform(session: Session, platform: Platform, at: Micros, by: str) -> None:
    """Record a platform, in the place of an earlier entry, in a transaction; BadContent for a key that is none, or another's."""
    others = [each for each in platforms(session) if each.code != platform.code]
    directory(others)
    known = {key_id for each in others for key_id in Directory({each.code: each.keys})}
    if taken := known & set(Directory({platform.code: platform.keys})):
        raise BadContent(f"the key {min(taken)} is another's")
    row = {name: getattr(platform, name) for name in ("name", "url", "register", "keys")}
    row |= {"at": at, "by": by}
    with session.transaction():
        session.execute(
            statement("put_platform"), {**row, "code": platform.code, "keys": Jsonb(list(platform.keys))}
        )
        enter(session, "pint_platform", platform.code, row)


def platforms(session: Session) -> list[Platform]:
    """The directory, by code."""
    found = session.execute(statement("platforms"))
    return [Platform(code, name, url, register, tuple(keys)) for code, name, url, register, keys in found]


def directory(known: Iterable[Platform]) -> Directory:
    """The keys of platforms and carriers."""
    return Directory({each.code: each.keys for each in known})


def lock(session: Session, document: str) -> None:
    """Wait until nobody else changes what is known of a document, until the transaction ends."""
    session.execute(statement("lock_document"), {"document": bytes.fromhex(document)})


def start(session: Session, transfer: Transfer, at: Micros) -> None:
    """Record a transfer as PENDING; one that is settled stays as it is."""
    session.execute(
        statement("start"),
        {
            "entry": bytes.fromhex(transfer.entry),
            "document": bytes.fromhex(transfer.document),
            "outward": transfer.outward,
            "platform": transfer.platform,
            "register": transfer.register,
            "envelope": orjson.dumps(transfer.envelope.json_object()),
            "at": at,
        },
    )


def settle(session: Session, entry: str, state: TransferState, response: str, at: Micros) -> bool:
    """Settle a pending transfer by the receiver's signed answer; False where it was settled before."""
    values = {"entry": bytes.fromhex(entry), "state": str(state), "response": response, "at": at}
    return session.execute(statement("settle"), values).fetchone() is not None


def transfer(session: Session, entry: str) -> Transfer | None:
    """The transfer of that chain entry."""
    row = session.execute(statement("transfer"), {"entry": bytes.fromhex(entry)}).fetchone()
    return None if row is None else Transfer.of(row)


def transfers(session: Session, document: str) -> list[Transfer]:
    """All transfers of a document, the earliest first."""
    found = session.execute(statement("transfers"), {"document": bytes.fromhex(document)})
    return [Transfer.of(row) for row in found]


def pending(session: Session, outward: bool) -> list[Transfer]:
    """The transfers that are not settled, the earliest first."""
    return [Transfer.of(row) for row in session.execute(statement("pending"), {"outward": outward})]


def waiting(session: Session) -> dict[bool, tuple[int, Micros]]:
    """How many transfers are not settled, and since when the earliest, by whether they go out."""
    return {
        outward: (count, since) for outward, count, since in session.execute(statement("waiting")).fetchall()
    }


def keep_file(session: Session, content: bytes, at: Micros) -> str:
    """Store a file; its checksum."""
    digest = sha256(content)
    session.execute(statement("keep_file"), {"checksum": digest.digest(), "content": content, "at": at})
    return digest.hexdigest()


def file(session: Session, checksum: str) -> bytes | None:
    """The file of that checksum."""
    row = session.execute(statement("file"), {"checksum": bytes.fromhex(checksum)}).fetchone()
    return None if row is None else bytes(row[0])


def missing(session: Session, checksums: Iterable[str]) -> list[str]:
    """Which of the files are not here."""
    wanted = sorted(set(checksums))
    held = session.execute(statement("files_held"), {"checksums": [bytes.fromhex(c) for c in wanted]})
    return sorted(set(wanted) - {row[0].hex() for row in held})


def document(session: Session, content: str) -> str | None:
    """The id of the document of this platform with a version of that checksum, in hex."""
    row = session.execute(statement("document"), {"content": content}).fetchone()
    return None if row is None else str(row[0])


def steps(session: Session, document: str) -> list[tuple[str, str]]:
    """The recorded steps of a document in the register of this platform: who signed, and the signed text."""
    found = session.execute(statement("steps"), {"document": bytes.fromhex(document)})
    return [(platform, signed) for platform, signed in found]


def control(session: Session, document: str) -> Control | None:
    """Who controls a document by the register of this platform; None where it does not know it."""
    return control_of(_contents(steps(session, document)))


def record_step(
    session: Session, text: str, known: Directory, home: str, register: str, at: Micros
) -> Control:
    """Record a signed step in the register of this platform, whose code is ``home`` and URI ``register``; the control after it.

    The same step again changes nothing. Raises BadSignature and BadContent, and Contradicted where it does not follow.
    """
    opened = known.opened(text)
    step = Step.of(opened.payload)
    document = step.transport_document_checksum
    if step.register_uri != register:
        raise BadContent("the step is for another register")
    lock(session, document)
    recorded = _contents(steps(session, document))
    current = control_of(recorded)
    if current is not None and step.number < len(recorded):
        if repeats(recorded[step.number], opened):
            return current
        raise Contradicted(f"another step {step.number} was recorded")
    if current is None and opened.signer != home:
        raise Contradicted(f"only {home} registers documents here")
    if step.act in (Act.ISSUE, Act.OFFER) and opened.signer == home:
        state = session.execute(statement("state"), {"content": document}).fetchone()
        if state is None or state[0] != Medium.AWAY:
            raise Contradicted("the original is not recorded as transferred out")
    following = after(current, step, opened.signer)
    values = {
        "document": bytes.fromhex(document),
        "number": step.number,
        "platform": opened.signer,
        "signed": text,
        "at": at,
    }
    if session.execute(statement("record_step"), values).fetchone() is None:
        raise Contradicted(f"another step {step.number} was recorded")
    return following


def _contents(recorded: Iterable[tuple[str, str]]) -> list[SignedContent]:
    return [SignedContent(platform, payload_of(signed)) for platform, signed in recorded]


Clock = Callable[[], Micros]
