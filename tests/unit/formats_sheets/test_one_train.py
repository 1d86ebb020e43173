"""Four lists of three partners move one consignment from Xi'an over the border: nobody names more than it knows.

The operator's departure list, the hand-over list as both railways signed it, and the natural list of the second train
meet in the heart: train -> wagon -> container, the change of wagons, and the hand-over confirmed by both sides.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from zoneinfo import ZoneInfo

from schemas.envelope import content_digest, event_id
from schemas.events.base import Role
from schemas.events.decode import decode_payload
from schemas.rfc3339 import parse_micros
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.domain.objects import consignment
from services.domain.publisher import Publisher
from services.domain.view import HandoverState, View
from services.producers import unsigned_event
from services.producers.formats import taf
from services.producers.formats.model import EventDraft, Position, Settings
from tests.unit.formats_sheets.workbooks import BEIJING, KTZ, OPERATOR, RAILWAY, SAMPLES, profile, read, said

PUBLISHERS = {
    "xianport": Publisher("xianport", frozenset({Role.OPERATOR})),
    "cr": Publisher("cr", frozenset({Role.RAILWAY}), managers=frozenset({"cr"})),
    "ktz": Publisher("ktz", frozenset({Role.RAILWAY}), managers=frozenset({"ktz"})),
    "rtb": Publisher("rtb", frozenset({Role.RAILWAY})),
}
KTZ_AT_THE_BORDER = replace(KTZ, zones={"border_handover": BEIJING})
"""The list is written at the Chinese station on its clock; the railway's own lists are on another one."""
FOUNDING = EventDraft(
    Position(),
    "C1",
    "cre.link.consignment_opened.v1",
    "2026-02-25T10:00:00+08:00",
    {
        "from": "2026-02-25T10:00:00+08:00",
        "reference": "C1",
        "parties": [{"party": "cr", "role": "railway"}, {"party": "ktz", "role": "railway"}],
        "containers": ["XJQU7300214"],
    },
)


def facts_of(record: EventDraft, settings: Settings) -> Facts:
    unsigned = unsigned_event.assemble(
        profile(settings.party), record.id, record.type, record.time, dict(record.data)
    )
    envelope = unsigned.envelope
    statement = Attribution(
        event_id(envelope.source, envelope.id),
        envelope.source,
        PUBLISHERS[settings.party],
        parse_micros(record.time),
    )
    return interpret(
        statement, content_digest(unsigned.signed), decode_payload(record.type, unsigned.payload)
    )


def seen(as_of: str) -> View:
    lists = (
        ("departure_list", "02_departure_list_zh.xlsx", OPERATOR),
        ("border_handover", "04_border_handover_zh_ru.xlsx", RAILWAY),
        ("border_handover", "04_border_handover_zh_ru.xlsx", KTZ_AT_THE_BORDER),
        ("natural_list", "03_naturny_list_du1_cp1251.csv", KTZ),
    )
    told = [(FOUNDING, OPERATOR)]
    for name, file, settings in lists:
        told += [(record, settings) for record in said(read(name, (SAMPLES / file).read_bytes(), settings))]
    facts = reduce(lambda one, other: one | other, (facts_of(*each) for each in told))
    view = derive(facts, consignment("xianport", "C1"), parse_micros(as_of))
    assert view is not None
    return view


def test_the_departure_of_the_train_reaches_the_box_on_its_wagon() -> None:
    movement = seen("2026-03-02T00:00:00Z").movement
    assert movement is not None
    assert (movement.claim.thing.key, movement.claim.place) == (
        "CR/X8999/2026-03-01/railnet:xian-intl-port",
        "railnet:xian-intl-port",
    )


def test_after_the_border_the_box_moves_with_the_second_train() -> None:
    view = seen("2026-03-05T00:00:00Z")
    assert view.movement is not None
    claim = view.movement.claim
    assert (claim.publisher, claim.thing.key, claim.place) == (
        "ktz",
        "KTZ/1402/2026-03-04/railnet:dostyk",
        "railnet:dostyk",
    )
    assert not view.movement.via_disputed_link


def test_the_hand_over_is_confirmed_because_both_sides_signed_the_same_set() -> None:
    (handover,) = seen("2026-03-05T00:00:00Z").handovers
    assert handover.state is HandoverState.CONFIRMED
    assert (handover.delivering, handover.receiving) == (("cr",), ("ktz",))


def test_nothing_is_disputed_and_the_seal_that_customs_broke_was_put_on_again() -> None:
    view = seen("2026-03-05T00:00:00Z")
    assert not view.disputes
    assert not view.exceptions


def test_the_composition_in_europe_names_the_boxes_that_left_and_were_handed_over() -> None:
    raw = (SAMPLES / "05_taf_3003_train_composition.xml").read_bytes()
    told = list(taf.FORMATS[0].read(raw, Settings("rtb", ZoneInfo("Europe/Warsaw"))).records)
    loads = [r for r in told if isinstance(r, EventDraft) and r.type == "cre.link.wagon_loaded.v1"]
    assert len({load.data["wagon"] for load in loads}) == 5
    aboard = [box for load in loads for box in load.data["containers"]]
    assert len(aboard) == len(set(aboard)) == 12
    left = read("departure_list", (SAMPLES / "02_departure_list_zh.xlsx").read_bytes(), OPERATOR)
    handed = read("border_handover", (SAMPLES / "04_border_handover_zh_ru.xlsx").read_bytes(), RAILWAY)
    for records in (said(left, "link.wagon_loaded"), said(handed, "link.wagon_loaded")):
        assert {box for record in records for box in record.data["containers"]} == set(aboard)
    assert all(isinstance(record, EventDraft) for record in told)


def test_the_box_goes_on_with_the_train_in_europe_once_its_railway_tells_the_composition() -> None:
    raw = (SAMPLES / "05_taf_3003_train_composition.xml").read_bytes()
    settings = Settings("rtb", ZoneInfo("Europe/Warsaw"))
    told = [r for r in taf.FORMATS[0].read(raw, settings).records if isinstance(r, EventDraft)]
    founding = replace(FOUNDING, data={**FOUNDING.data, "parties": [{"party": "rtb", "role": "railway"}]})
    (composed,) = [r for r in told if r.type == "cre.link.train_composed.v1"][:1]
    away = EventDraft(
        Position(),
        "away",
        "cre.movement.departed.v1",
        "2026-03-12T23:00:00+01:00",
        {
            "classifier": "ACT",
            "happened": "2026-03-12T22:00:00+01:00",
            "place": "railnet:malaszewicze",
            "objects": [{"kind": "train", "id": composed.data["train"]}],
        },
    )
    told_by = [(founding, OPERATOR), *((record, settings) for record in (*told, away))]
    facts = reduce(lambda one, other: one | other, (facts_of(*each) for each in told_by))
    view = derive(facts, consignment("xianport", "C1"), parse_micros("2026-03-13T00:00:00Z"))
    assert view is not None
    assert view.movement is not None
    assert (view.movement.claim.thing.key, view.movement.claim.publisher) == (composed.data["train"], "rtb")
