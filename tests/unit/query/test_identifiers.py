"""What a person may hold, and what it is taken for."""

from __future__ import annotations

import pytest

from schemas.events.base import ObjectKind
from services.query.identifiers import candidates


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("csqu 305438 3", ObjectKind.CONTAINER, "CSQU3054383"),
        ("CSQU3054384", ObjectKind.CONTAINER, "CSQU3054384"),  # a wrong check digit is still what he holds
        ("06DE586600006143E1", ObjectKind.DECLARATION, "DE/06DE586600006143E1"),
        ("SMGS/CN/490001/7700123/2025", ObjectKind.NOTE, "SMGS/CN/490001/7700123/2025"),
        ("xianport/XA-1", ObjectKind.CONSIGNMENT, "xianport/XA-1"),
        ("ktz/1402/2025-09-12/esr:708403", ObjectKind.TRAIN, "KTZ/1402/2025-09-12/railnet:dostyk"),
        ("9Z01/DEMO-00-2026/2026-03-12", ObjectKind.TRAIN, "9Z01/DEMO-00-2026/2026-03-12"),
        ("pl/LRN/DE123456789012345/HANSE-64", ObjectKind.DECLARATION, "PL/LRN/DE123456789012345/HANSE-64"),
        ("KZ/55302/120326/5000001", ObjectKind.DECLARATION, "KZ/55302/120326/5000001"),
        ("booking:XianPort/B-7", ObjectKind.BOOKING, "xianport/B-7"),
    ],
)
def test_the_likeliest_object_comes_first(text: str, kind: ObjectKind, key: str) -> None:
    first = candidates(text)[0]
    assert (first.kind, first.key) == (kind, key)


def test_a_reference_may_be_a_consignment_or_a_booking() -> None:
    assert [thing.kind for thing in candidates("xianport/XA-1")][:2] == [
        ObjectKind.CONSIGNMENT,
        ObjectKind.BOOKING,
    ]


@pytest.mark.parametrize("text", ["", "???", "container", "１２３"])
def test_what_has_no_known_form_is_nothing(text: str) -> None:
    assert candidates(text) == ()
