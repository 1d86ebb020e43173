"""SIMULATED trades of parties that deal again and again, with copies of them: it knows no parameter of the score that is tested on it.

Invoices are numbered one after the other in the ways of different sellers; amounts repeat (standing orders, price lists) or vary; some
consignments are shipped on one day, some are invoiced in two parts. Of half of them somebody else declared the value. A copy is what
somebody presents to a second bank.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from services.domain.objects import Thing, consignment
from services.financing.domain.documents import Company, Invoice, Papers
from services.financing.domain.money import Money

BEGINNING = date(2026, 1, 5)
DAYS = 330


@dataclass(frozen=True)
class Trade:
    """One invoice as presented, the consignment that it is said to be of, and what others declared that to be worth."""

    invoice: Invoice
    on: Thing
    worth: Money | None = None

    @property
    def papers(self) -> Papers:
        return Papers(invoices=(self.invoice,))


class Copy(StrEnum):
    """How a copy differs from what it is of."""

    RENUMBERED = "another number"
    RENUMBERED_ELSEWHERE = "another number, for goods that are made up"
    RENUMBERED_NEXT = "the next number"
    REDATED = "another date"
    RENUMBERED_AND_REDATED = "another number and date"
    RENUMBERED_AND_SHAVED = "another number, a little less"
    TYPED = "one character, for goods that are made up"
    TYPED_AND_REDATED = "one character and another date"
    HOMOGLYPH = "a character that looks like it"
    ZERO_PADDED = "zeros before the number"
    REINVOICED = "another number, date and buyer"
    REINVOICED_ABROAD = "another number, date, buyer and currency"


@dataclass
class _Seller:
    code: str
    style: int
    at: int

    def number(self, day: date) -> str:
        self.at += 1
        return (
            f"INV-{self.at:04}",
            f"{day.year}/{self.at:05}",
            f"{self.code[:2].upper()}{self.at}",
            f"{day:%Y%m}-{self.at:03}",
            f"No. {self.at} / {day.year % 100}",
        )[self.style]


def ordinary(seed: int, pairs: int = 60) -> list[Trade]:
    """A year of ordinary trades, by date."""
    draw = random.Random(seed)
    found: list[Trade] = []
    for pair in range(pairs):
        seller = _Seller(f"seller{seed}x{pair}", draw.randrange(5), draw.randrange(1, 3_000))
        found += _of_pair(draw, pair, seller)
    return sorted(found, key=lambda trade: (trade.invoice.issued_on, trade.on))


def _of_pair(draw: random.Random, pair: int, seller: _Seller) -> Iterator[Trade]:
    every = draw.choice((2, 3, 7, 7, 7, 14, 30))
    listed = [draw.randrange(1_000_000, 90_000_000) for _ in range(draw.choice((1, 2, 4)))]
    repeats = draw.choice((1.0, 0.9, 0.5, 0.1))
    day, shipped = draw.randrange(every), 0
    while day < DAYS:
        of_the_day = 2 if draw.random() < 0.01 else 1
        for _ in range(of_the_day):
            shipped += 1
            on = consignment(seller.code, f"{shipped}")
            amount = draw.choice(listed) if draw.random() < repeats else draw.randrange(800_000, 95_000_000)
            issued = BEGINNING + timedelta(days=day)
            part = amount * draw.randrange(20, 81) // 100
            parts = (part, amount - part) if draw.random() < 0.02 else (amount,)
            worth = Money(amount, "CNY") if draw.random() < 0.5 else None
            for part in parts:
                yield Trade(
                    Invoice(
                        Company("PARTY", seller.code),
                        Company("PARTY", f"buyer{pair}"),
                        seller.number(issued),
                        Money(part, "CNY"),
                        issued,
                    ),
                    on,
                    worth,
                )
        day += max(1, every + draw.choice((-1, 0, 0, 0, 1)))


_LOOKS_LIKE = {"A": "А", "I": "І", "N": "Ν", "O": "О", "S": "Ѕ", "E": "Е", "0": "０", "1": "１", "2": "２"}


def copied(trade: Trade, kind: Copy, draw: random.Random) -> Trade:
    """A copy of ``trade``, as somebody would present it to a second bank."""
    invoice = trade.invoice
    another = replace(invoice, number=f"{draw.choice('QXZ')}{draw.randrange(10_000, 99_999)}-K")
    elsewhere = consignment("forged", f"{draw.randrange(10**9)}")
    days = draw.choice((-1, 1)) * draw.randrange(4, 60)
    shifted = invoice.issued_on + timedelta(days=days)
    match kind:
        case Copy.RENUMBERED:
            return replace(trade, invoice=another)
        case Copy.RENUMBERED_ELSEWHERE:
            return Trade(another, elsewhere)
        case Copy.RENUMBERED_NEXT:
            return replace(trade, invoice=replace(invoice, number=_next(invoice.number)))
        case Copy.REDATED:
            return replace(trade, invoice=replace(invoice, issued_on=shifted))
        case Copy.RENUMBERED_AND_REDATED:
            return replace(trade, invoice=replace(another, issued_on=shifted))
        case Copy.RENUMBERED_AND_SHAVED:
            less = Money(invoice.amount.minor - invoice.amount.minor * draw.randrange(1, 10) // 1_000, "CNY")
            return replace(trade, invoice=replace(another, amount=less))
        case Copy.REINVOICED:
            return replace(trade, invoice=replace(another, issued_on=shifted, buyer=Company("EORI", "DE1")))
        case Copy.REINVOICED_ABROAD:
            abroad = replace(another, issued_on=shifted, buyer=Company("EORI", "DE1"))
            return replace(trade, invoice=replace(abroad, amount=Money(invoice.amount.minor // 8, "EUR")))
        case Copy.TYPED:
            return Trade(replace(invoice, number=_typed(invoice.number, draw)), elsewhere)
        case Copy.TYPED_AND_REDATED:
            return replace(
                trade, invoice=replace(invoice, number=_typed(invoice.number, draw), issued_on=shifted)
            )
        case Copy.HOMOGLYPH:
            looks = "".join(_LOOKS_LIKE.get(character, character) for character in invoice.number)
            return Trade(replace(invoice, number=looks), elsewhere)
        case Copy.ZERO_PADDED:
            at = next(n for n, character in enumerate(invoice.number) if character.isdigit())
            padded = f"{invoice.number[:at]}00{invoice.number[at:]}"
            return Trade(replace(invoice, number=padded), elsewhere)


def _next(number: str) -> str:
    at = max(n for n, character in enumerate(number) if character.isdigit())
    return number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :]


def _typed(number: str, draw: random.Random) -> str:
    places = [n for n, character in enumerate(number) if character.isdigit() and character != "0"]
    at = draw.choice(places)
    match draw.randrange(3):
        case 0:
            return number[:at] + draw.choice([d for d in "23456789" if d != number[at]]) + number[at + 1 :]
        case 1:
            return number[:at] + number[at + 1 :]
        case _:
            return number[:at] + draw.choice("23456789") + number[at:]
