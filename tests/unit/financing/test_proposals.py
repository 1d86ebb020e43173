"""Maker and checker: two different persons of the bank who may, in time, and once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.financing.domain.decisions import Action
from services.financing.domain.limits import Limit, LimitFault, fault_of
from services.financing.domain.money import Money
from services.financing.domain.proposals import (
    LASTS,
    Ending,
    Foreseen,
    Obstacle,
    Proposal,
    Verdict,
    obstacle,
)
from services.people.domain.person import Grant, Permission, Person

ISSUER = "https://id.example/realms/abank"
MADE, NOW = 1_000, 5_000
MAKE, CHECK = Permission.FINANCING_MAKE, Permission.FINANCING_CHECK


def person(id_: int, *grants: Grant, party: str = "abank", issuer: str = ISSUER) -> Person:
    return Person(bytes([id_]) * 16, issuer, party, f"s{id_}", f"Person {id_}", grants)


def may(*permissions: Permission, since: int = 0, until: int | None = None) -> Grant:
    return Grant(since, until, frozenset(), frozenset(permissions))


MAKER, CHECKER = person(1, may(MAKE)), person(2, may(CHECK))
PROPOSAL = Proposal(
    bytes(16),
    "abank",
    "abank/LN-1",
    Action.DRAW,
    None,
    MADE,
    MAKER.signatory,
    MADE + LASTS,
    Foreseen("DONE", "", b""),
)


def judged(
    maker: Person | None,
    checker: Person,
    verdict: Verdict = Verdict.APPROVED,
    at: int = NOW,
    earlier: Ending | None = None,
) -> Obstacle | None:
    made = PROPOSAL if maker is None else replace(PROPOSAL, maker=maker.signatory)
    known = {each.id: each for each in (maker, checker) if each is not None}
    return obstacle(made, Ending(bytes(16), verdict, at, checker.signatory), known, earlier)


BOTH = person(1, may(MAKE, CHECK))
ELSEWHERE = Ending(bytes(16), Verdict.REJECTED, NOW, CHECKER.signatory)


@pytest.mark.parametrize(
    ("maker", "checker", "expected"),
    [
        (MAKER, CHECKER, None),
        (BOTH, BOTH, Obstacle.SAME_PERSON),
        # The same pseudonym under another issuer is the same person.
        (BOTH, replace(BOTH, issuer="https://other.example"), Obstacle.SAME_PERSON),
        (MAKER, person(2, may(MAKE)), Obstacle.NOT_CHECKER),
        (MAKER, person(2, may(CHECK), party="bbank"), Obstacle.NOT_CHECKER),
        (MAKER, person(2, may(CHECK, until=NOW)), Obstacle.NOT_CHECKER),
        (MAKER, person(2, may(CHECK, since=NOW + 1)), Obstacle.NOT_CHECKER),
        (person(1, may(MAKE, until=NOW)), CHECKER, Obstacle.NOT_MAKER),
        (person(1, may(MAKE, since=MADE + 1)), CHECKER, Obstacle.NOT_MAKER),
        (person(1, may(MAKE), party="bbank"), CHECKER, Obstacle.NOT_MAKER),
        (None, CHECKER, Obstacle.NOT_MAKER),
    ],
)
def test_an_approval_is_of_two_persons_of_the_bank_who_may_at_that_moment(
    maker: Person | None, checker: Person, expected: Obstacle | None
) -> None:
    assert judged(maker, checker) == expected


def test_a_proposal_runs_out_and_ends_once() -> None:
    assert judged(MAKER, CHECKER, at=MADE + LASTS - 1) is None
    assert judged(MAKER, CHECKER, at=MADE + LASTS) is Obstacle.EXPIRED
    assert judged(MAKER, CHECKER, earlier=ELSEWHERE) is Obstacle.CLOSED


def test_a_checker_rejects_and_the_maker_alone_withdraws() -> None:
    late = MADE + 2 * LASTS
    assert judged(MAKER, CHECKER, Verdict.REJECTED, late) is None
    assert judged(BOTH, BOTH, Verdict.REJECTED) is Obstacle.SAME_PERSON
    assert judged(MAKER, CHECKER, Verdict.WITHDRAWN) is Obstacle.NOT_ITS_MAKER
    assert judged(MAKER, MAKER, Verdict.WITHDRAWN, late) is None


SETTER = person(9, may(Permission.FINANCING_LIMITS))


def limit(who: Person, at: int, make: int, check: int, currency: str = "CNY", by: Person = SETTER) -> Limit:
    return Limit("abank", who.id, currency, at, make, check, by.signatory)


@pytest.mark.parametrize(
    ("amount", "limits", "expected"),
    [
        (Money(100, "CNY"), [], None),
        (Money(100, "CNY"), [limit(MAKER, 1, 100, 0), limit(CHECKER, 1, 0, 100)], None),
        (Money(101, "CNY"), [limit(MAKER, 1, 100, 0), limit(CHECKER, 1, 0, 101)], Obstacle.MAKER_ABOVE_LIMIT),
        (Money(101, "CNY"), [limit(MAKER, 1, 101, 0), limit(CHECKER, 1, 0, 100)], Obstacle.ABOVE_LIMIT),
        # the newest one counts, from its moment on, whatever order they are read in
        (Money(101, "CNY"), [limit(CHECKER, NOW, 0, 100), limit(CHECKER, 1, 0, 500), limit(MAKER, 1, 500, 0)], Obstacle.ABOVE_LIMIT),
        (Money(101, "CNY"), [limit(CHECKER, NOW + 1, 0, 1), limit(CHECKER, 1, 0, 500), limit(MAKER, 1, 500, 0)], None),
        # who prepared it has to be within its limit then and now
        (Money(101, "CNY"), [limit(MAKER, NOW, 500, 0), limit(MAKER, 1, 1, 0), limit(CHECKER, 1, 0, 500)], Obstacle.MAKER_ABOVE_LIMIT),
        # a bank has limits from its first one on: of another person, of another currency
        (Money(1, "CNY"), [limit(SETTER, 1, 5, 5, by=MAKER)], Obstacle.MAKER_ABOVE_LIMIT),
        (Money(1, "EUR"), [limit(MAKER, 1, 5, 5), limit(CHECKER, 1, 5, 5)], Obstacle.MAKER_ABOVE_LIMIT),
        (None, [limit(MAKER, 1, 0, 0), limit(CHECKER, 1, 0, 0)], None),
    ],
)  # fmt: skip
def test_an_approval_is_within_the_limits_of_both(
    amount: Money | None, limits: list[Limit], expected: Obstacle | None
) -> None:
    proposal = replace(PROPOSAL, amount=amount)
    people = {each.id: each for each in (MAKER, CHECKER)}
    ending = Ending(bytes(16), Verdict.APPROVED, NOW, CHECKER.signatory)
    assert obstacle(proposal, ending, people, limits=limits) is expected
    rejected = replace(ending, verdict=Verdict.REJECTED)
    assert obstacle(proposal, rejected, people, limits=limits) is None, (
        "whoever may approve anything rejects anything"
    )


def test_a_limit_is_set_by_somebody_else_who_may() -> None:
    people = {each.id: each for each in (MAKER, CHECKER, SETTER, person(5, party="bbank"))}
    both = person(1, may(Permission.FINANCING_LIMITS, MAKE))
    assert fault_of(limit(MAKER, 1, 1, 1), people) is None
    assert fault_of(limit(both, 1, 1, 1, by=both), {**people, both.id: both}) is LimitFault.OWN
    assert fault_of(limit(MAKER, 1, 1, 1, by=CHECKER), people) is LimitFault.NOT_PERMITTED
    assert fault_of(limit(person(5), 1, 1, 1), people) is LimitFault.NOT_OF_BANK
    assert fault_of(limit(MAKER, 1, -1, 1), people) is LimitFault.AMOUNT
    assert fault_of(limit(MAKER, 1, 1, 1, "XXX"), people) is LimitFault.AMOUNT
