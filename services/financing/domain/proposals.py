"""Maker and checker: what one person of a bank has prepared, and who else may have it decided until when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.domain.facts import Micros
from services.financing.domain.decisions import Action
from services.financing.domain.limits import Limit, within
from services.financing.domain.money import Money
from services.people.domain.person import Permission, Person, PersonId, Signatory

LASTS: Micros = 24 * 3_600 * 1_000_000
"""How long after it was prepared something may be approved."""
LONGEST_REASON = 200
"""Characters of the reason of a rejection."""
PROPOSED = frozenset(
    {
        Action.RESERVE,
        Action.PLEDGE,
        Action.DRAW,
        Action.RELEASE,
        Action.RELEASE_PART,
        Action.CANCEL,
        Action.SUBSTITUTE,
    }
)
"""What is prepared and approved: every step of a bank."""


class Verdict(StrEnum):
    """How a proposal ended."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class Obstacle(StrEnum):
    """Why a person may not end a proposal so."""

    CLOSED = "CLOSED"
    """It has ended."""
    EXPIRED = "EXPIRED"
    """It was prepared too long ago: it is prepared anew."""
    SAME_PERSON = "SAME_PERSON"
    """Who prepared it never approves or rejects it."""
    NOT_ITS_MAKER = "NOT_ITS_MAKER"
    """Nobody else withdraws it."""
    NOT_CHECKER = "NOT_CHECKER"
    """The person may not approve for the bank at that moment."""
    NOT_MAKER = "NOT_MAKER"
    """Who prepared it might not then, or may not any more."""
    ABOVE_LIMIT = "ABOVE_LIMIT"
    """It amounts to more than the person may approve."""
    MAKER_ABOVE_LIMIT = "MAKER_ABOVE_LIMIT"
    """It amounts to more than who prepared it might then, or may now."""
    AMOUNT_CHANGED = "AMOUNT_CHANGED"
    """It amounts to something else than when it was prepared, in a bank that has limits."""


class Foreseen(NamedTuple):
    """What would have been decided when it was prepared, and the SHA-256 of what that rested on."""

    outcome: str
    guard: str
    state: bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """What ``maker`` prepared for ``bank``; ``id`` are 16 bytes, by which its decision is named too. ``amount`` is what limits compare."""

    id: bytes
    bank: str
    financing: str
    action: Action
    amount: Money | None
    made: Micros
    maker: Signatory
    expires: Micros
    foreseen: Foreseen

    @property
    def idempotency(self) -> str:
        """Under which its decision is known: approved twice it is decided once."""
        return f"proposal {self.id.hex()}"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a proposal ended, and who ended it; ``decision`` is the number of what was decided in the same transaction."""

    proposal: bytes
    verdict: Verdict
    at: Micros
    by: Signatory
    reason: str = ""
    decision: int | None = None


def obstacle(
    proposal: Proposal,
    ending: Ending,
    people: dict[PersonId, Person],
    earlier: Ending | None = None,
    limits: Sequence[Limit] = (),
) -> Obstacle | None:
    """Why ``proposal`` cannot end by ``ending``; None where it can. ``people`` are those involved, as they are registered.

    A person is its pseudonym, whatever issuer and subject it signs in by. Both persons have to be of the bank, to hold their
    permission at the moment of the approval, its maker at that of the proposal, too, and the amount to be within their ``limits``
    (theirs and the bank's first one) then.
    """
    if earlier is not None:
        return Obstacle.CLOSED
    maker, by = people.get(proposal.maker.person), people.get(ending.by.person)
    same = ending.by.person == proposal.maker.person
    if ending.verdict is Verdict.WITHDRAWN:
        return None if same else Obstacle.NOT_ITS_MAKER
    if same:
        return Obstacle.SAME_PERSON
    if by is None or by.signatory != ending.by:
        return Obstacle.NOT_CHECKER
    if not by.may(Permission.FINANCING_CHECK, proposal.bank, ending.at):
        return Obstacle.NOT_CHECKER
    if ending.verdict is Verdict.REJECTED:
        return None
    if ending.at >= proposal.expires:
        return Obstacle.EXPIRED
    if maker is None or maker.signatory != proposal.maker:
        return Obstacle.NOT_MAKER
    moments = (proposal.made, ending.at)
    if not all(maker.may(Permission.FINANCING_MAKE, proposal.bank, at) for at in moments):
        return Obstacle.NOT_MAKER
    amount = proposal.amount
    if not all(within(limits, maker.id, Permission.FINANCING_MAKE, amount, at) for at in moments):
        return Obstacle.MAKER_ABOVE_LIMIT
    if not within(limits, by.id, Permission.FINANCING_CHECK, amount, ending.at):
        return Obstacle.ABOVE_LIMIT
    return None


def is_reason(text: str) -> bool:
    """Whether ``text`` is one line that says why something is rejected."""
    return bool(text.strip()) and len(text) <= LONGEST_REASON and text.isprintable()
