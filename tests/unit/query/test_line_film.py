"""The line as a film: which names are one train, where it is when, what waits and what is counted. Pure, no store."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.facts import FOREVER, Assurance, Claim, Restriction
from services.domain.objects import Thing
from services.domain.rules import HOUR
from services.query.line.facts import BoxesMoved, LineFacts, Ride, SameTrain
from services.query.line.film import Film, Sighting, count_at, film_of, in_force, picture
from services.query.line.film_json import SMALLEST, film_json, public_json
from services.query.line.run import KEPT, QUIET, Run, State, Stop
from services.query.line.runs import runs_of
from services.query.line.ways import way_between

START = 1_757_000_000_000_000
DAY = 24 * HOUR
BREST = "crossing:brest-malaszewicze"


def train(name: str) -> Thing:
    return Thing(ObjectKind.TRAIN, name)


def at(hours: float) -> int:
    return START + int(hours * HOUR)


def event(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def claim(
    name: str,
    what: str,
    place: str,
    hours: float,
    by: str = "rail",
    *,
    territorial: bool = True,
    published: float = 0,
) -> Claim:
    number = catalogue.spec(f"cre.movement.{what}.v1").number
    assurance = Assurance.SIGNED_BY_AUTHORITY if territorial else Assurance.ASSERTED
    where = place if ":" in place else f"railnet:{place}"
    return Claim(
        event(name, what, place, hours, by, published), by, at(published), at(hours), train(name), number, Region.MOVEMENT, "",
        where, "", Classifier.ACT, assurance, territorial, where,
    )  # fmt: skip


def boxes(count: int, first: int = 0) -> list[bytes]:
    return [event("box", n) for n in range(first, first + count)]


def rides(name: str, aboard: Iterable[bytes], start: float, until: float | None = None) -> set[Ride]:
    end = FOREVER if until is None else at(until)
    return {Ride(train(name), box, at(start), end) for box in aboard}


def over(place: str, hours: float, aboard: Iterable[bytes], by: str = "bch", stop: str = "") -> BoxesMoved:
    listed = claim("", "handed_over", place, hours, by)._replace(thing=Thing(ObjectKind.CONTAINER, ""))
    return BoxesMoved(listed._replace(stop=f"railnet:{stop}" if stop else place), frozenset(aboard))


def facts(*claims: Claim, **more: object) -> LineFacts:
    return LineFacts(claims=frozenset(claims), **more)  # type: ignore[arg-type]


def where(known: LineFacts, hours: float) -> list[Sighting]:
    return list(picture(film_of(known, at(hours), at(hours)), at(hours)))


def waiting(known: LineFacts, hours: float, crossing: str = "brest-malaszewicze", bound: str = "WEST") -> int:
    film = film_of(known, at(hours), at(hours))
    return count_at(film.waiting.get((crossing, bound), ()), at(hours))


def test_between_two_reports_a_train_is_on_the_legs_in_proportion_to_running_times() -> None:
    # Minsk - Baranovichi 3.3 h, Baranovichi - Zhabinka 4.2 h, Zhabinka - Brest 0.7 h.
    known = facts(claim("BCH/1", "departed", "minsk", 0), claim("BCH/1", "arrived", "brest-severny", 8.2))
    (seen,) = where(known, 3.3 / 2)
    assert (seen.station, seen.towards) == ("minsk", "baranovichi")
    assert seen.fraction == pytest.approx(0.5, abs=0.01)
    (seen,) = where(known, 7.5 + 0.35)
    assert (seen.station, seen.towards) == ("zhabinka", "brest-severny")
    assert not where(known, -0.1), "nobody has heard of it yet"


def test_who_reports_passing_and_no_departure_leaves_in_time_to_arrive() -> None:
    known = facts(
        claim("BCH/1", "position_reported", "minsk", 0),
        claim("BCH/1", "position_reported", "baranovichi", 10),
    )
    assert [(s.station, s.towards) for s in where(known, 6)] == [("minsk", "")]
    assert [(s.station, s.towards) for s in where(known, 8)] == [("minsk", "baranovichi")]


def test_it_waits_from_its_arrival_at_the_border_until_most_boxes_are_over() -> None:
    aboard = boxes(10)
    known = facts(
        claim("BCH/1", "departed", "baranovichi", 0),
        claim("BCH/1", "arrived", "brest-severny", 5),
        rides=frozenset(rides("BCH/1", aboard, -1)),
        moved=frozenset(
            {over(BREST, 50, aboard[:4]), over(BREST, 60, aboard[4:], by="pkp", stop="malaszewicze")}
        ),
    )
    assert [waiting(known, hours) for hours in (4, 6, 51, 59)] == [0, 1, 1, 1], (
        "four of ten boxes are not the train"
    )
    assert waiting(known, 61) == 0
    (seen,) = where(known, 61)
    assert (seen.station, seen.state) == ("malaszewicze", State.STANDS)


def test_both_sides_sign_and_it_crosses_once() -> None:
    aboard = boxes(4)
    known = facts(
        claim("BCH/1", "arrived", "brest-severny", 0),
        rides=frozenset(rides("BCH/1", aboard, -1)),
        moved=frozenset(
            {over(BREST, 9, aboard), over("railnet:malaszewicze", 10, aboard, by="pkp", stop="malaszewicze")}
        ),
    )
    (run,) = runs_of(known)
    assert [stop.station for stop in run.stops] == ["brest-severny", "malaszewicze"]
    assert run.stops[1].since == at(9)


def test_two_railways_names_of_one_train_are_one() -> None:
    aboard = boxes(10)
    known = facts(
        claim("RZD/7", "departed", "smolensk", 0),
        claim("BCH/1", "departed", "osinovka", 4),
        claim("BCH/1", "arrived", "brest-severny", 20),
        rides=frozenset(rides("RZD/7", aboard, -1) | rides("BCH/1", aboard[:8], 3)),
    )
    (run,) = runs_of(known)
    assert [name.key for name in run.names] == ["RZD/7", "BCH/1"]
    assert (run.bound, run.boxes) == ("WEST", 8)
    assert len(where(known, 10)) == 1


def test_a_statement_that_two_names_are_one_counts_by_who_makes_it() -> None:
    said = claim("A/1", "departed", "minsk", 0), claim("B/1", "arrived", "brest-severny", 9)
    for territorial, trains in ((True, 1), (False, 2)):
        same = SameTrain(train("A/1"), train("B/1"), "somebody", territorial)
        assert len(runs_of(facts(*said, same=frozenset({same})))) == trains


def test_what_goes_on_in_pieces_is_several_trains_from_the_border_on() -> None:
    aboard = boxes(10)
    known = facts(
        claim("CR/1", "arrived", "alashankou", 0),
        claim("KTZ/1", "departed", "dostyk", 30),
        claim("KTZ/2", "departed", "dostyk", 40),
        rides=frozenset(
            rides("CR/1", aboard, -9) | rides("KTZ/1", aboard[:5], 25) | rides("KTZ/2", aboard[5:], 26)
        ),
        moved=frozenset({over("crossing:alashankou-dostyk", 20, aboard, by="cr")}),
    )
    assert waiting(known, 19, "alashankou-dostyk") == 1
    assert [s.run.names[0].key for s in where(known, 19)] == ["CR/1"]
    found = {s.run.names[0].key: s.station for s in where(known, 28)}
    assert found == {"KTZ/1": "dostyk", "KTZ/2": "dostyk"}, (
        "the pieces stand behind the border, the train is no more"
    )


def test_a_strangers_word_moves_nothing_and_that_of_whoever_is_engaged_does() -> None:
    said = (
        claim("BCH/1", "departed", "minsk", 0),
        claim("BCH/1", "arrived", "warsaw", 5, "wayside", territorial=False),
    )
    assert [s.run.stops[-1].station for s in where(facts(*said), 3)] == ["minsk"]
    engaged = {train("BCH/1"): frozenset({"wayside"})}
    assert [run.stops[-1].station for run in runs_of(facts(*said, engaged=engaged))] == ["warsaw"]


def test_an_authority_goes_before_an_assertion_and_a_new_answer_before_the_old_one() -> None:
    engaged = {train("BCH/1"): frozenset({"xaport"})}
    known = facts(
        claim("BCH/1", "departed", "minsk", 0, "xaport", territorial=False),
        claim("BCH/1", "departed", "minsk", 5, "bch"),
        claim("BCH/1", "departed", "minsk", 3, "bch", published=1),
        engaged=engaged,
    )
    (run,) = runs_of(known)
    assert run.stops[0].since == at(3), "what the railway says, in its latest words"


def test_a_train_that_is_set_aside_is_held_until_it_goes_on() -> None:
    known = facts(
        claim("BCH/1", "departed", "minsk", 0),
        claim("BCH/1", "train_held", "baranovichi", 4),
        claim("BCH/1", "train_resumed", "baranovichi", 100),
        claim("BCH/1", "arrived", "brest-severny", 110),
    )
    assert [s.state for s in where(known, 50)] == [State.HELD]
    film = film_of(known, at(0), at(120))
    assert [count_at(film.held["WEST"], at(hours)) for hours in (3, 50, 101)] == [0, 1, 0]
    assert waiting(known, 111) == 1


def test_an_operator_that_counts_a_train_as_queued_does_not_bring_it_to_the_border() -> None:
    engaged = {train("BCH/1"): frozenset({"xaport"})}
    known = facts(
        claim("BCH/1", "departed", "minsk", 0),
        claim("BCH/1", "queued", "brest-severny", 1, "xaport", territorial=False),
        claim("BCH/1", "position_reported", "baranovichi", 5),
        engaged=engaged,
    )
    assert [(s.station, s.towards) for s in where(known, 2)] == [("minsk", "baranovichi")] or where(known, 2)[
        0
    ].station == "minsk"
    assert waiting(known, 3) == 0


def test_it_stays_where_it_waits_as_long_as_borders_close_and_elsewhere_fades() -> None:
    waits = facts(claim("BCH/1", "departed", "minsk", -9), claim("BCH/1", "arrived", "brest-severny", 0))
    assert waiting(waits, 20 * 24) == 1
    assert not where(waits, KEPT / HOUR + 1)
    gone = facts(claim("BCH/1", "departed", "minsk", 0))
    assert len(where(gone, QUIET / HOUR - 1)) == 1
    assert not where(gone, QUIET / HOUR + 1)


def test_a_train_back_to_china_waits_on_the_other_side() -> None:
    known = facts(claim("PKP/1", "departed", "warsaw", 0), claim("PKP/1", "arrived", "malaszewicze", 8))
    assert waiting(known, 9, bound="EAST") == 1
    assert waiting(known, 9, bound="WEST") == 0


def closed(start: float, end: float | None, *, territorial: bool = True) -> Restriction:
    until = None if end is None else at(end)
    return Restriction(
        event("closed", start),
        "mswia",
        at(start),
        BREST,
        "BORDER_CLOSED",
        "BOTH",
        (),
        at(start),
        until,
        territorial,
    )


def test_only_an_authority_closes_a_border() -> None:
    known = facts(restrictions=frozenset({closed(10, 20), closed(5, None, territorial=False)}))
    film = film_of(known, at(0), at(30))
    assert [r.publisher for r in in_force(film.restrictions, at(15))] == ["mswia"]
    assert [in_force(film.restrictions, at(hours)) for hours in (9, 20)] == [(), ()]
    assert not film_of(known, at(21), at(30)).restrictions


def world(trains: int, days: int) -> LineFacts:
    """A corridor of so many trains, one after another, each from Xi'an to Duisburg under four numbers."""
    stations = railnet.corridors()["WEST-ALA-W"].stations
    hours = [0.0]
    for pair in pairwise(stations):
        hours.append(hours[-1] + railnet.legs()[pair].run_hours)
    parts = ((0, 10, "CR"), (10, 27, "KTZ"), (27, 31, "RZD"), (31, len(stations), "BCH"))
    claims, aboard = set[Claim](), set[Ride]()
    for number in range(trains):
        leaves = days * 24 * number / trains
        for first, last, railway in parts:
            name = f"{railway}/{number:05d}/2025-09-01/railnet:{stations[first]}"
            aboard |= rides(name, boxes(4, 4 * number), leaves + hours[first] - 1)
            claims |= {
                claim(
                    name,
                    "departed" if n == first else "position_reported",
                    stations[n],
                    leaves + hours[n],
                    railway,
                )
                for n in range(first, last, 1 if n_all(first) else 3)
            }
    return LineFacts(claims=frozenset(claims), rides=frozenset(aboard))


def n_all(first: int) -> bool:
    return first in (27, 31)


@pytest.mark.long
def test_a_month_of_five_hundred_trains_is_small() -> None:
    film = film_of(world(500, 30), at(0), at(30 * 24))
    body = orjson.dumps(film_json(film))
    assert len(film.runs) > 480
    assert len(gzip.compress(body, 6)) < 300_000


def test_a_picture_is_a_cut_of_the_film() -> None:
    known = world(12, 6)
    film = film_of(known, at(0), at(20 * 24))
    for hours in (0.5, 30, 77.7, 150, 300):
        still = film_of(known, at(hours), at(hours))
        assert as_seen(film, hours) == as_seen(still, hours)
        assert {key: count_at(steps, at(hours)) for key, steps in still.waiting.items()}.items() <= {
            key: count_at(steps, at(hours)) for key, steps in film.waiting.items()
        }.items()


def as_seen(film: Film, hours: float) -> list[tuple[object, ...]]:
    return [(s.run.names, s.station, s.towards, s.fraction, s.state) for s in picture(film, at(hours))]


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_in_any_order_and_batching_the_facts_give_the_same_film(random: object) -> None:
    known = world(3, 2)
    claims = list(known.claims)
    random.shuffle(claims)  # type: ignore[attr-defined]
    cut = len(claims) // 2
    again = LineFacts(frozenset(claims[cut:]) | frozenset(claims[:cut]) | frozenset(claims[:3]), known.rides)
    assert film_json(film_of(again, at(0), at(200))) == film_json(film_of(known, at(0), at(200)))


def test_the_json_form_says_where_a_train_was() -> None:
    known = facts(
        claim("BCH/1/2025-09-01/railnet:minsk", "departed", "minsk", 0),
        claim("BCH/1/2025-09-01/railnet:minsk", "arrived", "brest-severny", 8),
    )
    body = film_json(film_of(known, at(0), at(10)))
    (shown,) = body["trains"]
    assert (shown["bound"], body["shown"], body["step"]) == ("WEST", "ALL", 600)
    named = [body["stations"][n] for n in shown["stops"][::4]]
    assert named == ["minsk", "baranovichi", "zhabinka", "brest-severny"]
    assert sum(shown["stops"][1::4]) + sum(shown["stops"][2::4][:-1]) == 48, "in ticks of ten minutes"
    assert shown["stops"][3::4] == [0, 3, 3, 1]
    assert body["waiting"] == [{"crossing": "brest-malaszewicze", "bound": "WEST", "counts": [0, 0, 48, 1]}]


def test_whoever_sees_some_trains_gets_the_others_as_counts() -> None:
    known = facts(
        *(claim(f"BCH/{n}", "departed", "minsk", n) for n in range(3)),
        *(claim(f"BCH/{n}", "arrived", "brest-severny", n + 8) for n in range(3)),
    )
    body = film_json(film_of(known, at(0), at(24)), lambda run: run.names[0].key == "BCH/1")
    assert [each["names"] for each in body["trains"]] == [["BCH/1"]]
    assert "BCH/0" not in str(body)
    assert "BCH/2" not in str(body)
    assert {(each["from"], each["to"]) for each in body["others"]} == {
        ("minsk", "baranovichi"), ("baranovichi", "zhabinka"), ("zhabinka", "brest-severny"),
    }  # fmt: skip
    assert body["shown"] == "OWN"


@pytest.mark.parametrize("trains", [1, SMALLEST - 1, SMALLEST, SMALLEST + 3])
def test_the_public_sees_no_small_number(trains: int) -> None:
    known = facts(*(claim(f"BCH/{n}", "arrived", "brest-severny", n / 10) for n in range(trains)))
    known = known._replace(
        claims=known.claims | {claim(f"BCH/{n}", "departed", "minsk", n / 10 - 9) for n in range(trains)}
    )
    body = public_json(film_of(known, at(-48), at(48)))
    numbers = {n for each in body["waiting"] for n in each["counts"][1::2]}
    assert numbers == ({None, trains} if trains >= SMALLEST else set())
    assert "BCH" not in str(body)
    assert body["trains"] == body["others"] == body["held"] == []


def test_a_way_has_neighbouring_stations() -> None:
    way = way_between("xian-intl-port", "duisburg")
    assert all(pair in railnet.legs() for pair in pairwise(way))
    assert way_between("minsk", "minsk") == ("minsk",)


def test_stops_are_in_order_and_join() -> None:
    for run in runs_of(world(6, 4)):
        in_order(run)


def in_order(run: Run) -> None:
    stops: tuple[Stop, ...] = run.stops
    assert all(stop.since <= stop.until for stop in stops)
    assert all(one.until <= after.since for one, after in pairwise(stops))
