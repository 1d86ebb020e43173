"""Each fault that messages really have occurs in the simulated world: late, twice, out of order, contradictory, wrong, mended."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from schemas.rfc3339 import parse_micros
from services.testbed.simulator.parties import PARTIES, Manner
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import DAY, HOUR
from tests.unit.simulator.corridor_worlds import small


@cache
def messages() -> tuple[Message, ...]:
    return tuple(small("polish-closure-2025").messages())


@cache
def first_said() -> dict[tuple[str, str], Message]:
    """The first message under each id of a party."""
    found: dict[tuple[str, str], Message] = {}
    for message in messages():
        found.setdefault((message.party, message.record["id"]), message)
    return found


@cache
def mended(reason: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What was said at first and what was said instead, for corrections of that reason."""
    pairs = []
    for message in messages():
        data = message.record["data"]
        if message.record["type"] == "cre.correction.corrected.v1" and data["reason"] == reason:
            target = first_said().get((message.party, data["target"]))
            if target is not None and "correction" not in target.record["type"]:
                pairs.append((target.record["data"], data["replacement"]["data"]))
    return pairs


def published(message: Message) -> int:
    return parse_micros(message.record["time"])


def test_some_come_late() -> None:
    facts = [m for m in messages() if m.record["data"].get("classifier") == "ACT"]
    late = [m for m in facts if published(m) - parse_micros(m.record["data"]["happened"]) > 12 * HOUR]
    assert len(late) > len(facts) / 100


def test_some_come_twice_and_three_times() -> None:
    assert Counter(m.copies for m in messages()).keys() >= {1, 2, 3}


def test_some_overtake_one_another() -> None:
    by_party = defaultdict(list)
    for message in messages():
        by_party[message.party].append(published(message))
    assert sum(after < before for times in by_party.values() for before, after in pairwise(times)) > 10


def test_some_contradict_one_another() -> None:
    said = defaultdict(dict)
    for message in messages():
        data = message.record["data"]
        if data.get("classifier") != "ACT" or "place" not in data:
            continue
        for ref in data["objects"]:
            about = message.record["type"], data["place"], data.get("occurrence"), ref["id"]
            said[about][message.party] = parse_micros(data["happened"])
    spreads = [max(times.values()) - min(times.values()) for times in said.values() if len(times) > 1]
    assert sum(spread > 30 * 60 * 1_000_000 for spread in spreads) > 5


def test_some_name_another_box_by_two_digits_in_the_wrong_order() -> None:
    slips = 0
    for wrong, right in mended("WRONG_OBJECT"):
        before = {ref["id"] for ref in wrong["objects"]}
        after = {ref["id"] for ref in right["objects"]}
        for one, other in zip(sorted(before - after), sorted(after - before), strict=True):
            differing = [n for n in range(11) if one[n] != other[n]]
            slips += sorted(one[:10]) == sorted(other[:10]) and len(differing) in (2, 3)
    assert slips > 0


def test_some_are_written_by_another_clock() -> None:
    """A whole number of hours, as far as the zones on the way are apart, while the words on the clock stay."""
    apart = Counter(
        (parse_micros(wrong["happened"]) - parse_micros(right["happened"])) / HOUR
        for wrong, right in mended("WRONG_TIME")
        if "happened" in wrong
    )
    whole = {hours for hours in apart if hours in (-8, -5, -3, -2, 2, 3, 5, 8)}
    assert len(whole) > 2, "from more than two zones"
    assert len(apart) > len(whole), "others are merely wrong"


def test_offsets_of_all_zones_on_the_way_are_used() -> None:
    offsets = {datetime.fromisoformat(m.record["time"]).utcoffset() for m in messages()}
    hours = {offset.total_seconds() / 3600 for offset in offsets if offset is not None}
    assert hours >= {8, 5, 3, 2}, "China, Kazakhstan, Moscow and Minsk, Poland in summer"


def test_some_are_corrected_some_twice_and_some_taken_back() -> None:
    types = Counter(m.record["type"] for m in messages())
    assert types["cre.correction.corrected.v1"] > 20
    assert types["cre.correction.retracted.v1"] > 2
    corrections = {
        (m.party, m.record["id"]) for m in messages() if m.record["type"] == "cre.correction.corrected.v1"
    }
    again = [
        m
        for m in messages()
        if "correction" in m.record["type"] and (m.party, m.record["data"]["target"]) in corrections
    ]
    assert len(again) > 1


def test_some_say_two_things_under_one_id() -> None:
    contents = defaultdict(set)
    for message in messages():
        contents[message.party, message.record["id"]].add(repr(message.record["data"]))
    voiced = {party for (party, _), said in contents.items() if len(said) > 1}
    assert voiced
    assert small("polish-closure-2025").played.publication.equivocations == sum(
        len(said) > 1 for said in contents.values()
    )


def test_nothing_of_it_comes_from_the_future() -> None:
    ends = small("polish-closure-2025").ends
    assert all(published(m) <= ends and m.sent <= ends + DAY for m in messages())


@pytest.mark.parametrize(
    "role", ["operator", "railway", "customs", "forwarder", "bank", "shipper", "consignee", "terminal"]
)
def test_parties_of_a_kind_keep_their_word_differently(role: str) -> None:
    assert {party.manner for party in PARTIES.values() if role in party.roles} == set(Manner)
