"""Authority is role AND territory."""

from __future__ import annotations

import pytest

from schemas.events import catalogue
from schemas.events.base import Role
from services.domain.publisher import Publisher

KTZ = Publisher("ktz", frozenset({Role.RAILWAY}), managers=frozenset({"ktz"}))
GACC = Publisher("gacc", frozenset({Role.CUSTOMS}), countries=frozenset({"CN"}))
OPERATOR = Publisher("op", frozenset({Role.OPERATOR}), managers=frozenset({"ktz"}))
POLAND = Publisher("pl-gov", frozenset({Role.AUTHORITY}), countries=frozenset({"PL"}))


@pytest.mark.parametrize(
    ("publisher", "type_", "jurisdiction", "place", "covered"),
    [
        (KTZ, "cre.movement.departed.v1", "", "railnet:dostyk", True),
        (KTZ, "cre.movement.departed.v1", "", "railnet:alashankou", False),
        (KTZ, "cre.movement.departed.v1", "", "", False),
        (OPERATOR, "cre.movement.departed.v1", "", "railnet:dostyk", False),
        (GACC, "cre.customs.released.v1", "CN", "", True),
        (GACC, "cre.customs.released.v1", "KZ", "", False),
        (KTZ, "cre.customs.released.v1", "CN", "", False),
        (POLAND, "cre.network.restricted.v1", "", "crossing:brest-malaszewicze", True),
        (POLAND, "cre.network.restricted.v1", "", "railnet:dostyk", False),
    ],
)
def test_covers(publisher: Publisher, type_: str, jurisdiction: str, place: str, covered: bool) -> None:
    assert publisher.covers(catalogue.spec(type_), jurisdiction, place) is covered
