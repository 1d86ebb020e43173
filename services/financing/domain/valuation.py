"""The verified value of a cargo: what enough different parties of it say that its invoices are worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events.document_trade import InvoiceIssued
from schemas.events.finance import Applied
from services.domain.facts import EventId
from services.financing.domain.money import Money
from services.financing.domain.normalisation import normalise_1
from services.financing.domain.statements import Word, said


@dataclass(frozen=True, slots=True)
class Valued:
    """A value with what it rests on; ``missing`` are invoices that too few publishers state."""

    value: Money | None
    sayers: frozenset[str]
    missing: int
    events: tuple[EventId, ...]


def verified(words: Iterable[Word], engaged: frozenset[str], currency: str, publishers: int) -> Valued:
    """The value in ``currency``: for each invoice the least that anybody says, where ``publishers`` or more say it.

    Never more than the applicant itself stated. Invoices of another currency do not count, and are not converted.
    """
    known = tuple(words)
    invoices: dict[str, dict[str, tuple[Word, InvoiceIssued]]] = defaultdict(dict)
    for word, invoice in said(known, InvoiceIssued):
        if word.publisher in engaged and invoice.grand_total_amount.currency_code == currency:
            invoices[normalise_1(invoice.document_id)][word.publisher] = (word, invoice)
    total, missing = 0, 0
    sayers: set[str] = set()
    events: list[EventId] = []
    for by in invoices.values():
        if len(by) < publishers:
            missing += 1
            continue
        total += min(invoice.grand_total_amount.minor_units for _, invoice in by.values())
        sayers |= by.keys()
        events += [word.event for word, _ in by.values()]
    if not events:
        return Valued(None, frozenset(), missing, ())
    stated = [Money.of(applied.value_amount) for _, applied in said(known, Applied)]
    total = min([total, *(money.minor for money in stated if money.currency == currency)])
    return Valued(Money(total, currency), frozenset(sayers), missing, tuple(sorted(events)))
