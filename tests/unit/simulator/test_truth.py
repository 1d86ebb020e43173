"""The truth by hand: a world of one cargo in two boxes, and a box that three cargoes share."""

from __future__ import annotations

from types import MappingProxyType

from services.testbed.simulator.faults import NO_FAULTS, Rates, Reporter
from services.testbed.simulator.truth import ExpectedPosition, Trouble, Truth, truths
from services.testbed.simulator.world import DAY, HOUR, Cargo, Happening, Lading, World

A, B = "LYSU1000010", "LYSU1000026"
CROSSING = "crossing:alashankou-dostyk"


def cargo(reference: str, consolidated: bool = False) -> Cargo:
    return Cargo(
        founder="xianport",
        reference=reference,
        booked=DAY,
        booking=f"xianport/{reference}",
        note=f"SMGS/CN/XAY/{reference}/1970",
        export=f"CN/{reference}",
        forwarder="sinolink",
        shipper="weihe",
        consignee="ruhr",
        consolidated=consolidated,
    )


def world_of(*cargoes: Cargo, now: int = 30 * DAY) -> World:
    world = World(1, now)
    world.cargoes = {each.key: each for each in cargoes}
    return world


def say(world: World, at: int, what: str, *boxes: str, place: str = "", **more: object) -> None:
    about = tuple(("container", box) for box in boxes)
    witnesses = more.pop("witnesses", ("rzd",))
    world.happen(Happening(at, what, about, witnesses, frozenset(boxes), place=place, **more))  # type: ignore[arg-type]


def truth_of(world: World, rates: Rates = NO_FAULTS) -> dict[str, Truth]:
    reporter = Reporter(world, rates)
    for number, happening in enumerate(world.happenings):
        reporter.report_happening(happening, number)
    return truths(world, reporter.publish())


def test_a_cargo_is_as_far_as_the_last_of_its_boxes() -> None:
    one = cargo("SIM-1")
    world = world_of(one)
    for box in (A, B):
        world.put(Lading(one.key, box, 2 * DAY))
    say(world, 3 * DAY, "movement.departed", A, B, place="railnet:xian-intl-port")
    say(world, 10 * DAY, "movement.arrived", A, B, place="railnet:smolensk")
    say(world, 11 * DAY, "customs.detained", B, jurisdiction="RU", witnesses=("eaeu-ru",))
    say(world, 12 * DAY, "movement.departed", A, place="railnet:smolensk")
    say(world, 31 * DAY, "movement.departed", B, place="railnet:smolensk")  # after the world's moment
    truth = truth_of(world)[one.key]
    arrived = ExpectedPosition(10 * DAY, "movement.arrived", "railnet:smolensk")
    assert truth.movement == arrived
    assert truth.boxes == {A: ExpectedPosition(12 * DAY, "movement.departed", "railnet:smolensk"), B: arrived}
    assert truth.customs == {"RU": ExpectedPosition(11 * DAY, "customs.detained", "")}
    assert truth.troubles == {Trouble("DETAINED", ("container", B), "RU")}
    assert truth.document is None


def test_what_follows_the_cargo_is_not_the_next_cargos() -> None:
    first, second = cargo("SIM-1"), cargo("SIM-2")
    world = world_of(first, second)
    world.put(Lading(first.key, A, 2 * DAY, end=20 * DAY))
    world.put(Lading(second.key, A, 20 * DAY))
    say(world, 5 * DAY, "movement.empty_returned", A, place="railnet:duisburg")
    say(world, 21 * DAY, "movement.gated_in", A, place="railnet:xian-intl-port")
    found = truth_of(world)
    assert found[first.key].movement == ExpectedPosition(
        5 * DAY, "movement.empty_returned", "railnet:duisburg"
    )
    assert found[second.key].movement == ExpectedPosition(
        21 * DAY, "movement.gated_in", "railnet:xian-intl-port"
    )


def test_a_box_that_the_cargo_left_in_writing_no_longer_holds_it_back() -> None:
    one = cargo("SIM-1")
    world = world_of(one)
    world.put(Lading(one.key, A, 2 * DAY, end=4 * DAY, closed=True))
    world.put(Lading(one.key, B, 4 * DAY))
    say(world, 3 * DAY, "movement.damaged", A, place="railnet:xian-intl-port")
    say(world, 5 * DAY, "movement.departed", B, place="railnet:xian-intl-port")
    truth = truth_of(world)[one.key]
    assert truth.movement == ExpectedPosition(5 * DAY, "movement.departed", "railnet:xian-intl-port")
    assert truth.boxes == {A: None, B: truth.movement}
    assert truth.troubles == {Trouble("DAMAGED", ("container", A), "")}


def test_papers_speak_for_every_box_and_for_the_one_cargo_only() -> None:
    shared = [cargo(f"SIM-{n}", True) for n in (1, 2)]
    world = world_of(*shared)
    for each in shared:
        world.put(Lading(each.key, A, 2 * DAY))
    say(world, 8 * DAY, "movement.unloaded", A, place="railnet:duisburg")
    note = (("note", shared[0].note),)
    paid = frozenset({shared[0].key})
    world.happen(Happening(9 * DAY, "movement.delivered", note, ("ruhr",), cargoes=paid))
    found = truth_of(world)
    assert found[shared[0].key].movement == ExpectedPosition(9 * DAY, "movement.delivered", "")
    assert found[shared[1].key].movement == ExpectedPosition(8 * DAY, "movement.unloaded", "railnet:duisburg")


def test_a_dispute_and_a_hand_over_show_with_what_they_are_about() -> None:
    one = cargo("SIM-1")
    world = world_of(one)
    world.put(Lading(one.key, A, 2 * DAY))
    say(
        world,
        5 * DAY,
        "movement.gated_in",
        A,
        place="railnet:xian-intl-port",
        witnesses=("xian-terminal", "xianport"),
    )
    details_by_party = {
        "cr": {"side": "DELIVERING", "counterparty": "ktz"},
        "ktz": {"side": "RECEIVING", "counterparty": "cr"},
    }
    say(
        world,
        6 * DAY,
        "movement.handed_over",
        A,
        place=CROSSING,
        occurrence="L1",
        details_by_party=details_by_party,
        witnesses=("cr", "ktz"),
    )
    always = Rates(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    assert truth_of(world)[one.key].disputes == frozenset()
    truth = truth_of(world, always)[one.key]
    assert truth.disputes == {
        ("movement.gated_in", "railnet:xian-intl-port", ("container", A)),
        ("movement.handed_over", CROSSING, ("container", A)),
    }
    assert truth.meetings == MappingProxyType({(CROSSING, "L1"): "CONFIRMED"})
    one_sided = Rates(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    assert truth_of(world, one_sided)[one.key].meetings == {(CROSSING, "L1"): "ONE_SIDED"}


def test_a_train_that_goes_on_is_no_longer_held() -> None:
    one = cargo("SIM-1")
    world = world_of(one)
    world.put(Lading(one.key, A, 2 * DAY))
    train = (("train", "ktz/8001/1970-01-05/railnet:dostyk"),)

    def told(at: int, what: str) -> None:
        world.happen(Happening(at, what, train, ("ktz",), frozenset({A}), place="railnet:mointy"))

    told(5 * DAY, "movement.train_held")
    assert truth_of(world)[one.key].troubles == {Trouble("TRAIN_HELD", train[0], "")}
    told(5 * DAY + HOUR, "movement.train_resumed")
    assert truth_of(world)[one.key].troubles == frozenset()
