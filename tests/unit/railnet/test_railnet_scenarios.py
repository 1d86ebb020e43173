"""Dated facts: they name places that exist, and the restrictions among them have a direction and a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from schemas import railnet
from schemas.railnet import RestrictionKind

FACTS = {fact.id: fact for fact in railnet.scenario_facts()}
DATE = re.compile(r"[0-9]{4}(-H[12]|-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2})?)?)?")


def test_places_exist_and_dates_read() -> None:
    assert len(FACTS) == 84
    for fact in FACTS.values():
        for place in fact.places:
            assert railnet.resolve(place) or railnet.crossing(place), (fact.id, place)
        assert fact.places or fact.about, fact.id
        assert DATE.fullmatch(fact.starts), fact.id
        assert fact.ends is None or DATE.fullmatch(fact.ends), fact.id


def test_instants_are_the_local_times() -> None:
    zones = {"PL2025": "Europe/Warsaw", "STOP": "Asia/Shanghai"}
    instants = 0
    for fact in FACTS.values():
        name = "Europe/Minsk" if fact.places == ("railnet:brest-severny",) else zones.get(fact.group)
        for local, instant in ((fact.starts, fact.starts_utc), (fact.ends, fact.ends_utc)):
            if instant is not None and local is not None and name is not None:
                instants += 1
                assert datetime.fromisoformat(local).replace(tzinfo=railnet.zone(name)) == instant, fact.id
    assert instants == sum(bool(f.starts_utc) + bool(f.ends_utc) for f in FACTS.values()) > 10


def test_poland_closed_its_border_for_312_hours() -> None:
    closure = FACTS["PL2025-03"]
    assert closure.restricts is RestrictionKind.BORDER_CLOSED
    assert closure.starts_utc == datetime(2025, 9, 11, 22, tzinfo=UTC)
    assert closure.ends_utc is not None
    assert closure.ends_utc - closure.starts_utc == timedelta(hours=312)
    assert "crossing:brest-malaszewicze" in closure.places
    assert closure.towards == ()


def test_restrictions_know_what_they_stop() -> None:
    kinds = {fact.restricts for fact in railnet.restrictions()}
    assert kinds == set(RestrictionKind)
    for fact in railnet.restrictions():
        assert fact.places, fact.id
        assert fact.ends, fact.id
        reached = {country for place in fact.places for country in railnet.countries_of(place)}
        assert set(fact.towards) <= reached, fact.id


def test_contradicting_sources_are_kept() -> None:
    assert sum(fact.dissent is not None for fact in FACTS.values()) > 20
