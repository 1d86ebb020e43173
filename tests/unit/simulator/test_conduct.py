"""Dishonest parties of every kind do what they do, and the heart shows it as the world knows that it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from schemas.events.catalogue import by_number
from services.domain.claim_groups import Answers
from services.domain.facts import Assurance, Facts
from services.domain.view import View
from services.testbed.chaos.audit import Refold
from services.testbed.chaos.oracle import consignment_of
from services.testbed.simulator.conduct import FORBIDDEN, FORBIDDEN_AS, INTERFERENCES
from services.testbed.simulator.parties import PARTIES, Manner
from services.testbed.simulator.simulate import Simulation
from tests.unit.simulator.conftest import facts_of, mismatch
from tests.unit.simulator.corridor_worlds import small


@cache
def played() -> tuple[Simulation, Facts]:
    simulation = small("polish-closure-2025").simulation()
    return simulation, facts_of(simulation)


@cache
def views() -> tuple[View, ...]:
    simulation, facts = played()
    refold = Refold(facts)
    found = (refold.view(consignment_of(truth), simulation.scale.now) for truth in simulation.truths.values())
    return tuple(view for view in found if view is not None)


def quarrels(what: str) -> Iterator[Answers]:
    for view in views():
        yield from (a for a in view.disputes if by_number(a.question.milestone).name == what)


def test_whoever_meddles_or_says_what_is_forbidden_is_dishonest_or_far_from_home() -> None:
    parties = {deed.party for deed in (*INTERFERENCES, *FORBIDDEN)}
    assert {party for party in parties if PARTIES[party].manner is not Manner.DISHONEST} == {"hh-terminal"}
    roles = {role for party in parties for role in PARTIES[party].roles}
    assert roles >= {"railway", "customs", "bank", "forwarder", "terminal", "shipper", "consignee"}


def test_an_operator_dates_departures_back_and_the_railways_word_shows() -> None:
    found = [a for a in quarrels("movement.departed") if a.question.thing.key.lower().startswith("cr/")]
    assert found
    for answers in found:
        times = {claim.publisher: claim.happened for claim in answers.current}
        assert times.keys() == {"cr", "zzport"}
        assert times["zzport"] < times["cr"]
        assert answers.shown.publisher == "cr"
        assert answers.shown.assurance is Assurance.SIGNED_BY_AUTHORITY


def test_a_broker_relays_an_altered_release_and_what_customs_signed_shows() -> None:
    found = [a for a in quarrels("customs.released") if "jinlu" in {c.publisher for c in a.current}]
    assert found
    for answers in found:
        said = {claim.publisher: claim for claim in answers.current}
        assert said["jinlu"].assurance is Assurance.RELAYED
        assert answers.shown.publisher == "gacc"
        assert answers.shown.assurance is Assurance.SIGNED_BY_AUTHORITY
        assert said["jinlu"].happened != answers.shown.happened


def test_words_of_those_who_have_no_business_with_the_cargo_are_shown_as_such() -> None:
    simulation, _ = played()
    said = {(word.party, word.what) for truth in simulation.truths.values() for word in truth.unengaged}
    assert said == {(deed.party, deed.what) for deed in INTERFERENCES}


def test_what_a_role_may_not_say_is_said_and_has_to_be_refused() -> None:
    simulation, _ = played()
    refused = [m for m in simulation.publication.messages if m.refused_as]
    assert {m.refused_as for m in refused} == {FORBIDDEN_AS}
    assert {m.party for m in refused} == {deed.party for deed in FORBIDDEN}


def believed(facts: Facts) -> Facts:
    """A relayed message taken for the word of the authority."""
    return facts._replace(
        claims=frozenset(
            c._replace(assurance=Assurance.SIGNED_BY_AUTHORITY)
            if c.publisher == "jinlu" and c.assurance is Assurance.RELAYED
            else c
            for c in facts.claims
        )
    )


def heeded(*parties: str) -> Callable[[Facts], Facts]:
    def change(facts: Facts) -> Facts:
        return facts._replace(
            claims=frozenset(
                c._replace(territorial=True) if c.publisher in parties else c for c in facts.claims
            )
        )

    return change


@pytest.mark.parametrize("damage", [believed, heeded("wayside"), heeded("farpost"), heeded("ostbank")])
def test_the_truth_notices_where_a_lie_is_believed(damage: Callable[[Facts], Facts]) -> None:
    """Without the damage nothing differs: test_corridors plays the same world."""
    simulation, facts = played()
    assert mismatch(simulation, damage(facts))
