"""The particulars that declarations of one cargo state, whether they agree, and what the goods are declared to be worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.events.credit import ParticularsDeclared
from services.financing.domain.money import Money
from services.financing.domain.statements import Statement, of_type

TOLERANCE = 100
"""Masses and values agree where they differ by no more than one part in so many."""


class Filed(NamedTuple):
    """The particulars of one declaration, by its latest statement."""

    statement: Statement
    particulars: ParticularsDeclared

    @property
    def hs6(self) -> frozenset[str]:
        """The commodity codes as far as they are the same worldwide: six digits."""
        return frozenset(code[:6] for code in self.particulars.commodities)

    @property
    def value(self) -> Money | None:
        """The declared value."""
        return None if self.particulars.value_amount is None else Money.of(self.particulars.value_amount)


def filed(statements: Iterable[Statement], engaged: frozenset[str]) -> tuple[Filed, ...]:
    """The declarations whose particulars an engaged party stated: the latest of each side and jurisdiction."""
    latest: dict[tuple[str, str], Filed] = {}
    for statement, particulars in of_type(statements, ParticularsDeclared):
        if statement.publisher in engaged:
            latest[particulars.filing, particulars.jurisdiction] = Filed(statement, particulars)
    return tuple(found for _, found in sorted(latest.items(), key=lambda pair: pair[0]))


def agreement(filings: Iterable[Filed]) -> dict[str, bool | None]:
    """Whether all filings agree in each particular; None where fewer than two state it, or in measures that differ."""
    known = tuple(filings)
    values = [value for each in known if (value := each.value) is not None]
    currencies = {value.currency for value in values}
    return {
        "hs6": _equal([each.hs6 for each in known]),
        "packages": _equal([n for each in known if (n := each.particulars.package_quantity) is not None]),
        "gross_weight": _alike(
            [kg for each in known if (kg := each.particulars.gross_weight_kg) is not None]
        ),
        "value": _alike([value.minor for value in values]) if len(currencies) == 1 else None,
    }


def _equal(given: list[frozenset[str]] | list[int]) -> bool | None:
    return None if len(given) < 2 else len(set(given)) == 1


def _alike(given: list[int]) -> bool | None:
    if len(given) < 2:
        return None
    return (max(given) - min(given)) * TOLERANCE <= max(given)


def declared_value(
    statements: Iterable[Statement], declarants: frozenset[str], currency: str
) -> Money | None:
    """The least value in ``currency`` that ``declarants`` declared of the goods; None where they declared none."""
    values = [each.value for each in filed(statements, declarants)]
    return min((value for value in values if value is not None and value.currency == currency), default=None)
