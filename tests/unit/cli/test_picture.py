"""The picture of the corridor: where a train is drawn, what a closed border looks like, and that nothing goes missing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from schemas import railnet
from services.testbed.commands.picture import CLOSED, GAUGE, TRUNKS, WIDTH, layout, one_line, picture
from services.testbed.demo.run import Flow
from services.testbed.simulator.tracks import Sighting, Snapshot, State

BREST = "brest-malaszewicze"
AT = 1_757_980_800_000_000  # 2025-09-16
TRAIN = Sighting(
    train="1",
    formation="1",
    railway="bch",
    service="xian-ala-duisburg",
    corridor="WEST-ALA-W",
    direction="WEST",
    state=State.QUEUED,
    station="brest-severny",
    next_station="",
    fraction=0.0,
    lat=0.0,
    lon=0.0,
    boxes=28,
    since=AT,
)


def shown(*trains: Sighting, closed: tuple[str, ...] = (), flow: Flow | None = None) -> list[str]:
    waiting = {(BREST, "WEST"): sum(t.state is State.QUEUED for t in trains)} if trains else {}
    return picture(Snapshot(AT, trains, waiting), flow or Flow(), closed, "a title")


def row_of(lines: list[str], sign: str, number: int = 0) -> str:
    return [line for line in lines if line.startswith(sign)][number].ljust(WIDTH)


def column(station: str) -> int:
    return layout()[0][station].column + 2  # behind the sign


def test_every_picture_says_that_it_is_simulated_and_when() -> None:
    assert shown()[0] == "SIMULATED 2025-09-16 00:00 UTC   0 trains, 0 containers on their way"
    assert shown()[1] == "a title"
    assert one_line(Snapshot(AT, (), {}), Flow()).startswith("simulated 2025-09-16 00:00 UTC")


def test_trains_pile_up_as_a_number_where_they_stand_by_direction() -> None:
    three = [replace(TRAIN, train=str(n)) for n in range(3)]
    back = replace(TRAIN, train="4", direction="EAST", state=State.STANDING)
    lines = shown(*three, back)
    assert row_of(lines, "◄")[column("brest-severny")] == "3"
    assert row_of(lines, "►")[column("brest-severny")] == "1"
    (queue,) = [line for line in lines if "Brest/" in line and "■" in line]
    assert "■■■ " in queue
    assert "◄  3" in queue
    many = [replace(TRAIN, train=str(n)) for n in range(12)]
    assert row_of(shown(*many), "◄")[column("brest-severny")] == "#"


def test_a_running_train_is_drawn_at_the_nearer_station() -> None:
    for fraction, nearer, other in ((0.4, "minsk", "baranovichi"), (0.6, "baranovichi", "minsk")):
        running = replace(
            TRAIN, state=State.RUNNING, station="minsk", next_station="baranovichi", fraction=fraction
        )
        row = row_of(shown(running), "◄")
        assert (row[column(nearer)], row[column(other)]) == ("1", " ")


def test_a_closed_crossing_is_marked_on_the_line_and_in_the_queues() -> None:
    between = column("brest-severny") - 1
    (opened,) = [line for line in shown() if line.startswith("  •─")]
    (shut,) = [line for line in shown(closed=(BREST,)) if line.startswith("  •─")]
    assert (opened[between], shut[between]) == (GAUGE, CLOSED)
    (queue,) = [line for line in shown(closed=(BREST,)) if line.endswith(f"{CLOSED} closed")]
    assert "Małaszewicze" in queue


def test_a_branch_is_drawn_when_a_train_is_on_it_and_others_are_counted() -> None:
    assert not any("Manzhouli" in line for line in shown())
    east = replace(TRAIN, station="manzhouli", state=State.AT_BORDER)
    assert any("Zabaikalsk/Manzhouli" in line for line in shown(east))
    at_sea = replace(TRAIN, station="bronka", next_station="", state=State.AT_SEA)
    assert any("and 1 elsewhere" in line for line in shown(at_sea))


def test_every_station_of_the_trunks_has_a_place_of_its_own_that_fits() -> None:
    places, rows = layout()
    wanted = {station for name in TRUNKS for station in railnet.corridors()[name].stations}
    assert places.keys() == wanted
    assert all(0 <= place.column < WIDTH for place in places.values())
    assert len({(place.row, place.column) for place in places.values()}) == len(places)
    assert len(rows) == len(TRUNKS)


def test_figures_of_the_platform_stand_below() -> None:
    flow = Flow(1_000, 900, 250.0, {"UNSIGNED": 2, "BAD_SIGNATURE": 3}, files=2, formats=1, of_files=40)
    text = "\n".join(shown(flow=flow))
    for part in (
        "published    1000",
        "in the log    100",
        "250 messages/s",
        "BAD_SIGNATURE 3, UNSIGNED 2",
        "40 events",
    ):
        assert part in text


@pytest.mark.parametrize("width", [76, 79, 80, 97, 98, 200])
def test_no_line_is_wider_than_the_terminal_and_no_two_numbers_touch(width: int) -> None:
    places, _ = layout(min(width, WIDTH))
    columns = sorted({place.column for place in places.values() if place.row == 0})
    assert all(after - before >= 2 for before, after in pairwise(columns))
    everywhere = [replace(TRAIN, train=station, station=station) for station in places]
    flow = Flow(44_274, 44_270, 529.0, dict.fromkeys(("WRONG_SOURCE", "BAD_SIGNATURE", "X"), 25), 9, 9, 9)
    snapshot = Snapshot(AT, tuple(everywhere), {(BREST, "WEST"): 40, (BREST, "EAST"): 3})
    lines = picture(snapshot, flow, (BREST,), "a title", width)
    assert max(map(len, lines)) <= width
    drawn = [line[2:] for line in lines if line.startswith("◄")]
    standing = sum(int(number) for line in drawn for number in line.split() if number.isdigit())
    assert standing == len(places)
    (queue,) = [line for line in lines if "■" in line]
    assert "► 3" in queue.replace("►  3", "► 3")
    assert queue.endswith(f"{CLOSED} closed")
    assert width < 80 or "Xi'an" in "\n".join(lines)


def test_on_a_low_terminal_branches_are_counted_and_the_figures_stay() -> None:
    places, _ = layout()
    trains = tuple(replace(TRAIN, train=station, station=station) for station in places)
    for height in (18, 24, 30):
        lines = picture(Snapshot(AT, trains, {}), Flow(1), (), "a title", 80, height)
        assert len(lines) <= height
        assert lines[0].startswith("SIMULATED")
        assert any(line.startswith("published") for line in lines)
        assert any("elsewhere" in line for line in lines)
