"""Links say what belongs to what, left to right, in canonical spelling."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.events.base import LinkPayload
from schemas.events.catalogue import CATALOGUE
from schemas.events.decode import decode_payload
from schemas.events.vocabulary import ObjectKind as K
from schemas.publishing.examples import example
from services.domain.interpretation import Attribution, interpret
from services.domain.publisher import Publisher

BOX, NOTE, BOOKING = "csqu 305438 3", "SMGS/KZ/708403/417/2026", "xian-port/BK-1"
GOAL = {"kind": "consignment", "id": "xian-port/REF"}


@pytest.mark.parametrize(
    ("name", "fields", "edges"),
    [
        (
            "consignment_opened",
            {"reference": "REF", "bookings": [BOOKING], "notes": [NOTE], "containers": [BOX]},
            [
                ((K.BOOKING, BOOKING), (K.CONSIGNMENT, "xian-port/REF")),
                ((K.NOTE, NOTE), (K.CONSIGNMENT, "xian-port/REF")),
                ((K.CONTAINER, "CSQU3054383"), (K.CONSIGNMENT, "xian-port/REF")),
            ],
        ),
        ("booking_assigned", {"booking": BOOKING, "consignment": "xian-port/REF"}, [((K.BOOKING, BOOKING), (K.CONSIGNMENT, "xian-port/REF"))]),
        ("containers_assigned", {"containers": [BOX], "carries": [GOAL]}, [((K.CONTAINER, "CSQU3054383"), (K.CONSIGNMENT, "xian-port/REF"))]),
        ("note_covers", {"note": NOTE, "covers": [GOAL]}, [((K.NOTE, NOTE), (K.CONSIGNMENT, "xian-port/REF"))]),
        ("declaration_covers", {"declaration": "cn/900120260000000417", "notes": [NOTE]}, [((K.DECLARATION, "CN/900120260000000417"), (K.NOTE, NOTE))]),
        ("wagon_loaded", {"wagon": "1520/94567898", "containers": [BOX]}, [((K.WAGON, "1520/94567898"), (K.CONTAINER, "CSQU3054383"))]),
        ("train_composed", {"train": "CR/X8086/2026-03-01/locode:CNXIA", "wagons": ["CN/5001234"]}, [((K.TRAIN, "CR/X8086/2026-03-01/railnet:xian-intl-port"), (K.WAGON, "CN/5001234"))]),
        ("consignments_same", {"consignments": ["b1/2", "a1/1", "c1/3"]}, [((K.CONSIGNMENT, "a1/1"), (K.CONSIGNMENT, "b1/2")), ((K.CONSIGNMENT, "c1/3"), (K.CONSIGNMENT, "b1/2"))]),
        ("route_planned", {}, []),
    ],
)  # fmt: skip
def test_edges_of_each_link(name: str, fields: dict[str, Any], edges: list[Any]) -> None:
    type_ = f"cre.link.{name}.v1"
    payload = decode_payload(type_, orjson.dumps({**example(type_, whole=False), **fields}))
    assert list(payload.edges("xian-port")) == edges


def test_a_reissued_note_leads_to_the_old_one() -> None:
    type_ = "cre.document.note_reissued.v1"
    new = "CIM/PL/51021/702688/2026"
    value = {**example(type_, whole=False), "objects": [{"kind": "note", "id": new}], "replaces": [NOTE]}
    assert decode_payload(type_, orjson.dumps(value)).edges("pkp") == (((K.NOTE, new), (K.NOTE, NOTE)),)


def test_every_link_tells_whom_it_engages() -> None:
    for type_, model in CATALOGUE.items():
        if issubclass(model, LinkPayload) and "parties" in model.model_fields:
            payload = decode_payload(type_, orjson.dumps(example(type_)))
            assert isinstance(payload, LinkPayload)
            assert payload.names == ({"cr", "ruhr-machines"} if "opened" in type_ else {"cr", "ktz"})


def test_milestones_link_nothing() -> None:
    payload = decode_payload("cre.movement.departed.v1", orjson.dumps(example("cre.movement.departed.v1")))
    assert payload.edges("anyone") == ()


def test_every_edge_is_a_link_whatever_kinds_of_goals_a_list_names_together() -> None:
    type_ = "cre.link.containers_assigned.v1"
    carries = [GOAL, {"kind": "booking", "id": BOOKING}]
    value = {**example(type_, whole=False), "containers": [BOX, "LYCU4100080"], "carries": carries}
    payload = decode_payload(type_, orjson.dumps(value))
    statement = Attribution(b"e" * 16, "urn:cre:x", Publisher("xian-port", frozenset()), 0)
    links = interpret(statement, b"c", payload).links
    assert {((*link.left,), (*link.right,)) for link in links} == set(payload.edges("xian-port"))
    assert len(links) == 4
