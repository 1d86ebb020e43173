"""Decisions and entries as rows of their tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.processors.financing.fingerprints import Fingerprint, Kind
from services.processors.financing.money import Money
from services.processors.financing.papers import Share
from services.processors.financing.rulings import Action, Outcome, Ruling, Terms
from services.storage.arrays import smallints, uuids

KINDS = {
    Kind.TRANSPORT_DOCUMENT: 1,
    Kind.DECLARATION: 2,
    Kind.CARGO: 3,
    Kind.INVOICE: 4,
    Kind.NOTE: 5,
    Kind.CONSIGNMENT: 6,
    Kind.NEAR_CARGO: 7,
    Kind.NEAR_TRADE: 8,
}
"""Numbers of the kinds of fingerprint, as stored; never reused."""
_BY_NUMBER = {number: kind for kind, number in KINDS.items()}
RULING_COLUMNS = 23


def ruling_of(row: Sequence[Any]) -> Ruling:
    """The decision in a row of ``decisions_of``."""
    (
        number, action, outcome, at, asked_by, idempotency, asked, position, rules, financing, request, application,
        applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, before,
    ) = row[:RULING_COLUMNS]  # fmt: skip
    return Ruling(
        number=number,
        action=Action(action),
        outcome=Outcome(outcome),
        at=at,
        asked_by=asked_by,
        idempotency=idempotency,
        asked=asked,
        position=position,
        rules=rules,
        financing=financing,
        request=request,
        terms=None if application is None else Terms(application, applicant, product, interest),
        amount=None if amount is None else Money(amount, currency),
        until=until,
        frees=tuple(frees),
        notices=tuple(notices),
        guard=guard,
        satisfied_by=satisfied_by,
        before=before,
    )


def row_of(ruling: Ruling) -> dict[str, Any]:
    """The parameters of ``record`` that say the decision itself, but for the signed event."""
    terms = ruling.terms
    return {
        "number": ruling.number,
        "position": ruling.position,
        "before": ruling.before,
        "at": ruling.at,
        "action": str(ruling.action),
        "outcome": str(ruling.outcome),
        "asked_by": ruling.asked_by,
        "idempotency": ruling.idempotency,
        "asked": ruling.asked.hex(),
        "request": None if ruling.request is None else ruling.request.hex(),
        "financing": ruling.financing,
        "application": None if terms is None else terms.application,
        "applicant": None if terms is None else terms.applicant,
        "product": None if terms is None else terms.product,
        "interest": None if terms is None else terms.interest,
        "amount": None if ruling.amount is None else ruling.amount.minor,
        "currency": None if ruling.amount is None else ruling.amount.currency,
        "until": ruling.until,
        "frees": list(ruling.frees),
        "notices": list(ruling.notices),
        "guard": ruling.guard,
        "satisfied_by": ruling.satisfied_by,
        "rules": ruling.rules,
    }


def print_of(row: Sequence[Any]) -> tuple[str, Fingerprint]:
    """(financing, what it holds) in a row of ``entries``."""
    version, kind, digest, name, measure, part, whole, near = row
    share = None if measure is None else Share(measure, part, whole)
    return name, Fingerprint(version, _BY_NUMBER[kind], digest, share, frozenset(near))


def entry_rows(prints: Iterable[Fingerprint]) -> dict[str, Any]:
    """The parameters of ``record`` that say what is taken: columns of all fingerprints, in ascending order of digests."""
    made = sorted(prints, key=lambda made: (made.digest, made.kind, made.version))
    shares = [each.share for each in made]
    return {
        "versions": smallints([each.version for each in made]),
        "kinds": smallints([KINDS[each.kind] for each in made]),
        "digests": uuids([each.digest for each in made]),
        "measures": [None if share is None else share.measure for share in shares],
        "parts": [None if share is None else share.part for share in shares],
        "wholes": [None if share is None else share.whole for share in shares],
        "nears": ["{" + ",".join(map(str, sorted(each.near))) + "}" for each in made],
    }
