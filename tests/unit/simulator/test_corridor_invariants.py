"""What must hold in every simulated world, whatever its scenario: things are in one place, and closed borders are closed."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from schemas import railnet
from services.testbed.simulator.corridors import SimulatedWorld, conditions_of
from services.testbed.simulator.scenarios import micros
from services.testbed.simulator.tracks import State, Stretch
from services.testbed.simulator.world import DAY, HOUR
from tests.unit.simulator.corridor_worlds import NAMES, small

CLOSED = (
    micros(datetime(2025, 9, 11, 22, tzinfo=UTC)),
    micros(datetime(2025, 9, 24, 22, tzinfo=UTC)),
)


def by_box(world: SimulatedWorld) -> dict[str, list[Stretch]]:
    found = defaultdict(list)
    for stretch in world.played.tracks.stretches():
        for box in stretch.boxes:
            found[box].append(stretch)
    return {box: sorted(stretches, key=lambda s: s.start) for box, stretches in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_container_is_in_one_place_at_a_time_and_never_vanishes(name: str) -> None:
    world = small(name)
    for box, stretches in by_box(world).items():
        for before, after in pairwise(stretches):
            where = f"{box}: {before} then {after}"
            if after.state is State.LOADING:  # another journey
                assert before.end <= after.start, where
                continue
            assert before.end == after.start, where
            neighbours = (before.last, after.first) in railnet.crossing_of_pair()
            assert before.last == after.first or neighbours, where
        last = stretches[-1]
        over = last.state in (State.UNLOADING, State.DETAINED)
        assert over or last.end > world.ends, f"{box} vanished: {last}"


@pytest.mark.parametrize("name", NAMES)
def test_every_train_that_left_is_on_its_way_or_has_arrived(name: str) -> None:
    world = small(name)
    journeys = defaultdict(set)
    for box, stretches in by_box(world).items():
        for stretch in stretches:
            if stretch.state is State.LOADING:
                journeys[stretch.train].add(box)
    for at in range(world.starts, world.ends, 2 * DAY):
        seen = Counter(
            box for s in world.played.tracks.stretches() if s.start <= at < s.end for box in s.boxes
        )
        assert all(count == 1 for count in seen.values())
        shown = world.snapshot(at)
        assert sum(train.boxes for train in shown.trains) == len(seen)
        assert shown.simulated
    assert len(journeys) <= len(world.timetable)


@pytest.mark.parametrize("name", NAMES)
def test_trains_only_go_forward_in_time_and_space(name: str) -> None:
    world = small(name)
    runs = defaultdict(list)
    for stretch in world.played.tracks.stretches():
        assert stretch.start < stretch.end
        if stretch.state is not State.DETAINED:
            runs[stretch.train].append(stretch)
    for stretches in runs.values():
        along = [
            s.service.path.index(s.first)
            for s in sorted(stretches, key=lambda s: (s.start, s.end))
            if s.state not in (State.TRANSSHIPPING,)
        ]
        assert along == sorted(along), stretches
    last = dict[str, int]()
    for happening in sorted(world.played.world.happenings, key=lambda h: h.at):
        if happening.what in ("movement.departed", "movement.arrived", "movement.arrived_at_destination"):
            for kind, train in happening.about:
                if kind == "train":
                    assert happening.at >= last.get(train, 0)
                    last[train] = happening.at


@pytest.mark.parametrize("name", NAMES)
def test_queues_are_left_by_those_who_joined_them(name: str) -> None:
    world = small(name)
    steps = []
    operators = {service.operator for _, _, service in world.timetable}
    for happening in world.played.world.happenings:
        if happening.what == "movement.queued" and not set(happening.witnesses) <= operators:
            steps.append((happening.at, 1, happening.place))
        if happening.what == "movement.queue_left":
            steps.append((happening.at, -1, happening.place))
    waiting, longest = Counter[str](), 0
    for _, change, place in sorted(steps):
        waiting[place] += change
        assert waiting[place] >= 0
        longest = max(longest, waiting[place])
    if name == "polish-closure-2025":
        assert longest > 1


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_crosses_a_closed_border(seed: int) -> None:
    world = small("polish-closure-2025", seed)
    crossings = {"brest-malaszewicze", "bruzgi-kuznica", "svisloch-siemianowka"}
    start, end = CLOSED
    assert {(c.crossing, c.start, c.end) for c in conditions_of(world.scenario, world.scale).closures} == {
        (crossing, start, end) for crossing in crossings
    }
    assert end - start == 312 * HOUR
    handed = [h for h in world.played.world.happenings if h.what == "movement.handed_over"]
    over = [h.at for h in handed if h.place.removeprefix("crossing:") in crossings]
    assert [at for at in over if start <= at < end] == []
    assert [at for at in over if at < start]
    assert [at for at in over if at >= end]
    moving = [
        s
        for s in world.played.tracks.stretches()
        if s.state is State.TRANSSHIPPING
        and s.first in ("malaszewicze", "kuznica", "brest-severny", "bruzgi")
    ]
    assert not [s for s in moving if start <= s.start < end]


def test_the_queue_at_a_closed_border_grows_and_clears() -> None:
    world = small("polish-closure-2025")
    start, end = CLOSED

    def waiting(at: int) -> int:
        return sum(
            n for (crossing, _), n in world.snapshot(at).waiting.items() if crossing.endswith("malaszewicze")
        )

    before, middle, full = waiting(start - DAY), waiting(start + 6 * DAY), waiting(end - HOUR)
    assert before < middle < full
    assert waiting(world.ends - HOUR) < full / 3


def test_trains_are_told_to_stand_by_the_railway_and_by_operators_who_count_more() -> None:
    world = small("polish-closure-2025")
    remarks = {
        m.party: m.record["data"]["remark"] for m in world.messages() if m.record["data"].get("remark")
    }
    assert remarks.keys() == {"bch", "xianport"}
    assert all(text.startswith("simulated: ") for text in remarks.values())
    assert "130" in remarks["bch"]
    assert "300" in remarks["xianport"]
    counts = {party: int(text.split()[1]) for party, text in remarks.items()}
    assert 0 < counts["bch"] < counts["xianport"]


def test_some_trains_go_round_a_closed_border_by_sea() -> None:
    found = [
        h.at
        for seed in (1, 2, 3)
        for h in small("polish-closure-2025", seed).played.world.happenings
        if h.what == "movement.loaded_on_vessel"
    ]
    assert found
    assert min(found) > CLOSED[0]


def test_nothing_is_loaded_against_an_order() -> None:
    world = small("stop-loading-order")
    stops = conditions_of(world.scenario, world.scale).stops
    assert {(stop.crossing, stop.fact) for stop in stops} == {
        ("erenhot-zamyn-uud", "STOP-02"),
        ("alashankou-dostyk", "STOP-02"),
        ("manzhouli-zabaikalsk", "STOP-03"),
        ("erenhot-zamyn-uud", "STOP-03"),
        ("alashankou-dostyk", "STOP-03"),
    }
    left = [s for s in world.played.tracks.stretches() if s.state is State.LOADING]
    for stretch in left:
        for stop in stops:
            if stop.crossing in stretch.service.crossings and stretch.service.direction == "WEST":
                assert not stop.start <= stretch.end < stop.end
    told = Counter(h.what for h in world.played.world.happenings)
    assert told["movement.train_cancelled"] >= told["movement.slot_rolled"] > 0
    spared = [s for s in left if any(stop.start <= s.end < stop.end for stop in stops)]
    assert spared, "trains back to China and by other borders still run"


def test_a_railway_that_is_not_heard_sends_everything_later_and_in_order() -> None:
    world = small("reporting-outage")
    [outage] = conditions_of(world.scenario, world.scale).outages
    sent = [m for m in world.messages() if m.party == outage.party]
    assert not [m for m in sent if outage.start <= m.sent < outage.end]
    backlog = [m for m in sent if outage.end <= m.sent < outage.end + outage.backfill]
    assert len(backlog) > 20
    late = [m for m in backlog if micros(datetime.fromisoformat(m.record["time"])) < outage.end]
    assert len(late) > len(backlog) / 2


def test_a_wave_of_detentions_keeps_more_than_an_ordinary_year() -> None:
    def kept(name: str) -> float:
        happenings = small(name).played.world.happenings
        boxes = {key for h in happenings if h.what == "movement.loaded_on_wagon" for _, key in h.about}
        held = {key for h in happenings if h.what == "customs.detained" for _, key in h.about}
        return len(held) / len(boxes)

    assert kept("decree-1374-wave") > 5 * max(kept("polish-closure-2025"), 0.002)
    grounds = Counter(
        h.details["ground"]
        for h in small("decree-1374-wave").played.world.happenings
        if h.what == "customs.detained"
    )
    assert grounds["NEIGHBOUR_ON_WAGON"] > 0


def test_trains_change_gauge_twice_and_are_split_and_joined() -> None:
    world = small("polish-closure-2025")
    gauges = Counter(
        (h.details["gauge_from"], h.details["gauge_to"])
        for h in world.played.world.happenings
        if h.what == "movement.transshipped"
    )
    assert gauges.keys() == {(1435, 1520), (1520, 1435)}
    told = Counter(h.what for h in world.played.world.happenings)
    assert told["movement.split"] > told["movement.merged"] > 0
    unions = {h.jurisdiction for h in world.played.world.happenings if h.jurisdiction}
    assert unions >= {"CN", "KZ", "RU", "BY", "PL", "DE", "MN"}
