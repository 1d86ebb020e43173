"""The decisions and the states against a plain model: two banks, two interests in one cargo, any order of requests, of what
banks and a court say, and of passing time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from schemas.events.base import Role
from schemas.events.decode import decode_payload
from services.domain.facts import Facts
from services.domain.objects import consignment
from services.financing.domain import lifecycle
from services.financing.domain.cargo import Cargo
from services.financing.domain.decisions import Action, DecisionOutcome
from services.financing.domain.lifecycle import Stage, end_of
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.domain.statements import Record, Statement, live
from services.ledger.platform_signature import rfc3339
from tests.support.financing import world as worlds
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import Heard, World, cargo_of
from tests.support.profile import rounds

HOUR = 3_600 * 1_000_000
START = micros("2026-03-03T00:00+08:00")
BASE: Case = next(case for case in cases() if case.slug.startswith("01_"))
APPLICATIONS = {
    ("abank", "CLAIM"): "AP-A",
    ("bbank", "CLAIM"): "AP-B",
    ("abank", "CARGO"): "AP-GA",
    ("bbank", "CARGO"): "AP-GB",
}
OTHER = {"abank": "bbank", "bbank": "abank"}
ROLES = {"abank": Role.BANK, "bbank": Role.BANK, "court": Role.AUTHORITY}
MOST = 292_250_000
"""Seventy percent of the invoice, which is less than what the bank approved."""
VALUE = 417_500_000
REFERENCES = 4
SPEAKERS = st.sampled_from(["bank", "court"])
AMOUNTS = st.sampled_from([1, 100_000_000, MOST])


def lendable(given: int) -> int:
    """What may be owed where so much of the value was given back."""
    return (VALUE - given) * 7 // 10


@cache
def heard() -> tuple[Heard, ...]:
    """The base of the stories with an approval for every reference that the machine may use."""
    approvals = [
        {
            "id": f"approve-{bank}-{group}-{number}",
            "by": bank,
            "at": "2026-03-02T12:00+08:00",
            "type": "finance.approved",
            "says": {
                "financing": f"{bank}/{group}-{number}",
                "application": f"optic/{reference}",
                "approved_amount": {"minor_units": 300_000_000, "currency_code": "CNY"},
                "advance_rate": 7_000,
                "matures_on": "2026-12-30",
            },
        }
        for (bank, group), reference in APPLICATIONS.items()
        for number in range(REFERENCES)
    ]
    events = tuple(
        e for e in BASE.events if e["id"] not in ("delivered", "repaid-1", "repaid-2", "control-1")
    )
    control = next(e for e in BASE.events if e["id"] == "control-1")
    lasting = {**control, "says": {k: v for k, v in control["says"].items() if k != "ends_at"}}
    written = (*events, lasting, *approvals)
    return replace(BASE, story=replace(BASE.story, events=written), _written=written).heard()


@cache
def cargo() -> Cargo:
    found = cargo_of(heard(), consignment("xaport", "XA-1"), START, START)
    assert found is not None
    return found


@dataclass
class Plain:
    """What a bank clerk would write down of one financing."""

    name: str
    bank: str
    group: str
    until: int
    pledged: bool = False
    drawn: int = 0
    owed: int = 0
    given: int = 0  # of the value
    repaid: bool = False
    missed: int = 0  # what is overdue and not made good
    ended: Stage | None = None
    frozen_by: set[str] = field(default_factory=set)
    complaints: set[Stage] = field(default_factory=set)
    consented_until: int = 0  # to the other bank

    def holds(self, now: int) -> bool:
        return self.ended is None and (self.pledged or now < self.until)

    def stage(self, now: int) -> Stage:
        if self.ended is not None:
            return self.ended
        if not self.pledged:
            return Stage.APPROVED if now < self.until else Stage.RESERVATION_EXPIRED
        if Stage.CLOSED in self.complaints and self.drawn:
            return Stage.CLOSED
        if self.frozen_by:
            return Stage.FROZEN
        for complaint in (Stage.ENFORCED, Stage.DEFAULTED):
            if complaint in self.complaints and self.drawn:
                return complaint
        if self.missed:
            return Stage.OVERDUE
        if not self.drawn:
            return Stage.PLEDGED
        if not self.owed:
            return Stage.REPAID
        return Stage.PARTIALLY_REPAID if self.repaid else Stage.DRAWN

    def in_trouble(self) -> bool:
        """Whether no further money may be paid out, were it not frozen."""
        return bool(self.missed or (self.complaints and self.drawn))


class Financing(RuleBasedStateMachine):
    financings = Bundle("financings")

    @initialize()
    def begin(self) -> None:
        self.world = World(heard=heard())
        self.now = START
        self.book: dict[str, Plain] = {}
        self.used: dict[tuple[str, str], int] = {}
        self.asked = self.spoken = 0

    def ask(self, action: Action, bank: str, financing: str, **said: Any) -> tuple[DecisionOutcome, str]:
        self.asked += 1
        request = DecisionRequest(action, bank, f"k{self.asked}", financing, **said)
        decision, _ = self.world.ask(request, self.now, (consignment("xaport", "XA-1"),))
        return decision.outcome, decision.guard

    def say(self, by: str, type_: str, financing: str, **said: Any) -> None:
        """A fact: known as soon as it happened. It may change what can be done from then on, and takes or gives no hold."""
        self.spoken += 1
        self.now += 1  # of two words of one moment, who would say which came later
        body = {"salt": "0" * 32, "happened": rfc3339(self.now), "financing": financing, **said}
        payload = decode_payload(f"cre.finance.{type_}.v1", json.dumps(body).encode())
        event = b"said" + self.spoken.to_bytes(12)
        word = Statement(event, by, frozenset({ROLES[by]}), self.now, self.now, self.now, payload)
        record = Record(frozenset({word}), contents=frozenset({(event, event)}))
        self.world.heard = [*self.world.heard, Heard(self.now, Facts(), record)]
        self.now += 1

    def rivals(self, bank: str, group: str) -> Iterator[Plain]:
        """Who holds that interest, without those whose bank consented to a take-over by ``bank``."""
        for plain in self.book.values():
            if plain.holds(self.now) and plain.group == group and not self.gives_way(plain, bank):
                yield plain

    def gives_way(self, plain: Plain, bank: str) -> bool:
        return plain.bank != bank and self.now < plain.consented_until

    @rule(hours=st.sampled_from([0, 1, 24, 71, 72, 73]), micro=st.sampled_from([-1, 0, 1]))
    def time_passes(self, hours: int, micro: int) -> None:
        self.now = max(self.now, self.now + hours * HOUR + micro)

    @rule(
        target=financings, bank=st.sampled_from(["abank", "bbank"]), group=st.sampled_from(["CLAIM", "CARGO"])
    )
    def reserve(self, bank: str, group: str) -> Any:
        return self.reserved(bank, group)

    def reserved(self, bank: str, group: str) -> Any:
        number = self.used.get((bank, group), 0)
        if number == REFERENCES:
            return multiple()
        financing = f"{bank}/{group}-{number}"
        ask, _, _ = BASE.ask(0)
        terms = BASE.terms(f"optic/{APPLICATIONS[bank, group]}")
        outcome = self.ask(Action.RESERVE, bank, financing, terms=terms, papers=ask.papers)
        held = [p for p in self.book.values() if p.holds(self.now) and not self.gives_way(p, bank)]
        if any(plain.group == group for plain in held):
            assert outcome == (DecisionOutcome.REFUSED, "INTEREST_FREE")
        elif any(plain.bank != bank for plain in held):
            assert outcome == (DecisionOutcome.REVIEW, "OTHER_INTEREST_OF_APPLICANT")
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            for plain in self.book.values():
                ran_out = plain.ended is None and not plain.pledged and self.now >= plain.until
                if ran_out and (plain.group == group or plain.bank != bank):
                    plain.ended = Stage.RESERVATION_EXPIRED
            self.book[financing] = Plain(financing, bank, group, self.now + 72 * HOUR)
            self.used[bank, group] = number + 1
            return financing
        return multiple()

    def unfit(self, plain: Plain) -> set[tuple[DecisionOutcome, str]]:
        """What may be answered to a pledge that does not pass; empty where it passes."""
        if plain.pledged or plain.ended not in (None, Stage.RESERVATION_EXPIRED):
            return {(DecisionOutcome.REFUSED, "NOT_PLEDGED_BEFORE")}
        if not plain.holds(self.now):
            return {(DecisionOutcome.REFUSED, "RESERVATION_VALID")}
        if plain.frozen_by:
            return {(DecisionOutcome.REFUSED, "NOT_FROZEN")}
        if plain.group == "CARGO" and plain.bank == "bbank":
            return {(DecisionOutcome.REFUSED, "CONTROL")}  # the duplicate is with the other bank
        if any(other is not plain for other in self.rivals(plain.bank, plain.group)):
            return {(DecisionOutcome.REFUSED, "INTEREST_FREE")}  # the consent ran out before the pledge
        if any(other.frozen_by for other in self.taken_over_by(plain)):
            return {(DecisionOutcome.REFUSED, "NOT_FROZEN")}
        return set()

    def taken_over_by(self, plain: Plain) -> list[Plain]:
        return [
            other
            for other in self.book.values()
            if other.holds(self.now) and other.group == plain.group and self.gives_way(other, plain.bank)
        ]

    def take_hold(self, plain: Plain) -> None:
        for other in self.taken_over_by(plain):
            other.ended = Stage.SUPERSEDED if other.pledged else Stage.RESERVATION_EXPIRED
        plain.pledged = True

    @rule(financing=financings)
    def pledge(self, financing: str) -> None:
        plain = self.book[financing]
        unfit = self.unfit(plain)
        outcome = self.ask(Action.PLEDGE, plain.bank, financing)
        if unfit:
            assert outcome in unfit
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            self.take_hold(plain)

    @rule(financing=financings, replaces=financings)
    def substitute(self, financing: str, replaces: str) -> None:
        """What is owed moves to another financing of the bank, and the first one ends, in one decision."""
        self.now += 1
        new, old = self.book[financing], self.book[replaces]
        unfit = self.unfit(new)
        outcome = self.ask(Action.SUBSTITUTE, new.bank, financing, replaces=replaces)
        if old.bank != new.bank or not old.pledged or old.ended is not None:
            assert outcome == (DecisionOutcome.REFUSED, "PLEDGED")
        elif new.pledged:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_PLEDGED_BEFORE")
        elif old.frozen_by:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_FROZEN")
        elif unfit:
            assert outcome in unfit or (
                new.ended is not None and outcome == (DecisionOutcome.REFUSED, "RESERVATION_VALID")
            )
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            self.take_hold(new)
            old.ended = Stage.SUPERSEDED
            new.drawn = new.owed = old.owed

    @rule(financing=financings, minor=AMOUNTS)
    def draw(self, financing: str, minor: int) -> None:
        self.now += 1
        plain = self.book[financing]
        outcome = self.ask(Action.DRAW, plain.bank, financing, amount=Money(minor, "CNY"))
        if not plain.pledged or plain.ended is not None:
            assert outcome == (DecisionOutcome.REFUSED, "PLEDGED")
        elif plain.frozen_by:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_FROZEN")
        elif plain.in_trouble():
            assert outcome == (DecisionOutcome.REFUSED, "NOT_IN_DEFAULT")
        elif plain.drawn + minor > lendable(plain.given):
            assert outcome[0] is DecisionOutcome.REFUSED
            assert outcome[1] in ("WITHIN_ADVANCE", "WITHIN_APPROVED")
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            plain.drawn += minor
            plain.owed += minor

    @rule(financing=financings, waiver=st.sampled_from(["", "OTHER"]))
    def release(self, financing: str, waiver: str) -> None:
        self.now += 1
        plain = self.book[financing]
        outcome = self.ask(Action.RELEASE, plain.bank, financing, waiver=waiver)
        if not plain.pledged or plain.ended is not None:
            assert outcome == (DecisionOutcome.REFUSED, "PLEDGED")
        elif plain.frozen_by:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_FROZEN")
        elif plain.owed and not waiver:
            assert outcome == (DecisionOutcome.REFUSED, "NOTHING_OUTSTANDING")
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            plain.ended = Stage.RELEASED

    @rule(financing=financings, minor=AMOUNTS, waiver=st.sampled_from(["", "OTHER"]))
    def release_a_part(self, financing: str, minor: int, waiver: str) -> None:
        self.now += 1
        plain = self.book[financing]
        outcome = self.ask(
            Action.RELEASE_PART, plain.bank, financing, amount=Money(minor, "CNY"), waiver=waiver
        )
        if not plain.pledged or plain.ended is not None:
            assert outcome == (DecisionOutcome.REFUSED, "PLEDGED")
        elif plain.frozen_by:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_FROZEN")
        elif plain.given + minor >= VALUE:
            assert outcome == (DecisionOutcome.REFUSED, "PART_OF_GOODS")
        elif plain.owed > lendable(plain.given + minor) and not waiver:
            assert outcome == (DecisionOutcome.REFUSED, "VALUE_COVERS")
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            plain.given += minor

    @rule(financing=financings)
    def cancel(self, financing: str) -> None:
        plain = self.book[financing]
        outcome = self.ask(Action.CANCEL, plain.bank, financing)
        if plain.ended is not None:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_ENDED")
        elif plain.drawn:
            assert outcome == (DecisionOutcome.REFUSED, "UNDRAWN")
        elif plain.frozen_by:
            assert outcome == (DecisionOutcome.REFUSED, "NOT_FROZEN")
        else:
            assert outcome == (DecisionOutcome.DONE, "")
            plain.ended = Stage.CANCELLED

    @rule(financing=financings, minor=AMOUNTS, full=st.booleans())
    def it_is_repaid(self, financing: str, minor: int, full: bool) -> None:
        plain = self.book[financing]
        extent = "FULL" if full else "PARTIAL"
        money = {"minor_units": minor, "currency_code": "CNY"}
        self.say(plain.bank, "repaid", financing, repaid_amount=money, extent=extent)
        plain.owed = 0 if full else max(0, plain.owed - minor)
        plain.missed = 0 if full else max(0, plain.missed - minor)
        plain.repaid = True

    @rule(financing=financings, minor=AMOUNTS)
    def a_repayment_is_missed(self, financing: str, minor: int) -> None:
        plain = self.book[financing]
        money = {"minor_units": minor, "currency_code": "CNY"}
        self.say(plain.bank, "fell_overdue", financing, due_on="2026-03-02", overdue_amount=money)
        plain.missed = minor  # the latest word is the whole of it

    @rule(
        financing=financings,
        what=st.sampled_from(
            [("defaulted", Stage.DEFAULTED), ("enforced", Stage.ENFORCED), ("written_off", Stage.CLOSED)]
        ),
    )
    def the_bank_complains(self, financing: str, what: tuple[str, Stage]) -> None:
        plain = self.book[financing]
        self.say(plain.bank, what[0], financing)
        plain.complaints.add(what[1])

    @rule(financing=financings, by=SPEAKERS, freezes=st.booleans())
    def it_is_frozen_or_freed(self, financing: str, by: str, freezes: bool) -> None:
        """Each lifts its own freeze, and no other."""
        plain = self.book[financing]
        speaker = plain.bank if by == "bank" else "court"
        if freezes:
            self.say(speaker, "frozen", financing, ground="COURT")
            plain.frozen_by.add(speaker)
        else:
            self.say(speaker, "unfrozen", financing)
            plain.frozen_by.discard(speaker)

    @rule(
        target=financings,
        financing=financings,
        last=st.sampled_from(["2026-03-05", "2026-03-09", "2026-04-30"]),
    )
    def its_bank_consents_and_the_other_one_reserves(self, financing: str, last: str) -> Any:
        plain = self.book[financing]
        self.say(plain.bank, "takeover_consented", financing, to_bank=OTHER[plain.bank], valid_to=last)
        plain.consented_until = max(plain.consented_until, end_of(date.fromisoformat(last)))
        return self.reserved(OTHER[plain.bank], plain.group)

    @rule(
        financing=financings, type_=st.sampled_from(["repaid", "frozen", "defaulted", "takeover_consented"])
    )
    def a_stranger_speaks(self, financing: str, type_: str) -> None:
        """Another bank's word on a financing is no word on it."""
        other = OTHER[self.book[financing].bank]
        said: dict[str, dict[str, Any]] = {
            "repaid": {"repaid_amount": {"minor_units": MOST, "currency_code": "CNY"}, "extent": "FULL"},
            "frozen": {"ground": "DISPUTE"},
            "defaulted": {},
            "takeover_consented": {"to_bank": other, "valid_to": "2026-12-31"},
        }
        self.say(other, type_, financing, **said[type_])

    @rule(
        financing=financings,
        action=st.sampled_from([Action.PLEDGE, Action.DRAW, Action.RELEASE, Action.CANCEL]),
    )
    def another_bank_tries(self, financing: str, action: Action) -> None:
        other = OTHER[self.book[financing].bank]
        assert self.ask(action, other, financing, amount=Money(1, "CNY")) == (
            DecisionOutcome.REFUSED,
            "PLEDGEE",
        )

    @rule(party=st.sampled_from(["ruhr", "silk"]), action=st.sampled_from([a for a in Action if a.disposes]))
    def a_party_of_the_cargo_asks(self, party: str, action: Action) -> None:
        blocked = any(p.group == "CARGO" and p.pledged and p.ended is None for p in self.book.values())
        expected = (DecisionOutcome.REFUSED, "RELEASE_BLOCKED") if blocked else (DecisionOutcome.DONE, "")
        assert self.ask(action, party, "") == expected

    @invariant()
    def what_is_held_is_as_written(self) -> None:
        holds = lifecycle.holds(self.world.decisions)
        held = {name for name, hold in holds.items() if hold.held(self.now)}
        assert held == {name for name, plain in self.book.items() if plain.holds(self.now)}

    @invariant()
    def nothing_is_pledged_twice(self) -> None:
        holds = lifecycle.holds(self.world.decisions).values()
        for group in ("CLAIM", "CARGO"):
            pledged = [hold.financing for hold in holds if hold.pledged and f"/{group}-" in hold.financing]
            assert len(pledged) <= 1
            held = [p for p in self.book.values() if p.group == group and p.holds(self.now)]
            assert len(held) <= 1 or any(plain.consented_until for plain in held)

    @invariant()
    def each_stands_where_it_is_written(self) -> None:
        words = live(self.world.record(), self.now, self.now)
        for name, hold in lifecycle.holds(self.world.decisions).items():
            plain = self.book[name]
            own = lifecycle.of_financing(words, name, hold.terms.application)
            state = lifecycle.state(hold, own, self.now)
            shown = (state.stage, state.drawn, state.outstanding, state.frozen_by)
            assert shown == (plain.stage(self.now), plain.drawn, plain.owed, plain.frozen_by), name


def _once(*_: object) -> Cargo:
    return cargo()


@pytest.mark.randomised
def test_the_decisions_equal_the_model(monkeypatch: Any) -> None:
    # Nothing about the cargo changes here, so it is derived once.
    monkeypatch.setattr(worlds, "cargo_of", _once)
    run_state_machine_as_test(
        Financing,
        settings=settings(
            max_examples=rounds(25, 70),
            stateful_step_count=40,
            deadline=None,
            phases=(
                Phase.generate,
            ),  # shrinking takes minutes; a failure is told in at most forty steps as it is
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_a_reservation_ends_every_one_that_ran_out_in_its_way() -> None:
    machine = Financing()
    machine.begin()
    first = machine.reserve("bbank", "CARGO")
    second = machine.its_bank_consents_and_the_other_one_reserves(first, "2026-04-30")
    machine.time_passes(73, 0)
    machine.reserve("bbank", "CARGO")
    for financing in (first, second):
        machine.cancel(financing)  # it ended, and cannot be cancelled
