"""What a person may do at a moment, and what cannot be registered."""

from __future__ import annotations

import pytest

from services.people.domain.person import Grant, Permission, Person, fault_of
from tests.support.invariants import holds_for

SHIFT = frozenset({"dostyk-shift"})
ACT = frozenset({Permission.CASES_ACT})
PERSON = Person(
    bytes(16),
    "https://id.example",
    "ktz",
    "s-1",
    "A",
    (
        Grant(10, 20, SHIFT, ACT),
        Grant(20, 30, SHIFT, frozenset({Permission.CASES})),
        Grant(40, None, SHIFT, ACT),
    ),
)
MOMENTS = {"before": (9, False), "first": (10, True), "last": (19, True), "changed": (20, False), "gone": (30, False),
           "back": (40, True), "open end": (10**18, True)}  # fmt: skip


@holds_for(MOMENTS)
def test_a_person_acts_in_its_interval_and_not_at_its_end(case: tuple[int, bool]) -> None:
    at, acts = case
    assert PERSON.acts_for("ktz", "dostyk-shift", at) is acts


def test_a_person_acts_for_no_other_team_or_party() -> None:
    assert not PERSON.acts_for("ktz", "aktogay-shift", 10)
    assert not PERSON.acts_for("cr", "dostyk-shift", 10)


@pytest.mark.parametrize(
    ("issuer", "subject", "name", "team"),
    [
        ("https://id.example/", "s", "n", "t"),
        ("id.example", "s", "n", "t"),
        ("https://id.example", "", "n", "t"),
        ("https://id.example", "s" * 256, "n", "t"),
        ("https://id.example", "ы", "n", "t"),
        ("https://id.example", "s", " ", "t"),
        ("https://id.example", "s", "a\nb", "t"),
        ("https://id.example", "s", "n", "ktz/dostyk"),
    ],
)
def test_what_cannot_be_registered(issuer: str, subject: str, name: str, team: str) -> None:
    assert fault_of(issuer, subject, name, frozenset({team}))
    assert fault_of("https://id.example", "s", "Айгерім", SHIFT) is None
