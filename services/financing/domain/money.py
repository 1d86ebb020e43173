"""Money in integer minor units of one currency (ISO 4217); two currencies are never added or compared."""

from __future__ import annotations

from typing import NamedTuple, Self

from schemas.events.document_trade import Amount

WHOLE = 10_000
"""A whole in basis points."""


class Money(NamedTuple):
    """``minor`` units of ``currency``: 12.34 EUR is (1234, "EUR")."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Amount) -> Self:
        """The amount of an event."""
        return cls(amount.minor_units, amount.currency_code)

    def share(self, basis_points: int) -> Money:
        """So many hundredths of a percent of it, rounded down: a lender never lends on a fraction."""
        return Money(self.minor * basis_points // WHOLE, self.currency)

    def __str__(self) -> str:
        return f"{self.minor} {self.currency} (minor units)"
