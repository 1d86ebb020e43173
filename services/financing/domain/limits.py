"""Amount limits: up to which amount each person of a bank may prepare and approve a step, what a step amounts to, and who sets a limit. Pure.

A bank has limits from the moment of its first one on. Before that nobody is limited; from then on a person may prepare or approve only
up to its own newest limit in the currency of the step, and nothing in a currency in which it has none. Limits are of one step each:
steps are not added up. What has no amount is not limited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from services.domain.facts import Micros
from services.financing.domain import lifecycle
from services.financing.domain.decisions import Action
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionContext, DecisionRequest
from services.people.domain.person import Permission, Person, PersonId, Signatory

MOST: Final = 2**63 - 1
"""The largest limit, in minor units."""
SEVERAL_CURRENCIES: Final = "XXX"
"""The code of ISO 4217 for no currency: what a step in several ones amounts to, for which nobody has a limit."""


class Limit(NamedTuple):
    """From ``at`` on ``person`` may prepare up to ``make`` and approve up to ``check`` minor units of ``currency``; ``by`` set it."""

    bank: str
    person: PersonId
    currency: str
    at: Micros
    make: int
    check: int
    by: Signatory

    def of(self, permission: Permission) -> int:
        """The amount for preparing (FINANCING_MAKE) or approving (FINANCING_CHECK)."""
        return self.make if permission is Permission.FINANCING_MAKE else self.check


class LimitFault(StrEnum):
    """Why a limit cannot be set so."""

    OWN = "OWN"
    """Nobody sets a limit of its own."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """Whoever sets it may not for the bank at that moment."""
    NOT_OF_BANK = "NOT_OF_BANK"
    """The person is none of the bank."""
    AMOUNT = "AMOUNT"
    """No amount of a currency."""


def fault_of(limit: Limit, people: Mapping[PersonId, Person]) -> LimitFault | None:
    """Why ``limit`` cannot be set; None where it can. ``people`` are both persons as registered."""
    if limit.person == limit.by.person:
        return LimitFault.OWN
    by, person = people.get(limit.by.person), people.get(limit.person)
    permitted = by is not None and by.signatory == limit.by
    if by is None or not permitted or not by.may(Permission.FINANCING_LIMITS, limit.bank, limit.at):
        return LimitFault.NOT_PERMITTED
    if person is None or person.party != limit.bank:
        return LimitFault.NOT_OF_BANK
    code = limit.currency
    plain = len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()
    if (
        not plain
        or code == SEVERAL_CURRENCIES
        or not all(0 <= each <= MOST for each in (limit.make, limit.check))
    ):
        return LimitFault.AMOUNT
    return None


def in_force(limits: Iterable[Limit], at: Micros) -> dict[tuple[PersonId, str], Limit]:
    """The limits that count at ``at``, by person and currency."""
    return {
        (each.person, each.currency): each
        for each in sorted(limits, key=lambda each: each.at)
        if each.at <= at
    }


def within(
    limits: Sequence[Limit], person: PersonId, permission: Permission, amount: Money | None, at: Micros
) -> bool:
    """Whether the person may prepare or approve (``permission``) ``amount`` at ``at``; ``limits`` are its own and the bank's first one."""
    counting = in_force(limits, at)
    if amount is None or not counting:
        return True
    own = counting.get((person, amount.currency))
    return own is not None and amount.minor <= own.of(permission)


def amount_of(request: DecisionRequest, context: DecisionContext, at: Micros) -> Money | None:
    """What a step amounts to: its own amount, the invoices of a reservation, else what the bank approved of the financing; None for nothing."""
    if request.amount is not None:
        return request.amount
    if request.action is Action.RESERVE:
        invoices = [each.amount for each in request.papers.invoices]
        currencies = {each.currency for each in invoices}
        code = currencies.pop() if len(currencies) == 1 else SEVERAL_CURRENCIES
        return Money(sum(each.minor for each in invoices), code) if invoices else None
    hold = lifecycle.holds(context.decisions, at).get(request.financing)
    return None if hold is None else lifecycle.state(hold, context.about(hold), at).approved
