"""Every claim ever accepted shows in the view of a consignment or has its reason, whatever was said in whatever order."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings

from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.derive import derive
from services.domain.explanations import Reason, Ways
from services.domain.facts import Assurance, Claim, Facts, Founding, Link, LinkKind
from services.domain.liveness import NotLive
from services.domain.objects import Thing
from services.domain.view import View
from tests.support.profile import rounds
from tests.support.storage.cast import Objects, Said, event_id
from tests.support.storage.worlds import worlds

EXAMPLES = settings(max_examples=rounds(100, 300), deadline=None)
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


def test_what_a_party_of_the_group_says_frees_a_box_is_an_explanation() -> None:
    """An empty return comes before its cargo, also by the word of somebody whom only the other consignment of the group names."""
    box = Thing(ObjectKind.CONTAINER, "explained/box")
    one, other = (Thing(ObjectKind.CONSIGNMENT, f"explained/{n}") for n in range(2))

    def link(n: int, kind: LinkKind, left: Thing, right: Thing, at: int, by: str = "founder") -> Link:
        return Link(bytes([n]) * 16, by, 0, kind, left, right, at, None, False)

    facts = Facts(
        foundings=frozenset(
            {
                Founding(b"a" * 16, "founder", 0, one, frozenset()),
                Founding(b"b" * 16, "founder", 0, other, frozenset({"stranger"})),
            }
        ),
        links=frozenset(
            {
                link(1, LinkKind.CONTAINER_CARRIES, box, one, 0),
                link(2, LinkKind.SAME_CONSIGNMENT, one, other, 0),
                link(3, LinkKind.EMPTY_RETURNED, box, box, 10**9, "stranger"),
            }
        ),
    )
    assert [each.reason for each in Ways(facts).obstacles(box, 0)] == [Reason.BEFORE_ASSIGNMENT]


def test_claims_of_one_event_and_moment_are_explained_in_one_order() -> None:
    """Two contents under one id state the same but for a milestone and a territory: their order is no accident of a set."""
    box = Thing(ObjectKind.CONTAINER, "explained/box")
    claims = [
        Claim(b"a" * 16, "founder", 0, 0, box, milestone, Region.MOVEMENT, "", place, "", Classifier.ACT,
              Assurance.ASSERTED, territorial)
        for milestone in (300, 202)
        for place in ("URN:B", "URN:A", "")
        for territorial in (True, False)
    ]  # fmt: skip
    ways = Ways(Facts(claims=frozenset(claims)))
    assert [each.claim for each in ways.unreached(box, LATER)] == sorted(claims)
