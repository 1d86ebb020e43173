"""Cases as a party may see them: by the matrix, for the group of fields that the trouble belongs to. Pure.

Which cases concern a party is the rule of ``services.cases.domain.visibility``; this is what each shows of them.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.events import catalogue
from schemas.events.base import ObjectKind, Role
from services.api.access.filter import field_of
from services.api.access.matrix import Field, Relation, Shown, may
from services.cases.domain.causes import CaseKind
from services.cases.domain.visibility import scope_of
from services.cases.store.overview import Listed
from services.domain.objects import Thing
from services.ledger.registry.party import Party

_WORKING = frozenset({Role.RAILWAY, Role.CUSTOMS, Role.TERMINAL, Role.OPERATOR})
_NEAR = frozenset({Relation.ENGAGED, Relation.TERRITORY})
SEEN = frozenset({Shown.FULL, Shown.STATUS, Shown.CATEGORY})
"""In which of these ways of showing its trouble a case is in the lists of a party."""
_BY_EPISODE = {spec.opens.name: spec.name for spec in catalogue.specs() if spec.opens is not None}


def shows(party: Party, kind: str, what: str) -> Shown:
    """How the party sees cases of that kind about ``what``: an episode, a milestone, a check, or nothing."""
    field = _field(kind, what)
    return may(party.roles, _NEAR, field) if field is Field.FINDING else _granted(party, field)


def shows_event(party: Party, type_: str) -> bool:
    """Whether the party may know by its name an event of that type that a case rests on."""
    try:
        field = field_of(catalogue.spec(type_).name)
    except KeyError:  # a link, which tells what belongs to what
        field = Field.IDS
    return _granted(party, field) is Shown.FULL


def visible_case(party: Party, case: Listed) -> Listed | None:
    """The case as the party sees it; None where it sees nothing of such trouble and was not given the case.

    Where only the state is shown, not the place beyond its own territory; the number of a declaration as numbers are.
    """
    how = shows(party, case.kind, case.what)
    given = case.life.owner is not None and case.life.owner.party == party.code
    if how not in SEEN and not given:
        return None
    scope = scope_of(party.publisher)
    if how is not Shown.FULL and case.place not in scope.places:
        at = case.crossing if scope.has_crossing(case.crossing) else ""
        case = replace(case, place="", occurrence="", crossing=at)
    number = _granted(party, Field.DECLARATION_NUMBER)
    if case.about.kind is ObjectKind.DECLARATION and number is not Shown.FULL:
        case = replace(case, about=Thing(ObjectKind.DECLARATION, ""), occurrence="")
    return case


def _field(kind: str, what: str) -> Field:
    if kind == CaseKind.CONTRADICTION:
        return Field.FINDING
    if kind == CaseKind.FINANCING_ALERT:
        return Field.FINANCING
    return field_of(_BY_EPISODE.get(what, what)) if what else Field.MOVEMENT


def _granted(party: Party, field: Field) -> Shown:
    return may(party.roles & _WORKING, _NEAR, field)
