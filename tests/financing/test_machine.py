"""The decisions against a plain model: two banks, two interests in one cargo, any order of requests and of passing time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from schemas.events.finance import Frozen, Unfrozen
from services.core.objects import consignment
from services.processors.financing import lifecycle
from services.processors.financing.asking import Ask
from services.processors.financing.cargo import Cargo
from services.processors.financing.money import Money
from services.processors.financing.rulings import Action, Outcome

from . import world as worlds
from .telling import Case, cases, micros
from .world import Heard, World, cargo_of

HOUR = 3_600 * 1_000_000
START = micros("2026-03-03T00:00+08:00")
BASE: Case = next(case for case in cases() if case.slug.startswith("01_"))
APPLICATIONS = {
    ("abank", "CLAIM"): "AP-A",
    ("bbank", "CLAIM"): "AP-B",
    ("abank", "CARGO"): "AP-GA",
    ("bbank", "CARGO"): "AP-GB",
}
MOST = 292_250_000
"""Seventy percent of the invoice, which is less than what the bank approved."""
REFERENCES = 4


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
    freezes: list[dict[str, Any]] = [
        {
            "id": f"freeze-{bank}-{group}-{number}",
            "by": "court",
            "at": "2026-03-02T12:00+08:00",
            "type": "finance.frozen",
            "says": {"financing": f"{bank}/{group}-{number}", "ground": "COURT"},
        }
        for (bank, group) in APPLICATIONS
        for number in range(REFERENCES)
    ]
    lifts: list[dict[str, Any]] = [
        {
            **each,
            "id": f"lift-{each['id']}",
            "type": "finance.unfrozen",
            "says": {"financing": each["says"]["financing"]},
        }
        for each in freezes
    ]
    written = (*events, lasting, *approvals, *freezes, *lifts)
    return replace(BASE, story=replace(BASE.story, events=written), _written=written).heard()


def base() -> list[Heard]:
    """What is known when a machine begins: everything but what a court may say later."""
    return [each for each in heard() if not court(each)]


def court(each: Heard) -> tuple[str, bool] | None:
    """The financing that a court speaks of, and whether it freezes it."""
    for word in each.record.words:
        if isinstance(word.payload, Frozen | Unfrozen):
            return word.payload.financing_key, isinstance(word.payload, Frozen)
    return None


@cache
def court_words() -> dict[tuple[str, bool], Heard]:
    """What a court may say, by financing."""
    return {said: each for each in heard() if (said := court(each)) is not None}


@cache
def cargo() -> Cargo:
    found = cargo_of(heard(), consignment("xaport", "XA-1"), START, START)
    assert found is not None
    return found


@dataclass
class Plain:
    """What a bank clerk would write down of one financing."""

    bank: str
    group: str
    until: int
    pledged: bool = False
    drawn: int = 0
    ended: bool = False
    frozen: bool = False

    def holds(self, now: int) -> bool:
        return not self.ended and (self.pledged or now < self.until)


class Financing(RuleBasedStateMachine):
    financings = Bundle("financings")

    @initialize()
    def begin(self) -> None:
        self.world = World(heard=base())
        self.now = START
        self.book: dict[str, Plain] = {}
        self.used: dict[tuple[str, str], int] = {}
        self.asked = self.spoken = 0

    def ask(self, action: Action, bank: str, financing: str, **said: Any) -> tuple[Outcome, str]:
        self.asked += 1
        request = Ask(action, bank, f"k{self.asked}", financing, **said)
        decision, _ = self.world.ask(request, self.now, (consignment("xaport", "XA-1"),))
        return decision.outcome, decision.guard

    @rule(hours=st.sampled_from([0, 1, 24, 71, 72, 73]), micro=st.sampled_from([-1, 0, 1]))
    def time_passes(self, hours: int, micro: int) -> None:
        self.now = max(self.now, self.now + hours * HOUR + micro)

    @rule(
        target=financings, bank=st.sampled_from(["abank", "bbank"]), group=st.sampled_from(["CLAIM", "CARGO"])
    )
    def reserve(self, bank: str, group: str) -> Any:
        number = self.used.get((bank, group), 0)
        if number == REFERENCES:
            return multiple()
        financing = f"{bank}/{group}-{number}"
        ask, _, _ = BASE.ask(0)
        terms = BASE.terms(f"optic/{APPLICATIONS[bank, group]}")
        outcome = self.ask(Action.RESERVE, bank, financing, terms=terms, papers=ask.papers)
        held = [plain for plain in self.book.values() if plain.holds(self.now)]
        if any(plain.group == group for plain in held):
            assert outcome == (Outcome.REFUSED, "INTEREST_FREE")
        elif any(plain.bank != bank for plain in held):
            assert outcome == (Outcome.REVIEW, "OTHER_INTEREST_OF_APPLICANT")
        else:
            assert outcome == (Outcome.DONE, "")
            for plain in self.book.values():
                plain.ended |= plain.group == group and not plain.pledged and self.now >= plain.until
            self.book[financing] = Plain(bank, group, self.now + 72 * HOUR)
            self.used[bank, group] = number + 1
            return financing
        return multiple()

    @rule(financing=financings)
    def pledge(self, financing: str) -> None:
        plain = self.book[financing]
        outcome = self.ask(Action.PLEDGE, plain.bank, financing)
        if plain.pledged or (plain.ended and plain.until > self.now):
            assert outcome == (Outcome.REFUSED, "NOT_PLEDGED_BEFORE")
        elif plain.ended:
            assert outcome[0] is Outcome.REFUSED
        elif not plain.holds(self.now):
            assert outcome == (Outcome.REFUSED, "RESERVATION_VALID")
        elif plain.frozen:
            assert outcome == (Outcome.REFUSED, "NOT_FROZEN")
        elif plain.group == "CARGO" and plain.bank == "bbank":
            assert outcome == (Outcome.REFUSED, "CONTROL"), "the duplicate is with the other bank"
        else:
            assert outcome == (Outcome.DONE, "")
            plain.pledged = True

    @rule(financing=financings, minor=st.sampled_from([1, 100_000_000, MOST]))
    def draw(self, financing: str, minor: int) -> None:
        plain = self.book[financing]
        outcome = self.ask(Action.DRAW, plain.bank, financing, amount=Money(minor, "CNY"))
        if not plain.pledged or plain.ended:
            assert outcome == (Outcome.REFUSED, "PLEDGED")
        elif plain.frozen:
            assert outcome == (Outcome.REFUSED, "NOT_FROZEN")
        elif plain.drawn + minor > MOST:
            assert outcome[0] is Outcome.REFUSED
            assert outcome[1] in ("WITHIN_ADVANCE", "WITHIN_APPROVED")
        else:
            assert outcome == (Outcome.DONE, "")
            plain.drawn += minor

    @rule(financing=financings)
    def release(self, financing: str) -> None:
        plain = self.book[financing]
        outcome = self.ask(Action.RELEASE, plain.bank, financing)
        if not plain.pledged or plain.ended:
            assert outcome == (Outcome.REFUSED, "PLEDGED")
        elif plain.frozen:
            assert outcome == (Outcome.REFUSED, "NOT_FROZEN")
        else:
            assert outcome == (Outcome.DONE, "")
            plain.ended = True

    @rule(financing=financings)
    def cancel(self, financing: str) -> None:
        plain = self.book[financing]
        outcome = self.ask(Action.CANCEL, plain.bank, financing)
        if plain.ended:
            assert outcome == (Outcome.REFUSED, "NOT_ENDED")
        elif plain.drawn:
            assert outcome == (Outcome.REFUSED, "UNDRAWN")
        elif plain.frozen:
            assert outcome == (Outcome.REFUSED, "NOT_FROZEN")
        else:
            assert outcome == (Outcome.DONE, "")
            plain.ended = True

    @rule(financing=financings, freezes=st.booleans())
    def a_court_speaks(self, financing: str, freezes: bool) -> None:
        """A fact: it changes what may be done from then on, and takes or gives no hold."""
        self.spoken += 1
        self.now += 1  # of two words of one moment, who would say which came later
        template = court_words()[financing, freezes]
        (word,) = template.record.words
        event = b"court" + self.spoken.to_bytes(11)
        said = word._replace(event=event, published=self.now, happened=self.now, known=self.now)
        contents = frozenset({(event, event)})
        record = template.record._replace(words=frozenset({said}), contents=contents)
        self.world.heard = [*self.world.heard, replace(template, known=self.now, record=record)]
        self.book[financing].frozen = freezes

    @rule(
        financing=financings,
        action=st.sampled_from([Action.PLEDGE, Action.DRAW, Action.RELEASE, Action.CANCEL]),
    )
    def another_bank_tries(self, financing: str, action: Action) -> None:
        other = {"abank": "bbank", "bbank": "abank"}[self.book[financing].bank]
        assert self.ask(action, other, financing, amount=Money(1, "CNY")) == (Outcome.REFUSED, "PLEDGEE")

    @rule(party=st.sampled_from(["ruhr", "silk"]), action=st.sampled_from([a for a in Action if a.disposes]))
    def a_party_of_the_cargo_asks(self, party: str, action: Action) -> None:
        blocked = any(p.group == "CARGO" and p.pledged and not p.ended for p in self.book.values())
        expected = (Outcome.REFUSED, "RELEASE_BLOCKED") if blocked else (Outcome.DONE, "")
        assert self.ask(action, party, "") == expected

    @rule(financing=consumes(financings))
    def the_bank_forgets(self, financing: str) -> None:
        assert financing in self.book

    @invariant()
    def nothing_is_held_twice(self) -> None:
        holds = lifecycle.holds(self.world.rulings)
        for group in ("CLAIM", "CARGO"):
            held = [f for f, hold in holds.items() if hold.held(self.now) and f"/{group}-" in f]
            assert len(held) <= 1
            assert held == [
                f for f, plain in self.book.items() if plain.group == group and plain.holds(self.now)
            ]


def _once(*_: object) -> Cargo:
    return cargo()


def test_the_decisions_equal_the_model(monkeypatch: Any) -> None:
    # Nothing about the cargo changes here, so it is derived once.
    monkeypatch.setattr(worlds, "cargo_of", _once)
    run_state_machine_as_test(
        Financing, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
