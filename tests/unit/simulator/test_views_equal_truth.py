"""Records to facts to views equals the world's truth, without any server; and where a rule is broken, it does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from schemas.events.base import Classifier
from services.domain.facts import Facts
from services.testbed.simulator.simulate import NOW
from services.testbed.simulator.world import DAY
from tests.unit.simulator.conftest import facts_of, mismatch, mismatches, world


@pytest.mark.parametrize("seed", range(1, 7))
def test_views_show_what_happened(seed: int) -> None:
    simulation = world(seed, now=NOW + seed * DAY // 3)
    assert len(simulation.truths) > 50
    assert mismatches(simulation, facts_of(simulation)) == []


def test_views_show_what_happened_in_a_long_world_with_reused_boxes() -> None:
    simulation = world(11, trains=16, boxes=8, days=75)
    facts = long_facts()
    boxes = [
        lading.box
        for lading in simulation.world.ladings
        if not simulation.world.cargoes[lading.cargo].consolidated
    ]
    assert len(boxes) > len(set(boxes)), "no box was reused"
    assert mismatches(simulation, facts) == []


@cache
def long_facts() -> Facts:
    return facts_of(world(11, trains=16, boxes=8, days=75))


def without_withdrawals(facts: Facts) -> Facts:
    return facts._replace(withdrawals=frozenset())


def first_of_equivocating(facts: Facts) -> Facts:
    return facts._replace(contents=frozenset())


def everybody_engaged(facts: Facts) -> Facts:
    return facts._replace(claims=frozenset(claim._replace(territorial=True) for claim in facts.claims))


def nobody_territorial(facts: Facts) -> Facts:
    return facts._replace(claims=frozenset(claim._replace(territorial=False) for claim in facts.claims))


def never_ending(facts: Facts) -> Facts:
    return facts._replace(links=frozenset(link._replace(end=None) for link in facts.links))


def plans_as_facts(facts: Facts) -> Facts:
    return facts._replace(claims=frozenset(c._replace(classifier=Classifier.ACT) for c in facts.claims))


def one_voice(facts: Facts) -> Facts:
    return facts._replace(claims=frozenset(claim._replace(publisher="cr") for claim in facts.claims))


def lost_links(facts: Facts) -> Facts:
    kept = sorted(facts.links, key=lambda link: (link.published, link.event))[: -len(facts.links) // 50]
    return facts._replace(links=frozenset(kept))


@pytest.mark.parametrize(
    "damage",
    [
        without_withdrawals,
        first_of_equivocating,
        everybody_engaged,
        nobody_territorial,
        never_ending,
        plans_as_facts,
        one_voice,
        lost_links,
    ],
)
def test_the_truth_notices_a_broken_rule(damage: Callable[[Facts], Facts]) -> None:
    simulation = world(11, trains=16, boxes=8, days=75)
    assert mismatch(simulation, damage(long_facts()))
