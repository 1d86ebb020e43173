"""Groups of consignments and ends of links, whatever comes first and whatever is taken back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import LinkKind
from services.domain.links import FILLING, ONE_RUN
from services.ledger.storage.batch import Event
from tests.support.storage.comparison import (
    assert_equal_to_core,
    assert_explained_as_the_core_explains,
    assert_readers_see_enough,
)
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

SAME, CARRIES = LinkKind.SAME_CONSIGNMENT, LinkKind.CONTAINER_CARRIES


def check(pair: Pair, t: Teller) -> None:
    pair.settle()
    consignments = [t.cons(), t.cons("d"), t.cons("e")]
    assert_equal_to_core(pair.dsn, t.facts, consignments, [])
    assert_readers_see_enough(pair.dsn, t.told, consignments)


def in_steps(pair: Pair, t: Teller, events: Sequence[Event], check_each: bool = True) -> None:
    """One batch each; what was not told yet does not count in the comparison."""
    t.told = []
    for turn, event in enumerate(events):
        pair.apply(turn % 2, [event])
        t.told.append(event)
        pair.settle()  # so that the event's own coming, and no later look at another one, has to move the ends
        if check_each:
            check(pair, t)


def test_a_group_grows_and_keeps_what_comes_later_to_any_member(pair: Pair, teller: Teller) -> None:
    t = teller
    events = [
        *(t.founding(t.cons(key)) for key in ("c", "d", "e")),
        t.link(SAME, t.cons("d"), t.cons("c")),
        t.link(CARRIES, t.box(), t.cons("d")),
        t.claim(t.box(), HOUR),
        t.link(SAME, t.cons("e"), t.cons("d")),
        t.link(CARRIES, t.box("l"), t.cons("e")),
        t.claim(t.cons("e"), 2 * HOUR),
    ]
    in_steps(pair, teller, events)


def test_a_group_falls_apart_when_the_declaration_is_retracted(pair: Pair, teller: Teller) -> None:
    t = teller
    id_ = t.id("same")
    events = [
        t.founding(t.cons("c")),
        t.founding(t.cons("d")),
        t.claim(t.cons("d"), HOUR),
        t.link(SAME, t.cons("d"), t.cons("c"), id_=id_),
        t.retraction(id_, id_=t.id("back")),
        t.retraction(t.id("back")),
    ]
    in_steps(pair, teller, events)


def test_a_group_loses_a_member_whose_founding_is_retracted(pair: Pair, teller: Teller) -> None:
    t = teller
    founding = t.founding(t.cons("d"))
    events = [
        t.founding(t.cons("c")),
        founding,
        t.link(SAME, t.cons("d"), t.cons("c")),
        t.claim(t.cons("d"), HOUR),
        t.retraction(founding.id),
    ]
    in_steps(pair, teller, events)


def test_a_stranger_ties_nothing_together(pair: Pair, teller: Teller) -> None:
    t = teller
    events = [
        t.founding(t.cons("c")),
        t.founding(t.cons("d"), publisher="other"),
        t.link(SAME, t.cons("d"), t.cons("c")),
        t.link(SAME, t.cons("d"), t.cons("c"), publisher="stranger"),
        t.claim(t.cons("d"), HOUR, publisher="other"),
        t.founding(t.cons("d"), publisher="other", names=("founder",)),
    ]
    in_steps(pair, teller, events)


STARTS = (
    (0, True),
    (FILLING // 2, True),
    (FILLING, True),
    (FILLING + HOUR, False),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda o: "".join(map(str, o)))
def test_shared_boxes_end_at_what_is_another_journey(
    pair: Pair, teller: Teller, order: tuple[int, ...]
) -> None:
    t = teller
    links = [
        t.link(CARRIES, t.box(), t.cons("cde"[n % 3]), start, shared=shared)
        for n, (start, shared) in enumerate(STARTS)
    ]
    in_steps(pair, teller, [t.founding(t.cons()), *(links[n] for n in order)], check_each=False)
    check(pair, teller)


@pytest.mark.parametrize("gone", range(4))
def test_ends_move_again_when_a_link_is_retracted(pair: Pair, teller: Teller, gone: int) -> None:
    t = teller
    links = [
        t.link(CARRIES, t.box(), t.cons("cde"[n % 3]), start, shared=shared)
        for n, (start, shared) in enumerate(STARTS)
    ]
    back = t.id("back")
    events = [t.founding(t.cons()), *links, t.retraction(links[gone].id, id_=back), t.retraction(back)]
    in_steps(pair, teller, events)


def test_what_a_train_carries_ends_at_the_next_train(pair: Pair, teller: Teller) -> None:

    t = teller
    wagon, trains = t.thing(ObjectKind.WAGON, "w"), [t.thing(ObjectKind.TRAIN, str(n)) for n in range(3)]
    events = [
        t.founding(t.cons()),
        t.link(CARRIES, t.box(), t.cons()),
        t.link(LinkKind.WAGON_CARRIES, wagon, t.box(), HOUR),
        t.link(LinkKind.TRAIN_CARRIES, trains[0], wagon, 2 * HOUR),
        t.link(LinkKind.TRAIN_CARRIES, trains[2], wagon, 6 * HOUR),
        t.link(LinkKind.TRAIN_CARRIES, trains[1], wagon, 4 * HOUR),
        *(t.claim(train, 5 * HOUR) for train in trains),
    ]
    in_steps(pair, teller, events)


@pytest.mark.parametrize("what", ["claim", "link", "founding", "retraction"])
def test_what_was_retracted_before_it_came_never_counts(pair: Pair, teller: Teller, what: str) -> None:
    """The retraction was settled long ago: nothing but the event's own coming can put it among the dead."""
    t = teller
    before = [t.founding(t.cons()), t.link(CARRIES, t.box(), t.cons()), t.claim(t.box(), HOUR, 202)]
    id_ = t.id("late")
    late = {
        "claim": lambda: t.claim(t.box(), 2 * HOUR, id_=id_),
        "link": lambda: t.link(CARRIES, t.box(), t.cons("d"), 0, HOUR // 2, id_=id_),
        "founding": lambda: t.founding(t.cons("d"), id_=id_),
        "retraction": lambda: t.retraction(before[2].id, id_=id_),
    }[what]
    in_steps(pair, teller, [*before, t.retraction(id_), late()])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda o: "".join(map(str, o)))
def test_a_list_of_a_later_run_ends_the_ride_before_for_readers_too(
    pair: Pair, teller: Teller, order: tuple[int, ...]
) -> None:
    t = teller
    wagon = t.thing(ObjectKind.WAGON, "w")
    loads = [
        t.link(LinkKind.WAGON_CARRIES, wagon, t.box(box), start, publisher="railway", territorial=True)
        for box, start in (("k", 0), ("l", ONE_RUN + HOUR), ("m", 3 * ONE_RUN))
    ]
    events = [
        t.founding(t.cons()),
        t.link(CARRIES, t.box(), t.cons()),
        t.claim(wagon, HOUR, publisher="railway"),
        *(loads[n] for n in order),
        t.claim(wagon, ONE_RUN + 2 * HOUR, publisher="railway"),
        t.retraction(loads[1].id, publisher="railway"),
    ]
    in_steps(pair, teller, events)
    assert_explained_as_the_core_explains(pair.dsn, t.told, 10**13)
