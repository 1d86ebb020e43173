"""The pieces of the corridor world by hand: gates, cranes, outages, timetables, paths, scenarios, files."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from random import Random

import orjson
import pytest
from pydantic import ValidationError

from schemas import railnet
from services.producers import file_reader
from services.testbed.simulator.border import Cranes, Gate, dwell
from services.testbed.simulator.conditions import Outage, durations, sent_after
from services.testbed.simulator.corridors import running, simulate
from services.testbed.simulator.files import folder
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.scenarios import Scenario, fact, names, scenario, services
from services.testbed.simulator.service import ENDS, departures, hours, sections, spliced
from services.testbed.simulator.signed_messages import profiles
from services.testbed.simulator.world import DAY, HOUR, MINUTE

SIMULATOR = Path(__file__).resolve().parents[3] / "services" / "testbed" / "simulator"


def test_a_gate_lets_trains_pass_a_gap_apart_and_none_while_closed() -> None:
    gate = Gate(12, ((10 * HOUR, 20 * HOUR),))
    assert gate.take(HOUR) == HOUR
    assert gate.take(HOUR) == 3 * HOUR
    assert gate.take(2 * HOUR) == 5 * HOUR
    late = gate.take(8 * HOUR)
    assert late == 8 * HOUR
    after = 20 * HOUR + 20 * MINUTE
    assert gate.take(9 * HOUR) == after
    assert gate.take(9 * HOUR) == after + 2 * HOUR
    assert gate.take(6 * HOUR + 30 * MINUTE) == after + 4 * HOUR, "no room for one more before the closure"
    assert gate.waiting(9 * HOUR) == 3
    assert gate.waiting(21 * HOUR) == 2
    assert gate.waiting(30 * HOUR) == 0
    assert gate.shut(15 * HOUR)
    assert not gate.shut(20 * HOUR)


def test_cranes_lift_as_many_trains_at_once_as_there_are_of_them() -> None:
    cranes = Cranes(2)
    assert [cranes.lift(HOUR, 3) for _ in range(3)] == [4 * HOUR, 4 * HOUR, 7 * HOUR]


def test_trains_stand_at_a_border_as_long_as_railnet_says() -> None:
    random = Random(1)
    drawn = sorted(dwell("brest-malaszewicze", random) / HOUR for _ in range(2_001))
    known = railnet.crossings()["brest-malaszewicze"].dwell
    assert drawn[1_000] == pytest.approx(known.median_hours, rel=0.1)
    assert drawn[1_800] == pytest.approx(known.p90_hours, rel=0.1)


def test_a_backlog_comes_in_order_after_the_outage() -> None:
    outages = (Outage("ktz", DAY, 3 * DAY, HOUR),)
    assert sent_after(outages, "rzd", 2 * DAY) == 2 * DAY
    assert sent_after(outages, "ktz", DAY - 1) == DAY - 1
    assert sent_after(outages, "ktz", DAY) == 3 * DAY
    assert sent_after(outages, "ktz", 2 * DAY) == 3 * DAY + 30 * MINUTE
    assert sent_after(outages, "ktz", 3 * DAY) == 3 * DAY


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_a_path_of_railnet_cut_where_railways_meet(name: str) -> None:
    service = services()[name]
    parts = service.sections
    assert service.path[0] == parts[0].first
    assert service.path[-1] == parts[-1].last
    assert {service.path[0], service.path[-1]} <= ENDS.keys()
    for before, after in pairwise(parts):
        assert railnet.crossing_of_pair()[before.last, after.first] == before.into
        assert before.railway != after.railway
    changes = [part.into for part in parts if part.into and railnet.crossings()[part.into].gauge_change]
    assert len(changes) == (1 if "RUS" in service.corridor else 2)
    back = services()[{s.path: n for n, s in services().items()}[service.path[::-1]]]
    assert back.direction != service.direction
    assert set(service.crossings) == set(back.crossings)
    assert list(service.hours.values()) == sorted(service.hours.values())


def test_departures_are_spread_evenly_at_the_share_that_was_asked_for() -> None:
    service = services()["xian-ala-duisburg"]
    found = list(departures(service, 0, 100 * DAY, 0.2, Random(1)))
    assert len(found) == pytest.approx(100 * 5.0 * 0.2, abs=1)
    assert found == sorted(found)


def test_a_detour_leaves_the_path_and_comes_back_or_ends_elsewhere() -> None:
    path = services()["xian-kho-duisburg"].path
    by_bruzgi = spliced(path, railnet.corridors()["DET-BRU-W"].stations)
    assert by_bruzgi[-1] == "duisburg"
    assert "brest-severny" not in by_bruzgi
    assert "bruzgi-kuznica" in [part.into for part in sections(by_bruzgi)]
    by_sea = spliced(services()["suzhou-man-duisburg"].path, railnet.corridors()["DET-SPB-W"].stations)
    assert by_sea[-3:] == ("moscow-bekasovo", "bronka", "hamburg")
    assert hours(by_sea)["hamburg"] > hours(by_sea)["bronka"]
    with pytest.raises(ValueError, match="not on the path"):
        spliced(path, ("irkutsk", "taishet"))


@pytest.mark.parametrize("name", names())
def test_every_number_of_a_scenario_has_a_source_and_a_certainty(name: str) -> None:
    known = scenario(name)
    assert known.starts < known.opens < known.ends
    assert known.starts < known.last_departure
    assert "simulated" in known.title
    facts = {fact.id for fact in railnet.scenario_facts()}
    for assumed in known.assumptions.values():
        assert assumed.basis
        assert set(assumed.source.split()) <= facts | {"OWN"}
    assert set(known.facts) <= facts
    assert running(known)


def test_every_duration_has_a_source_and_a_certainty_and_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SIMULATOR.glob("*.py"))
    for name, known in durations().items():
        assert f'"{name}"' in code, f"{name} is used by nobody"
        assert known.basis, name
        for source in known.source.split():
            assert source == "OWN" or fact(source)
    assert set(re.findall(r'lasting\([^,]+, "([^"]+)"\)', code)) <= durations().keys()
    assert not re.findall(r"span\(random, [0-9.]+, [0-9.]+, (?:HOUR|DAY)\)", _without_faults(code)), (
        "a duration without a source: put it into durations.csv"
    )


def _without_faults(code: str) -> str:
    """The code without the faults of messages, whose delays are no dwell of anything."""
    return code.replace((SIMULATOR / "faults.py").read_text(encoding="utf-8"), "")


def test_the_closure_is_the_one_of_the_facts() -> None:
    known = scenario("polish-closure-2025")
    [closed] = known.closure
    start, end = closed.interval
    assert (end - start) // HOUR == 312
    assert sorted(closed.crossings) == ["brest-malaszewicze", "bruzgi-kuznica", "svisloch-siemianowka"]
    assert [count.reported for count in known.count] == ["130 trains (more than)", "300 trains (about)"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"detaind": {}}, "detaind"),
        ({"scale": {"value": 1.0, "unit": "x", "source": "OWN", "certainty": "approximate"}}, "basis"),
        (
            {"scale": {"value": 1, "unit": "x", "source": "X-9", "certainty": "approximate", "basis": "y"}},
            "X-9",
        ),
        (
            {"scale": {"value": 1, "unit": "x", "source": "OWN", "certainty": "sure", "basis": "y"}},
            "certainty",
        ),
    ],
)
def test_a_scenario_with_a_slip_in_it_is_refused(change: dict[str, object], wrong: str) -> None:
    folder = Path(__file__).resolve().parents[3] / "services" / "testbed" / "simulator" / "scenarios"
    table = tomllib.loads((folder / "tiny.toml").read_text(encoding="utf-8"))
    Scenario.model_validate({"name": "tiny", **table})
    with pytest.raises(ValidationError, match=wrong):
        Scenario.model_validate({"name": "tiny", **table, **change})


def test_what_is_written_for_a_party_can_be_published_by_it(tmp_path: Path) -> None:
    world = simulate("tiny", 2)
    about = folder.write_records(world, tmp_path)
    known = profiles(2)
    assert about["simulated"] is True
    assert orjson.loads((tmp_path / folder.ABOUT).read_bytes()) == about
    total = 0
    for party, count in about["messages"].items():
        read = list(file_reader.read((tmp_path / f"{party}.jsonl").read_bytes(), known[party]).records)
        assert [record.refusal for record in read] == [None] * count
        assert all(record.event is not None for record in read)
        total += count
    assert total == sum(message.copies for message in world.messages())
    first = next(iter(world.messages()))
    line = orjson.loads(folder.published(first))
    assert line["simulated"] is True
    assert line["topic"] == PARTIES[first.party].topic
    assert line["sent"].endswith("Z")
