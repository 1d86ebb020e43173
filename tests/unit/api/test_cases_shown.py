"""What a party sees of a case: by the matrix, for the group of fields that the trouble belongs to."""

from __future__ import annotations

import pytest

from schemas.events.base import ObjectKind, Role
from services.api.access.cases import shows_event, visible_case
from services.cases.domain.causes import CaseKind
from services.cases.domain.lifecycle import Case, Team
from services.cases.store.overview import Listed
from services.domain.objects import Thing
from services.ledger.registry.party import Party

DECLARED = Thing(ObjectKind.DECLARATION, "CN/222920260000012345")
BOX = Thing(ObjectKind.CONTAINER, "CSQU3054383")
PLACE = "railnet:alashankou"
RAILWAY = Party(1, "cr", "CR", frozenset({Role.RAILWAY}), managers=frozenset({"cr"}))
OPERATOR = Party(2, "xaport", "XA", frozenset({Role.OPERATOR}))
CUSTOMS = Party(3, "gacc", "GACC", frozenset({Role.CUSTOMS}), countries=frozenset({"CN"}))


def case(what: str, about: Thing = BOX, kind: CaseKind = CaseKind.TROUBLE, owner: str = "") -> Listed:
    team = Team(owner, "desk") if owner else None
    life = Case(bytes(16), 1, 1, 1, False, team, None, "")
    return Listed(bytes(16), kind, what, about, "CN", PLACE, "run", "alashankou-dostyk", 1, 2, life, True)


@pytest.mark.parametrize("party", [RAILWAY, OPERATOR])
@pytest.mark.parametrize("what", ["INSPECTION", "INSURANCE_CANCELLED"])
def test_trouble_of_what_a_party_does_not_see_is_no_case_of_it(party: Party, what: str) -> None:
    assert visible_case(party, case(what)) is None
    given = visible_case(party, case(what, DECLARED, owner=party.code))
    assert given is not None, "whoever was given it works on it"
    assert given.about.key == ""


def test_of_customs_a_carrier_sees_the_state_without_the_number() -> None:
    for kind, what in ((CaseKind.HELD, "CUSTOMS_HELD"), (CaseKind.DISPUTE, "customs.released")):
        shown = visible_case(OPERATOR, case(what, DECLARED, kind))
        assert shown is not None
        assert (shown.about.key, shown.place, shown.crossing, shown.since) == ("", "", "", 1)
        shown = visible_case(RAILWAY, case(what, BOX, kind))
        assert shown is not None
        assert (shown.about, shown.place) == (BOX, PLACE), "at its own place"


def test_what_moves_and_what_customs_themselves_see_is_whole() -> None:
    for party, each in (
        (RAILWAY, case("SEAL_BROKEN")),
        (OPERATOR, case("", kind=CaseKind.SILENT)),
        (CUSTOMS, case("INSPECTION", DECLARED)),
    ):
        assert visible_case(party, each) == each
    assert shows_event(CUSTOMS, "cre.customs.inspection_finding.v1")
    assert shows_event(OPERATOR, "cre.movement.departed.v1")
    assert not shows_event(OPERATOR, "cre.customs.released.v1")
