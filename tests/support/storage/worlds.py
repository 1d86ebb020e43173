"""Small random worlds: facts of few parties about few objects, so that everything meets everything.

Facts are built directly, without JSON: the store takes facts, whatever they were read from.
"""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from schemas.events.base import ObjectKind
from services.domain.facts import (
    Facts,
    Founding,
    Link,
    LinkKind,
    Withdrawal,
)
from tests.support.storage.cast import (
    PARTIES,
    Objects,
    Said,
    event_id,
)
from tests.support.storage.strategies import claims, founding, freeing, handover, links, others, parties


@st.composite
def claimed(draw: st.DrawFn, objects: Objects, most: int = 1_000) -> Said:
    """One event that only claims, under an id that no other kind of event of the world has."""
    number = 1_000 + draw(st.integers(0, most))
    publisher = PARTIES[number % len(PARTIES)]
    facts = draw(claims(objects, event_id(objects.salt, number), publisher))
    return Said(number, 0, publisher, facts)


@st.composite
def founded(draw: st.DrawFn, objects: Objects) -> list[Said]:
    """Foundings of some of the consignments by parties that know one another: without them nothing shows."""
    told = []
    for index in draw(st.sets(st.integers(0, 2))):
        number = 100 + draw(st.integers(0, 1)) + 5 * index
        identity, cons = event_id(objects.salt, number), objects.consignments[index]
        publisher = PARTIES[number % len(PARTIES)]
        names = frozenset(draw(st.lists(parties, max_size=3)))
        box = objects.thing(ObjectKind.CONTAINER, index)
        carried = Link(
            identity,
            publisher,
            0,
            LinkKind.CONTAINER_CARRIES,
            box,
            cons,
            0,
            None,
            False,
            draw(st.booleans()),
            names,
        )
        facts = Facts(
            foundings=frozenset({Founding(identity, publisher, 0, cons, names)}), links=frozenset({carried})
        )
        told.append(Said(number, 0, publisher, facts))
    if len(told) > 1 and draw(st.booleans()):
        told.append(_declared_the_same(objects, draw(st.sampled_from(((0, 1), (2, 0), (1, 2))))))
    return told


def opening(objects: Objects, boxed: bool) -> Facts:
    """The founding of the first consignment, with the first box or without any."""
    identity, cons = event_id(objects.salt, 100), objects.consignments[0]
    box = objects.thing(ObjectKind.CONTAINER, 0)
    carried = Link(identity, "founder", 0, LinkKind.CONTAINER_CARRIES, box, cons, 0, None, False)
    return Facts(
        foundings=frozenset({Founding(identity, "founder", 0, cons, frozenset())}),
        links=frozenset({carried} if boxed else ()),
    )


def _declared_the_same(objects: Objects, pair: tuple[int, int]) -> Said:
    left, right = (objects.consignments[index] for index in pair)
    number = 120
    identity, publisher = event_id(objects.salt, number), PARTIES[number % len(PARTIES)]
    same = Link(identity, publisher, 0, LinkKind.SAME_CONSIGNMENT, left, right, 0, None, False)
    return Said(number, sum(pair), publisher, Facts(links=frozenset({same})))


@st.composite
def worlds(draw: st.DrawFn, objects: Objects, most: int) -> list[Said]:
    """A whole world: some foundings and up to ``most`` events about and around them, in any order."""
    return draw(st.permutations([*draw(founded(objects)), *draw(st.lists(said(objects), max_size=most))]))


@st.composite
def said(draw: st.DrawFn, objects: Objects, most: int = 30) -> Said:
    """One event; numbers repeat, so that duplicates and equivocations occur."""
    number = draw(st.integers(0, most))
    identity = event_id(objects.salt, number)
    # One publisher per id: whoever signs owns the source that the id is made of.
    publisher = PARTIES[number % len(PARTIES)]
    what = draw(st.sampled_from("CCCCCCCCLLLLLLDDDEFFRXXWWWWOOHHH"))
    stated = {
        "C": claims(objects, identity, publisher),
        "X": claims(objects, identity, publisher),
        "L": links(objects, identity, publisher),
        "R": links(objects, identity, publisher),
        "D": freeing(objects, identity, publisher),
        "E": freeing(objects, identity, publisher),
        "F": founding(objects, identity, publisher),
        "W": st.just(Facts()),
        "O": others(objects, identity, publisher),
        "H": handover(objects, identity, publisher),
    }[what]
    facts = draw(stated)
    if what in "XRWE":
        target = event_id(objects.salt, draw(st.integers(0, most)))
        withdrawal = Withdrawal(identity, target, replaces=what != "W")
        facts = facts._replace(withdrawals=frozenset({withdrawal}))
    # The variant is a digest of what is said: the same facts again are a duplicate, others an equivocation.
    digest = hashlib.sha256(repr(_sorted(facts)).encode()).digest()
    variant = int.from_bytes(digest[:8])
    return Said(number, variant, publisher, facts)


def _sorted(facts: Facts) -> list[str]:
    return sorted(
        repr(each)
        for each in (
            *facts.claims,
            *(link._replace(names=frozenset()) for link in facts.links),
            *(sorted(link.names) for link in facts.links),
            *(founding._replace(names=frozenset()) for founding in facts.foundings),
            *(sorted(founding.names) for founding in facts.foundings),
            *facts.withdrawals,
            *facts.routes,
            *facts.restrictions,
            *facts.liftings,
            *(handover._replace(containers=frozenset()) for handover in facts.handovers),
            *(sorted(handover.containers) for handover in facts.handovers),
        )
    )
