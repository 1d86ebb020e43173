"""Two spellings of one object have one key; ids as written are kept."""

from __future__ import annotations

import pytest

from schemas.events.base import ObjectRef
from schemas.events.keys import canonical_key, canonical_place
from schemas.events.vocabulary import ObjectKind

SAME = [
    (ObjectKind.CONTAINER, ("CSQU3054383", "csqu 305438 3", "CSQU-305438-3", "CSQU 305438/3"), "CSQU3054383"),
    (
        ObjectKind.WAGON,
        ("UIC/21-81-2471217-3", "uic / 21 81 2471217 3", "UIC/218124712173"),
        "UIC/218124712173",
    ),
    (
        ObjectKind.NOTE,
        ("SMGS/kz/708403/417/2026", "SMGS / KZ / 708403 / 417 / 2026"),
        "SMGS/KZ/708403/417/2026",
    ),
    (ObjectKind.NOTE, ("CIM/PL/51021/70268-8/2026", "cim/pl/51021/702688/2026"), "CIM/PL/51021/702688/2026"),
    (
        ObjectKind.DECLARATION,
        ("ru/10702070/010125/5000123", "RU/10702070/010125/5000123"),
        "RU/10702070/010125/5000123",
    ),
    (ObjectKind.DECLARATION, ("PL/06de586600006143e1",), "PL/06DE586600006143E1"),
    (ObjectKind.BOOKING, ("Xian-Port/Bk-1", "xian-port / Bk-1"), "xian-port/Bk-1"),
    (
        ObjectKind.TRAIN,
        (
            "cr/x8086/2026-03-01/locode:CNXIA",
            "CR/X8086/2026-03-01/locode:cnxia",
            "CR / X8086/2026-03-01/ locode:CNXIA",
        ),
        "CR/X8086/2026-03-01/railnet:xian-intl-port",
    ),
    (ObjectKind.PLACE, ("locode:PLMAA", "LOCODE:plmaa", "railnet:malaszewicze"), "railnet:malaszewicze"),
]


@pytest.mark.parametrize(("kind", "spellings", "key"), SAME)
def test_spellings_of_one_object_have_one_key(kind: ObjectKind, spellings: tuple[str, ...], key: str) -> None:
    assert {canonical_key(kind, spelling) for spelling in spellings} == {key}


@pytest.mark.parametrize(("kind", "_spellings", "key"), SAME)
def test_a_key_is_its_own_key(kind: ObjectKind, _spellings: tuple[str, ...], key: str) -> None:
    assert canonical_key(kind, key) == key


def test_the_case_of_a_partys_own_reference_is_its_own() -> None:
    assert canonical_key(ObjectKind.CONSIGNMENT, "a1/ref") != canonical_key(ObjectKind.CONSIGNMENT, "a1/REF")


def test_unknown_places_keep_their_own_name() -> None:
    assert canonical_place("locode:zzzzz") == "locode:ZZZZZ"
    assert canonical_place("line:Moinksy-1") == "line:moinksy-1"
    assert canonical_place("nowhere") == "nowhere"


@pytest.mark.parametrize("kind", list(ObjectKind))
@pytest.mark.parametrize("text", ["?", "///", "a/b", "SMGS", ":", "/", "集装箱"])
def test_a_strange_id_never_raises(kind: ObjectKind, text: str) -> None:
    assert isinstance(canonical_key(kind, text), str)


def test_the_reference_keeps_what_was_written() -> None:
    ref = ObjectRef.model_validate({"kind": "container", "id": "csqu 305438 3"})
    assert ref.id == "csqu 305438 3"
    assert ref.key == "CSQU3054383"
    assert ref.kind is ObjectKind.CONTAINER
    assert ref.model_dump(mode="json") == {"kind": "container", "id": "csqu 305438 3"}
