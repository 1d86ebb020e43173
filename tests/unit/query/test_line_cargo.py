"""Which boxes rode on which train when: pure rules over what railways write down."""

from __future__ import annotations

import hashlib
from itertools import permutations

from schemas.events.base import ObjectKind
from services.domain.facts import FOREVER
from services.domain.objects import Thing
from services.domain.rules import HOUR
from services.query.line.cargo import Carried, Composed, Loaded, cargo_of

BCH, RZD = Thing(ObjectKind.TRAIN, "BCH/1"), Thing(ObjectKind.TRAIN, "RZD/1")


def id_(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


WAGON, OTHER_WAGON, BOX, NEXT_BOX = (id_(name) for name in ("wagon", "other wagon", "box", "next box"))


def composed(train: Thing, hours: float, by: str = "rail", *, territorial: bool = True) -> Composed:
    return Composed(train, WAGON, int(hours * HOUR), FOREVER, by, territorial)


def loaded(hours: float, box: bytes = BOX, wagon: bytes = WAGON, *, territorial: bool = True) -> Loaded:
    return Loaded(wagon, box, int(hours * HOUR), FOREVER, "rail", territorial)


def carried(*engaged: str, box: bytes = BOX) -> Carried:
    return Carried(box, id_("consignment"), 0, FOREVER, frozenset(engaged))


def rides(*links: Composed | Loaded | Carried) -> set[tuple[str, bytes, float, float]]:
    kinds: tuple[list[Composed], list[Loaded], list[Carried]] = ([], [], [])
    for link in links:
        kinds[0 if isinstance(link, Composed) else 1 if isinstance(link, Loaded) else 2].append(link)  # type: ignore[arg-type]
    return {
        (ride.train.key, ride.box, ride.start / HOUR, ride.until / HOUR if ride.until < FOREVER else -1)
        for ride in cargo_of(*kinds).rides
    }


def test_a_wagon_goes_on_in_another_train_and_leaves_the_one_that_nobody_ended() -> None:
    assert rides(loaded(0), composed(BCH, 1), composed(RZD, 20)) == {
        ("BCH/1", BOX, 1, 20),
        ("RZD/1", BOX, 20, -1),
    }


def test_a_box_that_is_lifted_over_has_left_its_wagon() -> None:
    assert rides(loaded(0), composed(BCH, 1), loaded(30, wagon=OTHER_WAGON)) == {("BCH/1", BOX, 1, 30)}


def test_what_is_loaded_on_the_same_wagon_days_later_was_not_on_the_earlier_train() -> None:
    found = rides(loaded(0), composed(BCH, 1), loaded(100, NEXT_BOX))
    assert found == {("BCH/1", BOX, 1, 100)}


def test_two_lists_of_one_loading_are_of_one_loading() -> None:
    assert rides(loaded(0), loaded(3, NEXT_BOX), composed(BCH, 5)) == {
        ("BCH/1", BOX, 5, -1),
        ("BCH/1", NEXT_BOX, 5, -1),
    }


def test_a_stranger_assigns_nothing_and_whoever_is_engaged_does() -> None:
    said = loaded(0), composed(BCH, 1, "xaport", territorial=False)
    assert rides(*said) == set()
    assert rides(*said, carried("xaport")) == {("BCH/1", BOX, 1, -1)}


def test_a_train_carries_consignments_and_their_parties() -> None:
    cargo = cargo_of([composed(BCH, 1)], [loaded(0)], [carried("xaport", "optic")])
    assert cargo.engaged == {BCH: {"xaport", "optic"}}
    assert cargo.consignments == {BCH: {id_("consignment")}}


def test_any_order_gives_the_same_rides() -> None:
    links = (
        loaded(0),
        composed(BCH, 1),
        composed(RZD, 20),
        loaded(30, wagon=OTHER_WAGON),
        loaded(100, NEXT_BOX),
    )
    assert len({frozenset(rides(*order)) for order in permutations(links)}) == 1
