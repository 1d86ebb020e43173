"""Lists of receipts: what the partner's reader makes of them says what the records would have said, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from schemas.rfc3339 import parse_micros
from services.producers.formats.model import Settings
from services.producers.reading import read
from services.proving.demo import Clock
from services.proving.programme import programme
from services.simulator.receipts import PARTY, ZONE, listed
from services.simulator.signing import profiles
from services.simulator.telling import Message
from tests.unit.simulator.corridor_worlds import small


def said(data: Any) -> tuple[Any, ...]:
    """What a release says, however it was written."""
    happened, (about,) = parse_micros(data["happened"]), data["objects"]
    return happened, about["id"], data["jurisdiction"], data["procedure"], data["classifier"]


def test_a_reader_finds_in_the_lists_what_was_taken_out_of_the_records() -> None:
    messages = small("tiny").kept.telling.messages
    rest, files = listed(messages)
    kept = {id(message) for message in rest}
    taken = sorted(said(m.record["data"]) for m in messages if id(m) not in kept)
    profile = replace(profiles(1)[PARTY], files=Settings(PARTY, ZONE))
    found = []
    for file in files:
        records = [*read(file.content, profile).records]
        assert [record.refusal for record in records if record.refusal] == []
        events = [record.said for record in records if record.event is not None and record.said]
        assert len(events) == file.rows
        found += [said(event.data) for event in events]
    assert sorted(found) == taken
    assert len(taken) > 10
    assert {file.name.rpartition(".")[2] for file in files} == {"xlsx", "csv"}


def test_what_a_list_cannot_say_stays_a_record() -> None:
    messages = [m for m in small("tiny").kept.telling.messages if m.party == PARTY]
    released = next(m for m in messages if m.record["type"] == "cre.customs.released.v1" and m.copies == 1)

    def stays(*others: Message) -> bool:
        return listed(others)[0] == list(others)

    retraction = {**released.record, "id": "x", "type": "cre.correction.retracted.v1"}
    retraction["data"] = {"target": released.record["id"], "reason": "OTHER"}
    assert not stays(released)
    assert stays(replace(released, copies=2))
    assert stays(released, replace(released, record=retraction))
    assert stays(released, replace(released, record={**released.record, "time": "2026-05-05T00:00:00+08:00"}))


def test_a_programme_holds_everything_once_in_the_order_of_time() -> None:
    messages = small("tiny").kept.telling.messages
    going_out = programme(messages, profiles(1), Random(1))
    assert [due.at for due in going_out.dues] == sorted(due.at for due in going_out.dues)
    rows = sum(sheet.rows for sheet in going_out.sheets)
    refused = sum(going_out.refusals.values())
    good = sum(message.copies for message in messages)
    assert len(going_out.dues) - len(going_out.sheets) + rows == good + refused
    assert refused > 5


def test_the_clock_hurries_through_history_and_stops_at_the_end() -> None:
    clock = Clock(starts=0, opens=1_000, ends=2_000, history_seconds=1.0, live_seconds=10.0)
    assert [clock.at(seconds) for seconds in (0.0, 0.5, 1.0, 6.0, 11.0, 99.0)] == [
        0,
        500,
        1_000,
        1_500,
        2_000,
        2_000,
    ]
