"""Every claim ever accepted shows in the view of a consignment or has its reason, whatever was said in whatever order."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings

from services.domain.derive import derive
from services.domain.explanations import Ways
from services.domain.facts import Facts
from services.domain.liveness import NotLive
from services.domain.view import View
from tests.support.profile import rounds
from tests.support.storage.cast import Objects, Said, event_id
from tests.support.storage.worlds import worlds

EXAMPLES = settings(max_examples=rounds(100, 600), deadline=None)
OBJECTS = Objects("explained/")
LATER = 10**15
"""After everything that a world tells."""


def facts_of(told: list[Said]) -> Facts:
    contents = {
        (event_id(OBJECTS.salt, each.number), hashlib.sha256(each.variant.to_bytes(8)).digest()[:16])
        for each in told
    }
    return Facts.union(each.facts for each in told)._replace(contents=frozenset(contents))


def views(facts: Facts) -> list[View]:
    founded = {founding.consignment for founding in facts.foundings}
    return [view for each in sorted(founded) if (view := derive(facts, each, LATER)) is not None]


@EXAMPLES
@given(told=worlds(OBJECTS, 40))
def test_a_claim_shows_or_is_explained(told: list[Said]) -> None:
    facts = facts_of(told)
    shown = views(facts)
    arrived = {arrival.claim for view in shown for arrival in view.arrivals}
    ways = Ways(facts)
    for thing in {claim.thing for claim in facts.claims}:
        explained = {each.claim: each.obstacles for each in ways.unreached(thing, LATER)}
        for claim in facts.claims:
            if claim.thing == thing:
                assert (claim in explained) == (claim not in arrived), explained.get(claim)


@EXAMPLES
@given(told=worlds(OBJECTS, 40))
def test_what_is_not_live_and_would_show_is_named_in_the_view(told: list[Said]) -> None:
    facts = facts_of(told)
    ways = Ways(facts)
    for view in views(facts):
        for dead in view.not_live:
            assert ways.liveness.reason(dead.event) is dead.reason
            assert bool(dead.withdrawn_by) or dead.reason is not NotLive.WITHDRAWN
        assert {dead.event for dead in view.not_live} >= view.flagged | view.equivocating
