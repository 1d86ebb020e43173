"""What the exporter says of a database, asked as the process asks: counts, moments, and that it misses nothing."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from schemas.events.base import ObjectKind, Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.domain.facts import Facts, LinkKind, PlannedRoute
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.batch import Event
from services.ledger.storage.term_numbers import term_number
from services.monitoring.exporter import arrivals, border, consignments, operations, statement
from services.monitoring.exporter.process import Exporter, SampleStore, measurements, run
from services.monitoring.exporter.sample import Measurement
from services.monitoring.exporter.settings import ExporterSettings
from services.query.board.crossing_status import KEPT
from services.runtime.ports import free_port
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration
KEYS = [SigningKey.from_seed(Scheme.ED25519, bytes([number]) * 32) for number in range(9)]
SPEAKS = next(key for key in KEYS if key.key_id >= "8")  # negative as the number that is stored
ARRIVED, DEPARTED, HANDED_OVER, GATED_IN = 301, 300, 302, 202
UNLOADED, DELIVERED, EXIT_CLEARED = 401, 600, 1205


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "exporter_tests")
    with psycopg.connect(address) as session:
        for code, key in (("ktz", SPEAKS), ("silent", KEYS[-1])):
            party = PartyAdded(
                code=code, name=code, roles=frozenset({Role.RAILWAY}), sources=frozenset({f"urn:test:{code}"})
            )
            commands.add_party(session, party, at=0, by="test")
            added = proven(key, "demo", code, not_after=4_000_000_000_000_000)
            commands.add_key(session, code, added, at=0, by="test")
    return address


@pytest.fixture
def pair(dsn: str) -> Iterator[Pair]:
    found = Pair(dsn)
    found.empty()
    yield found
    found.close()


def at(event: Event, place: str) -> Event:
    (claim,) = event.facts.claims
    return event._replace(facts=event.facts._replace(claims=frozenset({claim._replace(place=place)})))


def asked(dsn: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one question, by metric and labels."""
    known = measurements(ExporterSettings(dsn=SecretStr(dsn)))
    answers = SampleStore(known)
    Exporter(dsn, [one for one in known if one.name == name], answers, timeout=10).step()
    registry = CollectorRegistry()
    registry.register(answers)
    return {
        (sample.name.removeprefix("lianyun_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def train(t: Teller, name: str, boxes: int, arrived: int, place: str = "railnet:alashankou") -> list[Event]:
    """A train with its boxes on wagons, whose arrival beside a crossing is the last that is said of it."""
    number = t.thing(ObjectKind.TRAIN, name)
    told = [at(t.claim(number, arrived - 9 * HOUR, DEPARTED), "railnet:urumqi")]
    for index in range(boxes):
        wagon = t.thing(ObjectKind.WAGON, f"{name}{index}")
        told.append(t.link(LinkKind.TRAIN_CARRIES, number, wagon, arrived - 10 * HOUR))
        told.append(t.link(LinkKind.WAGON_CARRIES, wagon, t.box(f"{name}{index}"), arrived - 10 * HOUR))
        told.append(at(t.claim(t.box(f"{name}{index}"), arrived - 11 * HOUR, GATED_IN), "railnet:urumqi"))
    return [*told, at(t.claim(number, arrived, ARRIVED), place)]


def over(t: Teller, box: str, at_: int, place: str = "railnet:dostyk") -> Event:
    return at(t.claim(t.box(box), at_, HANDED_OVER), place)


def test_a_train_waits_from_its_arrival_until_it_is_handed_over(
    pair: Pair, dsn: str, request: pytest.FixtureRequest
) -> None:
    t, now = Teller(request.node.name), int(time.time() * 1e6)
    arrived = now - 5 * HOUR
    told = train(t, "waits", 2, arrived) + train(t, "long ago", 1, now - KEPT - HOUR)
    told += train(t, "waits for weeks", 1, now - KEPT + HOUR, "railnet:erenhot")
    weeks = t.thing(ObjectKind.TRAIN, "waits for weeks")
    cleared = at(t.claim(weeks, now - KEPT + 2 * HOUR, EXIT_CLEARED), "")
    goes_on = train(t, "goes on", 1, arrived)
    goes_on.append(
        at(t.claim(t.thing(ObjectKind.TRAIN, "goes on"), arrived + HOUR, HANDED_OVER), "railnet:alashankou")
    )
    pair.apply(0, [*told, cleared, *goes_on])
    found = asked(dsn, "border")
    assert found["border_trains_waiting", "alashankou-dostyk", "alashankou"] == 1
    assert found["border_trains_waiting", "alashankou-dostyk", "dostyk"] == 0
    assert found["border_trains_waiting", "erenhot-zamyn-uud", "erenhot"] == 1, "a clearance moves none"
    assert found["border_longest_waiting_arrival_timestamp_seconds", "alashankou-dostyk"] == arrived / 1e6
    pair.apply(
        1, [at(t.claim(t.thing(ObjectKind.TRAIN, "waits"), arrived + HOUR, HANDED_OVER), "railnet:dostyk")]
    )
    found = asked(dsn, "border")
    assert found["border_trains_waiting", "alashankou-dostyk", "alashankou"] == 0
    assert ("border_longest_waiting_arrival_timestamp_seconds", "alashankou-dostyk") not in found


def test_a_train_stood_until_most_of_its_boxes_went_on(
    pair: Pair, dsn: str, request: pytest.FixtureRequest
) -> None:
    t, now = Teller(request.node.name), int(time.time() * 1e6)
    arrived = now - 5 * HOUR
    told = train(t, "stands", 3, arrived) + train(t, "passed", 3, arrived)
    told += train(t, "long ago", 1, now - border.DWELL_WINDOW - HOUR)
    told += [over(t, "passed0", arrived + HOUR), over(t, "passed2", arrived + 3 * HOUR)]
    told += [over(t, "stands0", arrived + HOUR), over(t, "long ago0", arrived)]
    told.append(at(t.claim(t.box("stands1"), arrived + HOUR, GATED_IN), "railnet:alashankou"))
    pair.apply(0, told)
    found = asked(dsn, "dwell")
    assert found["border_trains_passed", "alashankou-dostyk"] == 1
    assert found["border_dwell_median_seconds", "alashankou-dostyk"] == 3 * 3_600
    pair.apply(1, [over(t, "stands1", arrived + HOUR)])
    found = asked(dsn, "dwell")
    assert found["border_dwell_p90_seconds", "alashankou-dostyk"] == 3 * 3_600
    assert found["border_dwell_median_seconds", "alashankou-dostyk"] == 3_600
    assert found["border_trains_passed_lately", "alashankou-dostyk"] == 2
    assert found["border_dwell_lately_median_seconds", "alashankou-dostyk"] == 3_600


def await_horizon(dsn: str) -> None:
    """Wait until all batches are visible for good: another database of the server may hold the horizon back for a while."""
    waiting = "SELECT count(*) FROM lianyun.batch WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())"
    with psycopg.connect(dsn, autocommit=True) as session:
        end = time.monotonic() + 60
        while session.execute(waiting).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.02)


def planned(t: Teller, cons: str, *places: str) -> Event:
    id_ = t.id()
    route = PlannedRoute(id_, "founder", 0, t.cons(cons), places)
    return t.event(Facts(routes=frozenset({route})), id_, "founder")


def test_consignments_are_counted_by_corridor_and_phase(
    pair: Pair, dsn: str, request: pytest.FixtureRequest
) -> None:
    t = Teller(request.node.name)
    told = []
    for index, (milestone, route) in enumerate(
        [
            (DEPARTED, ("railnet:xian-intl-port", "railnet:alashankou", "railnet:dostyk")),
            (DEPARTED, ("railnet:dostyk", "railnet:alashankou")),
            (GATED_IN, ("railnet:erenhot", "railnet:zamyn-uud")),
            (GATED_IN, ()),
            (600, ("railnet:alashankou", "railnet:dostyk")),
        ]
    ):
        told.append(t.founding(t.cons(f"c{index}")))
        told.append(t.link(LinkKind.CONTAINER_CARRIES, t.box(f"k{index}"), t.cons(f"c{index}")))
        told.append(t.claim(t.box(f"k{index}"), HOUR, milestone))
        if route:
            told.append(planned(t, f"c{index}", *route))
    # Two publishers disagree about when the third one came in.
    told.append(t.claim(t.cons("c2"), HOUR, GATED_IN))
    told.append(t.claim(t.cons("c2"), 90 * HOUR, GATED_IN, publisher="forwarder"))
    told.append(t.founding(t.cons("c5"), names=("forwarder",)))
    pair.apply(0, told)
    pair.settle()
    found = asked(dsn, "consignments")
    counts = {key[1:]: value for key, value in found.items() if key[0] == "consignments" and value}
    assert counts == {
        ("alashankou-dostyk", "on_the_way"): 2,
        ("erenhot-zamyn-uud", "gathered"): 1,
        ("none", "gathered"): 1,
        ("none", "announced"): 1,
    }
    assert found["consignments", "manzhouli-zabaikalsk", "booked"] == 0
    assert found[("consignments_broken",)] == 0
    counting, now = consignments.Corridors(), int(time.time() * 1e6)
    with psycopg.connect(dsn) as session:  # a plan that changes is seen an hour later
        before = list(counting.measure(session, now))
        pair.apply(1, [planned(t, "c2", "railnet:manzhouli", "railnet:zabaikalsk")])
        pair.settle()
        assert list(counting.measure(session, now + HOUR // 2)) == before
        changed = {sample.labels: sample.value for sample in counting.measure(session, now + 2 * HOUR)}
        assert changed["manzhouli-zabaikalsk", "gathered"] == 1
        assert changed["erenhot-zamyn-uud", "gathered"] == 0
    with psycopg.connect(dsn) as session:
        session.execute("UPDATE lianyun.head SET broken = true, disputes = 1 WHERE movement[5] = 600")
        session.execute("UPDATE lianyun.head SET exceptions = 2, disputes = 1 WHERE movement[5] = 300")
    found = asked(dsn, "consignments")
    assert found[("consignments_broken",)] == 1
    assert found["consignments_disputed", "alashankou-dostyk"] == 2
    assert found["consignments_exceptional", "alashankou-dostyk"] == 2
    assert found["consignments", "alashankou-dostyk", "on_the_way"] == 2


def test_a_journey_is_from_the_first_fact_on_the_way_to_the_first_at_its_destination(
    pair: Pair, dsn: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    t, now = Teller(request.node.name), int(time.time() * 1e6)
    came = now - 5 * 24 * HOUR
    told = []
    for index, (took, arrived) in enumerate(
        [(200, came), (300, came), (400, came), (300, now - arrivals.ARRIVAL_WINDOW - HOUR)]
    ):
        cons, box = t.cons(f"j{index}"), t.box(f"j{index}")
        told.append(t.founding(cons))
        told.append(t.link(LinkKind.CONTAINER_CARRIES, box, cons))
        told.append(t.claim(box, arrived - (took + 50) * HOUR, GATED_IN))
        told.append(at(t.claim(box, arrived - took * HOUR, DEPARTED), "railnet:xian-intl-port"))
        told.append(at(t.claim(box, arrived - 90 * HOUR, ARRIVED), "railnet:alashankou"))
        told.append(at(t.claim(box, arrived, UNLOADED), "railnet:duisburg"))
        told.append(at(t.claim(box, arrived + 30 * HOUR, DELIVERED), "railnet:duisburg"))
        if index < 3:
            told.append(
                planned(t, f"j{index}", "railnet:xian-intl-port", "railnet:alashankou", "railnet:dostyk")
            )
    # A stranger's word of the box counts for nothing.
    told.append(at(t.claim(t.box("j2"), came - 900 * HOUR, DEPARTED, publisher="stranger"), "railnet:urumqi"))
    pair.apply(0, told)
    pair.settle()
    found = asked(dsn, "transits")
    assert found["transits", "alashankou-dostyk"] == 3
    assert found["transits", "none"] == 0
    assert found["transit_median_seconds", "alashankou-dostyk"] == 300 * 3_600
    assert found["transit_p90_seconds", "alashankou-dostyk"] == 400 * 3_600
    monkeypatch.setattr(arrivals, "LOOKUP_BATCH", 1)
    monkeypatch.setattr(arrivals, "LOOKUP_SECONDS", 0.0)
    with psycopg.connect(dsn) as session:
        assert not list(arrivals.TransitTimes().measure(session, now)), "nothing is told of a part"


def test_clocks_are_compared(dsn: str) -> None:
    assert abs(asked(dsn, "database")[("database_clock_offset_seconds",)]) < 1


def test_a_partner_is_heard_once_whoever_asks_and_never_too_early(
    pair: Pair, dsn: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(dsn) as session:
        session.execute("UPDATE lianyun.exporter_cursor SET xid = '0', no = 0")
    t = Teller(request.node.name)
    monkeypatch.setattr(operations, "BATCHES", 1)
    monkeypatch.setattr(operations, "CATCH_UP_SECONDS", 0.0)  # one step at each look
    told = [t.claim(t.box(), HOUR * (1 + index), DEPARTED, key_id=SPEAKS.key_id) for index in range(3)]
    for event in told:
        pair.apply(0, [event])
    await_horizon(dsn)
    latest = told[-1].record.append_ms / 1_000
    mark = ("partner_last_accepted_timestamp_seconds", "ktz")
    first, second, third, fourth = (asked(dsn, "partners") for _ in range(4))
    assert mark not in first, "two transactions were not looked at yet"
    assert mark not in second
    assert third[mark] == fourth[mark] == latest
    assert ("partner_last_accepted_timestamp_seconds", "silent") not in third
    with psycopg.connect(dsn) as session:
        session.execute("UPDATE lianyun.exporter_cursor SET xid = '0', no = 0")
    monkeypatch.setattr(operations, "CATCH_UP_SECONDS", 60.0)
    assert asked(dsn, "partners")[mark] == latest, "all in one look where there is time"
    assert third["partner_expected_interval_seconds", "silent"] == 86_400
    assert third["partner_key_expires_timestamp_seconds", "ktz"] == 4_000_000_000
    with psycopg.connect(dsn) as open_:  # what is not visible for good is left for later
        open_.execute("SELECT pg_current_xact_id()")
        pair.apply(0, [t.claim(t.box(), 9 * HOUR, DEPARTED, key_id=SPEAKS.key_id)])
        assert asked(dsn, "partners")[mark] == latest
        held = open_.execute("SELECT 1 FROM lianyun.exporter_cursor FOR UPDATE").fetchone()
        assert held == (1,)
        assert asked(dsn, "partners")[mark] == latest, "another exporter at work is not waited for"
    await_horizon(dsn)
    assert asked(dsn, "partners")[mark] > latest


def test_questions_read_growing_tables_by_an_index(dsn: str) -> None:
    """The heads are the exception, which are read in one pass."""
    known: dict[str, dict[str, Any]] = {
        "border": {
            "since": 0, "arrived": ARRIVED, "over": [302, 304, 306], "places": [term_number("railnet:dostyk")],
            "wagon_carries": 6, "train_carries": 7,
        },
        "corridors": {"crossings": [UUID(int=1)], "consignments": [UUID(int=2)]},
        "follow": {"batches": 500},
        "behind": {}, "requests": {}, "financings": {}, "lateness": {}, "last_decided": {},
        "eta_destination": {"consignments": [UUID(int=2)], "arrived": 400, "most": 9},
        "eta_border": {"since": 0, "arrived": ARRIVED, "places": [term_number("railnet:dostyk")], "most": 9},
        "transit": {"consignments": [UUID(int=2)], "on_the_way": 300, "at_destination": 400},
        "decided": {"xid": "0", "no": 0, "limit": 9, "disposing": ["TRANSFER"]},
        "decided_before": {"financings": [UUID(int=3)], "numbers": [1], "disposing": ["TRANSFER"]},
    }  # fmt: skip
    grown = {
        "claim", "link", "mention", "passing", "reach", "body", "batch", "financing_hold", "financing_decision",
        "financing_touched", "case_cause", "dead_letter", "dead_letter_outcome",
    }  # fmt: skip
    with psycopg.connect(dsn) as session:
        session.execute("SET enable_seqscan = off")  # tables are small here: is there another way at all?
        for name, values in known.items():
            plan = session.execute(b"EXPLAIN (FORMAT JSON) " + statement(name), values).fetchone()
            assert plan is not None
            scanned = {
                node["Relation Name"].partition("_default")[0]
                for node in _nodes(plan[0][0]["Plan"])
                if node["Node Type"] == "Seq Scan"
            }
            assert not {table for table in scanned if table in grown or table.startswith("body")}, (
                name,
                plan,
            )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def test_an_answer_that_is_too_old_is_not_shown_and_a_question_that_fails_does_not_end_the_others(
    dsn: str,
) -> None:
    now = [1_000.0]

    def slow(session: psycopg.Connection[Any], _now: int) -> list[Any]:
        session.execute("SELECT pg_sleep(30)")
        return []

    def none(_session: psycopg.Connection[Any], _now: int) -> list[Any]:
        return list(consignments.consignment_samples([], {}))

    asked_ = [Measurement("slow", 1.0, slow), Measurement("other", 1.0, none)]
    answers = SampleStore(asked_, clock=lambda: now[0])
    exporter = Exporter(dsn, asked_, answers, timeout=0.2)
    exporter.step()
    shown = {family.name: len(family.samples) for family in answers.collect()}
    assert shown["lianyun_exporter_refreshed_timestamp_seconds"] == 1
    assert shown["lianyun_consignments"] > 10
    now[0] += 60
    assert [family.name for family in answers.collect()] == [
        "lianyun_exporter_refreshed_timestamp_seconds", "lianyun_exporter_question_seconds",
    ]  # fmt: skip


def test_the_process_goes_on_when_the_database_was_away(dsn: str) -> None:
    port, stop = free_port(), threading.Event()
    settings = ExporterSettings(
        dsn=SecretStr(dsn), exporter_metrics_port=port, exporter_every=0.1, exporter_heads_every=0.1
    )
    thread = threading.Thread(target=run, args=(settings, stop))
    thread.start()

    def shown() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def until(done: Any) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if done():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(shown())

    def ready() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return json.load(answer)["ok"] is True

    def refreshed() -> float:
        line = next(each for each in shown().splitlines() if 'timestamp_seconds{question="database"}' in each)
        return float(line.rpartition(" ")[2])

    try:
        until(lambda: 'question="consignments"' in shown())
        before = refreshed()
        with psycopg.connect(dsn, autocommit=True) as session:
            ended = session.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'lianyun-exporter' AND datname = current_database()"
            ).fetchone()
        assert ended == (1,)
        until(lambda: refreshed() > before + 0.3)
        until(ready)  # what was refreshed may have been so just before
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
