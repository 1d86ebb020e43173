"""Decisions and entries as rows of their tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from schemas.events.base import ObjectKind
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Outcome, Ruling, Terms
from services.financing.domain.documents import Share
from services.financing.domain.fingerprints import Fingerprint, Kind
from services.financing.domain.money import Money
from services.financing.store.identifiers import financing_id
from services.ledger.storage.arrays import Texts, bigints, literal, smallints, texts, uuids

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
RULING_COLUMNS = 25


def ruling_of(row: Sequence[Any]) -> Ruling:
    """The decision in a row of ``decisions_of``."""
    (
        number, action, outcome, at, asked_by, idempotency, asked, position, rules, financing, request, application,
        applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, before,
        shares, waiver,
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
        shares=tuple(map(thing_of, shares)),
        waiver=waiver,
    )


def thing_of(text: str) -> Thing:
    """The object that is written ``kind:key``."""
    kind, _, key = text.partition(":")
    return Thing(ObjectKind[kind.upper()], key)


def decision_columns(rulings: Sequence[Ruling]) -> dict[str, Any]:
    """The parameters of ``record`` that say the decisions themselves, but for the signed events: a column of each member."""
    terms = [ruling.terms for ruling in rulings]
    amounts = [ruling.amount for ruling in rulings]
    return {
        "numbers": bigints([r.number for r in rulings]),
        "positions": bigints([r.position for r in rulings]),
        "befores": _optional(r.before for r in rulings),
        "ats": bigints([r.at for r in rulings]),
        "actions": texts([str(r.action) for r in rulings]),
        "outcomes": texts([str(r.outcome) for r in rulings]),
        "asked_bys": texts([r.asked_by for r in rulings]),
        "idempotencies": texts([r.idempotency for r in rulings]),
        "askeds": uuids([r.asked for r in rulings]),
        "requests": texts([None if r.request is None else r.request.hex() for r in rulings]),
        "financings": texts([r.financing for r in rulings]),
        "applications": texts([None if t is None else t.application for t in terms]),
        "applicants": texts([None if t is None else t.applicant for t in terms]),
        "products": texts([None if t is None else t.product for t in terms]),
        "interests": texts([None if t is None else t.interest for t in terms]),
        "amounts": _optional(None if a is None else a.minor for a in amounts),
        "currencies": texts([None if a is None else a.currency for a in amounts]),
        "untils": _optional(r.until for r in rulings),
        "frees": texts([literal(r.frees) for r in rulings]),
        "notices": texts([literal(r.notices) for r in rulings]),
        "guards": texts([r.guard for r in rulings]),
        "satisfied_bys": texts([r.satisfied_by for r in rulings]),
        "rules": texts([r.rules for r in rulings]),
        "shares": texts([literal(map(str, r.shares)) for r in rulings]),
        "waivers": texts([r.waiver for r in rulings]),
    }


def _optional(numbers: Iterable[int | None]) -> Texts:
    return texts([None if number is None else str(number) for number in numbers])


def print_of(row: Sequence[Any]) -> tuple[str, Fingerprint]:
    """(financing, what it holds) in a row of ``entries``."""
    version, kind, digest, name, measure, part, whole, near = row
    share = None if measure is None else Share(measure, part, whole)
    return name, Fingerprint(version, _BY_NUMBER[kind], digest, share, frozenset(near))


def entry_columns(taken: Iterable[tuple[str, Iterable[Fingerprint]]]) -> dict[str, Any]:
    """The parameters of ``record`` that say what financings, by their names, take: in ascending order of digests of each."""
    made = [
        (name, print_)
        for name, prints in taken
        for print_ in sorted(prints, key=lambda made: (made.digest, made.kind, made.version))
    ]
    shares = [print_.share for _, print_ in made]
    return {
        "takers": uuids([financing_id(name) for name, _ in made]),
        "taker_names": texts([name for name, _ in made]),
        "versions": smallints([print_.version for _, print_ in made]),
        "kinds": smallints([KINDS[print_.kind] for _, print_ in made]),
        "digests": uuids([print_.digest for _, print_ in made]),
        "measures": texts([None if share is None else share.measure for share in shares]),
        "parts": _optional(None if share is None else share.part for share in shares),
        "wholes": _optional(None if share is None else share.whole for share in shares),
        "nears": texts(["{" + ",".join(map(str, sorted(print_.near))) + "}" for _, print_ in made]),
    }
