"""Which places and jurisdictions the cases of a party are chosen by."""

from __future__ import annotations

from schemas.events.base import Role
from services.cases.domain.visibility import scope_of
from services.domain.publisher import Publisher


def of(*roles: Role, **territory: frozenset[str]) -> Publisher:
    return Publisher("p", frozenset(roles), **territory)


def test_a_railway_sees_its_stations_and_both_its_sides_of_a_border() -> None:
    scope = scope_of(of(Role.RAILWAY, managers=frozenset({"ktz"})))
    assert "railnet:dostyk" in scope.places
    assert "railnet:alashankou" not in scope.places
    assert scope.has_crossing("alashankou-dostyk")
    assert not scope.has_crossing("brest-malaszewicze")
    assert not scope.has_crossing("nowhere")
    assert (scope.jurisdictions, scope.engaged) == ((), True)


def test_customs_see_their_country() -> None:
    scope = scope_of(of(Role.CUSTOMS, countries=frozenset({"KZ"})))
    assert "railnet:dostyk" in scope.places
    assert (scope.jurisdictions, scope.engaged) == (("KZ",), False)


def test_a_terminal_at_a_border_station_sees_the_border() -> None:
    scope = scope_of(of(Role.TERMINAL, places=frozenset({"railnet:malaszewicze"})))
    assert scope.places == ("railnet:malaszewicze",)
    assert scope.has_crossing("brest-malaszewicze")


def test_lenders_shippers_and_whoever_has_a_territory_without_its_role_see_no_places() -> None:
    for role in (Role.BANK, Role.INSURER, Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER):
        scope = scope_of(of(role, countries=frozenset({"KZ"}), managers=frozenset({"ktz"})))
        assert (scope.places, scope.jurisdictions, scope.engaged) == ((), (), False)
    operator = scope_of(of(Role.OPERATOR, managers=frozenset({"ktz"})))
    assert (operator.places, operator.engaged) == ((), True)
