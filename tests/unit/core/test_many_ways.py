"""Networks with more ways through them than can be counted are read in the time that their links take."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.domain.derive import derive
from services.domain.evidence import engaged_parties
from services.domain.facts import (
    FOREVER,
    Assurance,
    Claim,
    Facts,
    Founding,
    Link,
    LinkKind,
    Restriction,
)
from services.domain.links import Network, Path
from services.domain.objects import Thing
from services.domain.restrictions import Journey, Stop, on_journey

CONS = Thing(ObjectKind.CONSIGNMENT, "op/1")
LAYERS = 400


def link(kind: LinkKind, left: Thing, right: Thing, by: str, start: int = 0, end: int | None = None) -> Link:
    event = f"{kind}{left}{right}{by}{start}".encode()
    return Link(event, by, 0, kind, left, right, start, end, False)


def note(layer: int, side: str) -> Thing:
    return Thing(ObjectKind.NOTE, f"SMGS/CN/X/{layer}{side}/2026")


def layered(layers: int) -> Iterator[Link]:
    """Two notes a layer, each replaced by both of the next: 2 ** layers ways from the last to the cargo."""
    for side in "ab":
        yield link(LinkKind.NOTE_COVERS, note(0, side), CONS, "op")
    for layer in range(layers):
        for new in "ab":
            for old in "ab":
                # Every other one by somebody who is nobody here: ways that count, and ways that do not.
                by = "op" if new == "a" else "stranger"
                yield link(LinkKind.NOTE_REISSUED, note(layer + 1, new), note(layer, old), by)


def told(layers: int) -> Facts:
    def about(thing: Thing, number: int) -> Claim:
        region = catalogue.by_number(number).region
        return Claim(
            f"{thing}".encode(), "op", 1, 10, thing, number, region, "", "", "", Classifier.ACT, Assurance.ASSERTED, False
        )  # fmt: skip

    return Facts(
        foundings=frozenset({Founding(b"f", "op", 0, CONS, frozenset())}),
        links=frozenset(layered(layers)),
        claims=frozenset({about(note(layers, "a"), 2001), about(note(layers, "b"), 2002)}),
    )


def test_layers_of_notes_are_read_in_the_time_of_their_links() -> None:
    started = time.process_time()
    view = derive(told(LAYERS), CONS, FOREVER)
    assert time.process_time() - started < 5
    assert view is not None
    assert view.document is not None
    assert [(a.claim.milestone, str(a.status)) for a in view.arrivals] == [
        (2001, "COUNTED"),
        (2002, "UNENGAGED"),
    ]


def test_a_train_of_many_legs_is_read_in_the_time_of_its_links() -> None:
    """A box on fifty wagons one after the other, each in ten trains one after the other: each leg is one way."""
    box = Thing(ObjectKind.CONTAINER, "CSQU3054383")
    links = [link(LinkKind.CONTAINER_CARRIES, box, CONS, "op")]
    for leg in range(50):
        wagon = Thing(ObjectKind.WAGON, f"1520/{leg}")
        links.append(link(LinkKind.WAGON_CARRIES, wagon, box, "op", leg * 100))
        for part in range(10):
            train = Thing(ObjectKind.TRAIN, f"ktz/{leg}-{part}/2026-03-07/railnet:dostyk")
            links.append(link(LinkKind.TRAIN_CARRIES, train, wagon, "op", leg * 100 + part * 10))
    ways = Network(links).paths([CONS], frozenset({"op"}))
    assert len(ways) == 1 + 1 + 50 + 500
    assert all(len(way.spans) == 3 for way in ways if way.thing.kind is ObjectKind.TRAIN)


def simple_ways(links: list[Link], engaged: frozenset[str]) -> set[tuple[Thing, int, int, bool]]:
    """The same by trying out every way that passes nothing twice."""
    known = Network(links)
    spans = [span for into in known._into.values() for span in into]

    def up(thing: Thing, start: int, end: int, counted: bool, seen: frozenset[Thing]) -> Iterator[Path]:
        yield Path(thing, (), start, end, counted)
        for span in spans:
            if span.link.right == thing and span.link.left not in seen:
                first, last = max(start, span.start), min(end, span.end)
                if first < last:
                    counts = counted and span.link.publisher in engaged
                    yield from up(span.link.left, first, last, counts, seen | {span.link.left})

    found = up(CONS, -(2**62), FOREVER, True, frozenset({CONS}))
    return {(way.thing, way.start, way.end, way.counted) for way in found}


@pytest.mark.parametrize("seed", range(40))
def test_ways_are_those_that_trying_out_every_one_finds(seed: int) -> None:
    rng = random.Random(seed)
    boxes = [Thing(ObjectKind.CONTAINER, f"K{n}") for n in range(2)]
    wagons = [Thing(ObjectKind.WAGON, f"CN/{n}") for n in range(2)]
    notes = [note(n, "n") for n in range(4)]
    bookings = [Thing(ObjectKind.BOOKING, f"op/{n}") for n in range(2)]
    kinds = (
        (LinkKind.CONTAINER_CARRIES, boxes, [CONS, *bookings]),
        (LinkKind.NOTE_COVERS, notes, [CONS, *bookings]),
        (LinkKind.BOOKING_OF, bookings, [CONS]),
        (LinkKind.NOTE_REISSUED, notes, notes),
        (LinkKind.NOTE_REISSUED, notes, notes),
        (LinkKind.WAGON_CARRIES, wagons, boxes),
    )
    links = []
    for _ in range(14):
        kind, lefts, rights = rng.choice(kinds)
        left, right = rng.choice(lefts), rng.choice(rights)
        start, end = rng.randint(0, 9), rng.choice((None, None, rng.randint(9, 12)))
        links.append(link(kind, left, right, rng.choice(("op", "op", "stranger")), start, end))
    links = list({each.event: each for each in links}.values())
    engaged = frozenset({"op"})
    ways = Network(links).paths([CONS], engaged)
    every = simple_ways(links, engaged)
    found = {(way.thing, way.start, way.end, way.counted) for way in ways}
    # A note that replaces one that replaces it adds only what does not count where something does.
    assert {way for way in found if way[3]} == {way for way in every if way[3]}
    assert {way[:3] for way in found} == {way[:3] for way in every}
    named = {each.left for each in Network(links).counted([CONS], engaged)}
    assert named == {way[0] for way in every if way[3] and way[0].kind is not ObjectKind.WAGON} - {CONS}
    assert engaged_parties(engaged, Network(links), frozenset({CONS})) == engaged


def test_a_route_of_many_stops_is_walked_once() -> None:
    places = tuple(f"line:{n}" for n in range(64)) * 200
    closed = [
        Restriction(bytes([n]), "op", 0, f"line:{n}", "EMBARGO", "BOTH", (), 0, None, True) for n in range(64)
    ]
    been = tuple(Stop(place, left=True) for place in places[: 64 * 100])
    started = time.process_time()
    met = on_journey(Journey(places, been), closed, 5).in_force
    assert time.process_time() - started < 5
    assert len(met) == 64


def test_the_second_pass_of_a_place_is_the_second() -> None:
    places = ("line:a", "line:b", "line:a", "line:c")
    closed = [
        Restriction(name.encode(), "op", 0, f"line:{name}", "EMBARGO", "BOTH", (), 0, None, True)
        for name in "abc"
    ]

    def ahead(*been: Stop) -> list[str]:
        return [each.place for each in on_journey(Journey(places, been), closed, 5).in_force]

    assert ahead() == ["line:a", "line:b", "line:c"]
    assert ahead(Stop("line:a", left=True)) == ["line:a", "line:b", "line:c"]  # it comes back to a
    assert ahead(Stop("line:a"), Stop("line:b", left=True)) == ["line:a", "line:c"]
    assert ahead(Stop("line:a"), Stop("line:b"), Stop("line:a", left=True)) == ["line:c"]
    assert ahead(Stop("line:a"), Stop("line:x"), Stop("line:b")) == ["line:a", "line:b", "line:c"]
