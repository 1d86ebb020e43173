"""Heads merged with new claims alone: each case in which that would be wrong is folded as a whole.

The structure is settled before, so that nothing but the claims themselves folds a head.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import LinkKind
from services.ledger.storage.batch import Event
from tests.support.storage.comparison import assert_equal_to_core, stored_heads
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

GATED_IN, DEPARTED, SEAL_BROKEN, RESEALED, DELIVERED = 202, 300, 370, 371, 600
Build = Callable[[Teller], tuple[list[Event], list[list[Event]]]]


def carried(t: Teller, *boxes: str) -> list[Event]:
    founding = t.founding(t.cons(), names=("railway",))
    return [founding, *(t.link(LinkKind.CONTAINER_CARRIES, t.box(box), t.cons()) for box in boxes)]


def another_publisher_contradicts(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), HOUR, DEPARTED)],
        [t.claim(t.box(), 9 * HOUR, DEPARTED, publisher="railway")],
    ]


def two_publishers_contradict_in_one_batch(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    both = [
        t.claim(t.box(), HOUR, DEPARTED),
        t.claim(t.box(), 9 * HOUR, DEPARTED, publisher="railway"),
    ]
    return carried(t, "k"), [both]


def a_publisher_answers_again_with_an_earlier_time(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), 9 * HOUR, DEPARTED, published=1)],
        [t.claim(t.box(), HOUR, DEPARTED, published=2)],
    ]


def an_older_answer_comes_later(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), HOUR, DEPARTED, published=2)],
        [t.claim(t.box(), 9 * HOUR, DEPARTED, published=1)],
    ]


def one_of_two_boxes_goes_ahead(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k", "l"), [
        [t.claim(t.box("k"), HOUR, GATED_IN), t.claim(t.box("l"), HOUR, GATED_IN)],
        [t.claim(t.box("k"), 2 * HOUR, DEPARTED)],
    ]


def the_whole_consignment_moves_both_boxes(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k", "l"), [
        [t.claim(t.box("k"), HOUR, GATED_IN)],
        [t.claim(t.cons(), 2 * HOUR, DEPARTED)],
    ]


def trouble_opens_and_closes(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), HOUR, SEAL_BROKEN)],
        [t.claim(t.box(), 2 * HOUR, RESEALED)],
    ]


def trouble_opens(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), 2 * HOUR, RESEALED)],
        [t.claim(t.box(), 3 * HOUR, SEAL_BROKEN)],
    ]


def a_closing_of_something_else(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [[t.claim(t.box(), 3 * HOUR, SEAL_BROKEN)], [t.claim(t.cons(), 4 * HOUR, 100)]]


def a_claim_while_only_a_strangers_link_held(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    before = [
        t.founding(t.cons()),
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons(), 0, 5 * HOUR),
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons(), 5 * HOUR, publisher="stranger"),
    ]
    return before, [[t.claim(t.box(), HOUR, GATED_IN)], [t.claim(t.box(), 7 * HOUR, DEPARTED)]]


def a_claim_of_a_stranger(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), HOUR, GATED_IN)],
        [t.claim(t.box(), 7 * HOUR, DEPARTED, publisher="stranger")],
    ]


def a_box_that_the_cargo_has_left(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    before = [
        *carried(t, "k"),
        t.link(LinkKind.CONTAINER_CARRIES, t.box("left"), t.cons(), 0, 9 * HOUR),
    ]
    return before, [[t.claim(t.box("k"), HOUR, GATED_IN)], [t.claim(t.box("left"), 7 * HOUR, DELIVERED)]]


def the_same_moment_twice(t: Teller) -> tuple[list[Event], list[list[Event]]]:
    return carried(t, "k"), [
        [t.claim(t.box(), HOUR, GATED_IN, published=9)],
        [t.claim(t.cons(), HOUR, DEPARTED, published=8)],
    ]


CASES: tuple[Build, ...] = (
    another_publisher_contradicts,
    two_publishers_contradict_in_one_batch,
    a_publisher_answers_again_with_an_earlier_time,
    an_older_answer_comes_later,
    one_of_two_boxes_goes_ahead,
    the_whole_consignment_moves_both_boxes,
    trouble_opens_and_closes,
    trouble_opens,
    a_closing_of_something_else,
    a_claim_while_only_a_strangers_link_held,
    a_claim_of_a_stranger,
    a_box_that_the_cargo_has_left,
    the_same_moment_twice,
)


@pytest.mark.parametrize("build", CASES)
def test_the_head_is_what_the_core_says_after_each_batch(pair: Pair, teller: Teller, build: Build) -> None:
    before, batches = build(teller)
    told, teller.told = teller.told, []
    pair.apply(0, before)
    pair.settle()
    teller.told += before
    heads = []
    for turn, batch in enumerate(batches):
        pair.apply(turn % 2, batch)
        teller.told += batch
        assert_equal_to_core(pair.dsn, teller.facts, [teller.cons()], [])
        with psycopg.connect(pair.dsn) as session:
            heads.append(stored_heads(session, [teller.cons().id])[teller.cons().id])
    assert set(map(id, teller.told)) == set(map(id, told))
    assert any(head["movement"] or head["exceptions"] for head in heads), "the case says nothing"


@pytest.mark.parametrize("again", [HOUR, 5 * HOUR])
def test_a_train_goes_back_when_its_publisher_corrects_the_time(
    pair: Pair, teller: Teller, again: int
) -> None:
    train = teller.thing(ObjectKind.TRAIN, "t")
    for moment, published in ((3 * HOUR, 1), (again, 2)):
        pair.apply(0, [teller.claim(train, moment, DEPARTED, published=published)])
        assert_equal_to_core(pair.dsn, teller.facts, [], [train])


def test_trouble_of_a_train_opens_and_closes(pair: Pair, teller: Teller) -> None:
    train = teller.thing(ObjectKind.TRAIN, "t")
    for moment, milestone in ((1, 350), (2, 305), (3, 351), (4, 350)):
        pair.apply(0, [teller.claim(train, moment * HOUR, milestone)])
        assert_equal_to_core(pair.dsn, teller.facts, [], [train])
