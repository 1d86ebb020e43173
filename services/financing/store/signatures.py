"""A decision as an event of the platform, signed by its key over the bytes as stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.events.finance_decision import DecidedOnGoods, DecidedWhole
from services.domain.objects import Thing
from services.financing.domain.decisions import Ruling
from services.financing.domain.documents import Share
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.requests import Book
from services.ledger.platform_signature import SignedEvent as SignedEvent
from services.ledger.platform_signature import Signer as Signer
from services.ledger.platform_signature import rfc3339 as rfc3339
from services.ledger.platform_signature import signed_event

MOST_CARGO = 256
"""Consignments that a decision names at most."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reservation takes: fingerprints, on which consignments. Nothing for other decisions."""

    prints: Sequence[Fingerprint] = ()
    things: Sequence[Thing] = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 of the fingerprints, whatever order they came in."""
        return taken_digest(self.prints)


def signed_decision(
    signer: Signer, ruling: Ruling, state: bytes, taken: Taken, about: Sequence[Thing] = ()
) -> SignedEvent:
    """The event of ``ruling`` that rests on what has the SHA-256 ``state``; the same ruling gives the same bytes.

    ``about`` are the consignments that it names.
    """
    name, said = f"decision-{ruling.number}", _said(ruling, state, taken, about)
    return signed_event(signer, version_of(ruling), name, ruling.at, said)


def version_of(ruling: Ruling) -> type[DecidedWhole]:
    """The version of the event that says ``ruling``: the newest one only where it says something that earlier ones cannot."""
    return DecidedOnGoods if ruling.shares or ruling.waiver else DecidedWhole


def stated(ruling: Ruling) -> dict[str, Any]:
    """What the event says of ``ruling`` itself, by the names of its fields; None for what it leaves out."""
    amount, terms = ruling.amount, ruling.terms
    return {
        "happened": rfc3339(ruling.at),
        "action": str(ruling.action),
        "outcome": str(ruling.outcome),
        "number": ruling.number,
        "position": ruling.position,
        "before": ruling.before,
        "asked_by": ruling.asked_by,
        "idempotency_key": ruling.idempotency[:128] or None,
        "financing": ruling.financing or None,
        "amount": None
        if amount is None or amount.minor < 0
        else {"minor_units": amount.minor, "currency_code": amount.currency},
        "until": None if ruling.until is None else rfc3339(ruling.until),
        "frees": list(ruling.frees),
        "notices": list(ruling.notices),
        "guard": ruling.guard or None,
        "satisfied_by": ruling.satisfied_by[:200] or None,
        "rules": ruling.rules,
        "asked_digest": ruling.asked.hex(),
        "request_event": None if ruling.request is None else ruling.request.hex(),
        "application": None if terms is None else terms.application,
        "applicant": None if terms is None else terms.applicant,
        "product": None if terms is None else terms.product,
        "interest": None if terms is None else terms.interest,
        "shares": [{"kind": t.kind.wire, "id": t.key} for t in ruling.shares] or None,
        "waiver": {"grounds": ruling.waiver} if ruling.waiver else None,
    }


def _said(ruling: Ruling, state: bytes, taken: Taken, about: Sequence[Thing]) -> dict[str, Any]:
    said = {name: value for name, value in stated(ruling).items() if value is not None}
    if about:
        said["cargo"] = sorted(thing.key for thing in about)[:MOST_CARGO]
    if taken.prints or taken.things:
        said["takes_sha256"] = taken.digest.hex()
    return {**said, "state_sha256": state.hex()}


def taken_digest(prints: Iterable[Fingerprint]) -> bytes:
    """SHA-256 of fingerprints with their shares, whatever order they came in."""
    lines = sorted(
        f"{p.version} {p.kind} {p.digest.hex()} {_share(p.share)} {sorted(p.near)}" for p in prints
    )
    return hashlib.sha256("\n".join(lines).encode()).digest()


def _share(share: Share | None) -> str:
    return "whole" if share is None else f"{share.part} of {share.whole} {share.measure}"


def state_digest(book: Book) -> bytes:
    """SHA-256 of what a decision rests on: decisions, words, cargo, entries and answers, whatever order they came in."""
    rests_on = [
        *sorted(f"decision {ruling.number}" for ruling in book.rulings),
        *sorted(f"word {word.event.hex()}" for word in book.words),
        *sorted({f"cargo {c.consignment} {a.claim.event.hex()}" for c in book.cargo for a in c.counted}),
        *sorted(f"entry {e.fingerprint.digest.hex()} {e.holder.financing}" for e in book.entries),
        *sorted(f"near {n.financing} {thing}" for n in book.near for thing in n.consignments),
        *sorted(f"registry {answer.registry} {answer.finding} {answer.at}" for answer in book.external),
    ]
    return hashlib.sha256("\n".join(rests_on).encode()).digest()
